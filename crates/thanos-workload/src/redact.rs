//! Texts without the credentials of URLs, since everyone who may read a status, an event, a log or a
//! ConfigMap could read them. Pure.

/// What stands for credentials.
const HIDDEN: &str = "…";

/// The text with the user and the password of each URL in it left out, also if these hold characters
/// that no URL may have.
#[must_use]
pub fn urls(text: &str) -> String {
    let mut all = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        all += before;
        let quote = quote(&before[..at]);
        let end = after.find(|c: char| match quote {
            Some(quote) => c == quote,
            None => c.is_whitespace(),
        });
        let (url, next) = after.split_at(end.unwrap_or(after.len()));
        all += &authority(url);
        rest = next;
    }
    values(&(all + rest))
}

/// Without the credentials of a whole value between backticks that has no scheme.
fn values(text: &str) -> String {
    let hidden = |(i, part): (usize, &str)| {
        let before = part.split('@').next().unwrap_or_default();
        let is_value = i % 2 == 1 && !part.contains("://");
        match is_value && before.contains(':') && !part.contains("@sha256:") {
            true => authority(part),
            false => part.to_owned(),
        }
    };
    let parts: Vec<String> = text.split('`').enumerate().map(hidden).collect();
    parts.join("`")
}

/// A URL, with its scheme or without, with the user and the password left out.
#[must_use]
pub fn url(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) if !is_secret(scheme) => format!("{scheme}://{}", authority(rest)),
        _ => authority(text),
    }
}

/// Whether a text may hold a user or a password: an at sign, or one that is encoded.
#[must_use]
pub fn is_secret(url: &str) -> bool {
    last_sign(url).is_some()
}

/// What follows the last at sign: passwords may hold others, and slashes.
fn authority(url: &str) -> String {
    match last_sign(url) {
        Some(at) => format!("{HIDDEN}{}", &url[at..]),
        None => url.to_owned(),
    }
}

fn last_sign(url: &str) -> Option<usize> {
    url.rfind('@').max(url.rfind("%40"))
}

/// The quotation mark that the word at the end of a text begins with.
fn quote(before: &str) -> Option<char> {
    let word = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
    let mark = before.trim_end_matches(word).chars().next_back()?;
    "`\"'".contains(mark).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_without_credentials_stay_as_they_are() {
        for text in [
            "",
            "plain",
            "http://am:9093/prefix",
            "`http://am` has no port; write one such as https://am.example.com:9093/x",
            "name@sha256:abc",
            "`registry:5000/name@sha256:abc` is bad",
            "`1d:2` is no time; see `a@b`",
            "pull https://registry/v2 of x@sha256:abc",
            "mail a@b.example",
        ] {
            assert_eq!(urls(text), text);
        }
        assert_eq!(url("am:9093"), "am:9093");
    }

    #[test]
    fn credentials_are_left_out() {
        for (text, redacted) in [
            ("http://ruler:hunter2@am:9093", "http://…@am:9093"),
            ("dns+https://ruler:hunter2@am/x", "dns+https://…@am/x"),
            ("http://ruler:hunt/er2@am", "http://…@am"),
            ("http://ruler:hunt@er2@am", "http://…@am"),
            ("http://ruler:hunt://er2@am", "http://…@am"),
            ("http://ruler%3Ahunter2%40am", "http://…%40am"),
            ("`http://ruler:hunt er2@am` is bad", "`http://…@am` is bad"),
            ("`ruler:hunter2@am:9093` is bad", "`…@am:9093` is bad"),
            (
                "a http://u:p@a b https://v:q@b/c d",
                "a http://…@a b https://…@b/c d",
            ),
            (
                "err=\"parse \\\"http://u:p w@h\\\": invalid\"",
                "err=\"parse \\\"http://…@h\\\": invalid\"",
            ),
        ] {
            assert_eq!(urls(text), redacted);
        }
        assert_eq!(url("ruler:hunter2@am:9093"), "…@am:9093");
        assert_eq!(url("http://ruler:hunt er2@am"), "http://…@am");
        assert_eq!(url("ruler:hunter2@am://x"), "…@am://x");
    }
}
