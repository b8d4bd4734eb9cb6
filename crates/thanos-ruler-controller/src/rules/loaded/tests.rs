use super::*;

/// As a ruler tells files of the folder of rules, where each has its name and its content.
fn metrics(success: u8, files: &Files) -> String {
    let mut text = format!("# HELP x\n{SUCCESS} {success}\n");
    for (file, content) in files {
        let group = content.split_whitespace().nth(3).unwrap();
        let path = format!("/var/.tmp-rules/ABORT{RULES_FOLDER}/{file}");
        let interval = content.split_whitespace().nth(5).unwrap();
        let interval: f64 = interval.trim_end_matches('s').parse().unwrap();
        text += &format!(
            "{INTERVALS}{{rule_group=\"{path};{group}\",strategy=\"abort\"}} {interval:e}\n"
        );
        text += &format!(
            "{RULES}{{file=\"{RULES_FOLDER}/{file}\",group=\"{group}\",strategy=\"ABORT\"}} 1\n"
        );
    }
    text
}

/// The files of two ConfigMaps, sealed, and what is expected of them.
fn mounted(of_first: &str) -> (Files, Expected) {
    let file = |name: &str, rule: &str| {
        (
            name.to_owned(),
            format!("groups:\n- name: g\n  interval: 30s\n  rules: {rule}\n"),
        )
    };
    let mut slots = [
        Files::from([file("n-a-u.yaml", of_first), file("n-b-u.yaml", "x")]),
        Files::new(),
        Files::from([file("n-c-u.yaml", "x")]),
    ];
    let mut expected = Expected::default();
    expected.seal("rules", &mut slots);
    (slots.into_iter().flatten().collect(), expected)
}

fn says(metrics: &str) -> Loaded {
    let pod = running(1);
    let mut answers = Answers::default();
    answers.remember(&url(&pod).unwrap(), read(metrics));
    loaded(&pod, &answers, &mounted("x").1.digest())
}

#[test]
fn a_ruler_has_loaded_what_is_mounted_and_nothing_else() {
    let (files, _) = mounted("x");
    assert_eq!(files.len(), 5, "{files:?}");
    assert_eq!(says(&metrics(1, &files)), Loaded::All);
    assert_eq!(says(&metrics(0, &files)), Loaded::Failed);
    let (other, _) = mounted("y");
    assert_eq!(
        other.keys().collect::<Vec<_>>(),
        files.keys().collect::<Vec<_>>()
    );
    assert_eq!(says(&metrics(1, &other)), Loaded::NotYet, "another text");
    assert_eq!(says(&metrics(0, &other)), Loaded::Failed);
    // Read, and not loaded.
    let read = metrics(1, &files);
    let read = read
        .lines()
        .filter(|l| !l.starts_with(RULES) || !l.contains("-2.yaml"));
    let read: Vec<&str> = read.collect();
    assert_eq!(says(&read.join("\n")), Loaded::NotYet);
    // Without intervals, nobody knows which text it was.
    let bare = metrics(1, &files).replace(INTERVALS, "other");
    assert_eq!(says(&bare), Loaded::NotYet);
    let mut fewer = files.clone();
    fewer.retain(|name, _| !name.ends_with("-2.yaml"));
    assert_eq!(says(&metrics(1, &fewer)), Loaded::NotYet);
    assert_eq!(says(&metrics(1, &Files::new())), Loaded::NotYet);
}

#[test]
fn a_ruler_that_does_not_say_whether_it_reloaded_has_loaded_nothing_for_sure() {
    let (files, _) = mounted("x");
    let silent = metrics(1, &files).replace(SUCCESS, "other");
    assert_eq!(says(&silent), Loaded::Silent);
    assert_eq!(says(""), Loaded::Silent);
    let pod = running(1);
    let mut answers = Answers::default();
    answers.remember(&url(&pod).unwrap(), read(&silent));
    assert!(is_unclear(&pod, &answers) && !is_unclear(&pod, &Answers::default()));
    let odd = metrics(1, &files).replace(&format!("{SUCCESS} 1"), &format!("{SUCCESS} NaN"));
    assert_eq!(says(&odd), Loaded::Silent);
    // Nor where nothing is mounted.
    let none = Expected::default().digest();
    for (text, expected) in [("", Loaded::Silent), ("x 1\n", Loaded::Silent)] {
        let mut answers = Answers::default();
        answers.remember(&url(&pod).unwrap(), read(text));
        assert_eq!(loaded(&pod, &answers, &none), expected, "{text}");
    }
    let mut answers = Answers::default();
    answers.remember(&url(&pod).unwrap(), read(&metrics(1, &Files::new())));
    assert_eq!(loaded(&pod, &answers, &none), Loaded::All);
}

