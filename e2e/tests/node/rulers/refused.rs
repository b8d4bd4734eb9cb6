//! Accepted rules that rulers fail to load are held back, and all other rules are evaluated.

use std::time::Duration;

use e2e::wait::{check, eventually};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::{FOLLOWED, Subject, UNSEEN, VERSION, recording, rule};
use crate::support::{STARTED, answers};

/// Rules are held back 100 s after they changed, if no ruler has loaded them.
const HELD_BACK: Duration = Duration::from_secs(180);

/// A group that is valid by the arguments of the rulers, and that their image fails to load.
fn refused(name: &str) -> Value {
    json!({"name": name, "interval": "5s", "rules": [
        {"record": format!("{name}:one"), "expr": "limitk(1, vector(1))"},
    ]})
}

/// Waits until the rules of these objects and no others are held back.
async fn held_back(subject: &Subject, desired: &[&str]) {
    let (cluster, namespace) = (&subject.cluster, &subject.cluster.namespace);
    let desired: Vec<String> = desired
        .iter()
        .map(|name| format!("PrometheusRule {namespace}/{name}"))
        .collect();
    let attempt = async || {
        let it = cluster.get(VERSION, "ThanosRuler", "x").await;
        let status = it.unwrap_or_default()["status"].clone();
        let all = status["heldRules"].as_array().cloned();
        let subject = |held: Value| held["subject"].as_str().unwrap_or_default().to_owned();
        let all: Vec<String> = all.into_iter().flatten().map(subject).collect();
        check(all == desired, || format!("{all:?}: {status:#}"))
    };
    eventually(&format!("{desired:?} are held back"), HELD_BACK, attempt).await;
}

#[tokio::test]
async fn rules_that_rulers_fail_to_load_are_held_back() {
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

    // A bad one, a good one, and one that was good before.
    let began = std::time::Instant::now();
    cluster.apply(with("first", refused("first"))).await;
    cluster.apply(with("beside", recording("beside"))).await;
    cluster.apply(with("other", refused("other"))).await;
    cluster
        .reports("x", "RulesLoaded", ("reason", "ReloadFailed"), FOLLOWED)
        .await;
    held_back(&subject, &["beside", "first", "other"]).await;
    println!("held back after {:.0?}", began.elapsed());
    let status = cluster
        .condition("x", "RulesAccepted", "SomeRejected")
        .await["status"]
        .clone();
    let rejected = status["rejectedRules"].as_array().unwrap();
    let messages: Vec<&str> = rejected
        .iter()
        .filter_map(|r| r["message"].as_str())
        .collect();
    assert_eq!(messages.len(), 3, "{rejected:#?}");
    assert!(
        messages[1].contains("none of its rules are mounted"),
        "{messages:#?}"
    );
    assert!(
        messages[2].contains("its previous rules stay mounted"),
        "{messages:#?}"
    );

    // The previous rules stay loaded, and reloads succeed again.
    subject.loaded().await;
    subject.has_groups(&["good", "other"]).await;
    let each = "sum({__name__=~\"(good|other|beside|first):one\"})";
    answers(&queries, "x", each, 2.0, FOLLOWED).await;
    assert_eq!(subject.runs().await, runs, "no ruler restarted");

    // A new ruler can start.
    let pods = cluster.api(&json!({"apiVersion": "v1", "kind": "Pod"}));
    let params = DeleteParams::default();
    pods.delete("thanos-rule-x-0", &params).await.unwrap();
    let again = async || {
        let now = subject.runs().await;
        let other = now.len() == 2 && now[0].1 != runs[0].1 && now[0].2 == 0;
        check(other, || format!("{now:?}"))
    };
    eventually("the first ruler is replaced", FOLLOWED, again).await;
    cluster
        .reports("x", "Ready", ("status", "True"), STARTED)
        .await;

    // Changes of other rules are loaded meanwhile.
    cluster.apply(with("more", recording("more"))).await;
    subject.has_groups(&["good", "more", "other"]).await;
    held_back(&subject, &["beside", "first", "other"]).await;

    // Fixed rules release all held-back objects at once.
    for name in ["first", "other"] {
        cluster.apply(with(name, recording(name))).await;
    }
    subject
        .has_groups(&["beside", "first", "good", "more", "other"])
        .await;
    subject.loaded().await;
    held_back(&subject, &[]).await;
    cluster.condition("x", "RulesAccepted", "Accepted").await;
    subject.end().await;
}
