//! A controller that starts while the CRDs of Prometheus Operator are absent retains the discovered
//! endpoints.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube_facts::optional::{Capability, Caps};
use operator_runtime::owned_objects::{Counts, Workload};
use operator_runtime::{
    Access, Cluster, ObjectKey, Outcome, Plan, ProbeResults, Reconciler, Verdict,
};
use serde_json::{Value, json};
use thanos_api::v1alpha1::{ThanosQuery, ThanosQueryStatus};
use thanos_controller_common::Settings;
use thanos_query_controller::QueryController;
use thanos_query_controller::stores::Stores;

const SIDECAR: &str = "dns+prometheus-k8s-0.prometheus-operated.monitoring.svc:10901";
const BRIDGE: &str = "dns+thanos-sidecar-q-prometheus-old-0-12345678.here.svc:10901";
const FILE: &str = "thanos-query-q-endpoints";

/// A ThanosQuery whose status lists a sidecar, a bridge and a labelled store.
fn query(spec: Value, total: i32) -> Arc<ThanosQuery> {
    let query = json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
        "metadata": {"name": "q", "namespace": "here", "uid": "u", "generation": 1},
        "spec": spec,
        "status": {"endpointsTotal": total, "endpoints": [
            {"address": SIDECAR, "via": "Sidecar", "serviceMonitor": "monitoring/k8s", "pod": "monitoring/prometheus-k8s-0"},
            {"address": BRIDGE, "via": "Bridge", "serviceMonitor": "here/old", "pod": "here/prometheus-old-0"},
            {"address": "dnssrv+_grpc._tcp.store.here.svc", "via": "StoreAPI", "service": "here/store"},
        ]},
    });
    Arc::new(serde_json::from_value(query).unwrap())
}

fn selecting() -> Value {
    json!({"serviceMonitorSelector": {}})
}

/// Stores of a controller that found neither CRD.
fn absent() -> Stores {
    let mut stores = Stores::default();
    stores.service_monitors.freeze();
    stores.prometheuses.freeze();
    stores
}

fn reconcile(stores: &Stores, caps: Caps, query: &Arc<ThanosQuery>) -> (Plan, ThanosQueryStatus) {
    let settings = Settings {
        thanos_image: "thanos:test".to_owned(),
    };
    let controller = QueryController::new(settings, true, &[]);
    let (access, answers) = (Access::default(), ProbeResults::default());
    let cluster = Cluster {
        caps: &caps,
        access: &access,
        answers: &answers,
        now: Timestamp::UNIX_EPOCH,
    };
    let seen = controller.observe(stores, cluster, query);
    let outcome = Outcome {
        verdict: Verdict::Applied,
        applied_hash: None,
        workloads: BTreeMap::from([(deployment("thanos-query-q"), ready(2))]),
    };
    let status = controller.status(&seen, &outcome, query.status.as_ref().unwrap());
    (controller.plan(&seen).unwrap(), status)
}

fn file(plan: &Plan) -> String {
    let map = plan.find("ConfigMap", FILE).unwrap();
    map.body["data"].to_string()
}

fn ready(pods: i32) -> Workload {
    Workload {
        counts: Counts {
            replicas: pods,
            updated_replicas: pods,
            ready_replicas: pods,
            available_replicas: pods,
            ..Default::default()
        },
        current: true,
    }
}

fn deployment(name: &str) -> ObjectKey {
    ObjectKey {
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        name: name.to_owned(),
    }
}

fn frozen(status: &ThanosQueryStatus) -> bool {
    let mut conditions = status.common.conditions.iter();
    conditions.any(|c| c.type_ == "Frozen" && c.status == "True")
}

/// A group that only a ServiceMonitor selects: its Service still has the label.
#[test]
fn retained_group_stays_a_group() {
    const GROUP: &str = "dns+store.there.svc:10901";
    let mut known = (*query(selecting(), 1)).clone();
    known.status = serde_json::from_value(json!({"endpointsTotal": 1, "endpoints": [
        {"address": GROUP, "via": "Service", "serviceMonitor": "there/store", "service": "there/store"},
    ]}))
    .unwrap();
    for (label, expected) in [
        ("operator.thanos.io/endpoint-group", true),
        ("other", false),
    ] {
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "store", "namespace": "there", "labels": {
                "app.kubernetes.io/part-of": "thanos", "operator.thanos.io/store-api": "true", label: "true",
            }},
            "spec": {"clusterIP": "None", "ports": [{"name": "grpc", "port": 10901}]},
        });
        let mut stores = absent();
        for related in thanos_query_controller::stores::related() {
            related.load(&mut stores, &service);
        }
        let known = Arc::new(known.clone());
        let (plan, _) = reconcile(&stores, Caps::all(Capability::Absent), &known);
        let file = file(&plan);
        assert!(file.contains(GROUP), "{file}");
        assert_eq!(file.contains("group: true"), expected, "{file}");
    }
}

