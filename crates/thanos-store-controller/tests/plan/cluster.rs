//! Simulated cluster: StatefulSets with their pods, Services, and queriers that resolve them.

use std::collections::{BTreeMap, BTreeSet};

use plan_testing::objects::{queriers, uid};
use serde_json::{Value, json};

use crate::case::Case;
use crate::case::world;

pub const QUERIERS: usize = 2;
pub const STORE_API: &str = "operator.thanos.io/store-api";
const GROUP: &str = "operator.thanos.io/endpoint-group";

#[derive(Clone, Debug)]
pub struct Pod {
    pub ip: String,
    pub ready: bool,
    /// Digest of the template.
    pub hash: String,
}

/// A cluster, and the probe results of a controller.
#[derive(Default)]
pub struct Cluster {
    pub replicas: i32,
    pub shards: i32,
    pub restarted: u32,
    /// Applied StatefulSets with their status.
    pub sets: BTreeMap<String, Value>,
    pub services: BTreeMap<String, Value>,
    /// Pods by StatefulSet and ordinal.
    pub pods: BTreeMap<(String, i32), Pod>,
    pub addresses: u32,
    /// Endpoints that each querier lists for each Service.
    pub listed: [BTreeMap<String, BTreeSet<String>>; QUERIERS],
    /// Last probe result of the controller.
    pub probed: [Option<BTreeSet<String>>; QUERIERS],
}

pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub fn number(value: &Value, pointer: &str) -> i32 {
    let number = value.pointer(pointer).and_then(Value::as_i64);
    i32::try_from(number.unwrap_or_default()).unwrap()
}

fn hash(set: &Value) -> &str {
    text(
        set,
        "/metadata/annotations/operator.thanos.io~1template-hash",
    )
}

pub fn address(pod: &Pod) -> String {
    format!("{}:10901", pod.ip)
}

fn group(service: &str) -> String {
    format!("thanos:///dns+{service}.monitoring.svc:10901")
}

impl Cluster {
    /// Whether it is ready and listed by every querier.
    pub fn new(shards: i32, replicas: i32) -> Self {
        let mut cluster = Self {
            shards,
            replicas,
            ..Self::default()
        };
        cluster.settle();
        cluster
    }

    pub fn case(&self) -> Case {
        Case {
            annotations: BTreeMap::from([(
                "operator.thanos.io/restarted-at".to_owned(),
                self.restarted.to_string(),
            )]),
            spec: json!({"replicas": self.replicas, "shardingStrategy": {"shards": self.shards}}),
            ..Default::default()
        }
    }

    /// Objects that the API server stores.
    pub fn objects(&self) -> Vec<Value> {
        let pods = self.pods.iter().map(|((set, ordinal), pod)| {
            let mut object = world::store("main", set, *ordinal, &pod.ip);
            let ready = if pod.ready { "True" } else { "False" };
            object["status"]["conditions"][0]["status"] = json!(ready);
            object
        });
        let sets = self.sets.values().cloned();
        sets.chain(pods).chain(queriers(QUERIERS)).collect()
    }

    pub fn apply(&mut self, name: String, mut body: Value) {
        let before = self.sets.get(&name);
        let same = before.is_some_and(|b| b["spec"] == body["spec"]);
        let generation = before.map_or(0, |b| number(b, "/metadata/generation"));
        body["metadata"]["uid"] = json!(uid(&name));
        body["metadata"]["generation"] = json!(generation + i32::from(!same));
        body["status"] = before.map_or(json!({}), |b| b["status"].clone());
        self.sets.insert(name, body);
    }

