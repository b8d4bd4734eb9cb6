//! Plays the kubelet: pods run and are ready, unless they are held, and answer as Thanos does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams, Preconditions};
use kube::core::Request;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::LIMIT;
use super::thanos::{Ingester, Router, Server, Thanos, hash};
use crate::support::patch_pod;

/// When pods are said to be ready that run for the first time, so that tests do not wait for them.
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

/// What the tests want of the pods.
#[derive(Default)]
struct Behavior {
    /// Prefixes of pods that do not start.
    held: BTreeSet<String>,
    /// Prefixes of routers that do not read their file again.
    late: BTreeSet<String>,
    /// Prefixes of pods that do not respond.
    silent: BTreeSet<String>,
    /// Uploads that fail, and failures to read the bucket, by ingester.
    failures: BTreeMap<String, (u64, u64)>,
    /// Series that an ingester keeps, by ingester.
    stuck: BTreeMap<String, u64>,
    /// The nodes of ingesters by their numbers, if they have any.
    nodes: Vec<String>,
}

/// Starts the pods of a namespace.
pub struct Kubelet {
    pods: Api<DynamicObject>,
    behavior: Arc<Mutex<Behavior>>,
    task: JoinHandle<()>,
}

impl Kubelet {
    pub fn start(cluster: &Cluster) -> Self {
        Self::with_nodes(cluster, &[])
    }

    /// One that puts each ingester onto the node of its number.
    pub fn with_nodes(cluster: &Cluster, nodes: &[String]) -> Self {
        let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
        let behavior = Arc::new(Mutex::new(Behavior {
            nodes: nodes.to_vec(),
            ..Default::default()
        }));
        let node = Node {
            client: cluster.client.clone(),
            namespace: cluster.namespace.clone(),
            pods: pods.clone(),
            maps: cluster.api(&json!({"apiVersion": "v1", "kind": "ConfigMap"})),
            behavior: behavior.clone(),
            running: BTreeMap::new(),
            stops: BTreeMap::new(),
        };
        let task = tokio::spawn(node.run());
        Self {
            pods,
            behavior,
            task,
        }
    }

    /// Pods with this name prefix do not start.
    pub fn hold(&self, prefix: &str) {
        self.behavior.lock().unwrap().held.insert(prefix.to_owned());
    }

    /// Reverts it.
    pub fn release(&self, prefix: &str) {
        self.behavior.lock().unwrap().held.remove(prefix);
    }

    /// A pod is not ready any more, and held.
    pub async fn break_down(&self, pod: &str) {
        self.hold(pod);
        let status = json!({"conditions": [condition("False", &Timestamp::now().to_string())]});
        patch_pod(&self.pods, pod, None, &status).await;
    }

    /// Routers with this name prefix keep their hashrings.
    pub fn delay(&self, prefix: &str) {
        self.behavior.lock().unwrap().late.insert(prefix.to_owned());
    }

    /// They read their hashrings again.
    pub fn catch_up(&self, prefix: &str) {
        self.behavior.lock().unwrap().late.remove(prefix);
    }

    /// Pods with this name prefix do not respond.
    pub fn silence(&self, prefix: &str) {
        self.behavior
            .lock()
            .unwrap()
            .silent
            .insert(prefix.to_owned());
    }

    /// Reverts it.
    pub fn unsilence(&self, prefix: &str) {
        self.behavior.lock().unwrap().silent.remove(prefix);
    }

    /// Number of failing uploads and failing bucket reads of an ingester.
    pub fn fail(&self, pod: &str, uploads: u64, bucket: u64) {
        let mut behavior = self.behavior.lock().unwrap();
        behavior.failures.insert(pod.to_owned(), (uploads, bucket));
    }

    /// An ingester keeps this number of series.
    pub fn keep(&self, pod: &str, series: u64) {
        let mut behavior = self.behavior.lock().unwrap();
        behavior.stuck.insert(pod.to_owned(), series);
    }

