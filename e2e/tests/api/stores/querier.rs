//! Plays a querier: a pod of a Deployment as the query controller makes it, and an HTTP server that lists
//! endpoints.

use std::sync::{Arc, Mutex};

use e2e::cluster::{Cluster, SOON};
use e2e::wait::eventually;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::query;

/// A querier. Ended when dropped.
pub struct Querier {
    listed: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Querier {
    /// Starts one that serves its API under `/thanos`.
    pub async fn start(cluster: &Cluster, name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let listed = Arc::<Mutex<Vec<String>>>::default();
        let task = tokio::spawn(serve(listener, listed.clone()));
        let owner = cluster.apply(query(name, json!({"paused": true}))).await;
        let labels = json!({
            "app.kubernetes.io/name": "thanos-query", "app.kubernetes.io/part-of": "thanos",
            "app.kubernetes.io/instance": name,
        });
        let mut controlled = labels.clone();
        controlled["operator.thanos.io/controller"] = json!("thanos-query-controller");
        cluster
            .apply(json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {
                    "name": name, "labels": controlled,
                    "ownerReferences": [{
                        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
                        "name": name, "uid": owner.metadata.uid, "controller": true,
                    }],
                },
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [{
                            "name": "thanos-query", "image": "x",
                            "args": ["query", "--web.route-prefix=/thanos"],
                            "ports": [{"name": "http", "containerPort": port}],
                        }]},
                    },
                },
            }))
            .await;
        let name = made(cluster, name).await;
        let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
        let status = json!({"status": {
            "phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}],
        }});
        pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
            .await
            .unwrap();
        Self { listed, task }
    }

    /// Lists these endpoints from now on.
    pub fn lists(&self, endpoints: &[&[String]]) {
        *self.listed.lock().unwrap() = endpoints.concat();
    }
}

/// The pod that a Deployment has made.
async fn made(cluster: &Cluster, deployment: &str) -> String {
    let start = format!("{deployment}-");
    let attempt = async || {
        let pods = cluster.names("v1", "Pod").await;
        let found = pods.into_iter().find(|pod| pod.starts_with(&start));
        found.ok_or_else(|| "there is no pod".to_owned())
    };
    eventually(&format!("a pod of {deployment}"), SOON, attempt).await
}

impl Drop for Querier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, listed: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, listed.clone()));
    }
}

async fn answer(mut stream: TcpStream, listed: Arc<Mutex<Vec<String>>>) {
    let mut request = [0; 4096];
    let read = stream.read(&mut request).await.unwrap_or_default();
    let found = request[..read].starts_with(b"GET /thanos/api/v1/stores ");
    let stores: Vec<Value> = listed
        .lock()
        .unwrap()
        .iter()
        .map(|name| json!({"name": name, "lastError": null, "labelSets": [], "minTime": 0, "maxTime": 1}))
        .collect();
    let body = json!({"status": "success", "data": {"store": stores}}).to_string();
    let code = if found { "200 OK" } else { "404 Not Found" };
    let answer = format!(
        "HTTP/1.1 {code}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // A controller that was killed does not read it.
    let _ = stream.write_all(answer.as_bytes()).await;
}
