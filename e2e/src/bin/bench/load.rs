//! Load: many objects at once, and waiting for their effects.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use e2e::audit::{Entry, Mark};
use e2e::cluster::{Cluster, MANAGER};
use e2e::controller::{Controller, Program, STORE};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

/// Concurrent requests, as many as those of the controller.
pub const CONCURRENCY: usize = 16;

/// How long the controller and the API server may take for the largest step.
pub const LIMIT: Duration = Duration::from_secs(900);

/// A custom resource of the controller that is measured, with the least that it needs and `spec`.
pub fn resource(program: Program, namespace: &str, name: &str, spec: &Value) -> Value {
    let mut whole = match program {
        STORE => json!({"objectStorageConfig": {"name": "objstore", "key": "thanos.yaml"}}),
        _ => json!({}),
    };
    if let (Some(whole), Some(spec)) = (whole.as_object_mut(), spec.as_object()) {
        whole.extend(spec.clone());
    }
    json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": program.kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": whole,
    })
}

/// The API of these resources in a namespace.
pub fn resources(cluster: &Cluster, namespace: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("monitoring.thanos.io", "v1alpha1", cluster.program.kind);
    let kind = ApiResource::from_gvk_with_plural(&gvk, cluster.program.plural);
    Api::namespaced_with(cluster.client.clone(), namespace, &kind)
}

/// Name of one of many.
pub fn name(i: usize) -> String {
    format!("bench-{i:05}")
}

/// Creates objects, many at a time; returns them as they were stored, in any order.
///
/// # Errors
/// The rejection of the API server.
pub async fn create(
    cluster: &Cluster,
    objects: impl Stream<Item = Value>,
) -> anyhow::Result<Vec<DynamicObject>> {
    let create = |object: Value| async move {
        let api = cluster.api(&object);
        let object: DynamicObject = serde_json::from_value(object)?;
        let stored = api.create(&PostParams::default(), &object).await;
        stored.with_context(|| format!("create {}", object.name_any()))
    };
    objects
        .map(create)
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
}

/// Creates `count` custom resources.
///
/// # Errors
/// The rejection of the API server.
pub async fn create_resources(
    cluster: &Cluster,
    namespace: &str,
    count: usize,
    spec: &Value,
) -> anyhow::Result<Vec<DynamicObject>> {
    let all = (0..count).map(|i| resource(cluster.program, namespace, &name(i), spec));
    create(cluster, stream::iter(all)).await
}

/// Applies an object by one request, as a controller would.
///
/// # Errors
/// The rejection of the API server.
pub async fn apply(cluster: &Cluster, object: &Value, status: bool) -> anyhow::Result<()> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let params = PatchParams::apply(MANAGER).force();
    let (api, body) = (cluster.api(object), Patch::Apply(object));
    let answer = match status {
        true => api.patch_status(name, &params, &body).await,
        false => api.patch(name, &params, &body).await,
    };
    answer.with_context(|| format!("apply {name}"))?;
    Ok(())
}

/// Changes an object in place.
///
/// # Errors
/// The rejection of the API server.
pub async fn change(api: &Api<DynamicObject>, name: &str, body: &Value) -> anyhow::Result<()> {
    let params = PatchParams::default();
    let answer = api.patch(name, &params, &Patch::Merge(body)).await;
    answer.with_context(|| format!("change {name}"))?;
    Ok(())
}

/// Waits until `count` custom resources of a namespace are reconciled, by a watch: polling would be
/// load.
///
/// # Errors
/// The watch fails.
pub async fn reconciled(api: Api<DynamicObject>, count: usize) -> anyhow::Result<()> {
    let mut done = BTreeSet::new();
    loop {
        // From the beginning again when the watch has come to its end.
        let mut events = api.watch(&WatchParams::default(), "0").await?.boxed();
        while let Some(event) = events.try_next().await? {
            let (WatchEvent::Added(it) | WatchEvent::Modified(it)) = event else {
                continue;
            };
            if is_reconciled(&it) {
                done.insert(it.name_any());
            }
            if done.len() >= count {
                return Ok(());
            }
        }
    }
}

/// Whether the newest spec is reconciled.
pub fn is_reconciled(it: &DynamicObject) -> bool {
    let conditions = it.data["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|c| {
        c["type"] == "Reconciled"
            && c["status"] == "True"
            && c["observedGeneration"].as_i64() == it.metadata.generation
    })
}

/// The controller's requests since `mark`. Its lease is renewed whatever happens, and watches are
/// not requests that load anything.
pub fn requests(program: Program, mark: &Mark) -> Vec<Entry> {
    let mut all = mark.requests(&program.user());
    all.retain(|e| e.object_ref.resource != "leases" && e.verb != "watch");
    all
}

/// Waits until the controller has requested nothing for three seconds.
///
/// # Errors
/// It does not become idle.
pub async fn settle(program: Program, controller: &mut Controller) -> anyhow::Result<()> {
    let mut last = Vec::new();
    for _ in 0..LIMIT.as_secs() / 3 {
        let mark = Mark::now();
        tokio::time::sleep(Duration::from_secs(3)).await;
        last = requests(program, &mark);
        if last.is_empty() {
            return Ok(());
        }
        anyhow::ensure!(
            controller.is_running(),
            "the controller ended:\n{}",
            controller.logs()
        );
    }
    let lines: Vec<String> = last.iter().map(Entry::line).collect();
    anyhow::bail!("the controller does not become idle:\n{}", lines.join("\n"))
}