#[test]
fn little_is_kept_of_many_groups() {
    let group = |i: usize| {
        let file = format!("{RULES_FOLDER}/{}-{i}.yaml", "n".repeat(200));
        format!(
            "{RULES}{{file=\"{file}\",group=\"g\",strategy=\"ABORT\"}} 1\n\
             {INTERVALS}{{rule_group=\"/tmp{file};g\",strategy=\"abort\"}} 60\n"
        )
    };
    let groups: String = (0..12_000).map(group).collect();
    let (files, _) = mounted("x");
    assert_eq!(says(&(metrics(1, &files) + &groups)), Loaded::All);
    assert_eq!(says(&(metrics(0, &files) + &groups)), Loaded::Failed);
}

fn read(metrics: &str) -> Result<String, String> {
    READ.text(&format!("{}\n", metrics.trim_end()))
}

fn all_say(pods: &[(PodFacts, &str)]) -> Said {
    let mut answers = Answers::default();
    let mut named = BTreeMap::new();
    for (i, (pod, metrics)) in pods.iter().enumerate() {
        if let Some(url) = url(pod).filter(|_| !metrics.is_empty()) {
            answers.remember(&url, read(metrics));
        }
        named.insert(format!("x-{i}"), pod);
    }
    said(&named, &answers, &mounted("x").1.digest())
}

fn running(number: u8) -> PodFacts {
    PodFacts {
        ip: Some(std::net::Ipv4Addr::new(10, 0, 0, number).into()),
        ready: true,
        state: PodState::Running,
        ..Default::default()
    }
}

fn ended(words: &str) -> PodFacts {
    PodFacts {
        state: PodState::Running,
        ended: Some(thanos_controller::facts::Ended {
            how: "exit code 1".into(),
            words: words.into(),
        }),
        ..Default::default()
    }
}

#[test]
fn only_what_all_rulers_say_is_the_fault_of_rules() {
    let (good, bad) = (metrics(1, &mounted("x").0), metrics(0, &mounted("y").0));
    let (good, bad) = (good.as_str(), bad.as_str());
    let by_rules =
        "err=\"reloading rules failed: error loading rules, previous rule set restored\"";

    assert_eq!(
        all_say(&[(running(1), good), (running(2), good)]),
        Said::Loaded
    );
    let starts = PodFacts::default();
    assert_eq!(all_say(&[(running(1), good), (starts, "")]), Said::Loaded);
    assert_eq!(
        all_say(&[(running(1), good), (running(2), bad)]),
        Said::Unclear
    );
    assert_eq!(
        all_say(&[(running(1), bad), (running(2), "")]),
        Said::Unclear
    );
    assert_eq!(all_say(&[]), Said::Unclear);
    assert_eq!(all_say(&[(ended("no space left"), "")]), Said::Unclear);
    assert_eq!(all_say(&[(ended(by_rules), "")]), Said::Ended);
    assert_eq!(
        all_say(&[(running(1), good), (ended(by_rules), "")]),
        Said::Unclear
    );

    let outcome = Outcome {
        mounted: vec![(0, "g".into(), 1)],
        ..Default::default()
    };
    for pods in [
        vec![(running(1), bad)],
        vec![(running(1), bad), (ended(by_rules), "")],
    ] {
        let Said::Failed(loaded) = all_say(&pods) else {
            panic!("{:?}", all_say(&pods));
        };
        assert_eq!(loaded.len(), 5);
        for stem in ["n-a-u", "n-b-u", "n-c-u"] {
            assert!(lines(stem, &outcome).all(|line| loaded.contains(&line)));
        }
    }
}
