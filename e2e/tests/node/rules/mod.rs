//! Compares `thanos-rules` with the real Thanos: rules that are accepted here are accepted by Thanos, and the
//! rules that are rejected only here are listed.

mod authored;
mod expressions;
mod files;
mod random;
mod thanos;

use serde_json::{Value, json};
use thanos_rules::{Checked, Dialect, Rejection, check, read_file, read_spec, write};

use self::thanos::{Folder, Ruler};

/// Constructs that Thanos accepts and that are rejected here: they are rare, and supporting them is not worth
/// the complexity.
const REJECTED_ONLY_HERE: [(&str, &str); 17] = [
    ("no number as an offset", "up offset NaN"),
    (
        "a sign before a duration in parentheses",
        "up offset -(step())",
    ),
    ("more than 100 levels", DEEP),
    ("quoting in a regular expression", r#"up{a=~"\\Qa\\E"}"#),
    ("octal escape in a regular expression", r#"up{a=~"\\01"}"#),
    ("rare class of characters", r#"up{a=~"\\p{Ogham}"}"#),
    ("flags before a repetition", r#"up{a=~"b(?i)*"}"#),
    ("bytes in a regular expression", r#"up{a=~"\xff"}"#),
    ("control character", "up{a=\"\u{1b}\"}"),
    ("character constant in a template", "{{ 'a' }}"),
    ("number in another base in a template", "{{ 0x1F }}"),
    ("separated digits in a template", "{{ 1_000 }}"),
    ("long number in a template", "{{ 1234567890123456 }}"),
    ("complex number in a template", "{{ 1i }}"),
    ("letters beyond ASCII in names of a template", "{{ .é }}"),
    (
        "a variable that is not declared in a template",
        "{{ $x = 1 }}",
    ),
    (
        "a template that is defined twice",
        "{{ define \"a\" }}{{ end }}{{ define \"a\" }}x{{ end }}",
    ),
];

/// 120 parentheses around a number.
const DEEP: &str = concat!(
    "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
    "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
    "1",
    "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))",
    "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))",
);

/// A group, and the result of its validation.
struct Probe {
    group: Value,
    ours: Result<Checked, Vec<String>>,
}

impl Probe {
    fn new(group: Value, dialect: &Dialect) -> Self {
        let read = read_spec(&json!([group])).remove(0).group;
        let ours = read.and_then(|group| check(&group, dialect));
        let ours = ours.map_err(|all| all.iter().map(ToString::to_string).collect());
        Self { group, ours }
    }

    /// The group as JSON, which is YAML and preserves all errors.
    fn as_json(&self) -> String {
        json!({ "groups": [self.group] }).to_string()
    }
}

fn rule(expr: &str) -> Value {
    json!({"name": "g", "rules": [{"record": "r", "expr": expr}]})
}

fn annotated(template: &str) -> Value {
    json!({"name": "g", "rules": [{"alert": "A", "expr": "up", "annotations": {"a": template}}]})
}

/// Groups at the limits of Go, and at those of `thanos-rules`.
fn bounds() -> impl Iterator<Item = Value> {
    let matching = |pattern: &str| rule(&format!("up{{a=~`{pattern}`}}"));
    let stairs: Vec<_> = (1..=600).map(|i| "a".repeat(i) + "b*").collect();
    let named = |field: &str, length: usize| {
        let names = json!({ "x".repeat(length): "a" });
        json!({"name": "g", "rules": [{"alert": "A", "expr": "up", field: names}]})
    };
    [
        rule(&format!("{}1{}", "(".repeat(100), ")".repeat(100))),
        rule(&format!("1{}", "^1".repeat(100))),
        rule(&format!("{}1", "-".repeat(100))),
        annotated(&("{{ if .A }}".repeat(50) + &"{{ end }}".repeat(50))),
        annotated("{{ 1e100 }}"),
        annotated("{{ 1e309 }}"),
        matching("[[::]]"),
        matching("[[:]"),
        matching("[[:a]"),
        matching(&"\\pL".repeat(26_000)),
        matching(&stairs.join("|")),
        matching(&stairs[..100].join("|")),
        named("labels", 500),
        named("labels", 1100),
        named("annotations", 500),
        named("annotations", 1100),
        rule(r#"sum(rate({app="x"} |= "error" [5m]))"#),
        json!({"name": "g\u{feff}", "rules": [{"alert": "\u{feff}A", "expr": "up", "labels": {"\u{feff}": "\u{feff}"}}]}),
        json!({"name": "g", "limit": 1e3, "rules": [{"record": "r", "expr": 1e21}]}),
        json!({"name": "g", "unknown": null}),
    ]
    .into_iter()
}

fn all(dialect: &Dialect) -> Vec<Probe> {
    let expressions = expressions::all().chain(random::expressions(1500));
    let groups = expressions.map(|expr| rule(&expr));
    let groups = groups.chain(authored::templates().map(annotated));
    let groups = groups.chain(authored::groups()).chain(bounds());
    groups.map(|group| Probe::new(group, dialect)).collect()
}

#[test]
fn validation_of_groups_agrees_with_thanos() {
    let probes = all(&Dialect::default());
    assert!(probes.len() >= 1500, "{}", probes.len());
    let folder = Folder::new();
    let files: Vec<_> = probes.iter().map(Probe::as_json).collect();
    let theirs = folder.accepted(&files);
    let mut wrong = Vec::new();
    for (probe, theirs) in probes.iter().zip(&theirs) {
        if probe.ours.is_ok() != *theirs {
            wrong.push(format!(
                "accepted by Thanos: {theirs}; {:?}: {}",
                probe.ours, probe.group
            ));
        }
    }
    let accepted: Vec<_> = probes.iter().filter_map(|p| p.ours.as_ref().ok()).collect();
    println!(
        "{} groups, {} of them accepted",
        probes.len(),
        accepted.len()
    );
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        probes.len(),
        wrong.join("\n")
    );

    // Thanos accepts the rendered groups as well.
    let files: Vec<_> = accepted
        .iter()
        .map(|group| write([*group]).unwrap())
        .collect();
    let theirs = folder.accepted(&files);
    for (file, theirs) in files.iter().zip(theirs) {
        assert!(theirs, "Thanos rejects the rendered file:\n{file}");
    }
}

#[test]
fn groups_that_only_thanos_accepts_are_listed() {
    let folder = Folder::new();
    let texts = REJECTED_ONLY_HERE
        .into_iter()
        .map(|(what, text)| match text.starts_with("{{") {
            true => (what, annotated(text)),
            false => (what, rule(text)),
        });
    // Thanos truncates it.
    let limit = json!({"name": "g", "limit": 1.5});
    let labels = json!({ "x".repeat(501): "a" });
    let long = json!({"name": "g", "rules": [{"record": "r", "expr": "up", "labels": labels}]});
    // Prometheus compares the alternatives as strings.
    let stairs: Vec<_> = (1..=600).map(|i| "a".repeat(i)).collect();
    let stairs = stairs.join("|");
    let blocks = "{{ if .A }}".repeat(51) + &"{{ end }}".repeat(51);
    let known: Vec<_> = texts
        .chain([("a limit that is not whole", limit)])
        .chain([("a long name of a label", long)])
        .chain([("51 levels in a template", annotated(&blocks))])
        .chain([(
            "long literals that begin alike",
            rule(&format!("up{{a=~`{stairs}`}}")),
        )])
        .collect();
    let probe = |group: &Value| Probe::new(group.clone(), &Dialect::default());
    let probes: Vec<_> = known.iter().map(|(_, group)| probe(group)).collect();
    let files: Vec<_> = probes.iter().map(Probe::as_json).collect();
    for ((theirs, probe), (what, _)) in folder.accepted(&files).iter().zip(&probes).zip(&known) {
        assert!(*theirs, "Thanos rejects {what} as well: {}", probe.group);
        assert!(
            probe.ours.is_err(),
            "{what} is accepted; take it from the list"
        );
    }
}

#[test]
fn rulers_start_with_all_accepted_groups() {
    let flags = [
        "--enable-feature=promql-experimental-functions",
        "--query.enable-x-functions",
    ];
    for flags in [&flags[..0], &flags[..]] {
        let dialect = Dialect::default().with_arguments(flags.iter().copied());
        let folder = Folder::new();
        let probes = all(&dialect);
        let accepted: Vec<_> = probes.iter().filter_map(|p| p.ours.as_ref().ok()).collect();
        for (i, group) in accepted.iter().enumerate() {
            folder.write(i, &write([*group]).unwrap());
        }
        Ruler::start(&folder, flags).has_groups(accepted.len());
        println!("{flags:?}: {} groups loaded", accepted.len());
    }
}

#[test]
fn rulers_reject_groups_that_rules_check_accepts() {
    let good = json!({"name": "g", "rules": []});
    let of = |key: &str, value: Value| {
        let mut group = good.clone();
        group[key] = value;
        group
    };
    let seen = [
        of("labels", json!({"": "x"})),
        of("labels", json!({"__name__": "x"})),
        of("labels", json!({"<<": "x"})),
        json!({"name": "g", "rules": [{"record": "r", "expr": "up", "labels": {"<<": "x"}}]}),
        of("partial_response_strategy", json!("group_replica")),
    ];
    for group in seen {
        let probe = Probe::new(group, &Dialect::default());
        assert!(probe.ours.is_err(), "{}", probe.group);
        let folder = Folder::new();
        folder.write(0, &probe.as_json());
        assert!(Ruler::rejects(&folder), "{}", probe.group);
    }
    let folder = Folder::new();
    folder.write(0, &json!({"groups": [good, good]}).to_string());
    assert!(Ruler::rejects(&folder));
    let twice = read_spec(&json!([good, good]));
    assert!(twice[0].group.is_ok() && twice[1].group.is_err());
}

/// The groups of a file, if all of them are valid.
fn groups_of(file: &str) -> Result<Vec<Checked>, String> {
    let read = read_file(file).map_err(|e| e.to_string())?;
    let checked = read
        .into_iter()
        .map(|read| check(&read.group?, &Dialect::default()));
    let checked: Result<Vec<_>, Vec<Rejection>> = checked.collect();
    checked.map_err(|all| all.iter().map(Rejection::to_string).collect())
}

#[test]
fn rulers_load_the_same_rules_from_original_and_rendered_files() {
    let folder = Folder::new();
    let mut count = 0;
    for (i, file) in files::GOOD.iter().enumerate() {
        let groups = groups_of(file).unwrap_or_else(|e| panic!("{e}: {file:?}"));
        count += 2 * groups.len();
        folder.write(2 * i, file);
        folder.write(2 * i + 1, &write(&groups).unwrap());
    }
    let mut groups = Ruler::start(&folder, &[]).has_groups(count);
    // By file and position, without values that differ between rulers or in time.
    let place = |group: &Value| (group["file"].to_string(), group["name"].to_string());
    groups.sort_by_key(place);
    let number = |group: &Value| -> usize {
        let path = group["file"].as_str().unwrap().trim_end_matches(".yaml");
        path[path.len() - 6..].parse().unwrap()
    };
    let meaning = |group: &Value| {
        let fields =
            ["name", "interval", "limit", "partialResponseStrategy"].map(|f| group[f].clone());
        let rules = group["rules"].as_array().unwrap().iter().map(|rule| {
            [
                "type",
                "name",
                "query",
                "duration",
                "keepFiringFor",
                "labels",
                "annotations",
            ]
            .map(|field| rule[field].clone())
        });
        (fields, rules.collect::<Vec<_>>())
    };
    for (i, file) in files::GOOD.iter().enumerate() {
        let of = |desired: usize| -> Vec<_> {
            let groups = groups.iter().filter(|group| number(group) == desired);
            groups.map(meaning).collect()
        };
        let (theirs, ours) = (of(2 * i), of(2 * i + 1));
        assert_eq!(theirs.len(), groups_of(file).unwrap().len(), "{file:?}");
        assert_eq!(theirs, ours, "{file:?}");
    }
}

#[test]
fn malformed_rule_files_are_rejected_by_both() {
    let folder = Folder::new();
    let files: Vec<_> = files::BAD.iter().map(|file| (*file).to_owned()).collect();
    for (file, theirs) in files.iter().zip(folder.accepted(&files)) {
        assert!(!theirs, "Thanos takes {file:?}");
        assert!(groups_of(file).is_err(), "only Thanos rejects {file:?}");
    }
    let (what, files): (Vec<_>, Vec<_>) = files::ONLY_WE_REFUSE
        .iter()
        .map(|(what, file)| (*what, (*file).to_owned()))
        .unzip();
    for ((file, what), theirs) in files.iter().zip(what).zip(folder.accepted(&files)) {
        assert!(theirs, "Thanos rejects {what} as well: {file:?}");
        assert!(
            groups_of(file).is_err(),
            "{what} is accepted; take it from the list"
        );
    }
}

#[test]
fn every_accepted_mutation_of_a_rule_file_is_accepted_by_thanos() {
    let folder = Folder::new();
    let mutations = files::mutations(3000);
    let accepted: Vec<_> = mutations
        .into_iter()
        .filter(|file| groups_of(file).is_ok())
        .collect();
    assert!(accepted.len() > 300, "{}", accepted.len());
    let theirs = folder.accepted(&accepted);
    let wrong: Vec<_> = accepted
        .iter()
        .zip(theirs)
        .filter(|(_, theirs)| !theirs)
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        accepted.len()
    );
}
