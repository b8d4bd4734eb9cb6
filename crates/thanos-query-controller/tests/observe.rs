//! Discovery from manifests to status with `render`: selection, reasons and NetworkPolicies,
//! without a cluster.

#![allow(clippy::unwrap_used)]

use kube_facts::optional::{Capability, Caps};
use operator_inspect::render::{documents, render_objects};
use promop_compat::kind;
use serde_json::{Value, json};
use thanos_controller_common::Settings;
use thanos_query_controller::QueryController;

/// A Prometheus with two replicas without sidecars, its Service and ServiceMonitor, and a
/// NetworkPolicy that admits only Prometheus.
const CLUSTER: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: monitoring, labels: {kubernetes.io/metadata.name: monitoring}}
---
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: k8s, namespace: monitoring}
spec: {replicas: 2, serviceMonitorSelector: {}, serviceMonitorNamespaceSelector: {}}
---
apiVersion: v1
kind: Service
metadata: {name: prometheus-k8s, namespace: monitoring, labels: {app: prometheus}}
spec: {selector: {app.kubernetes.io/name: prometheus}, ports: [{name: web, port: 9090}]}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: prometheus-k8s, namespace: monitoring, labels: {app: prometheus}}
spec: {selector: {matchLabels: {app: prometheus}}, endpoints: [{port: web}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: prometheus-k8s, namespace: monitoring}
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}}]
    ports: [{port: 9090}]
";

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "monitoring", "labels": {
            "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/managed-by": "prometheus-operator",
            "app.kubernetes.io/instance": "k8s", "operator.prometheus.io/name": "k8s",
        }},
        "spec": {"hostname": name, "subdomain": "prometheus-operated", "containers": [
            {"name": "prometheus", "ports": [{"name": "web", "containerPort": 9090}]},
        ]},
    })
}

/// Renders a ThanosQuery in the cluster above with additional objects; returns plan and status.
fn render(namespace: &str, spec: Value, more: &[Value], caps: Caps) -> (Vec<Value>, Value) {
    let settings = Settings {
        thanos_image: "thanos:test".to_owned(),
    };
    let controller = QueryController::new(settings, true, &[]);
    let mut objects = documents(CLUSTER).unwrap();
    objects.extend([pod("prometheus-k8s-0"), pod("prometheus-k8s-1")]);
    objects.extend(more.iter().cloned());
    objects.push(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
        "metadata": {"name": "q", "namespace": namespace, "generation": 1}, "spec": spec,
    }));
    let text = render_objects(&controller, &objects, &caps).unwrap();
    let mut all = documents(&text).unwrap();
    let mut status = all.pop().unwrap()["status"].clone();
    // The current time, which differs between renderings that are compared.
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition["lastTransitionTime"] = Value::Null;
    }
    (all, status)
}

fn present() -> Caps {
    Caps::all(Capability::Present)
}

/// Status, reason and message of a condition.
fn condition(status: &Value, type_: &str) -> (String, String, String) {
    let all = status["conditions"].as_array().unwrap();
    let it = all.iter().find(|c| c["type"] == type_).unwrap();
    let text = |field: &str| it[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

fn selector() -> Value {
    json!({"matchLabels": {"app": "prometheus"}})
}

#[test]
fn blocking_policy_is_reported_and_opened_with_open_discovered() {
    let (plan, status) = render(
        "monitoring",
        json!({"serviceMonitorSelector": selector()}),
        &[],
        present(),
    );
    let (_, reason, message) = condition(&status, "EndpointsResolved");
    assert_eq!(reason, "BlockedByNetworkPolicy");
    assert!(message.contains("monitoring/prometheus-k8s"), "{message}");
    assert!(
        plan.iter().all(|o| o["kind"] != "NetworkPolicy"),
        "no policy is created without openDiscovered"
    );

    let open = json!({"serviceMonitorSelector": selector(), "networkPolicy": {"openDiscovered": "SameNamespace"}});
    let (plan, _) = render("monitoring", open.clone(), &[], present());
    let ours: Vec<&Value> = plan
        .iter()
        .filter(|o| o["kind"] == "NetworkPolicy")
        .collect();
    assert_eq!(ours.len(), 1, "one policy for both replicas");

    // The created policy allows the connection and stays in the plan.
    let mut there = ours[0].clone();
    there["metadata"]["namespace"] = json!("monitoring");
    let (plan, status) = render("monitoring", open, &[there.clone()], present());
    assert_eq!(condition(&status, "EndpointsResolved").1, "Resolved");
    let again: Vec<&Value> = plan
        .iter()
        .filter(|o| o["kind"] == "NetworkPolicy")
        .collect();
    assert_eq!(again, [&there]);
}

/// The only replica has no sibling, so the StatefulSet is the template.
#[test]
fn opening_policy_stays_while_the_only_pod_restarts() {
    let alone = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
        "metadata": {"name": "alone", "namespace": "monitoring"}, "spec": {"replicas": 1},
    });
    let mut only = pod("prometheus-alone-0");
    for label in ["app.kubernetes.io/instance", "operator.prometheus.io/name"] {
        only["metadata"]["labels"][label] = json!("alone");
    }
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "prometheus-alone", "namespace": "monitoring"},
        "spec": {"replicas": 1, "serviceName": "prometheus-operated", "template": {
            "metadata": {"labels": only["metadata"]["labels"]}, "spec": only["spec"],
        }},
    });
    let spec = json!({"serviceMonitorSelector": selector(), "networkPolicy": {"openDiscovered": "SameNamespace"}});
    let there = render(
        "monitoring",
        spec.clone(),
        &[alone.clone(), set.clone(), only],
        present(),
    );
    let restarting = render("monitoring", spec, &[alone, set], present());
    let opened = there.0.iter().filter(|o| o["kind"] == "NetworkPolicy");
    assert_eq!(opened.count(), 2, "one policy per Prometheus");
    assert_eq!(there, restarting);
}

