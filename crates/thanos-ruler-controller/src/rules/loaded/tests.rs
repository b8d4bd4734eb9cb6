use super::*;

/// The groups of an object: number of the file, name, number of rules.
type Groups = [(usize, &'static str, usize)];

const MOUNTED: &Groups = &[(0, "g", 2), (0, "h", 1), (1, "g", 1)];

/// Files whose groups are not as expected.
const OTHER: &Groups = &[(0, "g", 2), (0, "h", 1)];

/// When the ruler reloaded last.
const RELOADED: i64 = 1_700_000_000;

fn rendered(groups: &Groups) -> Rendered {
    let groups = groups
        .iter()
        .map(|(file, name, rules)| (*file, (*name).to_owned(), *rules));
    Rendered {
        mounted: groups.collect(),
        ..Default::default()
    }
}

/// As a ruler reports groups, with what it reports besides.
fn metrics(success: u8, groups: &Groups) -> String {
    let mut text = format!("# HELP x\n{SUCCESS} {success}\n{SUCCESS_TIME} {RELOADED}e0\n");
    for (file, group, rules) in groups {
        let file = format!("{RULES_FOLDER}/{}", Rendered::file_name("n-a-u", *file));
        text +=
            &format!("{RULES}{{file=\"{file}\",group=\"{group}\",strategy=\"ABORT\"}} {rules}\n");
    }
    text
}

fn expected() -> Expected {
    let mut expected = Expected::default();
    expected.add("n-a-u", &rendered(MOUNTED), |_| true);
    expected
}

fn says_of(metrics: &str, expected: &Expected) -> Loaded {
    let pod = running(1);
    let mut answers = ProbeResults::default();
    answers.remember(&url(&pod).unwrap(), read(metrics));
    loaded(&pod, &answers, expected)
}

fn says(metrics: &str) -> Loaded {
    says_of(metrics, &expected())
}

#[test]
fn a_ruler_has_loaded_what_is_mounted_and_nothing_else() {
    assert_eq!(says(&metrics(1, MOUNTED)), Loaded::All);
    assert_eq!(says(&metrics(0, MOUNTED)), Loaded::Failed);
    assert_eq!(
        says(&metrics(1, OTHER)),
        Loaded::NotYet,
        "a group is missing"
    );
    assert_eq!(says(&metrics(0, OTHER)), Loaded::Failed);
    assert_eq!(says(&metrics(1, &[])), Loaded::NotYet);
    let others: [&Groups; 4] = [
        &[(0, "g", 2), (0, "h", 1), (1, "g", 1), (2, "g", 1)],
        &[(0, "g", 3), (0, "h", 1), (1, "g", 1)],
        &[(0, "g", 2), (0, "x", 1), (1, "g", 1)],
        &[(0, "g", 2), (1, "h", 1), (1, "g", 1)],
    ];
    for other in others {
        assert_eq!(says(&metrics(1, other)), Loaded::NotYet, "{other:?}");
    }
    // A file for which there was no room is not expected.
    let mut fewer = Expected::default();
    fewer.add("n-a-u", &rendered(MOUNTED), |file| file == "n-a-u.yaml");
    assert_eq!(says_of(&metrics(1, OTHER), &fewer), Loaded::All);
}

#[test]
fn a_reload_before_the_change_does_not_count() {
    let after = |seconds: i64| Expected {
        after: Some(Timestamp::from_second(RELOADED + seconds).unwrap()),
        ..expected()
    };
    let loaded = metrics(1, MOUNTED);
    assert_eq!(says_of(&loaded, &after(-1)), Loaded::All);
    assert_eq!(says_of(&loaded, &after(1)), Loaded::NotYet);
    let without = loaded.replace(SUCCESS_TIME, "other");
    assert_eq!(says_of(&without, &after(-1)), Loaded::NotYet);
    assert_eq!(says(&without), Loaded::All);
    assert_eq!(says_of(&metrics(0, MOUNTED), &after(1)), Loaded::Failed);
}

#[test]
fn a_ruler_that_starts_has_not_failed() {
    let starts = format!("{SUCCESS} 0\n{SUCCESS_TIME} 0\n");
    assert_eq!(says(&starts), Loaded::NotYet);
}

#[test]
fn a_ruler_that_does_not_report_whether_it_reloaded_has_loaded_nothing_for_sure() {
    let silent = metrics(1, MOUNTED).replace(SUCCESS, "other");
    assert_eq!(says(&silent), Loaded::Silent);
    assert_eq!(says(""), Loaded::Silent);
    let pod = running(1);
    let mut answers = ProbeResults::default();
    answers.remember(&url(&pod).unwrap(), read(&silent));
    assert!(is_unclear(&pod, &answers) && !is_unclear(&pod, &ProbeResults::default()));
    let odd = metrics(1, MOUNTED).replace(&format!("{SUCCESS} 1"), &format!("{SUCCESS} NaN"));
    assert_eq!(says(&odd), Loaded::Silent);
    // Nor where nothing is mounted.
    let none = Expected::default();
    assert_eq!(says_of("", &none), Loaded::Silent);
    assert_eq!(says_of("x 1\n", &none), Loaded::Silent);
    assert_eq!(says_of(&metrics(1, &[]), &none), Loaded::All);
}

#[test]
fn little_is_kept_of_many_groups() {
    let mut many = expected();
    let group = |i: usize| {
        let stem = format!("{}-{i}", "n".repeat(200));
        many.add(&stem, &rendered(&[(0, "g", 1)]), |_| true);
        format!("{RULES}{{file=\"{RULES_FOLDER}/{stem}.yaml\",group=\"g\",strategy=\"ABORT\"}} 1\n")
    };
    let groups: String = (0..12_000).map(group).collect();
    assert_eq!(
        says_of(&(metrics(1, MOUNTED) + &groups), &many),
        Loaded::All
    );
    assert_eq!(
        says_of(&(metrics(0, MOUNTED) + &groups), &many),
        Loaded::Failed
    );
}

fn read(metrics: &str) -> Result<String, String> {
    READ.text(&format!("{}\n", metrics.trim_end()))
}

fn all_loaded_of(pods: &[(PodFacts, &str)]) -> AllLoaded {
    let mut answers = ProbeResults::default();
    let mut named = BTreeMap::new();
    for (i, (pod, metrics)) in pods.iter().enumerate() {
        if let Some(url) = url(pod).filter(|_| !metrics.is_empty()) {
            answers.remember(&url, read(metrics));
        }
        named.insert(format!("x-{i}"), pod);
    }
    all_loaded(&named, &answers, &expected())
}

fn running(number: u8) -> PodFacts {
    PodFacts {
        ip: Some(std::net::Ipv4Addr::new(10, 0, 0, number).into()),
        ready: true,
        state: PodState::Running,
        ..Default::default()
    }
}

fn ended(termination_message: &str) -> PodFacts {
    PodFacts {
        state: PodState::Running,
        ended: Some(thanos_controller_common::facts::Ended {
            how: "exit code 1".into(),
            termination_message: termination_message.into(),
        }),
        ..Default::default()
    }
}

#[test]
fn only_what_all_rulers_say_is_the_fault_of_rules() {
    let (good, bad) = (metrics(1, MOUNTED), metrics(0, OTHER));
    let (good, bad) = (good.as_str(), bad.as_str());
    let by_rules =
        "err=\"reloading rules failed: error loading rules, previous rule set restored\"";

    assert_eq!(
        all_loaded_of(&[(running(1), good), (running(2), good)]),
        AllLoaded::Loaded
    );
    let starts = PodFacts::default();
    assert_eq!(
        all_loaded_of(&[(running(1), good), (starts, "")]),
        AllLoaded::Loaded
    );
    assert_eq!(
        all_loaded_of(&[(running(1), good), (running(2), bad)]),
        AllLoaded::Unclear
    );
    assert_eq!(
        all_loaded_of(&[(running(1), bad), (running(2), "")]),
        AllLoaded::Unclear
    );
    assert_eq!(all_loaded_of(&[]), AllLoaded::Unclear);
    assert_eq!(
        all_loaded_of(&[(ended("no space left"), "")]),
        AllLoaded::Unclear
    );
    assert_eq!(all_loaded_of(&[(ended(by_rules), "")]), AllLoaded::Ended);
    assert_eq!(
        all_loaded_of(&[(running(1), good), (ended(by_rules), "")]),
        AllLoaded::Unclear
    );

    for pods in [
        vec![(running(1), bad)],
        vec![(running(1), bad), (ended(by_rules), "")],
    ] {
        let AllLoaded::Failed(loaded) = all_loaded_of(&pods) else {
            panic!("{:?}", all_loaded_of(&pods));
        };
        let other = rendered(OTHER);
        let reported: BTreeSet<u64> = groups("n-a-u", &other).map(|(_, group)| group).collect();
        assert_eq!(loaded, reported);
    }
}
