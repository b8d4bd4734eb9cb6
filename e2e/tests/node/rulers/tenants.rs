//! Rules of tenants whose results are written to a ThanosReceive.

use e2e::cluster::Cluster;
use e2e::controller::RECEIVE;
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use super::{FOLLOWED, Subject, VERSION, rule};
use crate::support::{STARTED, promql, querier};

/// A rule that counts all series it can read.
fn counting(name: &str, tenant: Option<&str>) -> Value {
    let labels = match tenant {
        Some(tenant) => json!({"unseen": "true", "team": tenant}),
        None => json!({"unseen": "true"}),
    };
    let groups = json!([{"name": "counting", "interval": "5s", "rules": [
        {"record": "tenant:up:count", "expr": "count(up)"},
    ]}]);
    rule(name, &labels, &groups)
}

#[tokio::test]
async fn each_tenant_reads_its_own_series_and_results_are_remote_written() {
    let receive = json!({
        "apiVersion": VERSION, "kind": "ThanosReceive", "metadata": {"name": "x"},
        "spec": {"featureGates": {"enablePrometheusOperatorCRDs": false}},
    });
    let rules = [
        counting("of-monitoring", Some("monitoring")),
        counting("of-kube-system", Some("kube-system")),
        counting("without-tenant", None),
        receive,
    ];
    let stateless = json!({
        "rulerMode": {"type": "Stateless"},
        // Series of kube-prometheus, as it scrapes them.
        "ruleTenancyConfig": {"enforcedTenantIdentifier": "namespace", "tenantSpecifierLabel": "team"},
    });
    let subject = Subject::start_with("tenants", &rules, stateless).await;
    let (cluster, queries) = (&subject.cluster, subject.queries());
    let receives = Cluster {
        client: cluster.client.clone(),
        namespace: cluster.namespace.clone(),
        program: RECEIVE,
    };
    receives
        .reports("x", "Ready", ("status", "True"), STARTED)
        .await;
    let ruler = cluster
        .condition("x", "RulesAccepted", "SomeRejected")
        .await;
    let rejected = &ruler["status"]["rejectedRules"];
    assert_eq!(rejected.as_array().map(Vec::len), Some(1), "{rejected}");
    assert!(
        rejected.to_string().contains("without-tenant"),
        "{rejected}"
    );

    let target = querier("x");
    let number = async |query: &str| {
        let answer = promql(&queries, &target, query).await?;
        answer.value.ok_or_else(|| format!("{query}: nothing"))
    };
    for tenant in ["monitoring", "kube-system"] {
        // Only the ThanosReceive adds that label, by the header that names the tenant.
        let written = format!("tenant:up:count{{namespace=\"{tenant}\", tenant_id=\"{tenant}\"}}");
        let seen = format!("count(up{{namespace=\"{tenant}\"}})");
        let attempt = async || {
            let (written, seen) = (number(&written).await?, number(&seen).await?);
            check(written == seen && seen > 0.0, || {
                format!("{written} is written, {seen} exist")
            })
        };
        eventually(&format!("{tenant} has its own"), FOLLOWED, attempt).await;
    }
    // Tenants read different series, and only these two have results.
    let all = number("count(up)").await.unwrap();
    let attempt = async || {
        let results = number("count(tenant:up:count)").await?;
        check(results == 2.0, || format!("{results} results"))
    };
    eventually("two tenants have results", FOLLOWED, attempt).await;
    let most = number("max(tenant:up:count)").await.unwrap();
    assert!(most < all, "one tenant sees {most} of {all}");

    cluster.delete(VERSION, "ThanosReceive", "x").await;
    subject.end().await;
}
