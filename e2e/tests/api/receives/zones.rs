//! The zones of members come from the labels of their nodes.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::history::History;
use super::kubelet::Kubelet;
use super::{INGESTER, ROUTER, has_members, published, ready, receive, stable, stored};
use crate::stateful::message;

const ZONE: &str = "topology.kubernetes.io/zone";

/// Nodes of the test, which belong to the cluster.
struct Nodes {
    api: Api<Node>,
    names: Vec<String>,
}

impl Nodes {
    /// One of each zone, or without one.
    async fn create(cluster: &Cluster, zones: &[Option<&str>]) -> Self {
        let api: Api<Node> = Api::all(cluster.client.clone());
        let mut names = Vec::new();
        for (i, zone) in zones.iter().enumerate() {
            let name = format!("{}-{i}", cluster.namespace);
            let labels = zone.map(|zone| json!({ZONE: zone}));
            let node = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"name": name, "labels": labels},
            });
            let node = serde_json::from_value(node).unwrap();
            api.create(&PostParams::default(), &node).await.unwrap();
            names.push(name);
        }
        Self { api, names }
    }

    async fn label(&self, number: usize, zone: &str) {
        let labels = Patch::Merge(json!({"metadata": {"labels": {ZONE: zone}}}));
        let params = PatchParams::default();
        let node = self.api.patch(&self.names[number], &params, &labels);
        node.await.unwrap();
    }

    async fn delete(self) {
        for name in &self.names {
            let params = DeleteParams::default();
            self.api.delete(name, &params).await.unwrap();
        }
    }
}

/// The zones in the file that routers read.
async fn zones(cluster: &Cluster) -> Vec<Value> {
    let map = cluster.get("v1", "ConfigMap", ROUTER).await.unwrap();
    let rings = super::history::file(&map);
    let endpoints = rings[0]["endpoints"].as_array().unwrap().iter();
    endpoints.map(|e| e["az"].clone()).collect()
}

#[tokio::test]
async fn ingesters_report_their_zones_and_wait_for_unknown_ones() {
    let cluster = Cluster::of(RECEIVE, "zones").await;
    let history = History::start(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let nodes = Nodes::create(&cluster, &[Some("z0"), Some("z1"), None]).await;
    let kubelet = Kubelet::with_nodes(&cluster, &nodes.names);
    let hashrings = json!([{"name": "default", "zoneAwareness": true}]);
    let spec = json!({
        "routerSpec": {"replicationFactor": 3}, "ingesterSpec": stored(&hashrings),
    });
    cluster.apply(receive("x", &spec)).await;
    let it = stable(&cluster, "Refused").await;
    let text = message(&it, "HashringStable");
    let pod = format!("zone of pod {INGESTER}-2 is unknown");
    assert!(text.contains(&pod) && text.contains(ZONE), "{text}");
    assert_eq!(published(&cluster).await, []);

    nodes.label(2, "z2").await;
    ready(&cluster).await;
    has_members(&cluster, 0..3).await;
    assert_eq!(zones(&cluster).await, ["z0", "z1", "z2"]);
    let set = crate::stateful::set(&cluster, INGESTER).await.unwrap();
    let spread = &set["spec"]["template"]["spec"]["topologySpreadConstraints"];
    assert_eq!(spread[0]["topologyKey"], ZONE, "{spread}");
    assert_eq!(history.published("x").await.len(), 1);
    history.assert_sound("x").await;
    controller.assert_quiet(&[]);
    drop(kubelet);
    nodes.delete().await;
}
