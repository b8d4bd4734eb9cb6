//! Discovery of Services by labels, by a ServiceMonitor, and by both.

#![allow(clippy::unwrap_used)]

use kube_facts::optional::{Capability, Caps};
use operator_inspect::render::{documents, render_objects};
use serde_json::{Value, json};
use thanos_controller_common::Settings;
use thanos_query_controller::QueryController;

/// Renders a ThanosQuery in the namespace `here`; returns the endpoint file and the status.
fn render(query: Value, cluster: &[Value], caps: Capability) -> (Vec<Value>, Value) {
    let settings = Settings {
        thanos_image: "thanos:test".to_owned(),
    };
    let controller = QueryController::new(settings, true, &[]);
    let mut objects = cluster.to_vec();
    let mut object = json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
        "metadata": {"name": "q", "namespace": "here", "generation": 1}, "spec": {},
    });
    let fields = object.as_object_mut().unwrap();
    fields.extend(query.as_object().unwrap().clone());
    objects.push(object);
    let text = render_objects(&controller, &objects, &Caps::all(caps)).unwrap();
    let mut all = documents(&text).unwrap();
    let file = all
        .iter()
        .find_map(|o| o["data"]["endpoints.yaml"].as_str());
    let file = documents(file.unwrap()).unwrap().remove(0);
    let endpoints = file["endpoints"].as_array().unwrap().clone();
    let mut status = all.pop().unwrap()["status"].clone();
    // The current time, which differs between renderings that are compared.
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition["lastTransitionTime"] = Value::Null;
    }
    (endpoints, status)
}

/// A Service `store` with the StoreAPI labels and additional ones.
fn service(namespace: &str, more: Value, spec: Value) -> Value {
    let mut labels = json!({
        "app": "store", "app.kubernetes.io/part-of": "thanos", "operator.thanos.io/store-api": "true",
    });
    let all = labels.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "store", "namespace": namespace, "labels": labels},
        "spec": {
            "clusterIP": "None", "selector": {"app": "store"},
            "ports": [{"name": "grpc", "port": 10901, "targetPort": "grpc"}],
        },
    });
    let fields = service["spec"].as_object_mut().unwrap();
    fields.extend(spec.as_object().unwrap().clone());
    service
}

fn pod(namespace: &str, port: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "store-0", "namespace": namespace, "labels": {"app": "store"}},
        "spec": {"containers": [{"name": "store", "ports": [{"name": port, "containerPort": 10901}]}]},
    })
}

fn monitor(namespace: &str) -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": "store", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": "store"}}, "endpoints": [{"port": "http"}]},
    })
}

fn selecting() -> Value {
    json!({"spec": {"serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": {}}})
}

fn group() -> Value {
    json!({"operator.thanos.io/endpoint-group": "true"})
}

/// Reasons of the skipped objects.
fn reasons(status: &Value) -> Vec<&str> {
    let skipped = status["skipped"].as_array().into_iter().flatten();
    skipped.map(|s| s["reason"].as_str().unwrap()).collect()
}

#[test]
fn service_discovered_by_labels_and_service_monitor_is_one_endpoint() {
    let pods = json!({"address": "dnssrv+_grpc._tcp.store.here.svc"});
    let one = json!({"address": "dns+store.here.svc:10901", "group": true});
    for (labels, expected) in [(json!({}), pods), (group(), one)] {
        let cluster = [
            service("here", labels, json!({})),
            pod("here", "grpc"),
            monitor("here"),
        ];
        for query in [json!({}), selecting()] {
            let (file, status) = render(query, &cluster, Capability::Present);
            assert_eq!(file, std::slice::from_ref(&expected));
            assert_eq!(status["endpointsTotal"], 1);
            assert_eq!(status["endpoints"].as_array().unwrap().len(), 1);
            assert_eq!(status["endpoints"][0]["address"], expected["address"]);
            assert_eq!(reasons(&status), [""; 0]);
        }
    }
}

/// The namespace is outside of storeNamespaceSelector.
#[test]
fn group_selected_by_a_service_monitor_is_a_group() {
    let labels = json!({
        "operator.thanos.io/endpoint-group": "true", "operator.thanos.io/replica-label": "copy",
    });
    // A Service that is not headless has one address; for a group that is intended.
    let cluster = [
        service("there", labels, json!({"clusterIP": "10.0.0.1"})),
        pod("there", "grpc"),
        monitor("there"),
    ];
    let (file, status) = render(selecting(), &cluster, Capability::Present);
    let expected = json!({"address": "dns+store.there.svc:10901", "group": true});
    assert_eq!(file, [expected]);
    assert_eq!(status["endpoints"][0]["via"], "Service");
    assert_eq!(status["learnedReplicaLabels"], json!(["copy"]));
    assert_eq!(reasons(&status), [""; 0]);
}

