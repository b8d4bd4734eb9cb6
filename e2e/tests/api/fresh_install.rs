//! The overlay fresh-install: what it brings, which no other does.

use e2e::overlay::{deploy, overlays};
use serde_json::{Value, json};

use crate::overlays::{of_kind, overlay, text, title};

#[test]
fn only_fresh_install_brings_prometheus_operator() {
    for name in overlays() {
        let objects = overlay(&name);
        let of_prometheus_operator = |o: &&Value| {
            text(&o["apiVersion"]).starts_with("monitoring.coreos.com/")
                || o["spec"]["group"] == "monitoring.coreos.com"
        };
        let found: Vec<String> = objects
            .iter()
            .filter(of_prometheus_operator)
            .map(title)
            .collect();
        let alerts = "PrometheusRule thanos-system/thanos-operator";
        let expected: &[&str] = match name.as_str() {
            "fresh-install" => &[
                "Alertmanager monitoring/main",
                "Prometheus monitoring/k8s",
                alerts,
                "ServiceMonitor monitoring/alertmanager-main",
                "ServiceMonitor monitoring/prometheus-k8s",
                "ServiceMonitor monitoring/prometheus-operator",
            ],
            "existing-prometheus-operator" => &[alerts],
            _ => &[],
        };
        assert_eq!(found, expected, "{name}");
    }
}

/// What it runs is what the local node runs, so what is tested.
#[test]
fn fresh_install_pins_the_versions_that_are_tested() {
    let root = deploy().join("..");
    let pins = std::fs::read_to_string(root.join("hack/cluster/programs.sh")).unwrap();
    let pinned = |program: &str| {
        let line = format!("\n{program}_VERSION=");
        let version = pins.split_once(&line).unwrap().1.lines().next().unwrap();
        version.to_owned()
    };
    let objects = overlay("fresh-install");
    let spec = |kind: &str| of_kind(&objects, kind)[0]["spec"].clone();
    let (prometheus, alertmanager) = (spec("Prometheus"), spec("Alertmanager"));
    let image =
        |repository: &str, program: &str| json!(format!("{repository}:v{}", pinned(program)));
    assert_eq!(
        prometheus["image"],
        image("quay.io/prometheus/prometheus", "PROMETHEUS")
    );
    assert_eq!(prometheus["version"], pinned("PROMETHEUS"));
    assert_eq!(
        prometheus["thanos"]["image"],
        image("quay.io/thanos/thanos", "THANOS")
    );
    assert_eq!(
        alertmanager["image"],
        image("quay.io/prometheus/alertmanager", "ALERTMANAGER")
    );
    assert_eq!(alertmanager["version"], pinned("ALERTMANAGER"));
    let deployments = of_kind(&objects, "Deployment");
    let operator = deployments
        .iter()
        .find(|d| d["metadata"]["name"] == "prometheus-operator");
    let containers = &operator.unwrap()["spec"]["template"]["spec"]["containers"];
    let repository = "quay.io/prometheus-operator/prometheus-operator";
    assert_eq!(
        containers[0]["image"],
        image(repository, "PROMETHEUS_OPERATOR")
    );
}
