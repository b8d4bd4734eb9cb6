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
    let probe = probe(&pod.pod);
    let mut answers = ProbeResults::default();
    let answer = answer.map_err(str::to_owned);
    let answer = answer.and_then(|text| probe.as_ref().unwrap().read.text(text));
    answers.remember(&probe.as_ref().unwrap().url, answer);
    (probe, answers)
}

#[test]
fn role_comes_from_labels_and_flags() {
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
fn metrics_are_summed_over_all_tenants() {
    let (probe, answers) = answered(Ok(METRICS));
    let result = ProbeResult::of(probe.as_ref(), &answers);
    let state = UploadState {
        started: 1_764_000_612,
        series: 42,
        failures: 3,
    };
    assert_eq!(result.upload_state(), Ok(state));
    assert_eq!(result.has_rings(274_274_055_343_940), Ok(true));
    assert_eq!(result.has_rings(274_274_055_343_941), Ok(false));
}

#[test]
fn failed_probe_proves_nothing() {
    let (probe, answers) = answered(Err("refused"));
    let silent = ProbeResult::of(probe.as_ref(), &answers);
    assert_eq!(silent.has_rings(1), Err("refused".to_owned()));
    assert!(silent.upload_state().unwrap_err().ends_with("refused"));
    let no_answers = ProbeResults::default();
    assert!(
        ProbeResult::of(probe.as_ref(), &no_answers)
            .has_rings(1)
            .is_err()
    );
    assert_eq!(
        ProbeResult::of(None, &no_answers).has_rings(1),
        Ok(true),
        "it does not run"
    );
    let (probe, answers) = answered(Ok("something else\n"));
    let odd = ProbeResult::of(probe.as_ref(), &answers);
    assert!(odd.has_rings(1).unwrap_err().contains(CONFIG_HASH));
    assert!(odd.upload_state().is_err());
    assert_eq!(
        odd.unreachable_for,
        Duration::ZERO,
        "so it is waited for without a timeout"
    );
}

/// Upload state from [`METRICS`] without the lines that contain `without`, and with the line `more`.
fn upload_state(without: &str, more: &str) -> Result<UploadState, String> {
    let lines = METRICS
        .lines()
        .filter(|line| without.is_empty() || !line.contains(without));
    let text: String = lines
        .chain([more])
        .map(|line| format!("{line}\n"))
        .collect();
    let (probe, answers) = answered(Ok(&text));
    ProbeResult::of(probe.as_ref(), &answers).upload_state()
}

#[test]
fn missing_metric_is_not_zero() {
    assert!(upload_state("", "").is_ok());
    for name in [
        STARTED,
        TENANT_METRICS[0],
        TENANT_METRICS[1],
        TENANT_METRICS[2],
    ] {
        let of_all = upload_state(
            &format!("{name}{}", if name == STARTED { "" } else { "{" }),
            "",
        );
        assert!(of_all.as_ref().unwrap_err().contains(name), "{of_all:?}");
        if name != STARTED {
            let of_one = upload_state(&format!("{name}{{tenant=\"b\""), "").unwrap_err();
            assert!(
                of_one.contains(name) && of_one.ends_with("tenant b"),
                "{of_one}"
            );
        }
    }
    // A tenant with one of the metrics only.
    assert!(upload_state("", "thanos_shipper_upload_failures_total{tenant=\"c\"} 0").is_err());
    // No tenant at all.
    assert!(upload_state("tenant=", "").is_err());
}

#[test]
fn invalid_count_is_not_zero() {
    for value in ["NaN", "-1", "+Inf", "x", ""] {
        for name in TENANT_METRICS {
            let line = format!("{name}{{tenant=\"b\"}} {value}");
            let state = upload_state(&format!("{name}{{tenant=\"b\""), &line);
            assert!(state.is_err(), "{line}: {state:?}");
        }
        assert!(upload_state(STARTED, &format!("{STARTED} {value}")).is_err() || value == "-1");
    }
    let half = upload_state(
        "head_series{tenant=\"",
        "prometheus_tsdb_head_series{tenant=\"a\"} 0.5\nprometheus_tsdb_head_series{tenant=\"b\"} 0",
    );
    assert_eq!(half.unwrap().series, 1);
}

#[test]
fn idle_ingester_has_nothing_to_upload() {
    let text = METRICS
        .replace("} 40", "} 0")
        .replace("} 2", "} 0")
        .replace("} 1", "} 0");
    let (probe, answers) = answered(Ok(&text));
    let state = ProbeResult::of(probe.as_ref(), &answers)
        .upload_state()
        .unwrap();
    assert_eq!((state.series, state.failures), (0, 0));
}

#[test]
fn summary_of_2000_tenants_is_small() {
    let of = |tenant: usize| {
        let lines = TENANT_METRICS.map(|name| {
            let rest = "x".repeat(100);
            format!("{name}{{tenant=\"{tenant}-{rest}\"}} 1\n")
        });
        lines.concat()
    };
    let text: String = (0..2000).map(of).collect();
    let text = format!("{STARTED} 7\n{text}");
    let (probe, answers) = answered(Ok(&text));
    let probe = probe.unwrap();
    assert!(answers.answer(&probe.url).unwrap().unwrap().len() < 300);
    let state = ProbeResult::of(Some(&probe), &answers)
        .upload_state()
        .unwrap();
    assert_eq!(
        (state.started, state.series, state.failures),
        (7, 2000, 4000)
    );
}
