//! What became of the objects, version by version, and what must hold at each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use e2e::cluster::{Cluster, SOON};
use e2e::wait::{check, eventually};
use futures::StreamExt;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const KINDS: [(&str, &str); 5] = [
    ("v1", "ConfigMap"),
    ("v1", "Pod"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
];

/// One version of an object.
#[derive(Clone)]
pub struct Version {
    /// In the order of all objects.
    pub number: u64,
    pub kind: &'static str,
    pub name: String,
    /// Nothing once it is deleted.
    pub object: Option<Value>,
    /// When it was seen.
    pub at: Instant,
}

impl Version {
    fn of(kind: &'static str, object: &DynamicObject, is_there: bool) -> Self {
        Self {
            number: number(object),
            kind,
            name: object.name_any(),
            object: is_there.then(|| serde_json::to_value(object).unwrap()),
            at: Instant::now(),
        }
    }
}

/// Everything since the start. Ended when dropped.
pub struct History {
    apis: Vec<(&'static str, Api<DynamicObject>)>,
    seen: Arc<Mutex<Vec<Version>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl History {
    /// Watches a namespace.
    pub async fn start(cluster: &Cluster) -> Self {
        let seen = Arc::<Mutex<Vec<Version>>>::default();
        let (mut apis, mut tasks) = (Vec::new(), Vec::new());
        for (api_version, kind) in KINDS {
            let api = cluster.api(&json!({"apiVersion": api_version, "kind": kind}));
            let list = api.list(&Default::default()).await.unwrap();
            let from = list.metadata.resource_version.clone().unwrap();
            let there = list.items.iter().map(|it| Version::of(kind, it, true));
            seen.lock().unwrap().extend(there);
            tasks.push(tokio::spawn(watch(api.clone(), kind, from, seen.clone())));
            apis.push((kind, api));
        }
        Self { apis, seen, tasks }
    }

    /// Every version until now, in order.
    pub async fn versions(&self) -> Vec<Version> {
        for (kind, api) in &self.apis {
            let now = api.list(&Default::default()).await.unwrap().items;
            let numbers: Vec<u64> = now.iter().map(number).collect();
            let attempt = async || {
                let seen = self.seen.lock().unwrap();
                let seen: BTreeSet<u64> = seen.iter().map(|v| v.number).collect();
                check(numbers.iter().all(|n| seen.contains(n)), || {
                    format!("{numbers:?}")
                })
            };
            eventually(&format!("every {kind} was seen"), SOON, attempt).await;
        }
        let mut all = self.seen.lock().unwrap().clone();
        all.sort_by_key(|v| v.number);
        all
    }

    /// The hashrings of `cr` as they were published, each once, without the empty ones.
    pub async fn published(&self, cr: &str) -> Vec<Vec<Value>> {
        let name = format!("thanos-receive-router-{cr}");
        let all = self.versions().await;
        let maps = all
            .iter()
            .filter(|v| v.kind == "ConfigMap" && v.name == name);
        let mut files: Vec<Vec<Value>> = maps
            .filter_map(|v| v.object.as_ref().map(file))
            .filter(|f| !f.is_empty())
            .collect();
        files.dedup();
        files
    }

    /// Panics if anything was done to `cr` that loses samples, or that routers do not bear.
    pub async fn assert_sound(&self, cr: &str) {
        let mut state = State::default();
        for version in self.versions().await {
            state.take_in(cr, &version);
            if let Err(why) = state.is_sound() {
                panic!(
                    "version {} of {} {}: {why}",
                    version.number, version.kind, version.name
                );
            }
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// The hashrings in a ConfigMap.
pub fn file(map: &Value) -> Vec<Value> {
    let text = map["data"]["hashrings.json"].as_str().unwrap_or("[]");
    serde_json::from_str(text).unwrap_or_default()
}

fn number(object: &DynamicObject) -> u64 {
    let version = object.resource_version().unwrap_or_default();
    version.parse().expect("a resource version")
}

async fn watch(
    api: Api<DynamicObject>,
    kind: &'static str,
    from: String,
    seen: Arc<Mutex<Vec<Version>>>,
) {
    let mut from = from;
    loop {
        let Ok(stream) = api.watch(&WatchParams::default(), &from).await else {
            continue;
        };
        let mut stream = std::pin::pin!(stream);
        while let Some(Ok(event)) = stream.next().await {
            let (object, is_there) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, true),
                WatchEvent::Deleted(object) => (object, false),
                WatchEvent::Bookmark(_) | WatchEvent::Error(_) => continue,
            };
            from = object.resource_version().unwrap_or(from);
            let version = Version::of(kind, &object, is_there);
            seen.lock().unwrap().push(version);
        }
    }
}

/// What is there after a version.
#[derive(Default)]
struct State {
    rings: Vec<Value>,
    /// Replication factors of routers: of those that run, and of those that may be started.
    factors: BTreeMap<String, usize>,
    /// How many pods each StatefulSet has.
    replicas: BTreeMap<String, i64>,
    /// PVCs that were deleted.
    deleted: BTreeSet<String>,
}

impl State {
    fn take_in(&mut self, cr: &str, version: &Version) {
        let (kind, name) = (version.kind, &version.name);
        let router = format!("thanos-receive-router-{cr}");
        let object = version.object.as_ref();
        if name.starts_with(&router) {
            let (containers, key) = match kind {
                "ConfigMap" => {
                    self.rings = object.map(file).unwrap_or_default();
                    return;
                }
                "Pod" => ("/spec/containers/0/args", name.clone()),
                _ => ("/spec/template/spec/containers/0/args", "template".into()),
            };
            let args = object.and_then(|o| o.pointer(containers));
            match args.and_then(replication_factor) {
                Some(factor) => self.factors.insert(key, factor),
                None => self.factors.remove(&key),
            };
        }
        match (kind, object) {
            ("StatefulSet", Some(set)) => {
                let replicas = set["spec"]["replicas"].as_i64().unwrap_or_default();
                self.replicas.insert(name.clone(), replicas);
            }
            ("StatefulSet", None) => {
                self.replicas.insert(name.clone(), 0);
            }
            ("PersistentVolumeClaim", None) => {
                self.deleted.insert(name.clone());
            }
            ("PersistentVolumeClaim", Some(_)) => {
                self.deleted.remove(name);
            }
            _ => {}
        }
    }

    fn is_sound(&self) -> Result<(), String> {
        let factor = self.factors.values().copied().max().unwrap_or(0);
        if self.rings.is_empty() {
            return Ok(());
        }
        for ring in &self.rings {
            let members = members(ring);
            if members.len() < factor.max(1) {
                return Err(format!("{members:?} for {:?}", self.factors));
            }
            for pod in members {
                let (set, number) = pod.rsplit_once('-').unwrap();
                let replicas = self.replicas.get(set).copied().unwrap_or_default();
                if number.parse::<i64>().unwrap() >= replicas {
                    return Err(format!("{pod} is a member, and {set} has {replicas} pods"));
                }
                if self.deleted.contains(&format!("data-{pod}")) {
                    return Err(format!("{pod} is a member without its volume"));
                }
            }
        }
        Ok(())
    }
}

/// The pods of a hashring.
pub fn members(ring: &Value) -> Vec<String> {
    let endpoints = ring["endpoints"].as_array().cloned().unwrap_or_default();
    let addresses = endpoints
        .iter()
        .filter_map(|e| e["address"].as_str().or(e.as_str()));
    addresses
        .filter_map(|a| a.split('.').next().map(str::to_owned))
        .collect()
}

fn replication_factor(args: &Value) -> Option<usize> {
    let mut args = args.as_array()?.iter().filter_map(Value::as_str);
    let factor = args.find_map(|a| a.strip_prefix("--receive.replication-factor="))?;
    factor.parse().ok()
}