#[test]
fn discovered_endpoints_are_retained_without_crds() {
    for capability in [
        Capability::Absent,
        Capability::Forbidden,
        Capability::NotEstablished,
    ] {
        let query = query(selecting(), 3);
        let (plan, status) = reconcile(&absent(), Caps::all(capability), &query);
        assert!(file(&plan).contains(SIDECAR) && file(&plan).contains(BRIDGE));
        assert!(
            !file(&plan).contains("store.here"),
            "labelled components are still discovered, and this one is deleted"
        );
        let bridge = deployment("thanos-sidecar-q-prometheus-old-0-12345678");
        assert!(plan.leaves(&bridge));
        assert!(!plan.leaves(&deployment("thanos-query-frontend-q")));
        assert!(frozen(&status));
        assert_eq!(status.endpoints_total, Some(2));
        assert_eq!(
            status.endpoints[..],
            query.status.as_ref().unwrap().endpoints[..2]
        );
        let resolved = status
            .common
            .conditions
            .iter()
            .find(|c| c.type_ == "EndpointsResolved");
        assert_eq!(resolved.unwrap().reason, "Resolved");
    }
}

#[test]
fn retained_bridges_count_for_ready() {
    let (_, status) = reconcile(&absent(), Caps::default(), &query(selecting(), 3));
    let ready = status.common.conditions.iter().find(|c| c.type_ == "Ready");
    let ready = ready.unwrap();
    assert_eq!(ready.status, "False");
    let bridge = "thanos-sidecar-q-prometheus-old-0-";
    assert!(ready.message.contains(bridge), "{}", ready.message);
}

#[test]
fn truncated_status_leaves_the_endpoint_file_unchanged() {
    let (plan, status) = reconcile(&absent(), Caps::default(), &query(selecting(), 250));
    assert!(plan.find("ConfigMap", FILE).is_none());
    let mut key = deployment(FILE);
    key.kind = "ConfigMap".to_owned();
    assert!(plan.leaves(&key));
    assert!(plan.find("Deployment", "thanos-query-q").is_some());
    assert_eq!(
        status.endpoints_total,
        Some(249),
        "the store is no longer listed"
    );
}

#[test]
fn removing_the_selector_or_closing_the_gate_ends_the_freeze() {
    let off = json!({"serviceMonitorSelector": {}, "featureGates": {"enablePrometheusOperatorCRDs": false}});
    for spec in [off, json!({})] {
        let (plan, status) = reconcile(&absent(), Caps::default(), &query(spec, 3));
        assert!(!file(&plan).contains(SIDECAR));
        assert!(!plan.leaves(&deployment("thanos-sidecar-q-prometheus-old-0-12345678")));
        assert!(!frozen(&status));
    }
}

#[test]
fn listing_the_crds_ends_the_freeze() {
    let mut stores = absent();
    stores.service_monitors.replace(None, BTreeMap::new());
    let present = Caps::all(Capability::Present);
    let (plan, _) = reconcile(&stores, present.clone(), &query(selecting(), 3));
    assert!(
        file(&plan).contains(SIDECAR),
        "the Prometheuses are still unknown"
    );
    stores.prometheuses.replace(None, BTreeMap::new());
    let (plan, status) = reconcile(&stores, present, &query(selecting(), 3));
    assert!(!file(&plan).contains(SIDECAR));
    assert!(!frozen(&status));
}

#[test]
fn cluster_without_discovered_endpoints_is_not_frozen() {
    let mut query = query(selecting(), 0);
    Arc::make_mut(&mut query).status = Some(ThanosQueryStatus::default());
    let (_, status) = reconcile(&absent(), Caps::default(), &query);
    assert!(!frozen(&status));
}
