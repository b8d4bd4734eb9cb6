//! Numbers that are promised and do not depend on the machine: requests and writes.

use std::time::Duration;

use e2e::audit::{Entry, Mark};
use e2e::cluster::Cluster;
use e2e::controller::{Controller, RECEIVE, RULER, STORE};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{
    all_pods_ready, has_passed, owned, prometheus, prometheus_service, query, service_monitor,
    with_crds,
};

/// The controller's requests about one namespace.
fn requests(mark: &Mark, cluster: &Cluster) -> Vec<Entry> {
    let all = mark.requests(&cluster.program.user());
    all.into_iter()
        .filter(|e| e.object_ref.namespace == cluster.namespace)
        .collect()
}

fn lines(entries: &[Entry]) -> String {
    entries.iter().map(|e| format!("{}\n", e.line())).collect()
}

/// Everything that discovery and a frontend need.
async fn a_lot(cluster: &Cluster) -> Vec<String> {
    cluster.apply(prometheus("k8s", json!({}))).await;
    cluster.apply(prometheus_service("k8s")).await;
    cluster
        .apply(service_monitor(
            "k8s",
            json!({"app": "p"}),
            json!({"app": "k8s"}),
        ))
        .await;
    let selector = json!({"matchLabels": {"app": "p"}});
    let mut uids = Vec::new();
    for (name, spec) in [
        ("plain", json!({})),
        (
            "bridged",
            json!({"serviceMonitorSelector": selector, "replicas": 2}),
        ),
        (
            "fronted",
            json!({"queryFrontend": {"replicas": 2}, "networkPolicy": {"enabled": true}}),
        ),
    ] {
        let it = cluster.apply(query(name, spec)).await;
        cluster.condition(name, "Reconciled", "Applied").await;
        uids.push(it.metadata.uid.unwrap());
    }
    all_pods_ready(cluster).await;
    for name in ["plain", "bridged", "fronted"] {
        cluster.condition(name, "Ready", "Ready").await;
    }
    uids
}

/// How often the pods of the namespace were counted, for all workloads together, or made, with their
/// volumes. Changes within the debounce time count as one: on a busy
/// machine, workloads are looked after one after the other.
fn counted(mark: &Mark, cluster: &Cluster) -> usize {
    let all = mark.all_requests().into_iter();
    let of_workloads = all
        .filter(|e| e.is_write() && e.object_ref.namespace == cluster.namespace)
        .filter(|e| match &*e.object_ref.resource {
            "deployments" | "statefulsets" => e.object_ref.subresource == "status",
            resource => matches!(resource, "pods" | "persistentvolumeclaims"),
        });
    let mut times: Vec<_> = of_workloads.map(|e| e.answered()).collect();
    times.sort();
    let apart = |pair: &&[Timestamp]| pair[1].duration_since(pair[0]).as_millis() > 400;
    times.windows(2).filter(apart).count() + 1
}

#[tokio::test]
async fn convergence_takes_one_request_per_object_and_three_more() {
    let cluster = Cluster::new("requests").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let expected = Expected {
        again: 0,
        events: 1,
    };
    converges(&cluster, &controller, "plain", json!({}), expected).await;
    let spec = json!({"queryFrontend": {"replicas": 2}, "replicas": 2});
    converges(&cluster, &controller, "fronted", spec, expected).await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn the_other_controllers_reconcile_as_rarely() {
    let bucket = json!({"name": "objstore", "key": "thanos.yaml"});
    for (program, spec, again, events) in [
        (STORE, json!({"objectStorageConfig": bucket}), 0, 1),
        // The record of its hashring comes back, which is counted too.
        (RECEIVE, json!({}), 1, 2),
        // There is no querier, no Alertmanager and no rule.
        (RULER, json!({}), 0, 4),
    ] {
        let cluster = Cluster::of(program, "requests").await;
        let _crds = with_crds(&cluster).await;
        let controller = Controller::start(&cluster, &[]).await;
        let expected = Expected { again, events };
        converges(&cluster, &controller, program.plural, spec, expected).await;
        controller.assert_quiet(&[]);
    }
}

/// What a new custom resource may take, besides a reconcile and a status write for each change of pod counts.
#[derive(Clone, Copy)]
struct Expected {
    /// Additional reconciles, each with a status write.
    again: usize,
    /// Events.
    events: usize,
}

/// Counts what a new custom resource takes until nothing changes any more.
async fn converges(
    cluster: &Cluster,
    controller: &Controller,
    name: &str,
    spec: Value,
    expected: Expected,
) {
    let mark = Mark::now();
    let before = controller.reconciles().await;
    let it = json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": cluster.program.kind,
        "metadata": {"name": name}, "spec": spec,
    });
    let it = cluster.apply(it).await;
    cluster.condition(name, "Reconciled", "Applied").await;
    settle(&mark, cluster).await;
    let objects = owned(cluster, &it.metadata.uid.unwrap()).await.len();
    let requests = requests(&mark, cluster);
    let reconciles = controller.reconciles().await - before;
    println!(
        "{name}: {objects} objects, {} requests in {reconciles} reconciles",
        requests.len()
    );
    // Created objects enqueue nothing, except for changes of pod counts.
    let most = 1 + counted(&mark, cluster) + expected.again;
    assert!(reconciles <= most as f64, "{reconciles} reconciles");
    let (events, others): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|e| e.object_ref.resource == "events");
    assert!(
        others.len() <= objects + most,
        "{objects} objects:\n{}",
        lines(&others)
    );
    assert!(events.len() <= expected.events, "{}", lines(&events));
}

