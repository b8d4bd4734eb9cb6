//! Names of objects, and label values derived from names. Pure, no IO.
//!
//! Valid text is used unchanged, so that objects have the names of the Go operator. Other text is
//! shortened and ends in a hash of the full text, so that no two custom resources share an object.

use xxhash_rust::xxh3::xxh3_64;

/// Maximum length of a DNS label and of a label value.
const MAX: usize = 63;

/// Maximum length of the name of a StatefulSet: a pod label contains it, a dash and ten characters.
const MAX_STATEFUL_SET: usize = MAX - 11;

/// Name of an object: the parts joined by dashes, as a DNS label, since Services need one.
#[must_use]
pub fn child(parts: &[&str]) -> String {
    child_of_length(parts, MAX)
}

/// Name of a StatefulSet.
#[must_use]
pub fn child_of_stateful_set(parts: &[&str]) -> String {
    child_of_length(parts, MAX_STATEFUL_SET)
}

fn child_of_length(parts: &[&str], max: usize) -> String {
    let plain = parts.join("-");
    if is_dns_label(&plain) && plain.len() <= max {
        return plain;
    }
    let readable: String = plain
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        })
        .collect();
    with_hash(&readable, &plain, max)
}

/// Name of an object whose joined parts are not unique, with the hash of `identity` at its end.
#[must_use]
pub fn child_of_many(parts: &[&str], identity: &str) -> String {
    let readable: String = parts
        .join("-")
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        })
        .collect();
    with_hash(&readable, identity, MAX)
}

/// Label value derived from a text.
#[must_use]
pub fn label_value(text: &str) -> String {
    if is_label_value(text) {
        return text.to_owned();
    }
    let readable: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    with_hash(&readable, text, MAX)
}

fn with_hash(readable: &str, whole: &str, max: usize) -> String {
    // Eight digits make a collision within a namespace improbable.
    let hash = format!("{:08x}", xxh3_64(whole.as_bytes()) as u32);
    let room = max - hash.len() - 1;
    let cut = &readable[..readable.len().min(room)];
    format!("{}-{hash}", cut.trim_matches('-'))
}

/// Whether a text is a valid name of a Service.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Whether a text is a valid label value.
#[must_use]
pub fn is_label_value(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= MAX
            && text.starts_with(edge)
            && text.ends_with(edge)
            && text.chars().all(|c| edge(c) || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_names_are_unchanged() {
        assert_eq!(child(&["thanos-query", "main"]), "thanos-query-main");
        assert_eq!(
            child(&["thanos-query-frontend", "a-1"]),
            "thanos-query-frontend-a-1"
        );
        assert_eq!(label_value("a.b_c"), "a.b_c");
    }

    #[test]
    fn invalid_names_become_valid_and_distinct() {
        let long = "x".repeat(100);
        let names = [
            child(&["thanos-query", "a.b"]),
            child(&["thanos-query", "a-b"]),
            child(&["thanos-query", &long]),
            child(&["thanos-query", &format!("{long}y")]),
            child_of_many(&["thanos-sidecar", "a", "b.c"], "a/b.c"),
            child_of_many(&["thanos-sidecar", "a", &long], "x"),
        ];
        for (i, name) in names.iter().enumerate() {
            assert!(is_dns_label(name), "{name}");
            assert!(!names[..i].contains(name), "{name}");
        }
        assert!(is_label_value(&label_value(&long)));
        assert!(is_label_value(&label_value("a/b")));
    }

    #[test]
    fn name_of_a_stateful_set_leaves_room_for_the_revision() {
        let long = "x".repeat(40);
        let name = child_of_stateful_set(&["thanos-store", &long]);
        assert!(name.len() <= 52 && is_dns_label(&name), "{name}");
        assert_eq!(
            child_of_stateful_set(&["thanos-store", "a"]),
            "thanos-store-a"
        );
    }

    /// A changed name would recreate the object.
    #[test]
    fn hashes_are_stable() {
        assert_eq!(child(&["thanos-query", "a.b"]), "thanos-query-a-b-51f112fb");
    }
}