#[test]
fn pods_of_other_namespaces_are_not_opened() {
    let spec = json!({
        "serviceMonitorSelector": selector(), "serviceMonitorNamespaceSelector": {},
        "networkPolicy": {"openDiscovered": "SameNamespace"},
    });
    let (plan, status) = render("elsewhere", spec, &[], present());
    assert!(plan.iter().all(|o| o["kind"] != "NetworkPolicy"));
    let (_, reason, message) = condition(&status, "EndpointsResolved");
    assert_eq!(reason, "BlockedByNetworkPolicy");
    assert!(!message.contains("openDiscovered"), "{message}");
}

#[test]
fn gates_and_capabilities_are_reported_in_the_condition() {
    let spec = json!({"serviceMonitorSelector": selector()});
    let cases = [
        (Capability::Present, None, "True", "Enabled", 2),
        (
            Capability::Present,
            Some(false),
            "False",
            "DisabledByResource",
            0,
        ),
        (Capability::Absent, None, "False", "CRDsAbsent", 0),
        (Capability::NotEstablished, None, "False", "CRDsAbsent", 0),
        (Capability::Forbidden, None, "False", "Forbidden", 0),
        (
            Capability::Forbidden,
            Some(false),
            "False",
            "DisabledByResource",
            0,
        ),
    ];
    for (capability, gate, holds, reason, endpoints) in cases {
        let mut spec = spec.clone();
        if let Some(gate) = gate {
            spec["featureGates"] = json!({"enablePrometheusOperatorCRDs": gate});
        }
        let (plan, status) = render("monitoring", spec, &[], Caps::all(capability));
        let found = condition(&status, "PrometheusOperatorIntegration");
        assert_eq!(
            (found.0.as_str(), found.1.as_str()),
            (holds, reason),
            "{capability} {gate:?}"
        );
        assert_eq!(status["endpointsTotal"], endpoints, "{capability} {gate:?}");
        let monitors = plan
            .iter()
            .filter(|o| o["kind"] == "ServiceMonitor")
            .count();
        assert_eq!(monitors > 0, reason == "Enabled", "{capability} {gate:?}");
        assert!(
            plan.iter().any(|o| o["kind"] == "Deployment"),
            "the querier runs in any case"
        );
    }
}

#[test]
fn both_forms_of_selection_are_used() {
    let spec = json!({
        "serviceMonitorSelector": {"matchLabels": {"app": "nothing"}},
        "serviceDiscovery": {"prometheusServiceMonitors": {"selector": selector(), "withoutSidecar": "Report"}},
    });
    let (_, status) = render("monitoring", spec, &[], present());
    assert_eq!(status["endpointsTotal"], 0);
    assert_eq!(status["skippedTotal"], 2);
    assert_eq!(status["skipped"][0]["reason"], "NoSidecar");
    assert_eq!(condition(&status, "EndpointsResolved").1, "NoEndpoints");
}

#[test]
fn disabled_section_selects_nothing_and_enabled_one_everything() {
    for (section, selected) in [
        (json!({"enabled": true}), 2),
        (json!({"enabled": false, "selector": selector()}), 0),
        (json!({}), 0),
    ] {
        let spec = json!({"serviceDiscovery": {"prometheusServiceMonitors": section}});
        let (_, status) = render("monitoring", spec, &[], present());
        assert_eq!(status["endpointsTotal"], selected, "{section}");
    }
}

