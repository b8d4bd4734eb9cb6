//! Every field of the schema that is ours, and every structure of Kubernetes that it embeds, is set
//! and unset again on live resources: setting it changes an object or the status, and unsetting it
//! restores the first state exactly.
//!
//! That the fields inside of embedded structures all reach the plan is tested without a cluster.

use std::time::{Duration, Instant};

use e2e::cluster::{Cluster, MANAGER, SOON};
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use futures::future::join_all;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::leaf_samples::{around, embedded, our_leaves};
use crate::leaf_state::{State, difference, state};
use crate::leaf_world::populate;
use crate::sample::Leaf;
use crate::support::{query, with_crds};

/// Resources that are worked on at the same time, each in a namespace of its own: what one is given
/// must not be what another one finds.
const WORKERS: usize = 4;

/// The resource of each namespace.
const NAME: &str = "q";

/// How long a state must last before it counts as the first.
const STILL: Duration = Duration::from_millis(400);

/// How long an effect may take that comes with a later reconcile, such as that of a Service of our own
/// on what it is found by.
const LATER: Duration = Duration::from_secs(10);

/// One resource, on which leaf after leaf is set and unset.
struct Worker {
    cluster: Cluster,
    uid: String,
    /// The spec that it has between two leaves, and the state that comes of it.
    base: Option<(Value, State)>,
}

impl Worker {
    async fn new(cluster: Cluster) -> Self {
        populate(&cluster).await;
        // What is learned is kept, so it must be learned before the first state.
        let all = json!({"serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": {}});
        let it = cluster.apply(query(NAME, all)).await;
        cluster.condition(NAME, "Reconciled", "Applied").await;
        Self {
            cluster,
            uid: it.metadata.uid.unwrap(),
            base: None,
        }
    }

