use super::*;
use thanos_controller_common::facts::Ended;

const LISTING: &str = r#"thanos_objstore_bucket_operations_total{bucket="b",operation="iter"} 9
thanos_objstore_bucket_operation_failures_total{bucket="b",operation="iter"} 2
thanos_objstore_bucket_operation_failures_total{bucket="b",operation="get"} 7
thanos_blocks_meta_syncs_total 9
thanos_blocks_meta_sync_failures_total 2
"#;

fn pod_failures(more: &str, ready: bool) -> bool {
    Progress::of(&format!("{LISTING}{more}"))
        .pod_failures(ready)
        .is_some()
}

#[test]
fn a_ready_store_that_lost_its_bucket_is_told() {
    let seen = "thanos_blocks_meta_synced{state=\"loaded\"} 1\nthanos_blocks_meta_synced{state=\"label-excluded\"} 3\nthanos_bucket_store_blocks_loaded 1\n";
    let lost = seen.replace("} 1", "} 0").replace("} 3", "} 0");
    assert!(
        !pod_failures(seen, true),
        "it failed before, and is well again"
    );
    assert!(pod_failures(&lost, true));
    assert!(!pod_failures("", true), "an empty bucket");
}

#[test]
fn a_store_that_never_lists_its_bucket_is_told() {
    let never = LISTING.replace(" 9\n", " 2\n");
    assert!(Progress::of(&never).pod_failures(false).is_some());
    assert!(!pod_failures("", false), "some attempts worked");
}

#[test]
fn who_is_not_well_is_asked_often() {
    let every = |ready, said: &str| {
        let pod = PodFacts {
            ip: Some("10.0.0.1".parse().unwrap()),
            ..pod(PodState::Running, ready, None)
        };
        let mut answers = ProbeResults::default();
        answers.remember("http://10.0.0.1:10902/metrics", Ok(said.to_owned()));
        inquiry(&pod, &answers).unwrap().every
    };
    assert_eq!(every(true, LISTING), WELL_EVERY);
    assert_eq!(every(false, LISTING), TROUBLED_EVERY);
    let never = LISTING.replace(" 9\n", " 2\n");
    assert_eq!(every(true, &never), TROUBLED_EVERY);
}

#[test]
fn only_what_matters_is_kept() {
    let body =
        format!("# HELP x\n{LISTING}go_goroutines 7\nthanos_blocks_meta_syncs_total_other 1\n");
    assert_eq!(READ.text(&body).as_deref(), Ok(LISTING.trim_end()));
}

#[test]
fn a_metric_that_is_missing_is_neither_trouble_nor_success() {
    let more =
        "thanos_blocks_meta_synced{state=\"loaded\"} 1\nthanos_bucket_store_blocks_loaded 1\n";
    let all = format!("{LISTING}{more}");
    let ready = PodFacts {
        ip: Some("10.0.0.1".parse().unwrap()),
        ..pod(PodState::Running, true, None)
    };
    let of = |metrics: &str| {
        let mut answers = ProbeResults::default();
        answers.remember("http://10.0.0.1:10902/metrics", READ.text(metrics));
        verdict(&Signs {
            namespace: "n",
            pods: &BTreeMap::from([("x-0".to_owned(), &ready)]),
            unmounted: &BTreeMap::new(),
            answers: &answers,
            missing: None,
        })
    };
    assert_eq!(of(&all).0, Some(true));
    for name in METRICS {
        let lines = all
            .lines()
            .filter(|line| line.split(['{', ' ']).next() != Some(name));
        let without: String = lines.map(|line| format!("{line}\n")).collect();
        let (holds, reason, message) = of(&without);
        assert_eq!((holds, reason), (None, Reason::Syncing), "{name}");
        assert!(message.contains(name), "{message}");
    }
    // Lost blocks are told by what is there, not by what is not.
    let lost = all.replace("loaded\"} 1", "loaded\"} 0");
    assert_eq!(of(&lost).0, Some(false));
}

fn pod(state: PodState, ready: bool, termination_message: Option<&str>) -> PodFacts {
    PodFacts {
        uid: "u".into(),
        ready,
        state,
        ended: termination_message.map(|w| Ended {
            how: "exit code 1".into(),
            termination_message: w.into(),
        }),
        restarts: 3,
        ..Default::default()
    }
}

fn reason(
    pod: &PodFacts,
    unmounted: Option<&str>,
    missing: Option<&str>,
) -> (Option<bool>, Reason, String) {
    verdict(&Signs {
        namespace: "n",
        pods: &BTreeMap::from([("x-0".to_owned(), pod)]),
        unmounted: &unmounted.map(|m| ("u", m)).into_iter().collect(),
        answers: &ProbeResults::default(),
        missing,
    })
}

#[test]
fn each_trouble_has_its_reason() {
    let termination_message = "github.com/x\\nbucket store initial sync\\nmain.main";
    let cases = [
        (
            pod(PodState::Running, true, Some(termination_message)),
            None,
            None,
            Reason::Synced,
        ),
        (
            pod(PodState::Running, false, None),
            None,
            None,
            Reason::Syncing,
        ),
        (
            pod(PodState::Running, false, Some(termination_message)),
            None,
            None,
            Reason::BucketUnreadable,
        ),
        (
            pod(PodState::Starting, false, Some(termination_message)),
            None,
            None,
            Reason::BucketUnreadable,
        ),
        (
            pod(PodState::Starting, false, Some("flag unknown")),
            None,
            None,
            Reason::PodFailing,
        ),
        (
            pod(PodState::Waiting("ErrImagePull: x".into()), false, None),
            None,
            None,
            Reason::PodFailing,
        ),
        (
            pod(PodState::Starting, false, None),
            Some("secret not found"),
            None,
            Reason::SecretMissing,
        ),
        (
            pod(PodState::Running, true, None),
            Some("secret not found"),
            None,
            Reason::Synced,
        ),
        (
            pod(PodState::Running, true, None),
            None,
            Some("Secret n/s does not exist"),
            Reason::SecretMissing,
        ),
    ];
    for (pod, unmounted, missing, desired) in cases {
        let (_, is, message) = reason(&pod, unmounted, missing);
        assert_eq!(is, desired, "{pod:?}: {message}");
    }
    let (_, _, message) = reason(
        &pod(PodState::Starting, false, Some("a\nflag unknown\n")),
        None,
        None,
    );
    assert!(
        message.ends_with(", and has started again 3 times: flag unknown"),
        "{message}"
    );
}

#[test]
fn the_log_that_says_why_is_named() {
    let mut pod = pod(PodState::Running, false, Some("bucket store initial sync"));
    let (_, _, message) = reason(&pod, None, None);
    assert!(message.contains("logs x-0 --previous |"), "{message}");
    pod.restarts = 0;
    let (_, _, message) = reason(&pod, None, None);
    assert!(
        message.contains("bucket; kubectl -n n logs x-0 |"),
        "{message}"
    );
}
