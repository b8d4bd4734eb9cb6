//! Incremental parser of response bodies: of metrics, only the requested lines are kept. Pure.

use super::{KIB, Read};

/// Limit of the kept lines of metrics, in bytes: enough for 10,000 tenants.
pub(super) const KEPT: usize = 4 * KIB * KIB;

/// Limit of one line of a requested metric, in bytes.
const LINE: usize = 64 * KIB;

/// Limit of a document, in bytes: enough for the endpoint list of a querier with 100 ingesters of
/// 1,000 tenants each.
pub(super) const DOCUMENT: usize = 16 * KIB * KIB;

/// Limit of the extracted result, in bytes.
const RESULT: usize = KIB * KIB;

/// A partially received body.
pub(super) struct Body<'a> {
    read: &'a Read,
    /// The incomplete line, or the incomplete document.
    open: Vec<u8>,
    /// Whether the incomplete line is dropped.
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

    /// Maximum memory of a body of this kind, in bytes.
    pub const fn limit(read: &Read) -> usize {
        match read {
            Read::Metrics { .. } => KEPT + LINE,
            Read::Document { .. } => DOCUMENT,
        }
    }

    /// Parses the next chunk.
    ///
    /// # Errors
    /// The body is over a limit or not text.
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

    /// Appends to the incomplete line, unless its metric is not requested.
    fn extend(&mut self, names: &[&str], part: &[u8]) -> Result<(), String> {
        if self.skips {
            return Ok(());
        }
        // Long enough to identify the metric.
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
        let line = std::str::from_utf8(&self.open).map_err(|_| NOT_TEXT)?;
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

    /// Extracts the result from the complete body.
    ///
    /// # Errors
    /// The body is invalid, ends in the middle of a line, or its result is over the limit.
    pub fn finish(self) -> Result<String, String> {
        let kept = match self.read {
            Read::Metrics { .. } if self.skips || !self.open.is_empty() => {
                return Err("the response ends in the middle of a line".to_owned());
            }
            Read::Metrics { keep, .. } => keep(&self.kept),
            Read::Document { keep } => {
                keep(std::str::from_utf8(&self.open).map_err(|_| NOT_TEXT)?)?
            }
        };
        if kept.len() > RESULT {
            let limit = RESULT / KIB;
            return Err(format!(
                "the extracted part of the response is larger than {limit} KiB"
            ));
        }
        Ok(kept)
    }
}

const NOT_TEXT: &str = "the response is not UTF-8 text";

/// Whether a line, or its beginning, is a sample of one of these metrics.
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
    fn lines_of_other_metrics_are_dropped_for_every_chunk_size() {
        let text = b"# HELP held x\nheld{a=\"b\"} 1\r\nheld_other 2\nhel 3\n\nheld 4\nheld_longer_still 5\nheld_longer\t6\n";
        for size in 1..=text.len() {
            let kept = "held{a=\"b\"} 1\nheld 4\nheld_longer\t6\n";
            assert_eq!(read(text, size).as_deref(), Ok(kept), "{size}");
        }
    }

    #[test]
    fn long_metrics_body_is_read_and_truncated_body_is_rejected() {
        let mut text = vec![b'x'; LINE * 2];
        text.extend_from_slice(b" 1\nheld 2\n");
        assert_eq!(read(&text, 1 << 14).as_deref(), Ok("held 2\n"));
        for cut in ["held 2\nhel", "held 2\nheld 3", "held 2\nother"] {
            let error = read(cut.as_bytes(), 3).unwrap_err();
            assert!(error.contains("middle of a line"), "{cut}: {error}");
        }
    }

    #[test]
    fn kept_lines_over_the_limit_are_rejected() {
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
        assert_eq!(error, NOT_TEXT);
    }

    #[test]
    fn document_over_the_limit_is_rejected() {
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
    fn result_over_the_limit_is_rejected() {
        let read = Read::Document {
            keep: |text| Ok(text.to_owned()),
        };
        let mut body = Body::new(&read);
        body.push(&vec![b'x'; RESULT + 1]).unwrap();
        assert!(body.finish().unwrap_err().contains("1024 KiB"));
    }
}
