//! Patterns against the results of Go, and against each other.

use serde::Deserialize;

use super::Pattern;

#[derive(Deserialize)]
struct GoResults {
    pattern: String,
    bad: bool,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    matched: Vec<String>,
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// `hack/glob-table.go` makes the table, with the real `filepath.Match`.
#[test]
fn matches_equal_those_of_go() {
    let mut compared = 0;
    for line in include_str!("filepath_match.jsonl").lines() {
        let go: GoResults = serde_json::from_str(line).unwrap();
        let parsed = Pattern::parse(&go.pattern);
        assert_eq!(parsed.is_err(), go.bad, "{}: {parsed:?}", go.pattern);
        let Ok(parsed) = parsed else { continue };
        for name in &go.names {
            let matches = parsed.matches(name);
            assert_eq!(matches, go.matched.contains(name), "{} {name}", go.pattern);
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn malformed_patterns_are_rejected_with_the_reason() {
    for (text, expected) in [
        ("team-[a-", "no closing"),
        ("team-[a", "no closing"),
        ("team-[", "no closing"),
        ("[^", "no closing"),
        ("team-[]", "empty"),
        ("[^]", "empty"),
        ("team-[a-]", "on one of its sides"),
        ("[-a]", "on one of its sides"),
        ("[a-b-c]", "on one of its sides"),
        ("team-\\", "escapes nothing"),
        ("[a\\", "no closing"),
        ("[a\\]", "no closing"),
        ("*x*[", "no closing"),
    ] {
        let why = Pattern::parse(text).expect_err(text);
        assert!(why.contains(expected), "{text}: {why}");
    }
}

#[test]
fn patterns_match_names() {
    for (text, name, matches) in [
        ("team-[z-a]", "team-m", false),
        ("team-[a-c]*", "team-blue", true),
        ("team-[a-c]*", "team-delta", false),
        ("**", "anything", true),
        ("team-\\*", "team-*", true),
        ("team-\\*", "team-a", false),
        ("a]", "a]", true),
        ("[^a]", "é", true),
        ("t?m", "tém", true),
        ("*-eu", "a-eu-eu", true),
        ("*", "", true),
        ("", "a", false),
    ] {
        assert_eq!(pattern(text).matches(name), matches, "{text} {name}");
    }
}

#[test]
fn patterns_for_every_tenant_are_found() {
    let every = Pattern::every_tenant();
    for text in ["*", "**", "?*", "*?", "[^/]*", "*[^/]"] {
        assert!(pattern(text).covers(&every), "{text}");
    }
    for text in ["?", "??*", "a*", "*a", "[^a]*", "", "[z-a]*"] {
        assert!(!pattern(text).covers(&every), "{text}");
    }
}

#[test]
fn covered_patterns_are_found() {
    for (wide, narrow) in [
        ("team-*", "team-a*"),
        ("team-*", "team-a"),
        ("team-*", "team-?"),
        ("*-eu", "team-*-eu"),
        ("*a*", "*ba*"),
        ("[a-z]*", "[b-d]?"),
        ("[^x]", "a"),
        ("?*", "*"),
        ("*?", "?*"),
        ("?*", "*a"),
        ("team\\-a", "team-a"),
        ("[a-cd-f]", "[b-e]"),
    ] {
        assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
    }
    for (wide, narrow) in [
        ("team-a*", "team-*"),
        ("team-?", "team-*"),
        ("*-eu", "*-us"),
        ("[a-c]", "[b-d]"),
        ("[^x]", "?"),
        ("??", "?*"),
        ("team-*", "team-[z-a]"),
        ("a", ""),
    ] {
        assert!(!pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
    }
}

/// A pattern matches every name that a covered pattern matches.
#[test]
fn covering_pattern_matches_the_names_of_the_covered_one() {
    let pieces = ["a", "b", "*", "?", "[ab]", "[^a]"];
    let all = |length: u32, count: usize| {
        (0..count.pow(length)).map(move |mut n| {
            let digits = (0..length).map(|_| {
                let digit = n % count;
                n /= count;
                digit
            });
            digits.collect::<Vec<_>>()
        })
    };
    let texts = (1..=3).flat_map(|length| all(length, pieces.len()));
    let texts: Vec<String> = texts
        .map(|t| t.iter().map(|i| pieces[*i]).collect())
        .collect();
    let names = (1..=4).flat_map(|length| all(length, 3));
    let names = names.map(|n| n.iter().map(|i| ["a", "b", "c"][*i]).collect());
    let names: Vec<String> = names.collect();
    let matched: Vec<(Pattern, Vec<bool>)> = texts
        .iter()
        .map(|text| {
            let pattern = pattern(text);
            let matched = names.iter().map(|name| pattern.matches(name)).collect();
            (pattern, matched)
        })
        .collect();
    let (mut covered, mut missed) = (0, 0);
    for (wide, by_wide) in &matched {
        for (narrow, by_narrow) in &matched {
            let is_within = by_narrow.iter().zip(by_wide).all(|(n, w)| *w || !*n);
            match (wide.covers(narrow), is_within) {
                (true, false) => panic!("{wide:?} does not cover {narrow:?}"),
                (true, true) => covered += 1,
                (false, true) => missed += 1,
                (false, false) => {}
            }
        }
    }
    assert!(
        covered > 5_000 && missed * 20 < covered,
        "{covered} {missed}"
    );
}
