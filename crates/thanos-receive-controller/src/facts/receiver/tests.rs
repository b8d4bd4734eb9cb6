use super::*;
use serde_json::json;

const METRICS: &str = r#"# HELP x
process_start_time_seconds 1.76400061234e+09
prometheus_tsdb_head_series{tenant="a"} 40
prometheus_tsdb_head_series{tenant="b"} 2
prometheus_tsdb_head_series_created_total{tenant="b"} 9
thanos_receive_config_hash 2.7427405534394e+14
thanos_shipper_upload_failures_total{tenant="a"} 1
thanos_shipper_upload_failures_total{tenant="b"} 0
thanos_shipper_dir_sync_failures_total{tenant="a"} 2
thanos_shipper_dir_sync_failures_total{tenant="b"} 0
"#;

fn pod(component: &str, args: &[&str]) -> ReceiverFacts {
    let object = json!({
        "metadata": {
            "name": "x-0", "namespace": "n",
            "labels": {"app.kubernetes.io/component": component, "app.kubernetes.io/name": "thanos-receive"},
        },
        "spec": {"containers": [{"name": component, "args": args}]},
        "status": {"podIP": "10.0.0.1", "containerStatuses": [{"name": component, "state": {"running": {}}}]},
    });
    ReceiverObject::read(&object).into_parts().1
}

fn answered(answer: Result<&str, &str>) -> (Option<Probe>, ProbeResults) {
    let pod = pod("thanos-receive-router", &[]);
    let inquiry = inquiry(&pod.pod);
    let mut answers = ProbeResults::default();
    let answer = answer.map_err(str::to_owned);
    let answer = answer.and_then(|text| inquiry.as_ref().unwrap().read.text(text));
    answers.remember(&inquiry.as_ref().unwrap().url, answer);
    (inquiry, answers)
}

#[test]
fn what_pods_are_is_in_their_flags() {
    let router = pod(
        "thanos-receive-router",
        &["receive", "--receive.replication-factor=3"],
    );
    assert_eq!(
        router.role,
        Role::Router {
            replication_factor: 3
        }
    );
    let args = [
        "receive",
        "--objstore.config-file=/x",
        "--tsdb.retention=1d",
    ];
    let ingester = pod("thanos-receive-ingester", &args);
    assert_eq!(
        ingester.role,
        Role::Ingester {
            uploads: true,
            retention: 86_400
        }
    );
    let bare = pod("thanos-receive-ingester", &[]);
    assert_eq!(
        bare.role,
        Role::Ingester {
            uploads: false,
            retention: 1_296_000
        }
    );
}

#[test]
fn metrics_are_read_of_all_tenants() {
    let (inquiry, answers) = answered(Ok(METRICS));
    let asked = asked(inquiry.as_ref(), &answers);
    let held = NotUploaded {
        started: 1_764_000_612,
        series: 42,
        failures: 3,
    };
    assert_eq!(asked.held(), Ok(held));
    assert_eq!(asked.has_rings(274_274_055_343_940), Ok(true));
    assert_eq!(asked.has_rings(274_274_055_343_941), Ok(false));
}

#[test]
fn who_does_not_answer_has_nothing_for_sure() {
    let (inquiry, answers) = answered(Err("refused"));
    let silent = asked(inquiry.as_ref(), &answers);
    assert_eq!(silent.has_rings(1), Err("refused".to_owned()));
    assert!(silent.held().unwrap_err().ends_with("refused"));
    let nothing = ProbeResults::default();
    assert!(asked(inquiry.as_ref(), &nothing).has_rings(1).is_err());
    assert_eq!(
        asked(None, &nothing).has_rings(1),
        Ok(true),
        "it does not run"
    );
    let (inquiry, answers) = answered(Ok("something else\n"));
    let odd = asked(inquiry.as_ref(), &answers);
    assert!(odd.has_rings(1).unwrap_err().contains(CONFIG_HASH));
    assert!(odd.held().is_err());
    assert_eq!(
        odd.unreachable_for,
        Duration::ZERO,
        "so it is never given up"
    );
}

/// The lines of these metrics that hold `without` are left out, and `more` is added.
fn held(without: &str, more: &str) -> Result<NotUploaded, String> {
    let lines = METRICS
        .lines()
        .filter(|line| without.is_empty() || !line.contains(without));
    let text: String = lines
        .chain([more])
        .map(|line| format!("{line}\n"))
        .collect();
    let (inquiry, answers) = answered(Ok(&text));
    asked(inquiry.as_ref(), &answers).held()
}

#[test]
fn a_metric_that_is_missing_is_no_zero() {
    assert!(held("", "").is_ok());
    for name in [STARTED, OF_TENANTS[0], OF_TENANTS[1], OF_TENANTS[2]] {
        let of_all = held(
            &format!("{name}{}", if name == STARTED { "" } else { "{" }),
            "",
        );
        assert!(of_all.as_ref().unwrap_err().contains(name), "{of_all:?}");
        if name != STARTED {
            let of_one = held(&format!("{name}{{tenant=\"b\""), "").unwrap_err();
            assert!(
                of_one.contains(name) && of_one.ends_with("tenant b"),
                "{of_one}"
            );
        }
    }
    // Of a tenant that no other metric is about.
    assert!(held("", "thanos_shipper_upload_failures_total{tenant=\"c\"} 0").is_err());
    // No ingester is without a tenant.
    assert!(held("tenant=", "").is_err());
}

#[test]
fn what_is_no_count_is_no_zero() {
    for value in ["NaN", "-1", "+Inf", "x", ""] {
        for name in OF_TENANTS {
            let line = format!("{name}{{tenant=\"b\"}} {value}");
            let held = held(&format!("{name}{{tenant=\"b\""), &line);
            assert!(held.is_err(), "{line}: {held:?}");
        }
        assert!(held(STARTED, &format!("{STARTED} {value}")).is_err() || value == "-1");
    }
    let half = held(
        "head_series{tenant=\"",
        "prometheus_tsdb_head_series{tenant=\"a\"} 0.5\nprometheus_tsdb_head_series{tenant=\"b\"} 0",
    );
    assert_eq!(half.unwrap().series, 1);
}

#[test]
fn what_an_ingester_never_got_is_zero() {
    let text = METRICS
        .replace("} 40", "} 0")
        .replace("} 2", "} 0")
        .replace("} 1", "} 0");
    let (inquiry, answers) = answered(Ok(&text));
    let held = asked(inquiry.as_ref(), &answers).held().unwrap();
    assert_eq!((held.series, held.failures), (0, 0));
}

#[test]
fn of_2000_tenants_little_is_remembered() {
    let of = |tenant: usize| {
        let lines = OF_TENANTS.map(|name| {
            let rest = "x".repeat(100);
            format!("{name}{{tenant=\"{tenant}-{rest}\"}} 1\n")
        });
        lines.concat()
    };
    let text: String = (0..2000).map(of).collect();
    let text = format!("{STARTED} 7\n{text}");
    let (inquiry, answers) = answered(Ok(&text));
    let inquiry = inquiry.unwrap();
    assert!(answers.answer(&inquiry.url).unwrap().unwrap().len() < 300);
    let held = asked(Some(&inquiry), &answers).held().unwrap();
    assert_eq!((held.started, held.series, held.failures), (7, 2000, 4000));
}