#[test]
fn deleted_prometheus_is_reported_and_others_stay_endpoints() {
    let monitor = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": "deleted", "namespace": "monitoring", "labels": {"app": "prometheus"}},
        "spec": {"selector": {"matchLabels": {"app": "deleted"}}, "endpoints": [{"port": "web"}]},
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "deleted", "namespace": "monitoring", "labels": {"app": "deleted"}},
        "spec": {"selector": {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "deleted"},
            "ports": [{"name": "web", "port": 9090}]},
    });
    let mut left = pod("prometheus-deleted-0");
    left["metadata"]["labels"]["app.kubernetes.io/instance"] = json!("deleted");
    left["metadata"]["labels"]["operator.prometheus.io/name"] = json!("deleted");
    let more = [monitor, service, left];
    let spec = json!({"serviceMonitorSelector": selector()});
    let (_, status) = render("monitoring", spec, &more, present());
    assert_eq!(
        status["endpointsTotal"], 2,
        "the other Prometheus is still read"
    );
    let skipped = status["skipped"].as_array().unwrap();
    let found = skipped
        .iter()
        .find(|s| s["reason"] == "PrometheusGone")
        .unwrap();
    assert!(
        found["subject"]
            .as_str()
            .unwrap()
            .contains("prometheus-deleted-0"),
        "{found}"
    );
}

#[test]
fn service_monitors_of_thanos_controllers_are_not_selected() {
    let own = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": "thanos-query-q", "namespace": "monitoring",
            "labels": {"operator.thanos.io/owner": "q", "tier": "ours"}},
        "spec": {"selector": {}, "endpoints": [{"port": "http"}]},
    });
    let spec = json!({"serviceMonitorSelector": {"matchLabels": {"tier": "ours"}}});
    let (_, status) = render("monitoring", spec, &[own], present());
    let (_, reason, message) = condition(&status, "EndpointsResolved");
    assert_eq!(reason, "SelectorMatchesNothing");
    assert!(!message.contains("thanos-query-q"), "{message}");
}

#[test]
fn target_label_is_not_learned() {
    let prometheus = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
        "metadata": {"name": "k8s", "namespace": "monitoring"},
        "spec": {"replicas": 2, "replicaExternalLabelName": "pod"},
    });
    let (_, status) = render(
        "monitoring",
        json!({"serviceMonitorSelector": selector()}),
        &[prometheus],
        present(),
    );
    let labels = status["replicaLabels"].as_array().unwrap();
    assert!(!labels.contains(&json!("pod")), "{labels:?}");
    let skipped = status["skipped"].as_array().unwrap();
    assert!(
        skipped.iter().any(|s| s["subject"] == "label pod"),
        "{skipped:?}"
    );
}

/// Components that store replicas of samples announce the replica label on their Service.
#[test]
fn replica_label_of_a_component_is_learned_unless_in_use() {
    let ingesters = |label: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "ingesters", "namespace": "monitoring", "labels": {
                "app.kubernetes.io/part-of": "thanos", "operator.thanos.io/store-api": "true",
                "operator.thanos.io/replica-label": label,
            }},
            "spec": {"clusterIP": "None", "ports": [{"name": "grpc", "port": 10901}]},
        })
    };
    let learned = |label: &str, spec: Value| {
        let (_, status) = render("monitoring", spec, &[ingesters(label)], present());
        let all = status["replicaLabels"].as_array().unwrap();
        assert!(label == "pod" || all.contains(&json!(label)), "{all:?}");
        status["learnedReplicaLabels"].clone()
    };
    assert_eq!(
        learned("receive_replica", json!({})),
        json!(["receive_replica"])
    );
    assert_eq!(learned("replica", json!({})), Value::Null, "a default");
    let own = json!({"replicaLabels": ["x"]});
    assert_eq!(learned("replica", own), json!(["replica"]));
    assert_eq!(learned("pod", json!({})), Value::Null, "a target label");
}

