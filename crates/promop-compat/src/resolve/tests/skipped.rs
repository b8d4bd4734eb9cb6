//! Objects that provide no endpoint, and their reasons.

use super::*;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

#[test]
fn unreachable_prometheus_is_skipped_with_a_reason() {
    type Edit = fn(&mut Cluster);
    let cases: [(Edit, &[&str]); 6] = [
        (
            |c| c.edit("k8s").listen_local = true,
            &["ListenLocal Prometheus monitoring/k8s"],
        ),
        (
            |c| c.edit("k8s").web_client_cert = true,
            &["ClientCertificateRequired Prometheus monitoring/k8s"],
        ),
        (
            |c| c.edit("k8s").has_external_labels = false,
            &["NoExternalLabels Prometheus monitoring/k8s"],
        ),
        (
            |c| c.prometheuses = Some(BTreeMap::new()),
            &[
                "PrometheusGone Pod monitoring/prometheus-k8s-0",
                "PrometheusGone Pod monitoring/prometheus-k8s-1",
            ],
        ),
        (
            |c| c.prometheuses = None,
            &[
                "PrometheusUnreadable Pod monitoring/prometheus-k8s-0",
                "PrometheusUnreadable Pod monitoring/prometheus-k8s-1",
            ],
        ),
        (
            |c| {
                for pod in c.pods.values_mut() {
                    pod.labels
                        .insert(names::NAME.to_owned(), names::PROMETHEUS_AGENT.to_owned());
                    c.prometheuses = Some(BTreeMap::new());
                }
            },
            &["PrometheusAgent PrometheusAgent monitoring/k8s"],
        ),
    ];
    for (edit, expected) in cases {
        let mut cluster = Cluster::kube_prometheus();
        edit(&mut cluster);
        let found = cluster.select(PROMETHEUS);
        let reported = reasons(&found.skipped);
        assert!(
            expected.iter().all(|e| reported.iter().any(|r| r == e)),
            "{expected:?} {reported:?}"
        );
        assert_eq!(found.endpoints, []);
    }
}

#[test]
fn unreachable_sidecars_are_skipped_with_a_reason() {
    for (sidecar, reason) in [
        (
            SidecarFacts {
                listen_local: true,
                ..sidecar_facts()
            },
            "SidecarListenLocal",
        ),
        (
            SidecarFacts {
                tls: true,
                ..sidecar_facts()
            },
            "SidecarTLS",
        ),
    ] {
        let mut cluster = Cluster::kube_prometheus();
        cluster.edit("k8s").replicas = 1;
        cluster.pods.clear();
        cluster.edit("k8s").sidecar = Some(sidecar);
        let found = cluster.select(PROMETHEUS);
        assert_eq!(
            reasons(&found.skipped),
            [format!("{reason} Pod monitoring/prometheus-k8s-0")]
        );
        assert_eq!(found.endpoints, []);
    }
}

#[test]
fn missing_sidecar_is_reported_without_bridges() {
    let cluster = Cluster::kube_prometheus();
    let found = cluster.resolve(PROMETHEUS, NamespaceScope::All, WithoutSidecar::Report);
    assert_eq!(
        reasons(&found.skipped),
        [
            "NoSidecar Pod monitoring/prometheus-k8s-0",
            "NoSidecar Pod monitoring/prometheus-k8s-1",
        ]
    );
    assert_eq!(found.endpoints, []);
    assert_eq!(found.prometheuses.len(), 1);
}

#[test]
fn sidecar_without_external_labels_is_an_endpoint_with_a_note() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.start("k8s", true);
    cluster.edit("k8s").has_external_labels = false;
    let found = cluster.select(PROMETHEUS);
    assert_eq!(found.endpoints.len(), 2);
    assert_eq!(
        reasons(&found.notes),
        ["NoExternalLabels Prometheus monitoring/k8s"]
    );
    assert_eq!(found.skipped, []);
}

