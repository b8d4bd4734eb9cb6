//! CRDs of Prometheus Operator are installed and deleted while ThanosQuery resources exist.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use e2e::audit::Mark;
use e2e::cluster::Cluster;
use e2e::controller::{Controller, USER};
use e2e::wait::{check, eventually};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::support::{
    alone_with_crds, endpoint_file, endpoints, install, owned, prometheus, prometheus_service,
    query, service_monitor, uninstall,
};

/// Within this time conditions must tell the truth.
const LIVE: Duration = Duration::from_secs(10);

async fn integration(cluster: &Cluster, reason: &str) -> Duration {
    let start = Instant::now();
    cluster
        .condition("q", "PrometheusOperatorIntegration", reason)
        .await;
    let took = start.elapsed();
    assert!(took <= LIVE, "{reason} after {took:?}");
    took
}

#[tokio::test]
async fn installed_and_deleted_crds_are_detected_without_a_restart() {
    let cluster = Cluster::new("live").await;
    let _alone = alone_with_crds().await;
    for kind in ["servicemonitors", "prometheuses"] {
        uninstall(&cluster, kind).await;
    }
    let mut controller = Controller::start(&cluster, &[]).await;
    let mark = Mark::now();
    cluster
        .apply(query("q", json!({"serviceMonitorSelector": {}})))
        .await;
    integration(&cluster, "CRDsAbsent").await;
    cluster.condition("q", "Reconciled", "Applied").await;

    // Installed.
    install(&cluster, "servicemonitors").await;
    install(&cluster, "prometheuses").await;
    println!(
        "installed → Enabled: {:?}",
        integration(&cluster, "Enabled").await
    );
    cluster
        .apply(prometheus("k8s", json!({"thanos": {}})))
        .await;
    cluster.apply(prometheus_service("k8s")).await;
    cluster
        .apply(service_monitor(
            "k8s",
            json!({"app": "p"}),
            json!({"app": "k8s"}),
        ))
        .await;
    let address = format!(
        "dns+prometheus-k8s-0.prometheus-operated.{}.svc:10901",
        cluster.namespace
    );
    endpoints(&cluster, "q", &[&address], &[]).await;
    let own = async || {
        let names = cluster
            .names("monitoring.coreos.com/v1", "ServiceMonitor")
            .await;
        check(names.contains(&"thanos-query-q".to_owned()), || {
            format!("{names:?}")
        })
    };
    eventually("a ServiceMonitor for the querier", LIVE, own).await;

    // Removed: what was found stays.
    let start = Instant::now();
    uninstall(&cluster, "servicemonitors").await;
    cluster.condition("q", "Frozen", "CRDRemoved").await;
    println!("removed → Frozen: {:?}", start.elapsed());
    integration(&cluster, "CRDsAbsent").await;
    assert!(
        endpoint_file(&cluster, "q").await.contains(&address),
        "endpoints survive"
    );
    // Longer than deletions are held back.
    tokio::time::sleep(Duration::from_secs(17)).await;
    assert!(
        endpoint_file(&cluster, "q").await.contains(&address),
        "endpoints survive"
    );

    // Installed again: frozen until something is there, then live.
    install(&cluster, "servicemonitors").await;
    println!(
        "installed again → Enabled: {:?}",
        integration(&cluster, "Enabled").await
    );
    assert!(
        endpoint_file(&cluster, "q").await.contains(&address),
        "an empty list does not thaw"
    );
    let application = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "other", "labels": {"app": "other"}},
        "spec": {"selector": {"app": "other"}, "ports": [{"name": "web", "port": 80}]},
    });
    cluster.apply(application).await;
    cluster
        .apply(service_monitor("other", json!({}), json!({"app": "other"})))
        .await;
    cluster.condition("q", "Frozen", "Live").await;
    // The application's ServiceMonitor is scraped by the Prometheus, so its data is there too.
    endpoints(&cluster, "q", &[&address], &[]).await;
    cluster
        .apply(service_monitor(
            "k8s",
            json!({"app": "p"}),
            json!({"app": "k8s"}),
        ))
        .await;
    eventually("the ServiceMonitor of the querier is back", LIVE, own).await;

    assert!(controller.is_running());
    controller.assert_quiet(&[]);
    let missing: Vec<String> = mark
        .requests(USER)
        .iter()
        .filter(|e| e.response_status.code == 404)
        .map(|e| format!("{} {}", e.verb, e.uri))
        .collect();
    println!("requests answered with 404: {missing:#?}");
    assert!(
        missing.len() <= 12,
        "too many requests to what is missing: {missing:#?}"
    );
    let logs = controller.logs();
    let transitions = logs
        .lines()
        .filter(|l| l.contains("capability changed"))
        .count();
    assert!(transitions >= 3, "{logs}");
}

