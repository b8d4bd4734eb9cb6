//! Parser of samples in the Prometheus text format. Pure.

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Name of the metric.
    pub name: &'a str,
    /// Value.
    pub value: f64,
    /// Text between the braces.
    labels: &'a str,
}

impl<'a> Sample<'a> {
    /// Parses a line; `None` if it is not a sample, such as a comment.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let name = metric(line)?;
        let rest = &line[name.len()..];
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(inner) => {
                let end = end_of_labels(inner)?;
                (&inner[..end], &inner[end + 1..])
            }
            None => ("", rest),
        };
        let mut tokens = rest.split_ascii_whitespace();
        let value = tokens.next()?.parse().ok()?;
        let timestamp = tokens.next().map(str::parse::<i64>);
        let is_complete = timestamp.is_none_or(|t| t.is_ok()) && tokens.next().is_none();
        is_complete.then_some(Self {
            name,
            value,
            labels,
        })
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<String> {
        let mut rest = self.labels;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = unescaped(after)?;
            if label.trim_matches([',', ' ']) == name {
                return Some(value);
            }
            rest = after;
        }
    }
}

/// The metric name at the start of a line.
fn metric(line: &str) -> Option<&str> {
    let end = line.find(['{', ' ', '\t'])?;
    let name = &line[..end];
    (!name.is_empty() && !name.starts_with('#')).then_some(name)
}

/// Position of the closing brace, ignoring braces in label values.
fn end_of_labels(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// The unescaped label value up to its closing quote, and the rest of the text.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            (_, other) => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_a_name_labels_and_a_value() {
        let sample =
            Sample::parse(r#"m{a="1",b="x } \"y\" \\ \n",} 1.5e+03 1700000000000"#).unwrap();
        assert_eq!((sample.name, sample.value), ("m", 1500.0));
        assert_eq!(sample.label("a").as_deref(), Some("1"));
        assert_eq!(sample.label("b").as_deref(), Some("x } \"y\" \\ \n"));
        assert_eq!(sample.label("y"), None);
        let bare = Sample::parse("up 1").unwrap();
        assert_eq!((bare.name, bare.value, bare.label("a")), ("up", 1.0, None));
        assert!(Sample::parse("m NaN").unwrap().value.is_nan());
        assert_eq!(Sample::parse("m{} +Inf").unwrap().value, f64::INFINITY);
    }

    #[test]
    fn label_is_found_by_its_full_name() {
        let sample = Sample::parse(r#"m{rule_group="a;group=\"b\"",group="c"} 1"#).unwrap();
        assert_eq!(sample.label("group").as_deref(), Some("c"));
    }

    #[test]
    fn truncated_or_invalid_samples_are_none() {
        for line in [
            "",
            " 1",
            "m",
            "m ",
            "m{a=\"1\"} ",
            "m{a=\"1\" 1",
            "m{a=\"}",
            "m x",
            "m 1 x",
            "m 1 2 3",
            "# TYPE m gauge",
            "{a=\"1\"} 1",
        ] {
            assert_eq!(Sample::parse(line), None, "{line}");
        }
    }
}
