use super::*;
use serde_json::{Value, json};

fn set(change: impl FnOnce(&mut Value)) -> ShardFacts {
    let mut set = json!({
        "metadata": {
            "name": "thanos-store-x-shard-0",
            "labels": {"operator.thanos.io/owner": "x"},
        },
        "spec": {
            "replicas": 2,
            "template": {"metadata": {"labels": {}}, "spec": {"containers": [
                {"name": "helper", "args": ["--modulus: 9"]},
                {"name": "thanos-store", "args": ["store", "--selector.relabel-config=\n- action: hashmod\n  source_labels: [\"__block_id\"]\n  target_label: shard\n  modulus: 12\n- action: keep\n  source_labels: [\"shard\"]\n  regex: 0"]},
            ]}},
        },
    });
    change(&mut set);
    ShardObject::read(&set).into_parts().1
}

#[test]
fn go_operator_stateful_set_is_read_from_its_arguments() {
    let set = set(|_| {});
    assert!(!set.applied);
    assert_eq!(set.shards, 12, "the modulus in its arguments");
    assert!(
        set.group,
        "the Go operator labels every Service with several replicas as a group"
    );
    assert_eq!(set.set.replicas, 2);
}

#[test]
fn stateful_set_without_a_modulus_is_one_shard() {
    for args in [
        json!(["store"]),
        json!(["--selector.relabel-config=[]"]),
        json!(null),
    ] {
        let set = set(|s| s["spec"]["template"]["spec"]["containers"] = json!([{"args": args}]));
        assert_eq!(set.shards, 1, "{args}");
    }
    let lines = "--selector.relabel-config=- action: hashmod\n  modulus:   4\n- action: keep";
    let set = set(|s| s["spec"]["template"]["spec"]["containers"] = json!([{"args": [lines]}]));
    assert_eq!(set.shards, 4);
}

#[test]
fn own_stateful_set_is_read_from_its_annotation() {
    let ours = |change: fn(&mut Value)| {
        set(|s| {
            s["metadata"]["labels"]["operator.thanos.io/controller"] =
                json!("thanos-store-controller");
            s["metadata"]["annotations"] = json!({"operator.thanos.io/shards": "5"});
            change(s);
        })
    };
    let plain = ours(|_| {});
    assert!(plain.applied && !plain.group);
    assert_eq!(
        plain.shards, 5,
        "the annotation, regardless of its arguments"
    );
    assert!(
        ours(|s| s["metadata"]["labels"]["operator.thanos.io/endpoint-group"] = json!("true"))
            .group
    );
}