#[test]
fn malformed_selectors_select_nothing_and_are_reported() {
    let bad: LabelSelector = parse(r#"{"matchExpressions": [{"key": "a", "operator": "NotIn"}]}"#);
    let mut cluster = Cluster::kube_prometheus();
    let request = |selection: Selection| {
        resolve(
            &cluster.world(),
            &Request {
                fields: &[],
                namespace: "monitoring",
                selections: &[selection],
                without_sidecar: WithoutSidecar::Bridge,
            },
        )
    };
    let found = request(Selection {
        selector: bad.clone(),
        scope: NamespaceScope::All,
    });
    assert_eq!(reasons(&found.skipped), ["InvalidSelector selection 0"]);
    assert!(
        found.skipped[0]
            .message
            .starts_with("selector.matchExpressions[0].values: ")
    );
    assert_eq!(found.selected, 0);
    let found = request(Selection {
        scope: NamespaceScope::Matching(bad.clone()),
        ..Default::default()
    });
    assert!(
        found.skipped[0]
            .message
            .starts_with("namespaceSelector.matchExpressions[0].values: ")
    );

    cluster.application("apps/shop", &[("app", "shop")]);
    cluster.edit("k8s").service_monitor_selector = Some(bad.clone());
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        [
            "InvalidSelector Prometheus monitoring/k8s",
            "NotScraped ServiceMonitor apps/shop",
        ]
    );
    cluster.edit("k8s").service_monitor_selector = Some(LabelSelector::default());
    cluster.edit("k8s").service_monitor_namespace_selector = Some(bad.clone());
    let found = cluster.select(&[("app", "shop")]);
    assert!(
        found.skipped[0]
            .message
            .starts_with("spec.serviceMonitorNamespaceSelector.matchExpressions[0]")
    );

    cluster
        .monitor("apps/shop", &[("app", "shop")], &[])
        .selector = bad;
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        ["InvalidSelector ServiceMonitor apps/shop"]
    );
}

#[test]
fn unevaluable_namespace_selectors_are_reported() {
    let by_label = selector(&[("team", "ops")]);
    let mut cluster = Cluster::kube_prometheus();
    cluster.namespaces = None;
    let found = cluster.resolve(
        &[],
        NamespaceScope::Matching(by_label.clone()),
        WithoutSidecar::Bridge,
    );
    assert_eq!(
        reasons(&found.skipped),
        ["UnevaluableNamespaceSelector selection 0"]
    );
    assert_eq!((found.selected, found.nearest), (0, vec![]));

    cluster.application("apps/shop", &[("app", "shop")]);
    cluster.edit("k8s").service_monitor_namespace_selector = Some(by_label);
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        ["UnevaluableNamespaceSelector Prometheus monitoring/k8s"]
    );
    // It is irrelevant if the labels of the ServiceMonitor decide.
    cluster.edit("k8s").service_monitor_selector = Some(selector(&[("app", "other")]));
    let found = cluster.select(&[("app", "shop")]);
    assert_eq!(
        reasons(&found.skipped),
        ["NotScraped ServiceMonitor apps/shop"]
    );
}

#[test]
fn excluded_labels_are_reported() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.application("apps/shop", &[("app", "shop"), ("team", "x")]);
    let excluding = |key: &str, operator: &str, values: Option<Vec<String>>| {
        let mut desired = selector(&[("tier", "y")]);
        desired.match_expressions = Some(vec![LabelSelectorRequirement {
            key: key.to_owned(),
            operator: operator.to_owned(),
            values,
        }]);
        Some(desired)
    };
    let not_in = excluding("team", "NotIn", Some(vec!["x".to_owned()]));
    for (desired, remedy) in [
        (not_in, "remove or change the label team=x"),
        (
            excluding("app", "DoesNotExist", None),
            "remove the label app=shop",
        ),
    ] {
        cluster.edit("k8s").service_monitor_selector = desired;
        let message = &cluster.select(&[("app", "shop")]).skipped[0].message;
        let expected =
            format!("closest: Prometheus monitoring/k8s; add the labels tier=y and {remedy}");
        assert!(message.ends_with(&expected), "{message}");
    }
}

#[test]
fn nearest_prometheus_needs_the_fewest_changes() {
    let mut cluster = Cluster::kube_prometheus();
    cluster.application("apps/shop", &[("app", "shop")]);
    let desired = || Some(selector(&[("app", "shop"), ("team", "x")]));
    cluster.edit("k8s").service_monitor_selector = desired();
    let elsewhere = PrometheusFacts {
        service_monitor_selector: desired(),
        service_monitor_namespace_selector: None,
        ..prometheus(1)
    };
    cluster.prometheus("a", elsewhere);
    let message = &cluster.select(&[("app", "shop")]).skipped[0].message;
    assert!(
        message.contains("closest: Prometheus monitoring/k8s; add the labels team=x"),
        "{message}"
    );
}
