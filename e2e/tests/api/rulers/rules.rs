//! Added, changed, deleted and rejected rules.

use e2e::audit::Mark;
use e2e::cluster::{Cluster, SOON};
use e2e::controller::{Controller, RULER};
use e2e::wait::{check, eventually};
use futures::StreamExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{
    ACCEPTED, GATHERED, OPERATED, change, mounted, mounts, rule, ruler, status, status_has,
    template,
};
use crate::support::{has_passed, with_crds};

#[tokio::test]
async fn bad_group_is_rejected_with_an_event_and_others_stay_loaded() {
    let cluster = Cluster::of(RULER, "broken").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let labels = json!({"role": "alerts"});
    // Present at the start.
    let broken = [("good", "up == 0"), ("bad", "sum(")];
    let applied = cluster.apply(rule("first", &labels, &broken)).await;
    cluster
        .apply(ruler("x", json!({"ruleSelector": {"matchLabels": labels}})))
        .await;
    mounts(&cluster, &["\"good\""], &["\"bad\""]).await;
    let before = template(&cluster).await;
    cluster
        .condition("x", "RulesAccepted", "SomeRejected")
        .await;
    let rejected = status(&cluster).await["rejectedRules"][0].clone();
    let subject = format!("PrometheusRule {}/first", cluster.namespace);
    assert_eq!(
        (&rejected["subject"], &rejected["group"], &rejected["rule"]),
        (&json!(subject), &json!("bad"), &json!("bad"))
    );
    // On the PrometheusRule, where kubectl describe shows it.
    let uid = applied.metadata.uid.unwrap();
    let event = async || {
        let events = cluster.api(&json!({"apiVersion": "v1", "kind": "Event"}));
        let of_rule = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        let all = events.list(&of_rule).await.unwrap().items;
        let found = all.iter().find(|e| e.data["reason"] == "RuleRejected");
        let note = found.map(|e| e.data["message"].to_string());
        check(
            note.as_ref().is_some_and(|n| n.contains("group bad")),
            || format!("{note:?}"),
        )
    };
    eventually("an event on the rule", SOON, event).await;
    let metrics = controller.metrics().await;
    let line = format!(
        "thanos_operator_ruler_rejected_groups{{namespace=\"{}\",name=\"x\"}} 1",
        cluster.namespace
    );
    assert!(metrics.contains(&line), "{metrics}");

    // Added to rules that are mounted.
    cluster.apply(rule("second", &labels, &broken[..1])).await;
    let desired = json!({"role": "alerts", "more": "x"});
    cluster
        .apply(rule(
            "second",
            &desired,
            &[("other", "vector(1)"), ("worse", "nothing(")],
        ))
        .await;
    mounts(&cluster, &["\"good\"", "\"other\""], &["\"worse\""]).await;
    status_has(&cluster, "/rules/rejected", json!(2)).await;

    // A fixed group is mounted.
    let mended = [("good", "up == 0"), ("bad", "sum(up)")];
    cluster.apply(rule("first", &labels, &mended)).await;
    mounts(&cluster, &["\"good\"", "\"bad\"", "\"other\""], &[]).await;
    status_has(&cluster, "/rules/rejected", json!(1)).await;
    cluster.delete(OPERATED, "PrometheusRule", "second").await;
    mounts(&cluster, &["\"good\"", "\"bad\""], &["\"other\""]).await;
    cluster.condition("x", "RulesAccepted", ACCEPTED).await;
    assert_eq!(template(&cluster).await, before, "nothing restarts");
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_widened_selector_mounts_rules_that_were_not_cached() {
    let cluster = Cluster::of(RULER, "wider").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    for team in ["a", "b"] {
        let labels = json!({"team": team});
        let alert = format!("of-{team}");
        cluster
            .apply(rule(team, &labels, &[(alert.as_str(), "up == 0")]))
            .await;
    }
    let of_team = |team: Value| json!({"ruleSelector": {"matchLabels": {"team": team}}});
    cluster.apply(ruler("x", of_team(json!("a")))).await;
    mounts(&cluster, &["of-a"], &["of-b"]).await;
    // No selector selected the other one before.
    change(
        &cluster,
        json!({"ruleSelector": {"matchLabels": {"team": "b"}}}),
    )
    .await;
    mounts(&cluster, &["of-b"], &["of-a"]).await;
    change(
        &cluster,
        json!({"ruleSelector": {"matchLabels": {"team": null}, "matchExpressions": [
            {"key": "team", "operator": "In", "values": ["a", "b"]},
        ]}}),
    )
    .await;
    mounts(&cluster, &["of-a", "of-b"], &[]).await;
    // A restarted controller writes nothing.
    cluster.condition("x", "RulesAccepted", ACCEPTED).await;
    let mut controller = controller;
    controller.assert_quiet(&[]);
    controller.kill();
    let mark = Mark::now();
    let controller = Controller::start(&cluster, &[]).await;
    has_passed(&controller, 1.0).await;
    change(&cluster, json!({"evaluationInterval": "30s"})).await;
    let attempt = async || {
        let args = template(&cluster).await.to_string();
        check(args.contains("--eval-interval=30s"), || args)
    };
    eventually("the controller reconciles", SOON, attempt).await;
    let writes: Vec<String> = mark
        .requests(&RULER.user())
        .iter()
        .filter(|e| e.is_write() && e.object_ref.namespace == cluster.namespace)
        .filter(|e| e.object_ref.resource == "configmaps")
        .map(e2e::audit::Entry::line)
        .collect();
    assert!(writes.is_empty(), "{writes:#?}");
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_selector_without_a_match_names_the_closest_prometheus_rule() {
    let cluster = Cluster::of(RULER, "near").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let desired = json!({"matchLabels": {"role": "alerts"}});
    cluster
        .apply(ruler("x", json!({"ruleSelector": desired})))
        .await;
    cluster.condition("x", "RulesAccepted", "NoRules").await;
    let near = rule("near", &json!({"role": "rules"}), &[("a", "up")]);
    cluster.apply(near).await;
    let found = cluster
        .condition("x", "RulesAccepted", "SelectorMatchesNothing")
        .await;
    let conditions = found["status"]["conditions"].to_string();
    assert!(
        conditions.contains("near lacks role=alerts"),
        "{conditions}"
    );
    controller.assert_quiet(&[]);
}

/// A deployment tool applies many objects at once.
#[tokio::test]
async fn five_hundred_changes_are_few_writes() {
    const CHANGES: usize = 500;
    let cluster = Cluster::of(RULER, "churn").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    for i in 0..50 {
        let name = format!("r{i}");
        cluster
            .apply(rule(&name, &json!({}), &[("g", "up == 0")]))
            .await;
    }
    cluster.apply(ruler("x", json!({"ruleSelector": {}}))).await;
    status_has(&cluster, "/rules/evaluated", json!(50)).await;
    let before = template(&cluster).await;

    let mark = Mark::now();
    let began = std::time::Instant::now();
    let rules = cluster.api(&json!({"apiVersion": OPERATED, "kind": "PrometheusRule"}));
    let changes = (0..CHANGES).map(|i| {
        let rules = rules.clone();
        async move {
            let group =
                json!([{"name": "g", "rules": [{"alert": "g", "expr": format!("up == {i}")}]}]);
            let patch = Patch::Merge(json!({"spec": {"groups": group}}));
            let params = PatchParams::default();
            rules
                .patch(&format!("r{}", i % 50), &params, &patch)
                .await
                .unwrap();
        }
    });
    futures::stream::iter(changes)
        .buffer_unordered(16)
        .collect::<Vec<()>>()
        .await;
    let took = began.elapsed();
    let attempt = async || {
        let files = mounted(&cluster).await;
        // Changes are concurrent, so the last number of each rule is unknown.
        let old = files.matches("\"up == 0\"").count();
        check(old == 0, || format!("{old} rules are as they were"))
    };
    eventually("all changes are mounted", SOON + GATHERED, attempt).await;
    tokio::time::sleep(GATHERED).await;
    let writes = mark.requests(&RULER.user());
    let writes: Vec<_> = writes
        .iter()
        .filter(|e| e.is_write() && e.object_ref.namespace == cluster.namespace)
        .filter(|e| e.object_ref.resource == "configmaps")
        .collect();
    // After each debounce, every ConfigMap with rules is written once, since all rules changed.
    let maps: std::collections::BTreeSet<_> = writes.iter().map(|e| &e.object_ref.name).collect();
    let most = maps.len() * (took.as_secs() as usize / 5 + 2);
    println!(
        "{CHANGES} changes in {took:.1?}: {} writes of {} ConfigMaps",
        writes.len(),
        maps.len()
    );
    assert!(
        writes.len() <= most,
        "{} writes of {} ConfigMaps",
        writes.len(),
        maps.len()
    );
    assert_eq!(template(&cluster).await, before, "nothing restarts");
    controller.assert_quiet(&[]);
}