    /// An ingester uploads everything from now on, as one does that was started again.
    pub fn mend(&self, pod: &str) {
        let mut behavior = self.behavior.lock().unwrap();
        behavior.failures.remove(pod);
        behavior.stuck.remove(pod);
    }

    /// The pods whose names start so.
    pub async fn pods(&self, prefix: &str) -> Vec<DynamicObject> {
        let mut all = self.pods.list(&Default::default()).await.unwrap().items;
        all.retain(|pod| pod.name_any().starts_with(prefix));
        all
    }

    /// Address at which queriers reach the pods with this name prefix.
    pub async fn addresses(&self, prefix: &str) -> Vec<String> {
        let pods = self.pods(prefix).await;
        let ips = pods
            .iter()
            .filter_map(|p| p.data["status"]["podIP"].as_str());
        ips.map(|ip| format!("{ip}:10901")).collect()
    }

    /// The UID of a pod.
    pub async fn uid(&self, pod: &str) -> Option<String> {
        self.pods.get_opt(pod).await.unwrap()?.uid()
    }

    /// Waits until a pod is there, started or not, that is not of this UID.
    #[track_caller]
    pub fn other(&self, pod: &str, than: &str) -> impl Future<Output = String> {
        let attempt = async move || {
            let uid = self.uid(pod).await.ok_or("not there")?;
            match uid == than {
                true => Err("the same".to_owned()),
                false => Ok(uid),
            }
        };
        eventually(&format!("pod {pod} is another one"), LIMIT, attempt)
    }

    /// Waits until a pod is there, started or not.
    #[track_caller]
    pub fn exists(&self, pod: &str) -> impl Future<Output = String> {
        self.other(pod, "")
    }

