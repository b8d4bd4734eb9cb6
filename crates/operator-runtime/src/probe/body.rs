//! The body of a response while it arrives: of metrics, only lines that are read are held. Pure.

use super::{KIB, Read};

/// How much of the lines of metrics may be kept: those of 10,000 tenants.
pub(super) const KEPT: usize = 4 * KIB * KIB;

/// How long a line of a metric that is read may be.
const LINE: usize = 64 * KIB;

/// How long a document may be: what a querier lists of 100 ingesters with 1,000 tenants each.
pub(super) const DOCUMENT: usize = 16 * KIB * KIB;

/// How much of a response is remembered.
const REMEMBERED: usize = KIB * KIB;

/// A body of which a part has arrived.
pub(super) struct Body<'a> {
    read: &'a Read,
    /// The line, or the document, that has not ended.
    open: Vec<u8>,
    /// The line is skipped.
    skips: bool,
    kept: String,
}

impl<'a> Body<'a> {
    pub fn new(read: &'a Read) -> Self {
        Self {
            read,
            open: Vec::new(),
            skips: false,
            kept: String::new(),
        }
    }

    /// The most that a body of this kind holds, in bytes.
    pub const fn limit(read: &Read) -> usize {
        match read {
            Read::Metrics { .. } => KEPT + LINE,
            Read::Document { .. } => DOCUMENT,
        }
    }

    /// Takes in what arrived next.
    ///
    /// # Errors
    /// There is too much of it, or it is not text.
    pub fn push(&mut self, mut chunk: &[u8]) -> Result<(), String> {
        let Read::Metrics { names, line, .. } = self.read else {
            if self.open.len() + chunk.len() > DOCUMENT {
                let limit = DOCUMENT / KIB / KIB;
                return Err(format!("the response is larger than {limit} MiB"));
            }
            self.open.extend_from_slice(chunk);
            return Ok(());
        };
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            self.extend(names, &chunk[..end])?;
            chunk = &chunk[end + 1..];
            self.end_of_line(names, *line)?;
        }
        self.extend(names, chunk)
    }

    /// More of a line, unless it is skipped.
    fn extend(&mut self, names: &[&str], part: &[u8]) -> Result<(), String> {
        if self.skips {
            return Ok(());
        }
        // Enough to see which metric it is.
        let longest = names.iter().map(|name| name.len()).max().unwrap_or(0) + 1;
        let missing = longest.saturating_sub(self.open.len()).min(part.len());
        let (head, tail) = part.split_at(missing);
        self.open.extend_from_slice(head);
        if self.open.len() >= longest && !is_one_of(names, &self.open) {
            self.skips = true;
            self.open.clear();
            return Ok(());
        }
        if self.open.len() + tail.len() > LINE {
            let limit = LINE / KIB;
            return Err(format!("the response has a line of more than {limit} KiB"));
        }
        self.open.extend_from_slice(tail);
        Ok(())
    }

    fn end_of_line(
        &mut self,
        names: &[&str],
        shorten: fn(&str) -> Option<String>,
    ) -> Result<(), String> {
        let skips = std::mem::take(&mut self.skips);
        if skips || !is_one_of(names, &self.open) {
            self.open.clear();
            return Ok(());
        }
        let line = std::str::from_utf8(&self.open).map_err(|_| NO_TEXT)?;
        if let Some(line) = shorten(line.trim_end_matches('\r')) {
            if self.kept.len() + line.len() >= KEPT {
                let limit = KEPT / KIB / KIB;
                return Err(format!(
                    "the response has more than {limit} MiB of {}",
                    names.join(", ")
                ));
            }
            self.kept.push_str(&line);
            self.kept.push('\n');
        }
        self.open.clear();
        Ok(())
    }

    /// What is remembered of a body that is complete.
    ///
    /// # Errors
    /// It is not what it should be, or ends in the middle of a line.
    pub fn finish(self) -> Result<String, String> {
        let kept = match self.read {
            Read::Metrics { .. } if self.skips || !self.open.is_empty() => {
                return Err("the response ends in the middle of a line".to_owned());
            }
            Read::Metrics { keep, .. } => keep(&self.kept),
            Read::Document { keep } => keep(std::str::from_utf8(&self.open).map_err(|_| NO_TEXT)?)?,
        };
        if kept.len() > REMEMBERED {
            let limit = REMEMBERED / KIB;
            return Err(format!(
                "the response has more than {limit} KiB of what is remembered"
            ));
        }
        Ok(kept)
    }
}

