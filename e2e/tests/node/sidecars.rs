//! Sidecars are switched on, pods go and come back: queries are answered all the time, and no
//! querier restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::cluster::Cluster;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use crate::support::{
    MONITORING, STARTED, agrees_with_prometheus, answers, endpoints, fixture, is, kubectl,
    monitoring, pods, prometheus_settled, prometheus_with_sidecar, promql, querier, querier_pods,
    without,
};

/// How often the repeated query is asked.
const EVERY: Duration = Duration::from_millis(150);

/// What the repeated query got.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    warned: usize,
    bad: Vec<String>,
}

/// Asks again and again until told to stop.
async fn ask_all_the_time(cluster: Cluster, name: String, stop: Arc<AtomicBool>) -> Tally {
    let mut tally = Tally::default();
    let target = querier(&name);
    while !stop.load(Ordering::Relaxed) {
        let next = tokio::time::sleep(EVERY);
        tally.asked += 1;
        match promql(&cluster, &target, "count(up)").await {
            Ok(answer) => {
                tally.warned += usize::from(answer.warnings > 0);
                if answer.value.is_none_or(|v| v < 1.0) {
                    tally.bad.push(format!("empty: {answer:?}"));
                }
            }
            Err(error) => tally.bad.push(error),
        }
        next.await;
    }
    tally
}

#[tokio::test]
async fn sidecars_take_over_from_bridges_without_a_gap() {
    let cluster = monitoring().await;
    prometheus_settled(&cluster, false).await;
    cluster.apply(fixture("demo/demo.yaml")).await;
    is(&cluster, "demo", "Ready", "True", STARTED).await;
    agrees_with_prometheus(&cluster, "demo").await;
    let before = querier_pods(&cluster, "demo").await;

    let stop = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(ask_all_the_time(
        monitoring().await,
        "demo".into(),
        stop.clone(),
    ));
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
        "endpoints have moved, bridges are gone",
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
    stop.store(true, Ordering::Relaxed);
    let tally = asking.await.unwrap();
    let rate = tally.asked as f64 / start.elapsed().as_secs_f64();
    println!(
        "asked {} times ({rate:.1}/s), {} with warnings, {} bad",
        tally.asked,
        tally.warned,
        tally.bad.len()
    );
    assert!(rate >= 5.0, "only {rate:.1} queries a second");
    assert!(
        tally.bad.is_empty(),
        "{} of {} answers were bad, first: {:?}",
        tally.bad.len(),
        tally.asked,
        tally.bad.first()
    );
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
        let stores = stores(cluster).await?;
        Ok::<bool, String>(stores.contains(replica))
    };
    let seen = async || check(up().await?, || "not yet".into());
    let node = kubectl(&["get", "nodes", "-o", "name"]);
    let node = node.trim().trim_start_matches("node/").to_owned();
    eventually("the querier has the replica", Duration::from_secs(60), seen).await;
    kubectl(&["cordon", &node]);
    kubectl(&[
        "-n",
        "monitoring",
        "delete",
        "pod",
        "prometheus-k8s-1",
        "--wait=false",
    ]);
    let gone = async || check(!up().await?, || "still there".into());
    eventually(
        "the querier misses the replica",
        Duration::from_secs(60),
        gone,
    )
    .await;
    tokio::time::sleep(Duration::from_secs(180)).await;
    kubectl(&["uncordon", &node]);
    // Its pod is ready before its sidecar serves anything: the sidecar has no probe.
    let serving = async || {
        let uri = format!("/api/v1/namespaces/{MONITORING}/pods/{replica}:10902/proxy/-/ready");
        let request = http::Request::get(uri)
            .body(Vec::new())
            .map_err(|e| e.to_string())?;
        let answer = cluster.client.request_text(request).await;
        answer.map(drop).map_err(|e| e.to_string())
    };
    eventually(
        "the replica serves its data",
        Duration::from_secs(180),
        serving,
    )
    .await;
    let start = Instant::now();
    eventually(
        "the querier has the replica again",
        Duration::from_secs(15),
        seen,
    )
    .await;
    println!("back in the querier {:?} after it served", start.elapsed());
}

/// The external labels of all StoreAPIs of the querier, as text.
async fn stores(cluster: &Cluster) -> Result<String, String> {
    let uri = format!(
        "/api/v1/namespaces/{}/{}/proxy/api/v1/stores",
        cluster.namespace,
        querier("demo")
    );
    let request = http::Request::get(uri)
        .body(Vec::new())
        .map_err(|e| e.to_string())?;
    let text = cluster
        .client
        .request_text(request)
        .await
        .map_err(|e| e.to_string())?;
    let stores: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let all = stores["data"].as_object().cloned().unwrap_or_default();
    let healthy: Vec<Value> = all
        .values()
        .filter_map(Value::as_array)
        .flatten()
        .filter(|s| s["lastError"].is_null())
        .map(|s| s["labelSets"].clone())
        .collect();
    Ok(json!(healthy).to_string())
}
