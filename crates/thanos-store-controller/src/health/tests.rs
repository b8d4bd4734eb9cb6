use super::*;
use thanos_controller_common::facts::Ended;

const LISTING: &str = r#"thanos_objstore_bucket_operations_total{bucket="b",operation="iter"} 9
thanos_objstore_bucket_operation_failures_total{bucket="b",operation="iter"} 2
thanos_objstore_bucket_operation_failures_total{bucket="b",operation="get"} 7
thanos_blocks_meta_syncs_total 9
thanos_blocks_meta_sync_failures_total 2
"#;

fn is_failing(more: &str, ready: bool) -> bool {
    Progress::of(&format!("{LISTING}{more}"))
        .failure(ready)
        .is_some()
}

#[test]
fn ready_store_that_lost_its_bucket_is_reported() {
    let seen = "thanos_blocks_meta_synced{state=\"loaded\"} 1\nthanos_blocks_meta_synced{state=\"label-excluded\"} 3\nthanos_bucket_store_blocks_loaded 1\n";
    let lost = seen.replace("} 1", "} 0").replace("} 3", "} 0");
    assert!(
        !is_failing(seen, true),
        "it failed before and has recovered"
    );
    assert!(is_failing(&lost, true));
    assert!(!is_failing("", true), "an empty bucket");
}

#[test]
fn store_that_never_listed_its_bucket_is_reported() {
    let never = LISTING.replace(" 9\n", " 2\n");
    assert!(Progress::of(&never).failure(false).is_some());
    assert!(!is_failing("", false), "some attempts succeeded");
}

#[test]
fn failing_stores_are_probed_more_often() {
    let every = |ready, said: &str| {
        let pod = PodFacts {
            ip: Some("10.0.0.1".parse().unwrap()),
            ..pod(PodState::Running, ready, None)
        };
        let mut answers = ProbeResults::default();
        answers.remember("http://10.0.0.1:10902/metrics", Ok(said.to_owned()));
        probe(&pod, &answers).unwrap().every
    };
    assert_eq!(every(true, LISTING), HEALTHY_INTERVAL);
    assert_eq!(every(false, LISTING), FAILING_INTERVAL);
    let never = LISTING.replace(" 9\n", " 2\n");
    assert_eq!(every(true, &never), FAILING_INTERVAL);
}

#[test]
fn only_required_metrics_are_kept() {
    let body =
        format!("# HELP x\n{LISTING}go_goroutines 7\nthanos_blocks_meta_syncs_total_other 1\n");
    assert_eq!(READ.text(&body).as_deref(), Ok(LISTING.trim_end()));
}

#[test]
fn missing_metric_is_neither_failure_nor_success() {
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
        condition(&HealthInputs {
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
    // Lost blocks are reported from existing metrics, not from missing ones.
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
    condition(&HealthInputs {
        namespace: "n",
        pods: &BTreeMap::from([("x-0".to_owned(), pod)]),
        unmounted: &unmounted.map(|m| ("u", m)).into_iter().collect(),
        answers: &ProbeResults::default(),
        missing,
    })
}

#[test]
fn each_failure_has_its_reason() {
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
        message.ends_with(" (3 restarts): flag unknown"),
        "{message}"
    );
}

#[test]
fn message_names_the_log_of_the_failed_run() {
    let mut pod = pod(PodState::Running, false, Some("bucket store initial sync"));
    let (_, _, message) = reason(&pod, None, None);
    assert!(message.contains("logs x-0 --previous |"), "{message}");
    pod.restarts = 0;
    let (_, _, message) = reason(&pod, None, None);
    assert!(message.contains("kubectl -n n logs x-0 |"), "{message}");
}
