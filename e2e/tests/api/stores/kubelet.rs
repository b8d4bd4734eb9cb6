//! Plays the kubelet: pods run and are ready, unless they are held.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::patch_pod;

/// Starts the pods of a namespace.
pub struct Kubelet {
    pods: Api<DynamicObject>,
    held: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl Kubelet {
    pub fn start(cluster: &Cluster) -> Self {
        let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
        let held = Arc::<Mutex<BTreeSet<String>>>::default();
        let task = tokio::spawn(run(pods.clone(), held.clone()));
        Self { pods, held, task }
    }

    /// Pods whose names start so do not start.
    pub fn hold(&self, prefix: &str) {
        self.held.lock().unwrap().insert(prefix.to_owned());
    }

    /// They do.
    pub fn release(&self, prefix: &str) {
        self.held.lock().unwrap().remove(prefix);
    }

    /// A pod is not ready any more, and held.
    pub async fn break_down(&self, pod: &str) {
        self.hold(pod);
        patch_pod(
            &self.pods,
            pod,
            None,
            &json!({"conditions": [condition("False")]}),
        )
        .await;
    }

    /// Address at which queriers reach the pods with this name prefix.
    pub async fn addresses(&self, prefix: &str) -> Vec<String> {
        let all = self.pods.list(&Default::default()).await.unwrap().items;
        let found = all.iter().filter(|p| p.name_any().starts_with(prefix));
        found
            .filter_map(|p| p.data["status"]["podIP"].as_str())
            .map(|ip| format!("{ip}:10901"))
            .collect()
    }

    /// Waits until so many pods whose names start so have an address.
    pub async fn have_addresses(&self, prefix: &str, count: usize) -> Vec<String> {
        let attempt = async || {
            let found = self.addresses(prefix).await;
            match found.len() == count {
                true => Ok(found),
                false => Err(format!("{found:?}")),
            }
        };
        eventually(
            &format!("{count} addresses of {prefix}"),
            super::STEP,
            attempt,
        )
        .await
    }

    /// Waits until a pod is there, started or not.
    pub async fn exists(&self, pod: &str) {
        let attempt = async || {
            let found = self.pods.get_opt(pod).await.unwrap();
            check(found.is_some(), || "not there".to_owned())
        };
        eventually(&format!("pod {pod}"), super::STEP, attempt).await;
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(pods: Api<DynamicObject>, held: Arc<Mutex<BTreeSet<String>>>) {
    // Addresses of this test only: what listens there refuses at once.
    let mut next = 1;
    loop {
        let all = pods.list(&Default::default()).await;
        for pod in all.map(|l| l.items).unwrap_or_default() {
            let name = pod.name_any();
            let is_held = held.lock().unwrap().iter().any(|h| name.starts_with(h));
            let conditions = pod.data["status"]["conditions"].as_array();
            let is_ready = conditions
                .into_iter()
                .flatten()
                .any(|c| c["type"] == "Ready" && c["status"] == "True");
            // Queriers say where they are themselves.
            let is_store = name.starts_with("thanos-store-");
            if !is_store || is_held || is_ready || pod.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let known = pod.data["status"]["podIP"].as_str().map(str::to_owned);
            let ip = known.unwrap_or_else(|| {
                next += 1;
                format!(
                    "127.{}.{}.{}",
                    next / 65536 + 77,
                    next / 256 % 256,
                    next % 256
                )
            });
            let container = pod.data["spec"]["containers"][0]["name"].clone();
            let image = pod.data["spec"]["containers"][0]["image"].clone();
            patch_pod(
                &pods,
                &name,
                pod.metadata.uid.as_deref(),
                &json!({
                    "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
                    "conditions": [condition("True")],
                    "containerStatuses": [{
                        "name": container, "image": image, "imageID": "", "ready": true,
                        "restartCount": 0,
                        "state": {"running": {"startedAt": "2020-01-01T00:00:00Z"}},
                    }],
                }),
            )
            .await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn condition(status: &str) -> Value {
    json!({"type": "Ready", "status": status, "lastTransitionTime": "2020-01-01T00:00:00Z"})
}

/// What the status of a pod says.
pub async fn says(cluster: &Cluster, pod: &str, status: Value) {
    let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
    patch_pod(&pods, pod, None, &status).await;
}