#[test]
fn skipped_service_is_reported_once() {
    let alone = [service("here", json!({}), json!({})), monitor("here")];
    let (file, status) = render(selecting(), &alone, Capability::Present);
    assert_eq!((file.len(), reasons(&status)), (0, vec!["NoPods"]));
    assert_eq!(status["skippedTotal"], 1);
    let (file, status) = render(json!({}), &alone, Capability::Present);
    assert_eq!((file.len(), reasons(&status)), (0, vec!["NoPods"]));
    let message = status["skipped"][0]["message"].as_str().unwrap();
    assert!(message.contains("app=store"), "{message}");

    let wrong = [service("here", json!({}), json!({})), pod("here", "api")];
    let (file, status) = render(json!({}), &wrong, Capability::Present);
    assert_eq!((file.len(), reasons(&status)), (0, vec!["PortNotServed"]));
    // Declaring a numbered port is optional, and the label is explicit.
    let ports = json!({"ports": [{"name": "grpc", "port": 10901, "targetPort": 9999}]});
    let number = [service("here", json!({}), ports), pod("here", "api")];
    assert_eq!(render(json!({}), &number, Capability::Present).0.len(), 1);
}

/// Services of Thanos controllers exist before their pods.
#[test]
fn services_of_thanos_controllers_are_endpoints_before_their_pods_exist() {
    let own = json!({"operator.thanos.io/owner": "x"});
    let cluster = [service("here", own, json!({}))];
    let (file, status) = render(json!({}), &cluster, Capability::Present);
    assert_eq!((file.len(), reasons(&status)), (1, vec![]));
}

/// The only pod of a store is absent during a restart.
#[test]
fn restarting_store_stays_an_endpoint() {
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "store", "namespace": "here"},
        "spec": {"replicas": 1, "serviceName": "store", "template": {
            "metadata": {"labels": {"app": "store"}}, "spec": pod("here", "grpc")["spec"],
        }},
    });
    let store = service("here", json!({}), json!({}));
    let there = render(
        json!({}),
        &[store.clone(), set.clone(), pod("here", "grpc")],
        Capability::Present,
    );
    let restarting = render(json!({}), &[store, set], Capability::Present);
    assert_eq!(there, restarting);
    assert_eq!(there.0.len(), 1);
}

#[test]
fn external_name_service_is_queried_by_its_external_name() {
    let alias = |ports: Value| json!({"type": "ExternalName", "externalName": "store.example.com", "ports": ports});
    let address = |port: u16| vec![json!({"address": format!("dns+store.example.com:{port}")})];
    for (ports, expected) in [
        (json!([{"name": "grpc", "port": 10901}]), address(10901)),
        (json!([{"name": "store", "port": 443}]), address(443)),
        (json!([]), vec![]),
    ] {
        let cluster = [service("here", json!({}), alias(ports)), monitor("here")];
        let (file, status) = render(json!({}), &cluster, Capability::Present);
        assert_eq!(file, expected);
        let skipped = ["NoGrpcPort"];
        assert_eq!(
            reasons(&status),
            &skipped[..usize::from(expected.is_empty())]
        );
        // With an additional ServiceMonitor, it is the same endpoint.
        assert_eq!(
            render(selecting(), &cluster, Capability::Present).0,
            expected
        );
    }
    let ports = json!([{"name": "grpc", "port": 10901}]);
    let cluster = [service("here", group(), alias(ports))];
    let (file, _) = render(json!({}), &cluster, Capability::Present);
    assert_eq!(file[0]["group"], true);
}

#[test]
fn external_name_services_of_one_address_are_one_endpoint() {
    let spec = json!({
        "type": "ExternalName", "externalName": "store.example.com",
        "ports": [{"name": "grpc", "port": 10901}],
    });
    let mut second = service("here", json!({}), spec.clone());
    second["metadata"]["name"] = "second".into();
    let mut without = second.clone();
    without["metadata"]["name"] = "without".into();
    without["spec"]["externalName"] = "".into();
    let cluster = [service("here", json!({}), spec), second, without];
    for namespace in ["here", "there"] {
        let mut cluster = cluster.clone();
        for service in &mut cluster {
            service["metadata"]["namespace"] = namespace.into();
        }
        let mut cluster = cluster.to_vec();
        cluster.push(monitor(namespace));
        let (file, status) = render(selecting(), &cluster, Capability::Present);
        assert_eq!(file, [json!({"address": "dns+store.example.com:10901"})]);
        assert_eq!(status["endpointsTotal"], 1);
        assert_eq!(status["endpoints"].as_array().unwrap().len(), 1);
        if namespace == "here" {
            assert_eq!(reasons(&status), ["NoExternalName"]);
            let message = status["skipped"][0]["message"].as_str().unwrap();
            assert!(message.contains("set spec.externalName"), "{message}");
            let conditions = status["conditions"].as_array().unwrap();
            let condition = conditions.iter().find(|c| c["type"] == "EndpointsResolved");
            let message = condition.unwrap()["message"].as_str().unwrap();
            assert!(message.starts_with("1 endpoint; 1 skipped: "), "{message}");
        }
    }
}

/// A named port is renamed, an unnamed one is named.
#[test]
fn remedy_for_a_missing_grpc_port_depends_on_existing_ports() {
    for (ports, expected) in [
        (
            json!([{"name": "store", "port": 10901}]),
            "rename its port store (10901) to grpc",
        ),
        (json!([{"port": 10901}]), "name its port 10901 grpc"),
        (json!([]), "add one"),
        (
            json!([{"name": "grpc", "port": 10901, "protocol": "UDP"}]),
            "add one",
        ),
    ] {
        let cluster = [service("here", json!({}), json!({"ports": ports}))];
        let (_, status) = render(json!({}), &cluster, Capability::Present);
        let message = status["skipped"][0]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
}