    /// Waits until a pod is deleted.
    #[track_caller]
    pub fn deleted(&self, pod: &str) -> impl Future<Output = ()> {
        let attempt = async move || check(self.uid(pod).await.is_none(), || "there".to_owned());
        eventually(&format!("pod {pod} is deleted"), LIMIT, attempt)
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The loop, and what it remembers.
struct Node {
    client: Client,
    namespace: String,
    pods: Api<DynamicObject>,
    maps: Api<DynamicObject>,
    behavior: Arc<Mutex<Behavior>>,
    /// What runs, by UID of the pod.
    running: BTreeMap<String, Server>,
    /// How often the ingester of a name ended since it got samples, and the UID of the newest.
    stops: BTreeMap<String, (u32, String)>,
}

impl Node {
    async fn run(mut self) {
        let ours = ListParams::default().labels("app.kubernetes.io/name=thanos-receive");
        loop {
            let (pods, maps) = futures::join!(self.pods.list(&ours), self.maps.list(&ours));
            if let (Ok(pods), Ok(maps)) = (pods, maps) {
                let uids: BTreeSet<_> = pods.items.iter().filter_map(ResourceExt::uid).collect();
                self.running.retain(|uid, _| uids.contains(uid));
                for pod in &pods.items {
                    self.look_after(pod, &maps.items).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn look_after(&mut self, pod: &DynamicObject, maps: &[DynamicObject]) {
        let (name, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
        if pod.metadata.deletion_timestamp.is_some() {
            // It is on a node, which has stopped it.
            let this_one = Preconditions {
                uid: Some(uid),
                ..Preconditions::default()
            };
            let at_once = DeleteParams::default()
                .grace_period(0)
                .preconditions(this_one);
            let _ = self.pods.delete(&name, &at_once).await;
            return;
        }
        if self.bind(pod).await {
            return;
        }
        let owner = pod.labels().get("operator.thanos.io/owner");
        let map = owner.map(|cr| format!("thanos-receive-router-{cr}"));
        let map = maps.iter().find(|m| Some(m.name_any()) == map);
        let rings = map.and_then(|m| m.data["data"]["hashrings.json"].as_str());
        let rings = rings.unwrap_or_default();
        let is_router = name.starts_with("thanos-receive-router-");
        let (is_held, is_late, is_silent) = {
            let behavior = self.behavior.lock().unwrap();
            let is = |all: &BTreeSet<String>| all.iter().any(|p| name.starts_with(p));
            (is(&behavior.held), is(&behavior.late), is(&behavior.silent))
        };
        if !self.running.contains_key(&uid) && !is_held {
            let thanos = match is_router {
                true => Thanos::Router(Router { hash: hash(rings) }),
                false => Thanos::Ingester(Ingester::start()),
            };
            self.running
                .insert(uid.clone(), Server::start(thanos).await);
        }
        let again = self.stops.get(&name).is_some_and(|(_, last)| *last != uid);
        if !is_router {
            self.hold_samples(&name, &uid, rings);
        }
        let Some(server) = self.running.get(&uid) else {
            return;
        };
        server.update(is_silent, |thanos| match thanos {
            Thanos::Router(router) if !is_late => router.hash = hash(rings),
            Thanos::Router(_) => {}
            Thanos::Ingester(ingester) => {
                let behavior = self.behavior.lock().unwrap();
                let failures = behavior.failures.get(&name).copied();
                (ingester.upload_failures, ingester.bucket_failures) = failures.unwrap_or_default();
                let stops = self.stops.get(&name).map_or(0, |(stops, _)| *stops);
                // The newest sample of each series is uploaded at the second shutdown.
                let series = if stops < 2 { 5 } else { 0 };
                ingester.series = behavior.stuck.get(&name).copied().unwrap_or(series);
            }
        });
        let conditions = pod.data["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        let is_ready = conditions.any(|c| c["type"] == "Ready" && c["status"] == "True");
        if !is_ready && !is_held {
            let since = match again {
                true => Timestamp::now().to_string(),
                false => LONG_AGO.to_owned(),
            };
            patch_pod(
                &self.pods,
                &name,
                Some(&uid),
                &runs(pod, &server.ip, &since),
            )
            .await;
        }
    }

    /// Puts an ingester onto its node, and says whether it was put there just now.
    async fn bind(&self, pod: &DynamicObject) -> bool {
        let name = pod.name_any();
        let number = name.rsplit_once('-').and_then(|(_, n)| n.parse().ok());
        let node: Option<String> = {
            let behavior = self.behavior.lock().unwrap();
            number.and_then(|n: usize| behavior.nodes.get(n).cloned())
        };
        let is_router = name.starts_with("thanos-receive-router-");
        let is_bound = pod.data["spec"]["nodeName"].is_string();
        let Some(node) = node.filter(|_| !is_router && !is_bound) else {
            return false;
        };
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let body = binding.to_string().into_bytes();
        let request =
            Request::new(path).create_subresource("binding", &name, &PostParams::default(), body);
        // It may have been deleted.
        let _ = self.client.request_text(request.unwrap()).await;
        true
    }

    /// What an ingester holds: it gets samples while it is a member, and each stop uploads some.
    fn hold_samples(&mut self, pod: &str, uid: &str, rings: &str) {
        let is_member = rings.contains(&format!("\"{pod}."));
        let (stops, last) = self.stops.entry(pod.to_owned()).or_default();
        if is_member {
            *stops = 0;
        } else if !last.is_empty() && last != uid {
            *stops += 1;
        }
        uid.clone_into(last);
    }
}

/// The status of a pod that runs.
fn runs(pod: &DynamicObject, ip: &str, since: &str) -> Value {
    let container = &pod.data["spec"]["containers"][0];
    json!({
        "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
        "conditions": [condition("True", since)],
        "containerStatuses": [{
            "name": container["name"], "image": container["image"], "imageID": "", "ready": true,
            "restartCount": 0, "state": {"running": {"startedAt": since}},
        }],
    })
}

fn condition(status: &str, since: &str) -> Value {
    json!({"type": "Ready", "status": status, "lastTransitionTime": since})
}
