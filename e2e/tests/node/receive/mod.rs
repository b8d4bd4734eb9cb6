//! ThanosReceive with a client that writes, and one that counts what can be read. Both continue while
//! everything changes.

mod changes;
mod checking;
mod deletion;
mod drain;
mod loopback;
mod processes;
mod prometheus;
mod samples;
mod walk;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::controller::{Program, QUERY, RECEIVE, STORE};
use e2e::remote_write::{Failure, HEADERS, Transport};
use e2e::wait::{check, eventually};
use e2e::writer::Account;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use self::checking::{LAG, Querier, is_whole, querier_of};
use crate::stores::bucket;
use crate::support::{STARTED, is, pods, stores};

const VERSION: &str = "monitoring.thanos.io/v1alpha1";

/// The Secret of the bucket.
const BUCKET: &str = "bucket";

/// The one hashring.
const RING: &str = "default";

/// Longer than all steps of a change take for three members: 90 s for each pod that is replaced, most of
/// which is `minReadySeconds`.
const CHANGED: Duration = Duration::from_secs(540);

/// Until queriers follow.
const KNOWN: Duration = Duration::from_secs(60);

/// A ThanosReceive with one hashring, in a namespace of its own with a ThanosStore over the same bucket
/// and a ThanosQuery over both. All have one name.
struct Subject {
    cluster: Cluster,
    name: &'static str,
}

impl Subject {
    /// Makes all of them, and waits until samples can be written and read.
    async fn start(name: &'static str, members: usize) -> Self {
        Self::start_with(name, receive(name, members), members).await
    }

    /// The same for a ThanosReceive that is this one.
    async fn start_with(name: &'static str, receive: Value, members: usize) -> Self {
        bucket::start();
        let cluster = Cluster::of(RECEIVE, name).await;
        let subject = Self { cluster, name };
        subject.made(receive, members).await;
        subject
    }

    async fn made(&self, receive: Value, members: usize) {
        let (cluster, name) = (&self.cluster, self.name);
        cluster.apply(bucket::secret(BUCKET, &[])).await;
        cluster.apply(receive).await;
        // Blocks are synced sooner than storeSyncDelay.
        let soon = json!({"additionalArgs": ["--sync-block-duration=10s"]});
        cluster
            .apply(crate::stores::store(name, BUCKET, soon))
            .await;
        // The other way to deduplicate leaves samples out.
        let exact = json!({"additionalArgs": ["--deduplication.func=chain"]});
        let query = json!({
            "apiVersion": VERSION, "kind": "ThanosQuery",
            "metadata": {"name": name}, "spec": exact,
        });
        cluster.apply(query).await;
        self.stable(members).await;
        let store = self.of(STORE);
        store
            .reports(name, "Ready", ("status", "True"), STARTED)
            .await;
        is(&self.of(QUERY), name, "Ready", "True", STARTED).await;
        self.is_known(members).await;
    }

    /// The same namespace, for another kind.
    fn of(&self, program: Program) -> Cluster {
        Cluster {
            client: self.cluster.client.clone(),
            namespace: self.cluster.namespace.clone(),
            program,
        }
    }

    /// Deletes all of them.
    async fn end(self) {
        for program in [QUERY, RECEIVE, STORE] {
            self.cluster
                .delete_within(VERSION, program.kind, self.name, KNOWN)
                .await;
        }
        // The deletion of a namespace with terminating pods is retried after half of the time that
        // these may take, which is minutes for ingesters.
        self.emptied().await;
        let namespace = self.cluster.namespace.clone();
        self.cluster
            .delete_within("v1", "Namespace", &namespace, CHANGED)
            .await;
    }

    /// Waits until all routers and ingesters are deleted.
    async fn emptied(&self) {
        let is_deleted = async || {
            let routers = self.pods("thanos-receive-router").await.len();
            let ingesters = self.pods("thanos-receive-ingester").await.len();
            check(ingesters == 0 && routers == 0, || {
                format!("{routers} routers, {ingesters} ingesters")
            })
        };
        eventually("all pods are deleted", CHANGED, is_deleted).await;
    }

