//! Sidecars are switched on, pods go and come back: queries are answered all the time, and no
//! querier restarts.

use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::querying::{CheckedQuery, QueryLoop};
use crate::support::{
    Answer, STARTED, agrees_with_prometheus, answers, endpoints, fixture, get, is, kubectl,
    monitoring, pods, prometheus_settled, prometheus_with_sidecar, querier_pods, stores, without,
};

const ADMISSION: &str = "admissionregistration.k8s.io/v1";

#[tokio::test]
async fn sidecars_take_over_from_bridges_without_a_gap() {
    let cluster = monitoring().await;
    prometheus_settled(&cluster, false).await;
    cluster.apply(fixture("demo/demo.yaml")).await;
    is(&cluster, "demo", "Ready", "True", STARTED).await;
    agrees_with_prometheus(&cluster, "demo").await;
    let before = querier_pods(&cluster, "demo").await;

    let some = |answer: &Answer| {
        let empty = answer.value.is_none_or(|v| v < 1.0);
        empty.then(|| format!("empty: {answer:?}"))
    };
    let checked = CheckedQuery {
        query: "count(up)",
        parameters: String::new(),
        fault: Box::new(some),
    };
    let queried = QueryLoop::start(monitoring().await, "demo", vec![checked]);
    let start = Instant::now();
    // The controller restarts in the middle of it.
    let first = async || {
        let object = cluster
            .get("monitoring.thanos.io/v1alpha1", "ThanosQuery", "demo")
            .await;
        let found = endpoints(&object.unwrap_or_default());
        check(found.iter().any(|(via, _)| via == "Sidecar"), || {
            format!("{found:?}")
        })
    };
    tokio::join!(prometheus_with_sidecar(&cluster, true), async {
        eventually("the first sidecar", Duration::from_secs(180), first).await;
        kubectl(&[
            "-n",
            "thanos-system",
            "rollout",
            "restart",
            "deployment/thanos-query-controller",
        ]);
    });
    let moved = async || {
        let object = cluster
            .get("monitoring.thanos.io/v1alpha1", "ThanosQuery", "demo")
            .await;
        let found = endpoints(&object.unwrap_or_default());
        let bridges = pods(&cluster, "app.kubernetes.io/name=thanos-sidecar")
            .await
            .len();
        let done =
            found.len() == 2 && found.iter().all(|(via, _)| via == "Sidecar") && bridges == 0;
        check(done, || format!("{found:?}, {bridges} bridge pods"))
    };
    eventually(
        "endpoints have moved, bridges are deleted",
        Duration::from_secs(180),
        moved,
    )
    .await;
    println!("moved in {:?}", start.elapsed());
    answers(
        &cluster,
        "demo",
        "count(count by (pod) (up{job=\"prometheus-k8s\"}))",
        2.0,
        Duration::from_secs(90),
    )
    .await;
    queried.end("sidecars take over").await;
    assert_eq!(
        before,
        querier_pods(&cluster, "demo").await,
        "queriers keep their pods"
    );

    a_pod_that_is_absent_for_minutes_is_back_soon(&cluster).await;

    prometheus_with_sidecar(&cluster, false).await;
    let back = async || {
        let object = cluster
            .get("monitoring.thanos.io/v1alpha1", "ThanosQuery", "demo")
            .await;
        let found = endpoints(&object.unwrap_or_default());
        check(
            found.iter().all(|(via, _)| via == "Bridge") && found.len() == 2,
            || format!("{found:?}"),
        )
    };
    eventually("bridges are back", Duration::from_secs(180), back).await;
    assert_eq!(
        before,
        querier_pods(&cluster, "demo").await,
        "queriers keep their pods"
    );
    without(&cluster, "demo").await;
}

