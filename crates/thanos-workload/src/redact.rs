//! Finds and redacts credentials of URLs, so that no status, event, log or ConfigMap contains them. Pure,
//! no IO.

use std::ops::Range;

use url::{Url, form_urlencoded};

/// Replacement of credentials.
const HIDDEN: &str = "…";

/// Names of parameters with credentials, in lower case and without dashes, dots and underscores.
const NAMES: [&str; 17] = [
    "accesskey",
    "accesskeyid",
    "apikey",
    "auth",
    "authkey",
    "authorization",
    "awsaccesskeyid",
    "bearer",
    "jwt",
    "key",
    "pass",
    "passphrase",
    "privatekey",
    "pwd",
    "secretkey",
    "sig",
    "subscriptionkey",
];

/// Suffixes of such names, as in `X-Amz-Signature`.
const ENDS: [&str; 8] = [
    "apikey",
    "credential",
    "credentials",
    "passwd",
    "password",
    "secret",
    "signature",
    "token",
];

/// A credential in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// User, password, or both.
    UserInfo,
    /// Parameter of the query or the fragment, by name.
    Parameter(String),
}

/// Position of a credential in a text.
struct Found {
    at: Range<usize>,
    what: Credential,
}

/// Redacts the user, the password and the parameters with credentials of each URL in a text, including
/// those with characters that are invalid in URLs.
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
        all += &without(url, after_scheme(url));
        rest = next;
    }
    parameters(&values(&(all + rest)))
}

/// Redacts values between backticks that are URLs without a scheme.
fn values(text: &str) -> String {
    let hidden = |(i, part): (usize, &str)| {
        let before = part.split('@').next().unwrap_or_default();
        let is_value = i % 2 == 1 && !part.contains("://");
        match is_value && before.contains(':') && !part.contains("@sha256:") {
            true => url(part),
            false => part.to_owned(),
        }
    };
    let parts: Vec<String> = text.split('`').enumerate().map(hidden).collect();
    parts.join("`")
}

/// Redacts parameters of URLs without a scheme, as in messages of other programs.
fn parameters(text: &str) -> String {
    let mut all = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(SEPARATORS) {
        let (before, after) = rest.split_at(at + 1);
        all += before;
        let end = |c: char| c.is_whitespace() || SEPARATORS.contains(&c) || "\"'`\\".contains(c);
        let (parameter, next) = after.split_at(after.find(end).unwrap_or(after.len()));
        all += &without(parameter, parameter_of(parameter));
        rest = next;
    }
    all + rest
}

/// Redacts a URL, with or without a scheme.
#[must_use]
pub fn url(text: &str) -> String {
    without(text, find(text))
}

/// First credential of a URL.
#[must_use]
pub fn credential(url: &str) -> Option<Credential> {
    find(url).into_iter().next().map(|found| found.what)
}

/// First credential of the URLs in the value of an argument, except for references to environment
/// variables, which the kubelet resolves.
#[must_use]
pub fn credential_of_argument(value: &str) -> Option<Credential> {
    let mut rest = value;
    while let Some(at) = rest.find("://") {
        rest = &rest[at + 3..];
        let end = rest.find(|c: char| c.is_whitespace() || "\"'`".contains(c));
        let url = &rest[..end.unwrap_or(rest.len())];
        let mut found = after_scheme(url).into_iter();
        if let Some(found) = found.find(|found| !is_reference(&url[found.at.clone()])) {
            return Some(found.what);
        }
    }
    let mut found = match value.contains("://") {
        true => Vec::new(),
        false if is_address_with_user(value) => find(value),
        false => query(value, 0),
    }
    .into_iter();
    let found = found.find(|found| !is_reference(&value[found.at.clone()]))?;
    Some(found.what)
}

/// Whether a credential is a reference to an environment variable, as in `user:$(PASSWORD)`.
fn is_reference(credential: &str) -> bool {
    let secret = credential.split_once(':').map_or(credential, |(_, s)| s);
    let name = secret.strip_prefix("$(").and_then(|s| s.strip_suffix(')'));
    let known = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.is_some_and(|name| !name.is_empty() && name.chars().all(known))
}

