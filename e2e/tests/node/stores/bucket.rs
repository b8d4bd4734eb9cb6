//! Real blocks of real data: Prometheus uploads, and forgets.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use crate::support::{MONITORING, fixture, fixtures, get, kubectl, prometheus_settled, query};

/// The query for samples.
pub const SAMPLES: &str = "sum(count_over_time(up{job=\"prometheus-k8s\"}[30s]))";

/// Longer than it takes until a sample is in a block, and that block in the bucket.
const UPLOADED: Duration = Duration::from_secs(180);

const REPLICAS: [&str; 2] = ["prometheus-k8s-0", "prometheus-k8s-1"];

/// A time of which the bucket has everything.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// In seconds.
    pub time: u64,
    /// The samples of both replicas.
    pub samples: f64,
}

impl Past {
    /// The parameters of a query at this time.
    pub fn parameters(&self, dedup: bool) -> String {
        format!("&time={}&dedup={dedup}", self.time)
    }
}

/// Starts the object store, which stays: several tests use it at a time.
pub fn start() {
    let folder = format!("{}/object-storage", fixtures());
    kubectl(&["apply", "--server-side", "--force-conflicts", "-k", &folder]);
    let deployment = ["rollout", "status", "deployment/s3", "--timeout=60s"];
    kubectl(&[&["-n", "monitoring"], &deployment[..]].concat());
}

/// Has both replicas upload, and waits until something of both is in the bucket.
pub async fn filled(cluster: &Cluster) -> Past {
    let prometheus = json!({"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"});
    let patch = kube::api::Patch::Merge(fixture("kube-prometheus/with-upload.yaml"));
    let prometheus = cluster.api(&prometheus);
    let params = Default::default();
    prometheus.patch("k8s", &params, &patch).await.unwrap();
    prometheus_settled(cluster, true).await;

    // Some scrapes ahead.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let time = now.as_secs() + 15;
    let mut all = 0.0;
    for replica in REPLICAS {
        let attempt = async || is_uploaded(cluster, replica, time).await;
        let what = format!("{replica} has uploaded what it scraped until {time}");
        eventually(&what, UPLOADED, attempt).await;
        all += samples(cluster, replica, time)
            .await
            .unwrap()
            .expect("samples");
    }
    Past { time, samples: all }
}

/// Whether everything until a time is in blocks, and every block in the bucket.
async fn is_uploaded(cluster: &Cluster, replica: &str, time: u64) -> Result<(), String> {
    let own = get(cluster, &format!("pods/{replica}:9090"), "/metrics").await?;
    let blocks = metric(&own, "prometheus_tsdb_blocks_loaded");
    let head = metric(&own, "prometheus_tsdb_head_min_time_seconds");
    check(blocks >= 1.0 && head > time as f64, || {
        format!("{blocks} blocks, and the head begins at {head}")
    })?;
    let sidecar = get(cluster, &format!("pods/{replica}:10902"), "/metrics").await?;
    let uploads = metric(&sidecar, "thanos_shipper_uploads_total");
    check(uploads >= blocks, || {
        format!("{uploads} of {blocks} blocks")
    })
}

/// The value of a metric without labels; 0 if the metric is missing.
fn metric(metrics: &str, name: &str) -> f64 {
    let mut lines = metrics.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(series, _)| *series == name);
    found
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or_default()
}

/// The samples that a replica has itself.
async fn samples(cluster: &Cluster, replica: &str, time: u64) -> Result<Option<f64>, String> {
    let target = format!("pods/{replica}:9090");
    let answer = query(cluster, &target, SAMPLES, &format!("&time={time}")).await?;
    Ok(answer.value)
}

/// Whether both replicas scrape, and neither has anything of the past.
pub async fn is_forgotten(cluster: &Cluster, past: Past) -> Result<(), String> {
    for replica in REPLICAS {
        let target = format!("pods/{replica}:9090");
        let now = query(cluster, &target, "count(up)", "").await?;
        check(now.value.is_some(), || {
            format!("{replica} scrapes nothing yet")
        })?;
        let then = samples(cluster, replica, past.time).await?;
        check(then.is_none(), || format!("{replica} has {then:?}"))?;
    }
    Ok(())
}

/// A Secret as that of the fixture, for another namespace, with some texts exchanged.
pub fn secret(name: &str, exchanged: &[(&str, &str)]) -> Value {
    let mut secret = fixture("object-storage/objectstorage.yaml");
    let text = secret["stringData"]["thanos.yaml"].as_str().unwrap();
    let text = exchanged.iter().fold(text.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{text}");
        text.replace(old, new)
    });
    secret["metadata"] = json!({"name": name});
    secret["stringData"] = json!({"thanos.yaml": text});
    secret
}

/// The folder of all buckets on this machine.
fn folder() -> String {
    volume(MONITORING, "s3")
}

/// The folder on this machine that a PVC is bound to.
pub fn volume(namespace: &str, pvc: &str) -> String {
    let pvc = ["get", "persistentvolumeclaim", pvc, "-o"];
    let pvc = [
        &["-n", namespace],
        &pvc[..],
        &["jsonpath={.spec.volumeName}"],
    ]
    .concat();
    let volume = kubectl(&pvc);
    let path = "jsonpath={.spec.hostPath.path}";
    kubectl(&["get", "persistentvolume", &volume, "-o", path])
}

/// The blocks in the bucket `thanos` that are there as a whole: their meta file comes last.
pub fn blocks() -> BTreeSet<String> {
    let folder = format!("{}/thanos", folder());
    let all = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let whole = all.filter_map(|entry| {
        let entry = entry.ok()?;
        let meta = entry.path().join("meta.json");
        meta.exists()
            .then(|| entry.file_name().to_string_lossy().into_owned())
    });
    whole.collect()
}

/// Makes a bucket with what the bucket `thanos` has now.
pub fn copy(name: &str) {
    let folder = folder();
    // With the attributes, which are a part of each object.
    let (from, to) = (format!("{folder}/thanos"), format!("{folder}/{name}"));
    let copied = Command::new("cp").args(["-a", &from, &to]).status();
    assert!(copied.unwrap().success(), "{from} {to}");
}

/// Takes a bucket away.
pub fn take_away(name: &str) {
    let folder = folder();
    std::fs::rename(format!("{folder}/{name}"), hidden(&folder, name)).unwrap();
}

/// Puts it back.
pub fn put_back(name: &str) {
    let folder = folder();
    std::fs::rename(hidden(&folder, name), format!("{folder}/{name}")).unwrap();
}

/// A name that no bucket can have.
fn hidden(folder: &str, name: &str) -> String {
    format!("{folder}/.{name}")
}