/// A Prometheus pod is killed and cannot come back for three minutes: its name does not resolve.
async fn a_pod_that_is_absent_for_minutes_is_back_soon(cluster: &Cluster) {
    let replica = "prometheus-k8s-1";
    let up = async || {
        let stores = healthy(cluster).await?;
        Ok::<bool, String>(stores.contains(replica))
    };
    let seen = async || check(up().await?, || "not yet".into());
    eventually("the querier has the replica", Duration::from_secs(60), seen).await;
    kill_and_hold(cluster, replica).await;
    let is_deleted = async || check(!up().await?, || "still there".into());
    eventually(
        "the querier misses the replica",
        Duration::from_secs(60),
        is_deleted,
    )
    .await;
    tokio::time::sleep(Duration::from_secs(180)).await;
    release(cluster, replica).await;
    // Its pod is ready before its sidecar serves anything: the sidecar has no probe.
    let serving = async || {
        let sidecar = format!("pods/{replica}:10902");
        get(cluster, &sidecar, "/-/ready").await.map(drop)
    };
    eventually(
        "the replica serves its data",
        Duration::from_secs(180),
        serving,
    )
    .await;
    let start = Instant::now();
    // Names are resolved every 10 s and endpoints checked every 5 s, and the name may not resolve
    // yet: it resolves when the EndpointSlice has the pod.
    eventually(
        "the querier has the replica again",
        Duration::from_secs(30),
        seen,
    )
    .await;
    println!("back in the querier {:?} after it served", start.elapsed());
}

/// The scheduling gate of a pod that is held, and the name of what adds it.
const GATE: &str = "e2e.thanos.io/held";
const POLICY: &str = "e2e-held";

/// Kills a pod of a StatefulSet. The next pod of this name gets no node, and so no address, until it is released. A
/// scheduling gate does it, since a cordoned node would take no pods of other tests either.
async fn kill_and_hold(cluster: &Cluster, name: &str) {
    let named = format!("has(object.metadata.name) && object.metadata.name == '{name}'");
    let gated = format!(
        "Object{{spec: Object.spec{{schedulingGates: [Object.spec.schedulingGates{{name: '{GATE}'}}]}}}}"
    );
    let namespace = json!({"kubernetes.io/metadata.name": cluster.namespace});
    let created = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"],
    });
    let policy = json!({
        "apiVersion": ADMISSION, "kind": "MutatingAdmissionPolicy", "metadata": {"name": POLICY},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": namespace}, "resourceRules": [created],
            },
            "matchConditions": [{"name": "named", "expression": named}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [{
                "patchType": "ApplyConfiguration", "applyConfiguration": {"expression": gated},
            }],
        },
    });
    let binding = json!({
        "apiVersion": ADMISSION, "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": POLICY}, "spec": {"policyName": POLICY},
    });
    cluster.apply(policy).await;
    cluster.apply(binding).await;
    let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
    let held = async || {
        let pod = pods.get_opt(name).await.map_err(|e| e.to_string())?;
        let pod = pod.ok_or("not created yet")?;
        if pod.data["spec"]["schedulingGates"][0]["name"] == GATE {
            return Ok(());
        }
        // The API server applies a policy some time after its creation: a pod may still come without the gate.
        if pod.metadata.deletion_timestamp.is_none() {
            let deleted = pods.delete(name, &Default::default()).await;
            deleted.map_err(|e| e.to_string())?;
        }
        Err("without a gate".to_owned())
    };
    eventually(&format!("{name} is held"), STARTED, held).await;
}

/// Lets the scheduler have a pod that is held.
async fn release(cluster: &Cluster, name: &str) {
    for kind in ["MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"] {
        cluster.delete(ADMISSION, kind, POLICY).await;
    }
    let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
    let patch = Patch::Merge(json!({"spec": {"schedulingGates": null}}));
    pods.patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// The external labels of all StoreAPIs of the querier that are well, as text.
async fn healthy(cluster: &Cluster) -> Result<String, String> {
    let all = stores(cluster, "demo").await?;
    let healthy = all.iter().filter(|s| s["lastError"].is_null());
    let labels: Vec<&Value> = healthy.map(|s| &s["labelSets"]).collect();
    Ok(json!(labels).to_string())
}