    /// How a writer reaches the routers: each request is sent to any ready one.
    fn transport(&self) -> Transport {
        transport(self.of(RECEIVE), self.name)
    }

    /// How the counting client reaches the queriers.
    fn querier(&self) -> Querier {
        querier_of(self.of(QUERY), self.name)
    }

    /// Changes the spec, as `kubectl patch` does.
    async fn change(&self, spec: Value) {
        let receives = json!({"apiVersion": VERSION, "kind": "ThanosReceive"});
        let patch = Patch::Merge(json!({"spec": spec}));
        let params = PatchParams::default();
        let api = self.cluster.api(&receives);
        api.patch(self.name, &params, &patch).await.unwrap();
    }

    /// Changes the number of members, and waits until all of it is done.
    async fn resize(&self, members: usize) {
        let began = Instant::now();
        let ring = json!([hashring(members)]);
        self.change(json!({"ingesterSpec": {"hashrings": ring}}))
            .await;
        self.stable(members).await;
        println!("{members} members after {:.0?}", began.elapsed());
    }

    /// Changes how often every sample is kept, and waits until every router knows it.
    async fn replicate(&self, factor: usize, members: usize) {
        let began = Instant::now();
        self.change(json!({"routerSpec": {"replicationFactor": factor}}))
            .await;
        let argument = format!("--receive.replication-factor={factor}");
        self.run_with("thanos-receive-router", &argument, 2).await;
        self.stable(members).await;
        println!("replicated {factor} times after {:.0?}", began.elapsed());
    }

    /// The names of the pods of so many members.
    fn members(&self, count: usize) -> Vec<String> {
        (0..count).map(|i| self.member(i)).collect()
    }

    /// The name of a member's pod.
    fn member(&self, index: usize) -> String {
        format!("thanos-receive-ingester-{}-{RING}-{index}", self.name)
    }

    /// Waits until these are the members and the only pods, and nothing is left to do for it.
    async fn stable(&self, members: usize) {
        let desired = json!(self.members(members));
        let attempt = async || {
            let receive = self.cluster.get(VERSION, "ThanosReceive", self.name);
            let receive = receive.await.ok_or("no such resource")?;
            let status = &receive["status"];
            let conditions = status["conditions"].as_array();
            let stable = conditions.into_iter().flatten().any(|c| {
                c["type"] == "HashringStable"
                    && c["status"] == "True"
                    && c["observedGeneration"] == receive["metadata"]["generation"]
            });
            let found = &status["hashrings"][0]["members"];
            check(stable && *found == desired, || format!("{status:#}"))
        };
        eventually(&format!("members are {desired}"), CHANGED, attempt).await;
        self.cluster
            .reports(self.name, "Ready", ("status", "True"), CHANGED)
            .await;
        let is_deleted = async || {
            let count = self.pods("thanos-receive-ingester").await.len();
            check(count == members, || format!("{count} pods"))
        };
        eventually("no other pods", CHANGED, is_deleted).await;
    }

    /// All pods of a component.
    async fn pods(&self, component: &str) -> Vec<Value> {
        let owner = self.name;
        let labels =
            format!("app.kubernetes.io/component={component},operator.thanos.io/owner={owner}");
        let all = pods(&self.cluster, &labels).await;
        let all = all
            .into_iter()
            .map(|pod| serde_json::to_value(pod).unwrap());
        all.collect()
    }