    /// One step of the StatefulSet controller.
    pub fn run(&mut self, name: &str) {
        let Some(set) = self.sets.get(name) else {
            return;
        };
        let hash = hash(set).to_owned();
        let replicas = number(set, "/spec/replicas");
        let partition = number(set, "/spec/updateStrategy/rollingUpdate/partition");
        let at = |ordinal| (name.to_owned(), ordinal);
        let missing = (0..replicas).find(|i| !self.pods.contains_key(&at(*i)));
        let surplus = self
            .pods
            .keys()
            .rfind(|(set, i)| set == name && *i >= replicas);
        let unready = (0..replicas).find(|i| self.pods.get(&at(*i)).is_some_and(|p| !p.ready));
        let stale =
            (partition..replicas).rfind(|i| self.pods.get(&at(*i)).is_some_and(|p| p.hash != hash));
        if let Some(ordinal) = missing {
            // Below the partition, the previous template is used.
            let first = self.pods.get(&at(0)).filter(|_| ordinal < partition);
            let hash = first.map_or(hash, |p| p.hash.clone());
            self.start(at(ordinal), hash);
        } else if let Some(surplus) = surplus.cloned() {
            self.pods.remove(&surplus);
        } else if let Some(ordinal) = unready {
            self.pods.get_mut(&at(ordinal)).unwrap().ready = true;
        } else if let Some(ordinal) = stale.filter(|_| self.have_been_ready_for_long(name)) {
            self.start(at(ordinal), hash);
        }
        self.status_inputs(name);
    }

    /// Whether pods have been ready for `minReadySeconds`, if set: it is longer than queriers need
    /// to resolve names.
    fn have_been_ready_for_long(&self, name: &str) -> bool {
        let set = &self.sets[name];
        let now = self.resolve(name);
        let is_known = |listed: &BTreeMap<String, BTreeSet<String>>| {
            listed.get(name).is_none_or(|listed| *listed == now)
        };
        number(set, "/spec/minReadySeconds") == 0 || self.listed.iter().all(is_known)
    }

    fn start(&mut self, at: (String, i32), hash: String) {
        self.addresses += 1;
        let ip = format!("10.0.{}.{}", self.addresses / 250, self.addresses % 250);
        let ready = false;
        self.pods.insert(at, Pod { ip, ready, hash });
    }

    /// Status of the StatefulSet.
    pub fn status_inputs(&mut self, name: &str) {
        let Some(set) = self.sets.get_mut(name) else {
            return;
        };
        let hash = hash(set).to_owned();
        let pods = self.pods.iter().filter(|((of, _), _)| of == name);
        let pods: Vec<&Pod> = pods.map(|(_, pod)| pod).collect();
        let ready = pods.iter().filter(|p| p.ready).count();
        set["status"] = json!({
            "observedGeneration": set["metadata"]["generation"],
            "replicas": pods.len(), "readyReplicas": ready, "availableReplicas": ready,
            "updatedReplicas": pods.iter().filter(|p| p.hash == hash).count(),
        });
    }

    /// Endpoints that queriers list for a Service.
    pub fn resolve(&self, service: &str) -> BTreeSet<String> {
        let pods = self
            .pods
            .iter()
            .filter(|((set, _), p)| set == service && p.ready);
        let addresses: BTreeSet<String> = pods.map(|(_, p)| address(p)).collect();
        let object = self.services.get(service);
        match object.is_some_and(|s| s["metadata"]["labels"].get(GROUP).is_some()) {
            true if addresses.is_empty() => addresses,
            true => BTreeSet::from([group(service)]),
            false => addresses,
        }
    }

    /// Endpoints that queriers may list for a Service, whatever it was when they resolved it.
    pub fn ever_resolved(&self, service: &str) -> BTreeSet<String> {
        let pods = self.pods.iter().filter(|((set, _), _)| set == service);
        let pods = pods.map(|(_, pod)| address(pod));
        pods.chain([group(service)]).collect()
    }

    /// A querier resolves one Service.
    pub fn learn(&mut self, querier: usize, service: &str) {
        let object = self.services.get(service);
        let offered = object.is_some_and(|s| s["metadata"]["labels"].get(STORE_API).is_some());
        match offered {
            true => self.listed[querier].insert(service.to_owned(), self.resolve(service)),
            false => self.listed[querier].remove(service),
        };
    }

    /// The controller probes a querier.
    pub fn hear(&mut self, querier: usize) {
        let all = self.listed[querier].values().flatten().cloned();
        self.probed[querier] = Some(all.collect());
    }

    /// A node is lost.
    pub fn lose(&mut self, which: u8) {
        let all: Vec<(String, i32)> = self.pods.keys().cloned().collect();
        if let Some(key) = all.get(usize::from(which) % all.len().max(1)) {
            self.pods.remove(key);
            self.status_inputs(&key.0);
        }
    }
}
