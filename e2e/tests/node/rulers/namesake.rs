//! The ThanosRuler of Prometheus Operator, of the same name in the same namespace.

use e2e::wait::{check, eventually};
use serde_json::json;

use super::{FOLLOWED, OPERATED, Subject, UNSEEN, VERSION, recording, rule};
use crate::support::{answers, kubectl};

#[tokio::test]
async fn both_thanos_rulers_run_and_no_rule_is_evaluated_twice() {
    let unseen = json!({UNSEEN: "true"});
    let rules = [rule("shared", &unseen, &json!([recording("shared")]))];
    let subject = Subject::start("namesake", &rules).await;
    let (cluster, queries) = (&subject.cluster, subject.queries());
    let namespace = cluster.namespace.as_str();
    answers(&queries, "x", "sum(shared:one)", 1.0, FOLLOWED).await;
    let runs = subject.runs().await;

    cluster
        .apply(json!({
            "apiVersion": OPERATED, "kind": "ThanosRuler", "metadata": {"name": "x"},
            "spec": {
                "image": "quay.io/thanos/thanos:v0.42.4",
                "ruleSelector": {},
                "evaluationInterval": "5s",
                "queryEndpoints": [format!("dns+http://thanos-query-x-client.{namespace}.svc:9090")],
                "labels": {"prometheus": "theirs"},
            },
        }))
        .await;
    kubectl(&[
        "-n",
        namespace,
        "wait",
        "thanosrulers.monitoring.coreos.com/x",
        "--for=condition=Available",
        "--timeout=180s",
    ]);
    // It evaluates the rules that both select, and is reported as an evaluator.
    let reported = async || {
        let it = cluster.get(VERSION, "ThanosRuler", "x").await;
        let overlaps = it.unwrap_or_default()["status"]["overlaps"].clone();
        let desired = json!([{
            "prometheusRule": format!("{namespace}/shared"),
            "evaluatedBy": format!("ThanosRuler {namespace}/x"),
        }]);
        check(overlaps == desired, || overlaps.to_string())
    };
    eventually("the other ThanosRuler is reported", FOLLOWED, reported).await;
    subject.has_groups(&[]).await;
    cluster
        .reports("x", "Ready", ("status", "True"), FOLLOWED)
        .await;
    assert_eq!(subject.runs().await, runs, "no ruler restarted");

    // After its deletion, the rule is evaluated here again.
    cluster.delete(OPERATED, "ThanosRuler", "x").await;
    subject.has_groups(&["shared"]).await;
    answers(&queries, "x", "sum(shared:one)", 1.0, FOLLOWED).await;
    assert_eq!(subject.runs().await, runs, "no ruler restarted");
    subject.end().await;
}