#[test]
fn monitored_condition_names_the_selecting_prometheus() {
    let spec = json!({});
    let (_, status) = render("monitoring", spec.clone(), &[], present());
    let (holds, reason, message) = condition(&status, "Monitored");
    assert_eq!(
        (holds.as_str(), reason.as_str()),
        ("Unknown", "PermissionUnknown")
    );
    assert!(message.contains("monitoring/k8s"), "{message}");

    let picky = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
        "metadata": {"name": "k8s", "namespace": "monitoring"},
        "spec": {"serviceMonitorSelector": {"matchLabels": {"release": "x"}}, "serviceMonitorNamespaceSelector": {}},
    });
    let (_, status) = render("monitoring", spec, std::slice::from_ref(&picky), present());
    let (holds, reason, message) = condition(&status, "Monitored");
    assert_eq!((holds.as_str(), reason.as_str()), ("False", "NotSelected"));
    assert!(message.contains("release=x"), "{message}");

    let labelled = json!({"serviceMonitor": {"labels": {"release": "x"}}});
    let (_, status) = render("monitoring", labelled, &[picky], present());
    assert_eq!(condition(&status, "Monitored").1, "PermissionUnknown");

    let off = json!({"serviceMonitor": {"enabled": false}});
    let (_, status) = render("monitoring", off, &[], present());
    assert_eq!(condition(&status, "Monitored").1, "MonitoringDisabled");
}

/// An agent with a Service and a ServiceMonitor that select its pods by `selector`, and its pod.
fn agent(spec: Value, selector: Value) -> (Vec<Value>, Value) {
    let labels = json!({"app": "agent", "tier": "agent"});
    let more = vec![
        json!({
            "apiVersion": "monitoring.coreos.com/v1alpha1", "kind": "PrometheusAgent",
            "metadata": {"name": "kps", "namespace": "monitoring"}, "spec": spec,
        }),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "agent", "namespace": "monitoring", "labels": labels},
            "spec": {"selector": selector, "ports": [{"name": "http-web", "port": 9090}]},
        }),
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
            "metadata": {"name": "agent", "namespace": "monitoring", "labels": labels},
            "spec": {"selector": {"matchLabels": {"app": "agent"}}, "endpoints": [{"port": "http-web"}]},
        }),
    ];
    let mut pod = pod("prom-agent-kps-0");
    pod["metadata"]["labels"] = json!({
        "app.kubernetes.io/name": "prometheus-agent", "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/instance": "kps", "operator.prometheus.io/name": "kps",
    });
    (more, pod)
}

#[test]
fn agent_is_reported_alike_with_and_without_pods() {
    let query = json!({"serviceMonitorSelector": {"matchLabels": {"tier": "agent"}}});
    for spec in [json!({"replicas": 1}), json!({"mode": "DaemonSet"})] {
        for selector in [
            json!({"app.kubernetes.io/instance": "kps"}),
            json!({"operator.prometheus.io/name": "kps"}),
            json!({"app.kubernetes.io/name": "prometheus-agent", "operator.prometheus.io/name": "kps"}),
        ] {
            let (mut more, pod) = agent(spec.clone(), selector.clone());
            let without = render("monitoring", query.clone(), &more, present());
            let skipped = without.1["skipped"].as_array().unwrap();
            assert_eq!(skipped.len(), 1, "{spec} {selector}: {skipped:?}");
            assert_eq!(skipped[0]["reason"], "PrometheusAgent");
            assert_eq!(skipped[0]["subject"], "PrometheusAgent monitoring/kps");
            assert_eq!(without.1["endpointsTotal"], 0, "{spec} {selector}");
            more.push(pod);
            let with = render("monitoring", query.clone(), &more, present());
            assert_eq!(with, without, "{spec} {selector}");
        }
    }
}

/// The status neither requires nor lists this CRD.
#[test]
fn agents_are_recognized_by_their_pods_without_the_crd() {
    let query = json!({"serviceMonitorSelector": {"matchLabels": {"tier": "agent"}}});
    for capability in [Capability::Absent, Capability::Forbidden] {
        let mut caps = present();
        caps.set(kind::PROMETHEUS_AGENT, capability);
        let by_name = json!({"operator.prometheus.io/name": "kps"});
        let (mut more, pod) = agent(json!({}), by_name);
        let (_, status) = render("monitoring", query.clone(), &more, caps.clone());
        assert_eq!(status["skipped"][0]["reason"], "PrometheusGone");
        let found = condition(&status, "PrometheusOperatorIntegration");
        assert_eq!((&*found.0, &*found.1), ("True", "Enabled"), "{capability}");
        let kinds = status["prometheusOperator"]["kinds"].as_array().unwrap();
        assert_eq!(kinds.len(), 2, "{kinds:?}");
        more.push(pod);
        let (_, status) = render("monitoring", query.clone(), &more, caps.clone());
        assert_eq!(status["skipped"][0]["reason"], "PrometheusAgent");
    }
}
