//! Detects LogQL, the language of a Loki ruler. Pure.

/// Functions that only LogQL has.
const FUNCTIONS: [&str; 3] = ["bytes_over_time", "bytes_rate", "rate_counter"];

/// Whether an expression is LogQL: it filters or parses lines after a stream selector, or calls a
/// function that only LogQL has. PromQL has no vertical bar outside of texts.
pub(crate) fn is_logql(input: &str) -> bool {
    let (mut selected, mut braces, mut named) = (false, false, false);
    // The last character that is not space, and the word that ends with it.
    let (mut last, mut word) = (' ', String::new());
    let mut rest = input;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' | '\'' | '`' => rest = after_text(rest, c),
            '#' => {
                rest = rest.trim_start_matches(|c| c != '\n');
                continue;
            }
            '{' => {
                named = last.is_alphanumeric() || last == '_' || last == ':';
                braces = true;
            }
            '}' => (braces, selected) = (false, true),
            '|' if selected && !braces => return true,
            '!' if last == '}' && !named => {
                let filter = rest.strip_prefix(['=', '~', '>']).unwrap_or_default();
                if filter.trim_start().starts_with(['"', '`']) {
                    return true;
                }
            }
            '(' if FUNCTIONS.contains(&word.as_str()) => return true,
            _ => {}
        }
        if c.is_whitespace() {
            continue;
        }
        match c.is_alphanumeric() || c == '_' {
            true => word.push(c),
            false => word.clear(),
        }
        last = c;
    }
    false
}

/// The rest after a string whose opening quote was read.
fn after_text(text: &str, quote: char) -> &str {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quote != '`' => drop(chars.next()),
            c if c == quote => break,
            _ => {}
        }
    }
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::is_logql;

    #[test]
    fn logql_is_distinguished_from_promql() {
        for expr in [
            r#"sum(rate({app="x"} |= "error" [5m])) > 1"#,
            r#"{app="x"} | json"#,
            r#"count_over_time({app="x"} |~ `a|b` [5m])"#,
            r#"sum by (level) (count_over_time({app="x"}[5m] | logfmt))"#,
            r#"rate({app="x"} != "health" [1m])"#,
            "rate({app=\"x\"}\n# all but probes\n!~ `health` [1m])",
            r#"rate({app="x"} !> "<_> ok" [1m])"#,
            r#"sum(bytes_rate({app="x"}[5m]))"#,
            r#"sum(rate({app="x"} | json | unwrap bytes [1m]))"#,
            r#"up > 0 and rate({app="x"} |= "}" [1m])"#,
        ] {
            assert!(is_logql(expr), "{expr}");
        }
        for expr in [
            "up |",
            "up | 1",
            r#"up{job=a|b}"#,
            r#"up{a="}|"} ="#,
            r#"up{a="b"} != "x""#,
            r#"{a="b"} != bool"#,
            r#"up{a="b"} # | json"#,
            r#"count_over_time({app="x"}[5m]"#,
            "sum(",
            "\"",
            "{",
        ] {
            assert!(!is_logql(expr), "{expr}");
        }
    }
}
