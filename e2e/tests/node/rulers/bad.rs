//! Bad rules, and changes of rules, queriers and Alertmanagers: no ruler restarts, and good rules are
//! evaluated.

use serde_json::{Value, json};

use super::{OPERATED, Subject, UNSEEN, recording, rule};
use crate::support::{answers, kubectl};

/// Thanos rejects each group for another reason, and each would prevent the start of a ruler.
fn broken() -> [Value; 6] {
    let with = |name: &str, rule: Value| json!({"name": name, "rules": [rule]});
    [
        with("syntax", json!({"alert": "A", "expr": "sum("})),
        with(
            "unknown-function",
            json!({"alert": "A", "expr": "mad_over_time(up[5m])"}),
        ),
        with("type", json!({"alert": "A", "expr": "rate(up)"})),
        with(
            "for-on-record",
            json!({"record": "a:b", "expr": "up", "for": "5m"}),
        ),
        with(
            "template",
            json!({"alert": "A", "expr": "up", "annotations": {"d": "{{ .Nope"}}),
        ),
        with("record-name", json!({"record": "a{b=\"c\"}", "expr": "up"})),
    ]
}

fn groups(more: &[Value]) -> Value {
    json!([&[recording("good")], more].concat())
}

#[tokio::test]
async fn bad_groups_are_rejected_and_others_stay_loaded() {
    let unseen = json!({UNSEEN: "true"});
    // Two exist at the start.
    let [syntax, function, rest @ ..] = broken();
    let start = groups(&[syntax, function]);
    let subject = Subject::start("bad", &[rule("first", &unseen, &start)]).await;
    let (cluster, queries) = (&subject.cluster, subject.queries());
    subject.has_groups(&["good"]).await;
    let limit = super::FOLLOWED;
    answers(&queries, "x", "sum(good:one)", 1.0, limit).await;
    let runs = subject.runs().await;
    assert_eq!(runs.len(), 2);

    // The others are added while it runs.
    for (i, group) in rest.iter().enumerate() {
        let name = format!("bad-{i}");
        let groups = json!([group, recording(&format!("beside{i}"))]);
        cluster.apply(rule(&name, &unseen, &groups)).await;
    }
    subject
        .has_groups(&["beside0", "beside1", "beside2", "beside3", "good"])
        .await;
    let ruler = cluster
        .condition("x", "RulesAccepted", "SomeRejected")
        .await;
    assert_eq!(
        ruler["status"]["rules"]["rejected"], 6,
        "{:#}",
        ruler["status"]
    );
    subject.loaded().await;
    answers(
        &queries,
        "x",
        "sum({__name__=~\"(beside.|good):one\"})",
        5.0,
        limit,
    )
    .await;

    // Fixed groups are loaded.
    let mended = json!([recording("good"), recording("mended")]);
    cluster.apply(rule("first", &unseen, &mended)).await;
    subject
        .has_groups(&["beside0", "beside1", "beside2", "beside3", "good", "mended"])
        .await;
    // Rules, queriers and Alertmanagers are added and deleted.
    for i in 0..rest.len() {
        cluster
            .delete(OPERATED, "PrometheusRule", &format!("bad-{i}"))
            .await;
    }
    subject.has_groups(&["good", "mended"]).await;
    cluster.condition("x", "RulesAccepted", "Accepted").await;
    let namespace = cluster.namespace.as_str();
    kubectl(&["-n", namespace, "scale", "thanosquery", "x", "--replicas=2"]);
    kubectl(&[
        "-n",
        namespace,
        "rollout",
        "status",
        "deployment/thanos-query-x",
        "--timeout=90s",
    ]);
    cluster
        .apply(json!({
            "apiVersion": OPERATED, "kind": "Alertmanager", "metadata": {"name": "more"},
            "spec": {"replicas": 0},
        }))
        .await;
    answers(&queries, "x", "sum(mended:one)", 1.0, limit).await;
    subject.loaded().await;
    assert_eq!(subject.runs().await, runs, "no ruler restarted");
    subject.end().await;
}