/// Whether a text without scheme has the form `user:password@host`.
fn is_address_with_user(text: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_user = |user: &str| !user.is_empty() && user.chars().all(is_of_name);
    let (before, host) = text.rsplit_once('@').unwrap_or_default();
    let is_host = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    let user = before.split_once(':').map(|(user, _)| user);
    is_host && !host.starts_with("sha256:") && user.is_some_and(is_user)
}

/// Credentials of a URL, with or without a scheme.
fn find(url: &str) -> Vec<Found> {
    match url.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => moved(after_scheme(rest), scheme.len() + 3),
        _ => malformed(url),
    }
}

/// Credentials of the part after the scheme of a URL.
fn after_scheme(rest: &str) -> Vec<Found> {
    // Schemes of names, such as dns+http, follow the rules of http here.
    if rest.starts_with('/') || Url::parse(&format!("http://{rest}")).is_err() {
        return malformed(rest);
    }
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let mut all: Vec<Found> = authority.rfind('@').into_iter().map(user_info).collect();
    let end_of_path = path.find(['?', '#']).unwrap_or(path.len());
    if let Some(at) = path[..end_of_path].find("//") {
        let from = at + 2;
        all.extend(moved(after_scheme(&path[from..]), end + from));
        return all;
    }
    // Clients do not send fragments, so an at sign in one belongs to a password with a `#`.
    let fragment = path.find('#').map_or("", |at| &path[at..]);
    match last_sign(fragment) {
        Some(_) => malformed(rest),
        None => {
            all.extend(query(rest, end));
            all
        }
    }
}

/// Credentials of an ambiguous URL: everything up to the last at sign, since passwords may contain at
/// signs and slashes.
fn malformed(url: &str) -> Vec<Found> {
    let sign = last_sign(url);
    let mut all: Vec<Found> = sign.into_iter().map(user_info).collect();
    all.extend(query(url, sign.unwrap_or_default()));
    all
}

fn user_info(end: usize) -> Found {
    Found {
        at: 0..end,
        what: Credential::UserInfo,
    }
}

/// Separators of parameters.
const SEPARATORS: [char; 4] = ['?', '#', '&', ';'];

/// Credentials in the query and the fragment after `from`.
fn query(url: &str, from: usize) -> Vec<Found> {
    let Some(start) = url[from..].find(['?', '#']) else {
        return Vec::new();
    };
    let mut at = from + start + 1;
    let mut all = Vec::new();
    for parameter in url[at..].split(SEPARATORS) {
        all.extend(moved(parameter_of(parameter), at));
        at += parameter.len() + 1;
    }
    all
}

/// Credential of a parameter: its value, because of its name or of a URL in it.
fn parameter_of(parameter: &str) -> Vec<Found> {
    let (name, value) = form_urlencoded::parse(parameter.as_bytes())
        .next()
        .unwrap_or_default();
    let is_secret = is_name(&name) || value.contains("://") && !find(&value).is_empty();
    match parameter.find('=') {
        Some(at) if is_secret && !value.is_empty() && value != HIDDEN => vec![Found {
            at: at + 1..parameter.len(),
            what: Credential::Parameter(name.into_owned()),
        }],
        _ => Vec::new(),
    }
}

/// Whether a parameter of this name contains a credential.
fn is_name(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    NAMES.contains(&name.as_str()) || ENDS.iter().any(|end| name.ends_with(end))
}

fn is_scheme(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
    !text.is_empty() && text.chars().all(known)
}

fn moved(mut found: Vec<Found>, by: usize) -> Vec<Found> {
    for one in &mut found {
        one.at = one.at.start + by..one.at.end + by;
    }
    found
}

/// Replaces what was found in a text.
fn without(text: &str, found: Vec<Found>) -> String {
    let mut all = String::new();
    let mut from = 0;
    for Found { at, .. } in found {
        all += &text[from..at.start];
        all += HIDDEN;
        from = at.end;
    }
    all + &text[from..]
}

fn last_sign(url: &str) -> Option<usize> {
    url.rfind('@').max(url.rfind("%40"))
}

