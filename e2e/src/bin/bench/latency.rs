//! Latency from a change to its effect, by the clock of the API server.

use anyhow::Context as _;
use e2e::audit::{Entry, Mark};
use e2e::controller::RECEIVE;
use e2e::wait::{check, eventually};
use serde_json::json;

use crate::Bench;
use crate::load::{
    LIMIT, change, create_resources, is_reconciled, name, reconciled, resources, settle,
};
use crate::table::quantile;

/// Number of changes, one after the other.
pub const TIMES: usize = 50;

/// Measures from a changed custom resource to its workload.
///
/// # Errors
/// A change has no effect.
pub async fn of_changes(bench: &mut Bench) -> anyhow::Result<()> {
    let cluster = &bench.cluster;
    let program = cluster.program;
    let api = resources(cluster, &cluster.namespace);
    let mark = Mark::now();
    for i in 0..TIMES {
        let name = name(i % bench.options.count);
        let level = if (i / bench.options.count).is_multiple_of(2) {
            "debug"
        } else {
            "warn"
        };
        let spec = match program {
            RECEIVE => {
                json!({"ingesterSpec": {"hashrings": [{"name": "default", "logLevel": level}]}})
            }
            _ => json!({"logLevel": level}),
        };
        change(&api, &name, &json!({"spec": spec})).await?;
        let attempt = async || {
            let it = api.get(&name).await.map_err(|e| e.to_string())?;
            check(is_reconciled(&it), || format!("{}", it.data["status"]))
        };
        eventually(
            &format!("the change of {name} is reconciled"),
            LIMIT,
            attempt,
        )
        .await;
    }
    let delays = delays(
        bench,
        &mark,
        program.plural,
        &format!("{}s", program.workload.to_lowercase()),
    )?;
    bench.table.judge(
        format!("change stored → PATCH of the {}, median", program.workload),
        delays.after_response(0.5),
        "ms",
        10.0,
    );
    bench
        .table
        .record("  the same, 99 of 100", delays.after_response(0.99), "ms");
    bench.table.record(
        "  change received → PATCH, median",
        delays.after_receipt(0.5),
        "ms",
    );
    settle(bench.cluster.program, &mut bench.controller).await
}

/// Measures from a changed Service to the endpoint file, with all the other resources around.
///
/// # Errors
/// A change has no effect.
pub async fn of_endpoints(bench: &mut Bench) -> anyhow::Result<()> {
    let namespace = "bench-endpoints";
    let cluster = &bench.cluster;
    cluster.make_namespace(namespace, json!({})).await;
    create_resources(cluster, namespace, 1, &json!({})).await?;
    reconciled(resources(cluster, namespace), 1).await?;
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "store", "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "thanos"}},
        "spec": {"clusterIP": "None", "ports": [{"name": "grpc", "port": 10901}]},
    });
    cluster.apply(service.clone()).await;
    let services = cluster.api(&service);
    let files = cluster.api(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace},
    }));
    let file = format!("thanos-query-{}-endpoints", name(0));
    settle(bench.cluster.program, &mut bench.controller).await?;
    let mark = Mark::now();
    for i in 0..TIMES {
        let joined = i % 2 == 0;
        let label =
            json!({"metadata": {"labels": {"operator.thanos.io/store-api": joined.to_string()}}});
        change(&services, "store", &label).await?;
        let attempt = async || {
            let map = files.get(&file).await.map_err(|e| e.to_string())?;
            let text = map.data["data"].to_string();
            check(text.contains("store.") == joined, || text)
        };
        eventually("the endpoint file follows", LIMIT, attempt).await;
    }
    let delays = delays(bench, &mark, "services", "configmaps")?;
    bench.table.judge(
        "Service changed → PATCH of the ConfigMap, median",
        delays.after_receipt(0.5),
        "ms",
        250.0,
    );
    bench.table.judge(
        "  the same, 99 of 100",
        delays.after_receipt(0.99),
        "ms",
        250.0,
    );
    settle(bench.cluster.program, &mut bench.controller).await
}

/// Milliseconds from each change to the controller's write.
pub struct Delays {
    received: Vec<f64>,
    answered: Vec<f64>,
}

impl Delays {
    /// Since the change was received, which includes what the API server needs to store it.
    pub fn after_receipt(&self, share: f64) -> f64 {
        quantile(&self.received, share)
    }

    /// Since the response to the change, which is sent after it was stored and watches received it:
    /// it can be negative.
    fn after_response(&self, share: f64) -> f64 {
        quantile(&self.answered, share)
    }
}

/// Pairs each change of `source`, not by the controller, with the controller's first write of
/// `target` after it.
///
/// # Errors
/// A change was followed by no write.
pub fn delays(bench: &Bench, mark: &Mark, source: &str, target: &str) -> anyhow::Result<Delays> {
    let user = bench.cluster.program.user();
    let mut all = mark.all_requests();
    all.sort_by_key(Entry::received);
    let patches = |e: &&Entry| e.verb == "patch" && e.object_ref.subresource.is_empty();
    let changes = all
        .iter()
        .filter(patches)
        .filter(|e| e.object_ref.resource == source && e.user.username != user);
    let writes: Vec<&Entry> = all
        .iter()
        .filter(patches)
        .filter(|e| e.object_ref.resource == target && e.user.username == user)
        .collect();
    let mut delays = Delays {
        received: Vec::new(),
        answered: Vec::new(),
    };
    for change in changes {
        let write = writes.iter().find(|w| w.received() > change.received());
        let write = write.context("a change without a write after it")?;
        let milliseconds = |from| write.received().duration_since(from).as_secs_f64() * 1e3;
        delays.received.push(milliseconds(change.received()));
        delays.answered.push(milliseconds(change.answered()));
    }
    anyhow::ensure!(
        delays.received.len() == TIMES,
        "{} changes of {TIMES} in the audit log",
        delays.received.len()
    );
    Ok(delays)
}