const NO_TEXT: &str = "the response is no text";

/// Whether a line, or its begin, is a sample of one of these metrics.
fn is_one_of(names: &[&str], line: &[u8]) -> bool {
    names.iter().any(|name| {
        let rest = line.strip_prefix(name.as_bytes());
        rest.and_then(<[u8]>::first)
            .is_some_and(|byte| matches!(byte, b'{' | b' ' | b'\t'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["held", "held_longer"];

    fn metrics() -> Read {
        Read::Metrics {
            names: NAMES,
            line: |line| Some(line.to_owned()),
            keep: str::to_owned,
        }
    }

    fn read(text: &[u8], size: usize) -> Result<String, String> {
        let read = metrics();
        let mut body = Body::new(&read);
        for chunk in text.chunks(size) {
            body.push(chunk)?;
        }
        body.finish()
    }

    #[test]
    fn lines_of_other_metrics_are_not_kept_however_the_body_is_cut() {
        let text = b"# HELP held x\nheld{a=\"b\"} 1\r\nheld_other 2\nhel 3\n\nheld 4\nheld_longer_still 5\nheld_longer\t6\n";
        for size in 1..=text.len() {
            let kept = "held{a=\"b\"} 1\nheld 4\nheld_longer\t6\n";
            assert_eq!(read(text, size).as_deref(), Ok(kept), "{size}");
        }
    }

    #[test]
    fn a_body_of_any_length_is_read_and_one_that_is_cut_off_is_not() {
        let mut text = vec![b'x'; LINE * 2];
        text.extend_from_slice(b" 1\nheld 2\n");
        assert_eq!(read(&text, 1 << 14).as_deref(), Ok("held 2\n"));
        for cut in ["held 2\nhel", "held 2\nheld 3", "held 2\nother"] {
            let error = read(cut.as_bytes(), 3).unwrap_err();
            assert!(error.contains("middle of a line"), "{cut}: {error}");
        }
    }

    #[test]
    fn what_is_kept_has_a_limit_and_is_never_cut_short() {
        let long = format!("held{{a=\"{}\"}} 1\n", "x".repeat(LINE));
        assert!(
            read(long.as_bytes(), 1000)
                .unwrap_err()
                .contains("line of more than 64 KiB")
        );
        let line = format!("held{{a=\"{}\"}} 1\n", "x".repeat(1000));
        let many = line.repeat(KEPT / line.len() + 1);
        let error = read(many.as_bytes(), 1 << 14).unwrap_err();
        assert!(error.contains("more than 4 MiB of held"), "{error}");
        let error = read(b"held\xff 1\nheld \xff\n", 100).unwrap_err();
        assert_eq!(error, NO_TEXT);
    }

    #[test]
    fn a_document_is_whole_or_an_error() {
        let read = Read::Document {
            keep: |text| Ok(text.len().to_string()),
        };
        let body = |size: usize| {
            let mut body = Body::new(&read);
            for chunk in vec![b'x'; size].chunks(1 << 16) {
                body.push(chunk)?;
            }
            body.finish()
        };
        assert_eq!(body(DOCUMENT), Ok(DOCUMENT.to_string()));
        assert!(
            body(DOCUMENT + 1)
                .unwrap_err()
                .contains("larger than 16 MiB")
        );
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let read = Read::Document {
            keep: |text| Ok(text.to_owned()),
        };
        let mut body = Body::new(&read);
        body.push(&vec![b'x'; REMEMBERED + 1]).unwrap();
        assert!(body.finish().unwrap_err().contains("1024 KiB"));
    }
}