    /// Waits until there are so many pods of a component and no others, all of them with an argument,
    /// and ready.
    async fn run_with(&self, component: &str, argument: &str, count: usize) {
        let attempt = async || {
            let all = self.pods(component).await;
            let with = all.iter().filter(|pod| {
                let args = pod["spec"]["containers"][0]["args"].to_string();
                args.contains(argument) && is_ready(pod)
            });
            let with = with.count();
            check(with == count && all.len() == count, || {
                format!("{with} of {} pods", all.len())
            })
        };
        let what = format!("{count} pods of {component} with {argument}");
        eventually(&what, CHANGED, attempt).await;
    }

    /// Waits until the querier knows so many ingesters and one store, all of them well.
    async fn is_known(&self, ingesters: usize) {
        let attempt = async || {
            let all = stores(&self.of(QUERY), self.name).await?;
            let well = all.iter().all(|s| s["lastError"].is_null());
            let of_kind = |kind: &str| all.iter().filter(|s| s["kind"] == kind).count();
            let all_known = of_kind("receive") == ingesters && of_kind("store") == 1;
            check(well && all_known, || format!("{all:#?}"))
        };
        eventually("the querier knows all", KNOWN, attempt).await;
    }
}

/// A ThanosReceive with a hashring of so many members.
fn receive(name: &str, members: usize) -> Value {
    json!({
        "apiVersion": VERSION, "kind": "ThanosReceive", "metadata": {"name": name},
        "spec": {
            "routerSpec": {"replicas": 2, "replicationFactor": 1},
            "ingesterSpec": {
                "defaultObjectStorageConfig": {"name": BUCKET, "key": "thanos.yaml"},
                "storeSyncDelay": "30s",
                "hashrings": [hashring(members)],
            },
        },
    })
}

fn hashring(members: usize) -> Value {
    json!({"name": RING, "replicas": members, "storage": {"size": "1Gi"}})
}

/// Whether the first container of a pod is ready.
fn is_ready(pod: &Value) -> bool {
    pod["status"]["containerStatuses"][0]["ready"] == true
}

/// Writes to the routers of a ThanosReceive, through the API server.
fn transport(cluster: Cluster, name: &str) -> Transport {
    let cluster = Arc::new(cluster);
    let namespace = &cluster.namespace;
    let service = format!("services/thanos-receive-router-{name}:remote-write");
    let uri = format!("/api/v1/namespaces/{namespace}/{service}/proxy/api/v1/receive");
    Box::new(move |body| {
        let mut request = http::Request::post(&uri);
        for (name, value) in HEADERS {
            request = request.header(name, value);
        }
        let cluster = cluster.clone();
        Box::pin(async move {
            let failure = |code, why| Failure { code, why };
            let request = request.body(body);
            let request = request.map_err(|e| failure(None, e.to_string()))?;
            match cluster.client.request_text(request).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) => Err(failure(Some(status.code), status.message)),
                Err(error) => Err(failure(None, error.to_string())),
            }
        })
    })
}

/// Waits until what is written from now on has been counted.
async fn a_while(account: &Account) {
    // It is counted every second.
    let more = 1 + usize::try_from((LAG + 2000) / account.stream.every).unwrap();
    let ticks = || account.read(|written| written.ticks().len());
    let desired = ticks() + more;
    let attempt = async || {
        let is = ticks();
        check(is >= desired, || format!("{is} of {desired} ticks"))
    };
    eventually("samples are written", CHANGED, attempt).await;
}

/// Waits until everything can be read that was acknowledged after a time.
async fn whole(querier: &Querier, account: &Account, after: i64) {
    let attempt = async || is_whole(querier, account, after).await;
    eventually("every sample can be read", KNOWN, attempt).await;
}

/// The blocks that a member has on its volume, of every tenant.
fn blocks_of(volume: &str) -> BTreeSet<String> {
    let folders = |path: &Path| {
        let all = std::fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        all.map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect::<Vec<_>>()
    };
    let tenants = folders(Path::new(volume));
    let inside = tenants.iter().flat_map(|tenant| folders(tenant));
    let blocks = inside.filter(|path| path.join("meta.json").exists());
    blocks
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}
