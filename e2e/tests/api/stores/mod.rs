//! ThanosStore against a real API server, StatefulSet controller included. The tests play the kubelet
//! and the queriers.

mod adoption;
mod health;
mod kubelet;
pub mod querier;
mod replacing;
mod resharding;
mod secrets;
mod volumes;

use e2e::cluster::Cluster;
use serde_json::{Value, json};

use crate::stateful::{
    STEP, change, is, message, read, ready, refusal, reported, resources, set, set_is, sets,
};

/// A ThanosStore.
pub fn store(name: &str, spec: Value) -> Value {
    let mut all = json!({"objectStorageConfig": {"name": "objstore", "key": "thanos.yaml"}});
    all.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosStore",
        "metadata": {"name": name}, "spec": all,
    })
}

/// Whether queriers would pick a Service up.
async fn is_offered(cluster: &Cluster, name: &str) -> Option<bool> {
    let service = cluster.get("v1", "Service", name).await?;
    Some(service["metadata"]["labels"]["operator.thanos.io/store-api"] == "true")
}
