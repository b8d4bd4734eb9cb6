//! Rulers refuse what was judged to be good: it is found, and nothing else suffers.

use std::time::Duration;

use e2e::wait::{check, eventually};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::{FOLLOWED, Subject, UNSEEN, VERSION, recording, rule};
use crate::support::{STARTED, answers};

/// What is refused is left out after 100 s, and tried once more alone.
const FOUND: Duration = Duration::from_secs(600);

/// Good by the arguments, and nothing that this Thanos takes.
fn refused(name: &str) -> Value {
    json!({"name": name, "interval": "5s", "rules": [
        {"record": format!("{name}:one"), "expr": "limitk(1, vector(1))"},
    ]})
}

/// Waits until these objects and no others are what rulers refuse.
async fn blamed(subject: &Subject, wanted: &[&str]) {
    let (cluster, namespace) = (&subject.cluster, &subject.cluster.namespace);
    let wanted: Vec<String> = wanted
        .iter()
        .map(|name| format!("PrometheusRule {namespace}/{name} true"))
        .collect();
    let look = async || {
        let it = cluster.get(VERSION, "ThanosRuler", "x").await;
        let status = it.unwrap_or_default()["status"].clone();
        let all = status["quarantined"].as_array().cloned();
        let text = |q: &Value| {
            format!(
                "{} {}",
                q["subject"].as_str().unwrap_or_default(),
                q["refused"]
            )
        };
        let all: Vec<String> = all.into_iter().flatten().map(|q| text(&q)).collect();
        check(all == wanted, || format!("{all:?}: {status:#}"))
    };
    eventually(&format!("refused are {wanted:?}"), FOUND, look).await;
}

#[tokio::test]
async fn what_rulers_refuse_is_found_and_left_out_alone() {
    let unseen = json!({UNSEEN: "true"});
    let with = |name: &str, group: Value| rule(name, &unseen, &json!([group]));
    let forgetful = json!({
        "baseImage": "docker.io/library/forgetful:v0.42.4",
        "additionalArgs": ["--enable-feature=promql-experimental-functions"],
    });
    let start = [
        with("good", recording("good")),
        with("other", recording("other")),
    ];
    let subject = Subject::start_with("refused", &start, forgetful).await;
    let (cluster, queries) = (&subject.cluster, subject.queries());
    subject.has_groups(&["good", "other"]).await;
    let runs = subject.runs().await;

    // New ones, of which one is refused, and one that was good before.
    let began = std::time::Instant::now();
    cluster.apply(with("first", refused("first"))).await;
    cluster.apply(with("beside", recording("beside"))).await;
    cluster.apply(with("other", refused("other"))).await;
    cluster
        .told("x", "RulesLoaded", ("reason", "ReloadFailed"), FOLLOWED)
        .await;
    blamed(&subject, &["first", "other"]).await;
    println!("found after {:.0?}", began.elapsed());
    // What was there before stays, as it was.
    subject.has_groups(&["beside", "good", "other"]).await;
    subject.loaded().await;
    let each = "sum({__name__=~\"(good|other|beside|first):one\"})";
    answers(&queries, "x", each, 3.0, FOLLOWED).await;
    let told = cluster
        .condition("x", "RulesAccepted", "SomeRejected")
        .await;
    let told = told["status"]["rejectedRules"].to_string();
    assert!(told.contains("what it was before stays mounted"), "{told}");
    assert!(told.contains("nothing of it is mounted"), "{told}");
    assert_eq!(subject.runs().await, runs, "no ruler restarted");

    // A ruler that starts now is none that ends at once.
    let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
    let params = DeleteParams::default();
    pods.delete("thanos-rule-x-0", &params).await.unwrap();
    let again = async || {
        let now = subject.runs().await;
        let other = now.len() == 2 && now[0].1 != runs[0].1 && now[0].2 == 0;
        check(other, || format!("{now:?}"))
    };
    eventually("there is another first ruler", FOLLOWED, again).await;
    cluster
        .told("x", "Ready", ("status", "True"), STARTED)
        .await;
    subject.has_groups(&["beside", "good", "other"]).await;

    // Mended, they join at once.
    for name in ["first", "other"] {
        cluster.apply(with(name, recording(name))).await;
    }
    subject
        .has_groups(&["beside", "first", "good", "other"])
        .await;
    blamed(&subject, &[]).await;
    cluster.condition("x", "RulesAccepted", "Accepted").await;
    subject.end().await;
}
