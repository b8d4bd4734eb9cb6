//! Contract of store and query controller: the labels on Services of a ThanosStore make them
//! endpoints of a ThanosQuery.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use kube_facts::Key;
use kube_facts::extract::{Extract, Thin};
use kube_facts::namespaces::Namespaces;
use kube_facts::optional::{Capability, Caps};
use operator_inspect::render::{documents, render_objects};
use promop_compat::extract::ServiceSpec;
use promop_compat::model::ServiceFacts;
use serde_json::{Value, json};
use thanos_controller_common::Settings;
use thanos_query_controller::components::{ComponentService, components};
use thanos_store_controller::StoreController;

/// Services planned by the store controller, as read by the query controller.
fn services(spec: Value, others: &[Value]) -> BTreeMap<Key, ServiceFacts> {
    let settings = Settings {
        thanos_image: "thanos:test".to_owned(),
    };
    let mut desired = json!({"objectStorageConfig": {"name": "s", "key": "k"}});
    desired
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    let mut objects = others.to_vec();
    objects.push(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosStore",
        "metadata": {"name": "x", "namespace": "here", "uid": "u"}, "spec": desired,
    }));
    let controller = StoreController::new(settings, true, &[]);
    let caps = Caps::all(Capability::Absent);
    let text = render_objects(&controller, &objects, &caps).unwrap();
    let all = documents(&text).unwrap().into_iter();
    all.filter(|o| o["kind"] == "Service")
        .map(|service| {
            let (metadata, facts) = Thin::<ServiceSpec>::read(&service).into_parts();
            (Key::new("here", metadata.name.unwrap()), facts)
        })
        .collect()
}

/// Endpoints of a ThanosQuery with an empty spec: addresses, and whether each is a group.
fn endpoints(services: &BTreeMap<Key, ServiceFacts>) -> Vec<(String, bool)> {
    let query = serde_json::from_value(json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
        "metadata": {"name": "q", "namespace": "here"}, "spec": {},
    }))
    .unwrap();
    let found = components(&query, services, &Namespaces::default());
    let addresses = found.into_iter().map(|component| match component {
        ComponentService::Endpoint { address, group, .. } => (address, group),
        other => (format!("{} is no endpoint", other.service()), false),
    });
    addresses.collect()
}

#[test]
fn each_shard_is_one_endpoint() {
    let alone = endpoints(&services(json!({}), &[]));
    let pods = |name: &str| (format!("dnssrv+_grpc._tcp.{name}.here.svc"), false);
    assert_eq!(alone, [pods("thanos-store-x")]);
    let shards = json!({"shardingStrategy": {"shards": 2}});
    assert_eq!(
        endpoints(&services(shards, &[])),
        [
            pods("thanos-store-x-shard-0"),
            pods("thanos-store-x-shard-1")
        ]
    );
    let group = ("dns+thanos-store-x.here.svc:10901".to_owned(), true);
    assert_eq!(endpoints(&services(json!({"replicas": 2}), &[])), [group]);
}

/// Both sets are endpoints while the new one starts, and only the new one at the end.
#[test]
fn old_shards_stay_endpoints_until_they_are_withdrawn() {
    let set = |name: &str, shards: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {
                "name": name, "namespace": "here",
                "labels": {
                    "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/name": "thanos-store",
                    "operator.thanos.io/owner": "x", "operator.thanos.io/controller": "thanos-store-controller",
                },
                "annotations": {"operator.thanos.io/shards": shards},
                "ownerReferences": [{"kind": "ThanosStore", "name": "x", "uid": "u", "controller": true}],
            },
            "spec": {"replicas": 1},
            "status": {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
        })
    };
    let old = set("thanos-store-x", "1");
    let spec = json!({"shardingStrategy": {"shards": 2}, "maxSurge": 0});
    let starting = services(spec.clone(), std::slice::from_ref(&old));
    assert_eq!(starting.len(), 3);
    assert_eq!(endpoints(&starting).len(), 3, "both sets are endpoints");
    // No querier exists whose endpoints have to be confirmed.
    let new = [0, 1].map(|i| set(&format!("thanos-store-x-shard-{i}"), "2"));
    let done = services(spec, &[&[old][..], &new].concat());
    assert_eq!(endpoints(&done).len(), 2);
    assert_eq!(done.len(), 2);
}
