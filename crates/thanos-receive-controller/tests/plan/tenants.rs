//! Unreachable tenants in the status, and rejected patterns.

use plan_testing::Case as _;
use serde_json::{Value, json};

use crate::case::Case;

fn ring(name: &str, matcher: &str, tenants: &[&str]) -> Value {
    let tenancy = json!({"tenants": tenants, "tenantMatcherType": matcher});
    json!({"name": name, "tenancyConfig": tenancy})
}

/// A case with these hashrings, published and stable.
fn published(rings: &[Value]) -> Case {
    let recorded = rings.iter().map(|ring| {
        let tenancy = &ring["tenancyConfig"];
        json!({
            "name": ring["name"],
            "algorithm": "ketama",
            "matcher": tenancy["tenantMatcherType"].as_str().unwrap_or("exact"),
            "tenants": tenancy["tenants"].as_array().cloned().unwrap_or_default(),
            "members": {"0": null},
        })
    });
    let recorded: Vec<Value> = recorded.collect();
    let sets = rings.iter().map(|ring| json!({"ring": ring["name"]}));
    let sets: Vec<Value> = sets.collect();
    let held = rings.iter().map(|ring| {
        let name = ring["name"].as_str().unwrap_or_default();
        (name.to_owned(), json!(1))
    });
    let held: serde_json::Map<String, Value> = held.collect();
    Case::read(&json!({
        "spec": {"ingesterSpec": {"hashrings": rings}},
        "record": {"replicationFactor": 1, "confirmed": true, "held": held, "rings": recorded},
        "routers": {},
        "sets": sets,
    }))
}

/// Status and message of `HashringStable`, and the unreachable tenants by hashring.
fn hashring_status(case: &Case) -> (String, String, Vec<(String, Vec<String>)>) {
    let status = case.status();
    let mut conditions = status.common.conditions.into_iter();
    let stable = conditions.find(|c| c.type_ == "HashringStable").unwrap();
    let unreachable = status.hashrings.into_iter();
    let unreachable = unreachable.map(|ring| (ring.name, ring.unreachable_tenants));
    let unreachable = unreachable.filter(|(_, tenants)| !tenants.is_empty());
    (stable.status, stable.message, unreachable.collect())
}

#[test]
fn unreachable_tenants_are_in_the_status() {
    let teams = ring("teams", "glob", &["team-*"]);
    let payments = ring("payments", "exact", &["team-payments", "fraud"]);
    let rest = json!({"name": "rest"});
    let (status, message, unreachable) =
        hashring_status(&published(&[teams.clone(), payments.clone(), rest.clone()]));
    assert_eq!(status, "True", "{message}");
    assert!(
        message.contains("no samples of tenant team-payments"),
        "{message}"
    );
    assert_eq!(
        unreachable,
        [("payments".to_owned(), vec!["team-payments".to_owned()])]
    );
    let (status, message, unreachable) = hashring_status(&published(&[payments, teams, rest]));
    assert_eq!((status.as_str(), message.as_str()), ("True", ""));
    assert_eq!(unreachable, []);
}

#[test]
fn unreachable_hashring_is_in_the_status() {
    let all = published(&[ring("teams", "glob", &["**"]), json!({"name": "rest"})]);
    let (_, message, unreachable) = hashring_status(&all);
    assert!(
        message.contains("hashring rest receives no samples"),
        "{message}"
    );
    assert_eq!(unreachable, [("rest".to_owned(), vec!["*".to_owned()])]);
}

/// While hashrings change, the message contains both.
#[test]
fn unreachable_tenants_are_reported_before_the_first_publication() {
    let rings = [
        ring("teams", "glob", &["team-*"]),
        ring("one", "exact", &["team-a"]),
    ];
    let new = Case::of(json!({"ingesterSpec": {"hashrings": rings}}));
    let (status, message, unreachable) = hashring_status(&new);
    assert_eq!(status, "False");
    assert!(
        message.starts_with("hashring teams: 0 of 1 new members"),
        "{message}"
    );
    assert!(
        message.contains("In addition, hashring one receives no samples"),
        "{message}"
    );
    assert_eq!(unreachable.len(), 1);
}

#[test]
fn status_lists_the_first_50_unreachable_tenants() {
    let many: Vec<String> = (0..70).map(|i| format!("team-{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let rings = [
        ring("teams", "glob", &["team-*"]),
        ring("one", "exact", &many),
    ];
    let (_, message, unreachable) = hashring_status(&published(&rings));
    assert!(
        message.contains("of 70 tenants, such as team-0:"),
        "{message}"
    );
    assert_eq!(unreachable[0].1.len(), 50);
}

/// Without a plan, the published hashrings and the pods are unchanged.
#[test]
fn malformed_pattern_is_never_published() {
    for bad in ["team-[a-", "team-\\"] {
        let good = published(&[ring("teams", "glob", &["team-*"]), json!({"name": "rest"})]);
        let mut case = good.clone();
        let rings = &mut case.spec["ingesterSpec"]["hashrings"];
        rings[0]["tenancyConfig"]["tenants"] = json!(["fine", bad]);
        let invalid = case.plan().unwrap_err();
        assert_eq!(
            invalid.field,
            "spec.ingesterSpec.hashrings[0].tenancyConfig.tenants[1]"
        );
        let conditions = case.status().common.conditions;
        let reconciled = conditions.iter().find(|c| c.type_ == "Reconciled").unwrap();
        assert_eq!(reconciled.reason, "InvalidSpec");
        assert!(
            reconciled.message.contains("tenants[1]"),
            "{}",
            reconciled.message
        );
        assert!(good.plan().is_ok());
    }
}