/// Quotation mark at the start of the last token of a text.
fn quote(before: &str) -> Option<char> {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
    let mark = before.trim_end_matches(is_of_token).chars().next_back()?;
    "`\"'".contains(mark).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_without_credentials_are_unchanged() {
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
            "https://registry.example.com/@scope/name",
            "http://am:9093/%40x?mail=a@b",
            "https://thanos.example.com/?monkey=1&token=&tokens=2&keys=3#/graph",
            "which key=value or token=x is meant?",
        ] {
            assert_eq!(urls(text), text);
        }
        assert_eq!(url("am:9093"), "am:9093");
    }

    #[test]
    fn credentials_are_redacted() {
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
            ("http://u:p@a,http://v:q@b", "http://…@a,http://…@b"),
            ("http://a/x,http://v:q@b", "http://a/x,http://…@b"),
            ("https://a/r?to=http://v:q@b", "https://a/r?to=…"),
            ("https://a/r?to=http%3A%2F%2Fv:q%40b", "https://a/r?to=…"),
            ("http://ruler:9093#hunter2@am", "http://…@am"),
            ("http://u:p@am/@x?a@b", "http://…@am/@x?a@b"),
            (
                "http://u:p@am/x?a=1&Access_Token=abc;sig=x#id-token=d&e=2",
                "http://…@am/x?a=1&Access_Token=…;sig=…#id-token=…&e=2",
            ),
            (
                "https://s3/b?X-Amz-Credential=a%2Fb&X-Amz-Signature=c",
                "https://s3/b?X-Amz-Credential=…&X-Amz-Signature=…",
            ),
            ("http://am/?%74oken=abc", "http://am/?%74oken=…"),
            (
                "Get \"http://am/?token=a b&x=1\": EOF",
                "Get \"http://am/?token=…&x=1\": EOF",
            ),
            (
                "parse \\\"am:9093/x?api_key=abc\\\": first path segment",
                "parse \\\"am:9093/x?api_key=…\\\": first path segment",
            ),
        ] {
            assert_eq!(urls(text), redacted);
            assert_eq!(urls(redacted), redacted);
        }
        assert_eq!(url("ruler:hunter2@am:9093"), "…@am:9093");
        assert_eq!(url("http://ruler:hunt er2@am"), "http://…@am");
        assert_eq!(url("ruler:hunter2@am://x"), "…@am://x");
    }

    #[test]
    fn credential_of_a_url_is_found() {
        let parameter = |name: &str| Some(Credential::Parameter(name.into()));
        let user = || Some(Credential::UserInfo);
        for (text, found) in [
            ("https://am.example.com/@team/x?mail=a@b", None),
            ("dns+http://am/a%40b", None),
            ("http://am/?token=", None),
            ("http://u:p@am", user()),
            ("http://u%3Ap%40am", user()),
            ("dns+http://u%3Ap%40am", user()),
            ("http://ruler:hunter2/x@am", user()),
            ("ruler:9093/hunter2@am", user()),
            ("//u:p@am", user()),
            ("/prefix?PASSWORD=x", parameter("PASSWORD")),
            ("http://am#client_secret=x", parameter("client_secret")),
        ] {
            assert_eq!(credential(text), found, "{text}");
        }
    }

    #[test]
    fn credential_of_an_argument_is_found() {
        let parameter = |name: &str| Some(Credential::Parameter(name.into()));
        let user = || Some(Credential::UserInfo);
        for (value, found) in [
            ("replica=\"a:b@c\"", None),
            ("registry:5000/name@sha256:abc", None),
            ("http://u:$(PASSWORD)@am", None),
            ("http://am/?token=$(TOKEN)", None),
            ("am:9093", None),
            ("http://u:x$(PASSWORD)@am", user()),
            ("http://u:p@am", user()),
            ("url: 'http://u:p@am'\nmore: http://x", user()),
            ("url: http://x\nmore: http://y/?sig=1", parameter("sig")),
            ("u:p@am:9093", user()),
            ("am:9093/?token=x", parameter("token")),
        ] {
            assert_eq!(credential_of_argument(value), found, "{value}");
        }
    }
}
