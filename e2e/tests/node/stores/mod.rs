//! ThanosStore over a real object store with real blocks. Everything that takes long runs
//! concurrently.

pub mod bucket;
mod changes;
mod lost;
mod troubles;

use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::controller::STORE;
use e2e::wait::{check, eventually};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use self::bucket::{Past, SAMPLES};
use crate::querying::CheckedQuery;
use crate::support::{
    MONITORING, STARTED, agrees_with_prometheus, fixture, is, monitoring, prometheus_with_sidecar,
    querier, query, stores, without,
};

const VERSION: &str = "monitoring.thanos.io/v1alpha1";

/// Longer than the node takes to try again, if a pod could not start.
const MINUTES: Duration = Duration::from_secs(240);

/// Until queriers follow: a few seconds, mostly.
const KNOWN: Duration = Duration::from_secs(60);

/// The namespace of kube-prometheus, for ThanosStores.
async fn of_stores() -> Cluster {
    let mut cluster = Cluster::of(STORE, "node").await;
    cluster.namespace = MONITORING.to_owned();
    cluster
}

/// A ThanosStore over the bucket of a Secret.
pub fn store(name: &str, secret: &str, spec: Value) -> Value {
    let mut all = json!({"objectStorageConfig": {"name": secret, "key": "thanos.yaml"}});
    let more = spec.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    json!({"apiVersion": VERSION, "kind": "ThanosStore", "metadata": {"name": name}, "spec": all})
}

fn api(cluster: &Cluster) -> Api<DynamicObject> {
    cluster.api(&json!({"apiVersion": VERSION, "kind": "ThanosStore"}))
}

/// Changes the spec, as `kubectl patch` does.
async fn change(cluster: &Cluster, name: &str, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    let params = PatchParams::default();
    api(cluster).patch(name, &params, &patch).await.unwrap();
}

/// Waits for the reason of `ObjectStorageReady`. Returns the message.
async fn reported(cluster: &Cluster, name: &str, reason: &str, limit: Duration) -> String {
    let since = Instant::now();
    let type_ = "ObjectStorageReady";
    let store = cluster
        .reports(name, type_, ("reason", reason), limit)
        .await;
    let conditions = store["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|c| c["type"] == type_).unwrap();
    let message = found["message"].as_str().unwrap().to_owned();
    println!("{name}: {reason} after {:.1?}: {message}", since.elapsed());
    message
}

/// Waits until a querier knows so many StoreAPIs of stores, all of them well, and answers in full.
async fn complete(cluster: &Cluster, name: &str, count: usize, past: Past) {
    let attempt = async || {
        let all = stores(cluster, name).await?;
        let well = all.iter().all(|s| s["lastError"].is_null());
        let of_buckets = all.iter().filter(|s| s["kind"] == "store").count();
        check(well && of_buckets == count, || format!("{all:#?}"))?;
        let target = querier(name);
        let answer = query(cluster, &target, SAMPLES, &past.parameters(false)).await?;
        let right = answer.value == Some(past.samples) && answer.warnings.is_empty();
        check(right, || format!("{answer:?}, and not {past:?}"))
    };
    let what = format!("{name} has all samples of {count} stores");
    eventually(&what, KNOWN, attempt).await;
}

/// Every sample of the past, with deduplication and without, and no warning if there must be none.
async fn every_sample(
    cluster: &Cluster,
    name: &str,
    past: Past,
    warnings: bool,
) -> Vec<CheckedQuery> {
    let target = querier(name);
    let mut checked_queries = Vec::new();
    for dedup in [false, true] {
        let parameters = past.parameters(dedup);
        let first = query(cluster, &target, SAMPLES, &parameters).await.unwrap();
        let desired = match dedup {
            false => Some(past.samples),
            // How many samples are merged into one is up to their times.
            true => first.value.filter(|v| *v > 0.0 && *v < past.samples),
        };
        assert!(desired.is_some(), "{first:?}");
        checked_queries.push(CheckedQuery {
            query: SAMPLES,
            parameters,
            fault: Box::new(move |answer| {
                let right = answer.value == desired && (warnings || answer.warnings.is_empty());
                (!right).then(|| format!("dedup={dedup}: {answer:?}, and not {desired:?}"))
            }),
        });
    }
    checked_queries
}

/// Prometheus uploads and loses its data, which a ThanosStore has from then on. Meanwhile it changes
/// in every way that replaces pods, and other ThanosStores are in trouble.
#[tokio::test(flavor = "multi_thread")]
async fn stores_serve_lost_prometheus_samples_and_change_without_a_gap() {
    let queries = monitoring().await;
    let cluster = of_stores().await;
    let began = Instant::now();
    bucket::start();
    let mut querier = fixture("demo/demo.yaml");
    querier["metadata"]["name"] = json!("kept");
    queries.apply(querier).await;
    let past = bucket::filled(&queries).await;
    println!("the bucket has {past:?} after {:.0?}", began.elapsed());
    bucket::copy("lost");

    let serve = async {
        cluster
            .apply(store("kept", "thanos-objectstorage", json!({})))
            .await;
        // Their volumes go with the pods.
        prometheus_with_sidecar(&queries, false).await;
        let forgotten = async || bucket::is_forgotten(&queries, past).await;
        eventually("both replicas forget", STARTED, forgotten).await;
        cluster
            .reports("kept", "Ready", ("status", "True"), STARTED)
            .await;
        is(&queries, "kept", "Ready", "True", STARTED).await;
        agrees_with_prometheus(&queries, "kept").await;
        complete(&queries, "kept", 1, past).await;
        println!("the store has it after {:.0?}", began.elapsed());
        changes::leave_no_gap(
            &cluster,
            &queries,
            past,
            troubles::unreadable_buckets_are_reported(&cluster),
        )
        .await;
    };
    tokio::join!(serve, lost::a_lost_bucket_is_reported(past));

    cluster
        .delete_within(VERSION, "ThanosStore", "kept", KNOWN)
        .await;
    without(&queries, "kept").await;
    println!("all of it took {:.0?}", began.elapsed());
}