/// Many resources, so that the maximum number of reconciles runs concurrently.
const MANY: usize = 20;

#[tokio::test]
async fn watches_and_requests_share_connections() {
    let cluster = Cluster::new("connections").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let names: Vec<String> = (0..MANY).map(|i| format!("many-{i}")).collect();
    for name in &names {
        cluster.apply(query(name, json!({}))).await;
    }
    let mut most = 0;
    for name in &names {
        cluster.condition(name, "Reconciled", "Applied").await;
        most = most.max(controller.connections());
    }
    // One for the requests, and one for the watches of its namespace.
    assert_eq!(most, 2);
    controller.assert_quiet(&[]);
}

/// Waits until the controller has made no request about the namespace for a second.
async fn settle(mark: &Mark, cluster: &Cluster) {
    let mut before = usize::MAX;
    loop {
        let now = requests(mark, cluster).len();
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn a_restart_writes_nothing() {
    let cluster = Cluster::new("restart").await;
    let _crds = with_crds(&cluster).await;
    let mut first = Controller::start(&cluster, &[]).await;
    a_lot(&cluster).await;
    first.stop().await;
    first.assert_quiet(&[]);
    for flags in [
        &[][..],
        &["--leader-elect", "--lease-namespace=thanos-system"][..],
    ] {
        let mark = Mark::now();
        let mut next = Controller::start(&cluster, flags).await;
        // The last change shows that all earlier ones have been processed.
        let name = format!("last-{}", flags.len());
        cluster.apply(query(&name, json!({}))).await;
        cluster.condition(&name, "Reconciled", "Applied").await;
        settle(&mark, &cluster).await;
        let writes: Vec<Entry> = requests(&mark, &cluster)
            .into_iter()
            .filter(Entry::is_write)
            .filter(|e| !e.object_ref.name.contains(&name))
            .collect();
        assert!(writes.is_empty(), "after a restart:\n{}", lines(&writes));
        next.stop().await;
        next.assert_quiet(&[]);
    }
}

#[tokio::test]
async fn nothing_is_written_or_read_at_rest() {
    let cluster = Cluster::new("rest").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    a_lot(&cluster).await;
    let mark = Mark::now();
    settle(&mark, &cluster).await;
    let mark = Mark::now();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let requests: Vec<Entry> = requests(&mark, &cluster)
        .into_iter()
        .filter(|e| e.is_write() || e.is_read())
        .collect();
    assert!(
        requests.is_empty(),
        "in 60 s at rest:\n{}",
        lines(&requests)
    );
    controller.assert_quiet(&[]);
}

/// Applications that come up, each with a Service and a ServiceMonitor.
const UNRELATED: u32 = 20;

#[tokio::test]
async fn unrelated_changes_enqueue_nothing() {
    let cluster = Cluster::new("unrelated").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    a_lot(&cluster).await;
    let mark = Mark::now();
    settle(&mark, &cluster).await;
    let mark = Mark::now();
    let before = controller.reconciles().await;
    for i in 0..UNRELATED {
        cluster
            .apply(service_monitor(
                &format!("app-{i}"),
                json!({"app": "other"}),
                json!({}),
            ))
            .await;
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("app-{i}")},
            "spec": {"selector": {"app": "other"}, "ports": [{"port": 80}]},
        });
        cluster.apply(service).await;
    }
    // Changes that affect a custom resource, one by each watch: when they have been seen, so have all
    // before them.
    cluster
        .apply(service_monitor(
            "k8s",
            json!({"app": "p", "seen": "yes"}),
            json!({"app": "k8s"}),
        ))
        .await;
    has_passed(&controller, before + 1.0).await;
    let mut service = prometheus_service("k8s");
    service["metadata"]["labels"]["seen"] = json!("yes");
    cluster.apply(service).await;
    has_passed(&controller, before + 2.0).await;
    settle(&mark, &cluster).await;
    // Namespaces of other tests enqueue resources with discovery; each of the others would be a reconcile too.
    let after = controller.reconciles().await;
    assert!(
        after - before < f64::from(UNRELATED),
        "{before} reconciles, then {after}"
    );
    let touched: Vec<Entry> = requests(&mark, &cluster)
        .into_iter()
        .filter(Entry::is_write)
        .collect();
    assert!(touched.is_empty(), "{}", lines(&touched));
    controller.assert_quiet(&[]);
}