    /// Replaces the whole spec. An apply would not do: where it takes the last field out of a
    /// section that it leaves behind empty, the API server stores `null` for the section.
    async fn replace(&self, spec: &Value) -> Result<DynamicObject, kube::Error> {
        let api = self.cluster.api(&query(NAME, json!({})));
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..Default::default()
        };
        loop {
            let mut it = api.get(NAME).await?;
            it.data["spec"] = spec.clone();
            match api.replace(NAME, &params, &it).await {
                // The status was written in between.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                answer => return answer,
            }
        }
    }

    /// Gives it a spec and waits for the outcome; the reason and message of `Reconciled`.
    async fn give(&self, spec: &Value) -> Result<(String, String), kube::Error> {
        let it = self.replace(spec).await?;
        let attempt = async || {
            let it = self
                .cluster
                .get("monitoring.thanos.io/v1alpha1", "ThanosQuery", NAME)
                .await;
            let it = it.unwrap();
            let conditions = it["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let found = conditions.into_iter().find(|c| c["type"] == "Reconciled");
            let found = found.unwrap_or_default();
            let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
            let done = found["observedGeneration"].as_i64() == it_generation(&it);
            check(done, || text("reason")).map(|()| (text("reason"), text("message")))
        };
        let generation = it.metadata.generation;
        Ok(eventually(
            &format!("generation {generation:?} of {spec}"),
            SOON,
            attempt,
        )
        .await)
    }

    /// Brings the resource to a base, and waits until it is stable.
    async fn rest(&mut self, spec: Value) -> Result<(), String> {
        if self.base.as_ref().is_some_and(|(base, _)| *base == spec) {
            return Ok(());
        }
        self.base = None;
        let (reason, message) = self.give(&spec).await.map_err(|e| e.to_string())?;
        if reason != "Applied" {
            return Err(format!("{reason}: {message}"));
        }
        // A reconcile can enqueue another one, so the state must be stable for a while.
        let mut first = State::new();
        let mut since = Instant::now();
        while since.elapsed() < STILL {
            let now = state(&self.cluster, NAME, &self.uid).await;
            if now != first {
                (first, since) = (now, Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.base = Some((spec, first));
        Ok(())
    }

    /// Sets a leaf and unsets it again.
    ///
    /// # Errors
    /// What is wrong with the leaf.
    async fn try_leaf(&mut self, leaf: &Leaf) -> Result<(), String> {
        if self
            .rest(around(&leaf.path, leaf.spec(None)))
            .await
            .is_err()
        {
            // A field that its section requires is set with it.
            let bare = around(&leaf.path, json!({}));
            self.rest(bare)
                .await
                .map_err(|why| format!("no base: {why}"))?;
        }
        let Some((base, first)) = self.base.clone() else {
            return Err("no base".to_owned());
        };
        // Every sample of what is embedded is another structure.
        let name = leaf.path.rsplit('.').next().unwrap_or_default();
        let each = embedded(name).is_some();
        let mut why = Vec::new();
        let mut effects = 0;
        for value in &leaf.values {
            let spec = around(&leaf.path, leaf.spec(Some(value)));
            match self.give(&spec).await {
                Err(error) => why.push(format!("{value} is refused: {error}")),
                Ok((reason, message)) if !matches!(reason.as_str(), "Applied" | "Paused") => {
                    why.push(format!("{value} gives {reason}: {message}"));
                }
                Ok(_) if self.differs(&first).await => effects += 1,
                Ok(_) => why.push(format!("{value} has no effect")),
            }
            if effects > 0 && !each {
                break;
            }
        }
        self.give(&base)
            .await
            .map_err(|e| format!("cannot be unset: {e}"))?;
        let restored = self.restored(&first).await;
        if restored.is_err() {
            self.base = None;
        }
        restored.map_err(|difference| format!("unset again, it left something:\n{difference}"))?;
        let desired = if each { leaf.values.len() } else { 1 };
        check(effects >= desired, || why.join("; "))
    }

    /// Whether the state differs from the first, at once or after a later reconcile.
    async fn differs(&self, first: &State) -> bool {
        self.within_a_while(|now| now != first).await.is_ok()
    }

    async fn restored(&self, first: &State) -> Result<(), String> {
        let last = self.within_a_while(|now| now == first).await;
        last.map_err(|last| difference(first, &last))
    }

    async fn within_a_while(&self, holds: impl Fn(&State) -> bool) -> Result<(), State> {
        let start = Instant::now();
        loop {
            let now = state(&self.cluster, NAME, &self.uid).await;
            if holds(&now) {
                return Ok(());
            }
            if start.elapsed() > LATER {
                return Err(now);
            }
        }
    }
}

fn it_generation(it: &Value) -> Option<i64> {
    it["metadata"]["generation"].as_i64()
}

#[tokio::test]
async fn every_leaf_has_an_effect_and_leaves_nothing_behind() {
    let far = Cluster::new("leaves-far").await;
    let _crds = with_crds(&far).await;
    // A namespace that selectors of namespaces can find.
    let labels = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": far.namespace, "labels": {"sample": "sample"}},
    });
    far.apply(labels).await;
    populate(&far).await;
    let mut clusters = Vec::new();
    for _ in 0..WORKERS {
        clusters.push(Cluster::new("leaves").await);
    }
    let watched: Vec<&str> = clusters
        .iter()
        .chain([&far])
        .map(|c| c.namespace.as_str())
        .collect();
    let namespaces = format!("--namespaces={}", watched.join(","));
    let controller = Controller::start_with(&far, &[&namespaces]).await;

    let all = our_leaves();
    assert!(all.len() > 100, "{}", all.len());
    let chunk = all.len().div_ceil(WORKERS);
    let work = clusters
        .into_iter()
        .zip(all.chunks(chunk))
        .map(|(cluster, leaves)| async move {
            let mut worker = Worker::new(cluster).await;
            let mut wrong = Vec::new();
            for leaf in leaves {
                if let Err(why) = worker.try_leaf(leaf).await {
                    eprintln!("{}: {why}", leaf.path);
                    wrong.push(format!("{}: {why}", leaf.path));
                }
            }
            wrong
        });
    let wrong: Vec<String> = join_all(work).await.into_iter().flatten().collect();
    println!("{} leaves", all.len());
    assert!(
        wrong.is_empty(),
        "{} of {} leaves:\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
    drop(controller);
}
