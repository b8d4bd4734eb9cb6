use super::matches_empty;

#[test]
fn patterns_that_match_the_empty_string() {
    for pattern in [
        "",
        ".*",
        "a*",
        "a?",
        "(a|)",
        "a{0}",
        "a{0,3}",
        "^$",
        "^",
        "()",
        "(?:)",
        "\\A\\z",
        "(?i)",
        "(a*)+",
        "(?i:a*)",
        "a|b|",
        "\\B",
        "(a{0,2}){3}",
    ] {
        assert_eq!(matches_empty(pattern), Ok(true), "{pattern}");
    }
    for pattern in [
        "a",
        ".+",
        "a+",
        "a|b",
        "[a-z]",
        "[^a]",
        "[]a]",
        "[a-]",
        "[-a]",
        "a{2,}",
        "{",
        "a{,3}",
        "a{x}",
        "\\.",
        "\\d+",
        "\\pL",
        "\\p{Greek}",
        "[[:alpha:]_]",
        "\\x41",
        "\\x{1F600}",
        "(?i)abc",
        "(?P<a>b)",
        "(?<a>b)",
        "(?-i:a)",
        "(?s-m)a",
        "(?is:x)",
        "\\b",
        "a.b",
        "a}b",
        "a]b",
        "[\\d.]",
        "\\-",
        "\\_",
        "{a",
        "a{01}",
        "[[:]",
        "[[:a]",
    ] {
        assert_eq!(matches_empty(pattern), Ok(false), "{pattern}");
    }
}

#[test]
fn patterns_that_go_rejects_are_rejected() {
    for pattern in [
        "(",
        ")",
        "a)",
        "(a",
        "*",
        "+a",
        "?",
        "a**",
        "a+*",
        "a*{2}",
        "|*",
        "(*)",
        "[",
        "[]",
        "[a",
        "[z-a]",
        "\\",
        "a\\",
        "\\q",
        "\\8",
        "\\1",
        "\\C",
        "\\x",
        "\\xg0",
        "\\x{}",
        "\\pX",
        "\\p{Nope}",
        "[[:nope:]]",
        "[[::]]",
        "[[::]",
        "[a[::]b]",
        "[[:^:]]",
        "(?=a)",
        "(?!a)",
        "(?<=a)",
        "(?",
        "(?P",
        "(?z)",
        "(?-)",
        "(?i-)",
        "(?P<>a)",
        "(?P<a>b)(?P<a>b)",
        "(?P<a",
        "a{1001}",
        "a{2,1}",
        "(a{100}){100}",
        "{2}",
        "(?i)*",
        "[a-\\d]",
        "\\Q",
    ] {
        assert!(matches_empty(pattern).is_err(), "{pattern}");
    }
    assert!(matches_empty(&"(".repeat(10_000)).is_err());
    assert!(matches_empty(&"a".repeat(1_000_000)).is_err());
}

/// Go also limits character ranges and nesting levels, and factoring common prefixes adds levels.
#[test]
fn limits_are_below_those_of_go() {
    let stairs = |count: usize, form: fn(String) -> String| {
        let alternatives: Vec<_> = (1..=count).map(|i| form("a".repeat(i))).collect();
        alternatives.join("|")
    };
    for pattern in [
        "\\pL".repeat(26_000),
        format!("[{}]", "\\p{Lu}".repeat(5000)),
        stairs(600, |text| text),
        stairs(600, |text| format!("(?:{text})")),
        stairs(600, |text| format!("(?:x|{text})")),
        stairs(600, |text| format!("[ab]{text}")),
    ] {
        assert!(matches_empty(&pattern).is_err(), "{pattern:.60}");
    }
    // Realistic rules: each host of a cluster, and a few long texts.
    let hosts: Vec<_> = (0..3000)
        .map(|i| format!("host-{i}.eu-west-1.compute.internal:9100"))
        .collect();
    let long = ["x".repeat(1000), "y".repeat(1000)];
    for pattern in [
        hosts.join("|"),
        format!("({})", hosts.join("|")),
        long.join("|"),
        "\\pL".repeat(100),
    ] {
        assert_eq!(matches_empty(&pattern), Ok(false), "{pattern:.60}");
    }
}