/// Kind, name and UID of everything that a ThanosQuery owns.
async fn belongings(cluster: &Cluster, uid: &str) -> BTreeSet<(String, String, String)> {
    let all = owned(cluster, uid).await.into_iter();
    let parts = all.map(|o| {
        let kind = o.types.as_ref().map(|t| t.kind.clone()).unwrap_or_default();
        (kind, o.name_any(), o.uid().unwrap_or_default())
    });
    parts.collect()
}

#[tokio::test]
async fn both_feature_gates_must_be_enabled_and_disabling_removes_only_own_objects() {
    let cluster = Cluster::new("gates").await;
    let _alone = alone_with_crds().await;
    install(&cluster, "servicemonitors").await;
    install(&cluster, "prometheuses").await;
    discoverable(&cluster, "old", json!({})).await;
    let gated = |gate: Option<bool>| {
        let mut spec = json!({"serviceMonitorSelector": {"matchLabels": {"app": "p"}}});
        if let Some(gate) = gate {
            spec["featureGates"] = json!({"enablePrometheusOperatorCRDs": gate});
        }
        query("q", spec)
    };
    let flag = "feature-gate.enable-prometheus-operator-crds";
    let mut always: Option<BTreeSet<_>> = None;
    for (flags, allowed) in [
        (vec![format!("-{flag}=false")], false),
        (vec![], true),
        (vec![format!("--{flag}=false")], false),
        (vec![format!("-{flag}=true")], true),
    ] {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let mut controller = Controller::start(&cluster, &flags).await;
        for gate in [None, Some(false), Some(true)] {
            let it = cluster.apply(gated(gate)).await;
            let reason = match (allowed, gate) {
                (false, _) => "DisabledByOperator",
                (true, Some(false)) => "DisabledByResource",
                (true, _) => "Enabled",
            };
            let reported = integration(&cluster, reason).await;
            println!("{flags:?} {gate:?}: {reason} after {reported:?}");
            let uid = it.metadata.uid.unwrap();
            let attempt = async || {
                let all = belongings(&cluster, &uid).await;
                let of = |kind: &str| all.iter().filter(|(k, ..)| k == kind).count();
                let found = (of("ServiceMonitor"), of("Deployment"));
                // The queriers, and a bridge for each replica.
                let desired = if reason == "Enabled" { (2, 3) } else { (0, 1) };
                check(found == desired, || format!("{found:?}, not {desired:?}"))?;
                Ok(all)
            };
            let all = eventually("what the gates let be", LIVE, attempt).await;
            cluster.condition("q", "Reconciled", "Applied").await;
            match &always {
                None => always = Some(all),
                Some(always) => assert!(all.is_superset(always), "{all:?} {always:?}"),
            }
        }
        controller.assert_quiet(&[]);
        controller.stop().await;
    }
}

/// Makes a Prometheus of two replicas discoverable.
async fn discoverable(cluster: &Cluster, name: &str, spec: Value) {
    cluster.apply(prometheus(name, spec)).await;
    cluster.apply(prometheus_service(name)).await;
    let labels = json!({"app": "p"});
    let monitor = service_monitor(name, labels, json!({"app": name}));
    cluster.apply(monitor).await;
}

