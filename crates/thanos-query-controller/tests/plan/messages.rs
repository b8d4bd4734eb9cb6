//! What users read in the status and in events.

use kube_facts::optional::{Capability, Caps};
use operator_runtime::ProbeResults;
use plan_testing::objects::custom_resource;
use plan_testing::observe::{caps, loaded, observe, settings};
use serde_json::{Value, json};
use thanos_query_controller::stores::Stores;
use thanos_query_controller::{Observed, QueryController};

use crate::case::Case;

/// A ThanosQuery and the objects around it.
struct State {
    spec: Value,
    caps: Caps,
    /// Objects besides those of the Prometheus.
    objects: Vec<Value>,
    /// Namespace of the Prometheus.
    namespace: &'static str,
    /// What happens to the stores.
    event: fn(&mut Stores),
}

impl State {
    fn of(spec: Value) -> Self {
        Self {
            spec,
            caps: caps(true),
            objects: Vec::new(),
            namespace: "monitoring",
            event: |_| {},
        }
    }

    fn seen(self) -> Observed {
        let mut objects = prometheus(self.namespace);
        objects.extend(self.objects);
        let mut stores = loaded::<QueryController>(&objects);
        (self.event)(&mut stores);
        let query = custom_resource("main", &Default::default(), json!({"spec": self.spec}));
        let answers = ProbeResults::default();
        observe(&controller(), &mut stores, self.caps, &answers, query)
    }
}

fn controller() -> QueryController {
    QueryController::new(settings(), true, &[])
}

fn selecting(app: &str) -> Value {
    json!({"serviceMonitorSelector": {"matchLabels": {"app": app}}})
}

#[test]
fn conditions_and_events() {
    let found = || State::of(selecting("prometheus"));
    let states = [
        ("minimal", State::of(json!({}))),
        ("found", found()),
        (
            "CRDs absent",
            State {
                caps: caps(false),
                ..found()
            },
        ),
        (
            "CRDs forbidden",
            State {
                caps: Caps::all(Capability::Forbidden),
                ..found()
            },
        ),
        (
            "disabled",
            State::of(json!({"featureGates": {"enablePrometheusOperatorCRDs": false}})),
        ),
        (
            "without ServiceMonitor",
            State::of(json!({"serviceMonitor": {"enabled": false}})),
        ),
        ("mistyped", State::of(selecting("promtheus"))),
        (
            "other namespace",
            State {
                namespace: "elsewhere",
                ..found()
            },
        ),
        (
            "only skipped",
            State::of(json!({"serviceDiscovery": {"prometheusServiceMonitors": {
                "selector": {"matchLabels": {"app": "prometheus"}}, "withoutSidecar": "Report",
            }}})),
        ),
        (
            "one skipped",
            State {
                objects: vec![json!({
                    "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
                    "metadata": {"name": "empty", "namespace": "monitoring", "labels": {"app": "prometheus"}},
                    "spec": {"selector": {"matchLabels": {"app": "empty"}}, "endpoints": [{"port": "web"}]},
                })],
                ..found()
            },
        ),
        (
            "blocked",
            State {
                objects: vec![json!({
                    "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                    "metadata": {"name": "deny", "namespace": "monitoring"},
                    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
                })],
                ..found()
            },
        ),
        (
            "CRD deleted",
            State {
                caps: caps(false),
                event: |stores| stores.service_monitors.freeze(),
                ..found()
            },
        ),
        (
            "namespaces forbidden",
            State {
                event: |stores| {
                    stores.namespaces.deny();
                },
                ..State::of(json!({
                    "serviceMonitorSelector": {"matchLabels": {"app": "prometheus"}},
                    "serviceMonitorNamespaceSelector": {"matchLabels": {"team": "a"}},
                }))
            },
        ),
    ];
    let states = states.map(|(name, state)| (name.to_owned(), state.seen()));
    plan_testing::messages::check_observed::<Case, _>(&controller(), states.into());
}

/// A Prometheus with a pod that has a sidecar, its Service and its ServiceMonitor.
fn prometheus(namespace: &str) -> Vec<Value> {
    let labels = json!({
        "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/instance": "k8s", "operator.prometheus.io/name": "k8s",
    });
    vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"kubernetes.io/metadata.name": namespace}},
        }),
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus",
            "metadata": {"name": "k8s", "namespace": namespace},
            "spec": {"serviceMonitorSelector": {"matchLabels": {"release": "k8s"}}},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "k8s", "namespace": namespace, "labels": {"app": "prometheus"}},
            "spec": {"selector": {"app.kubernetes.io/name": "prometheus"}, "ports": [{"name": "web", "port": 9090}]},
        }),
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
            "metadata": {"name": "k8s", "namespace": namespace, "labels": {"app": "prometheus"}},
            "spec": {"selector": {"matchLabels": {"app": "prometheus"}}, "endpoints": [{"port": "web"}]},
        }),
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "prometheus-k8s-0", "namespace": namespace, "labels": labels},
            "spec": {"hostname": "prometheus-k8s-0", "subdomain": "prometheus-operated", "containers": [
                {"name": "prometheus", "ports": [{"name": "web", "containerPort": 9090}]},
            ]},
        }),
    ]
}