#[tokio::test]
async fn a_controller_started_without_crds_keeps_discovered_endpoints() {
    let cluster = Cluster::new("standing").await;
    let _alone = alone_with_crds().await;
    let kinds = ["servicemonitors", "prometheuses"];
    for kind in kinds {
        install(&cluster, kind).await;
    }
    let populate = async || {
        discoverable(&cluster, "k8s", json!({"thanos": {}})).await;
        discoverable(&cluster, "old", json!({})).await;
    };
    populate().await;
    let mut controller = Controller::start(&cluster, &[]).await;
    let spec = json!({"serviceMonitorSelector": {"matchLabels": {"app": "p"}}});
    cluster.apply(query("q", spec.clone())).await;
    let found = [
        "prometheus-k8s-0",
        "prometheus-k8s-1",
        "thanos-sidecar-q-prometheus-old-0",
        "thanos-sidecar-q-prometheus-old-1",
    ];
    endpoints(&cluster, "q", &found, &[]).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let file = async || {
        let map = cluster.get("v1", "ConfigMap", "thanos-query-q-endpoints");
        map.await.unwrap()["metadata"]["resourceVersion"].clone()
    };
    let (file_before, deployments) = (file().await, cluster.names("apps/v1", "Deployment").await);
    assert_eq!(deployments.len(), 3, "{deployments:?}");

    for kind in kinds {
        uninstall(&cluster, kind).await;
    }
    cluster.condition("q", "Frozen", "CRDRemoved").await;
    controller.assert_quiet(&[]);
    controller.stop().await;

    let mut controller = Controller::start(&cluster, &[]).await;
    let mut more = spec.clone();
    more["replicas"] = json!(2);
    cluster.apply(query("q", more)).await;
    let reported = cluster.condition("q", "Reconciled", "Applied").await;
    assert_eq!(reported["status"]["endpointsTotal"], 4);
    cluster.condition("q", "Frozen", "CRDRemoved").await;
    let querier = cluster.get("apps/v1", "Deployment", "thanos-query-q").await;
    assert_eq!(
        querier.unwrap()["spec"]["replicas"],
        2,
        "other changes are applied"
    );
    assert_eq!(file().await, file_before);
    assert_eq!(cluster.names("apps/v1", "Deployment").await, deployments);

    // Back, but nothing is in them yet.
    for kind in kinds {
        install(&cluster, kind).await;
    }
    integration(&cluster, "Enabled").await;
    cluster.condition("q", "Frozen", "CRDRemoved").await;
    assert_eq!(file().await, file_before);
    populate().await;
    cluster.condition("q", "Frozen", "Live").await;
    endpoints(&cluster, "q", &found, &[]).await;
    assert_eq!(cluster.names("apps/v1", "Deployment").await, deployments);
    controller.assert_quiet(&[]);
    controller.stop().await;
}

/// Waits until the first Service that leads nowhere is reported for this reason.
async fn skipped(cluster: &Cluster, reason: &str) {
    let attempt = async || {
        let version = "monitoring.thanos.io/v1alpha1";
        let it = cluster.get(version, "ThanosQuery", "q").await;
        let all = it.unwrap_or_default()["status"]["skipped"].take();
        check(all[0]["reason"] == reason, || all.to_string())
    };
    eventually(reason, LIVE, attempt).await;
}

#[tokio::test]
async fn prometheus_agents_are_read_once_their_crd_is_installed() {
    let cluster = Cluster::new("agents").await;
    let _alone = alone_with_crds().await;
    for kind in ["servicemonitors", "prometheuses"] {
        install(&cluster, kind).await;
    }
    uninstall(&cluster, "prometheusagents").await;
    let mut controller = Controller::start(&cluster, &[]).await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "agent", "labels": {"app": "agent"}},
        "spec": {"selector": {"operator.prometheus.io/name": "agent"},
            "ports": [{"name": "web", "port": 9090}]},
    });
    cluster.apply(service).await;
    let monitor = service_monitor("agent", json!({"app": "p"}), json!({"app": "agent"}));
    cluster.apply(monitor).await;
    let spec = json!({"serviceMonitorSelector": {"matchLabels": {"app": "p"}}});
    cluster.apply(query("q", spec)).await;
    skipped(&cluster, "PrometheusGone").await;
    integration(&cluster, "Enabled").await;

    install(&cluster, "prometheusagents").await;
    let agent = json!({
        "apiVersion": "monitoring.coreos.com/v1alpha1", "kind": "PrometheusAgent",
        "metadata": {"name": "agent"}, "spec": {"mode": "DaemonSet"},
    });
    cluster.apply(agent).await;
    skipped(&cluster, "PrometheusAgent").await;

    uninstall(&cluster, "prometheusagents").await;
    skipped(&cluster, "PrometheusGone").await;
    integration(&cluster, "Enabled").await;
    cluster.condition("q", "Frozen", "Live").await;
    assert!(controller.is_running());
    controller.assert_quiet(&[]);
}
