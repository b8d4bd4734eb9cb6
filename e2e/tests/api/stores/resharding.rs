//! A change of the number of shards, step by step, with a controller that is killed at each.

use e2e::cluster::Cluster;
use e2e::controller::{Controller, STORE};
use e2e::wait::eventually;
use serde_json::{Value, json};

use super::kubelet::Kubelet;
use super::querier::Querier;
use super::{change, is, is_offered, read, ready, reported, set, sets, store};
use crate::stateful;

const STEP: &str = "/status/resharding/step";

/// What must not change of a StatefulSet that serves.
async fn stamp(cluster: &Cluster, name: &str) -> Value {
    let set = set(cluster, name).await.expect("the old StatefulSet");
    json!([set["metadata"]["uid"], set["metadata"]["generation"]])
}

async fn killed(mut controller: Controller, cluster: &Cluster) -> Controller {
    controller.kill();
    Controller::start(cluster, &[]).await
}

#[tokio::test]
async fn resharding_leaves_no_gap_whenever_the_controller_dies() {
    let cluster = Cluster::of(STORE, "reshard").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let querier = Querier::start(&cluster, "querier").await;
    cluster.apply(store("x", json!({}))).await;
    ready(&cluster, "x").await;
    let old = kubelet.have_addresses("thanos-store-x-", 1).await;
    querier.lists(&[&old]);
    let before = stamp(&cluster, "thanos-store-x").await;

    // The new shards start.
    kubelet.hold("thanos-store-x-shard-1");
    change(&cluster, "x", json!({"shardingStrategy": {"shards": 3}})).await;
    is(&cluster, "x", STEP, json!("Starting")).await;
    // An event follows the status that it is about: a controller that dies in between sends none.
    reported(&cluster, "Resharding", "start").await;
    let controller = killed(controller, &cluster).await;
    let new = kubelet.have_addresses("thanos-store-x-shard-", 2).await;
    assert_eq!(new.len(), 2);
    let waits = async || {
        let status = is(&cluster, "x", STEP, json!("Starting")).await;
        let message = status["status"]["resharding"]["message"].to_string();
        match message.contains("StatefulSet thanos-store-x-shard-1 (") {
            true => Ok(status),
            false => Err(message),
        }
    };
    let status = eventually("it waits for the last one", stateful::STEP, waits).await;
    assert_eq!(status["status"]["shards"], 1);
    assert_eq!(is_offered(&cluster, "thanos-store-x").await, Some(true));
    let available = cluster
        .condition("x", "Available", "SomePodsNotReady")
        .await;
    assert_eq!(available["status"]["replicas"], 1);

    // The querier does not know them yet.
    kubelet.release("thanos-store-x-shard-1");
    is(&cluster, "x", STEP, json!("Joining")).await;
    reported(&cluster, "Resharding", "discover").await;
    let controller = killed(controller, &cluster).await;
    let new = kubelet.have_addresses("thanos-store-x-shard-", 3).await;
    querier.lists(&[&old, &new[..2]]);
    let status = is(&cluster, "x", STEP, json!("Joining")).await;
    assert!(
        status["status"]["resharding"]["message"]
            .as_str()
            .unwrap()
            .contains("querier")
    );
    assert_eq!(is_offered(&cluster, "thanos-store-x").await, Some(true));
    assert_eq!(stamp(&cluster, "thanos-store-x").await, before);

    // It knows them, and forgets the old one.
    querier.lists(&[&old, &new]);
    is(&cluster, "x", STEP, json!("Withdrawing")).await;
    reported(&cluster, "Resharding", "withdrawing").await;
    let controller = killed(controller, &cluster).await;
    let status = is(&cluster, "x", STEP, json!("Withdrawing")).await;
    assert_eq!(status["status"]["shards"], 3);
    assert_eq!(is_offered(&cluster, "thanos-store-x").await, Some(false));
    assert_eq!(
        stamp(&cluster, "thanos-store-x").await,
        before,
        "it serves as before"
    );

    // A new pod that is lost brings the old shard back.
    kubelet.break_down("thanos-store-x-shard-2-0").await;
    is(&cluster, "x", STEP, json!("Starting")).await;
    assert_eq!(is_offered(&cluster, "thanos-store-x").await, Some(true));
    kubelet.release("thanos-store-x-shard-2-0");
    is(&cluster, "x", STEP, json!("Withdrawing")).await;

    // No querier uses it.
    querier.lists(&[&new]);
    is(&cluster, "x", "/status/resharding", Value::Null).await;
    let shards = [
        "thanos-store-x-shard-0",
        "thanos-store-x-shard-1",
        "thanos-store-x-shard-2",
    ];
    assert_eq!(sets(&cluster).await, shards);
    assert_eq!(is_offered(&cluster, "thanos-store-x").await, None);
    ready(&cluster, "x").await;
    reported(&cluster, "Resharding", "done").await;

    // To a number whose plain names are taken.
    change(&cluster, "x", json!({"shardingStrategy": {"shards": 2}})).await;
    is(&cluster, "x", STEP, json!("Joining")).await;
    let controller = killed(controller, &cluster).await;
    let counted = [
        kubelet
            .have_addresses("thanos-store-x-shard-0-of-2", 1)
            .await,
        kubelet
            .have_addresses("thanos-store-x-shard-1-of-2", 1)
            .await,
    ]
    .concat();
    querier.lists(&[&new, &counted]);
    is(&cluster, "x", STEP, json!("Withdrawing")).await;
    for shard in shards {
        assert_eq!(is_offered(&cluster, shard).await, Some(false));
    }
    querier.lists(&[&counted]);
    is(&cluster, "x", "/status/resharding", Value::Null).await;
    assert_eq!(
        sets(&cluster).await,
        ["thanos-store-x-shard-0-of-2", "thanos-store-x-shard-1-of-2"]
    );
    for (shard, number) in ["thanos-store-x-shard-0-of-2", "thanos-store-x-shard-1-of-2"]
        .iter()
        .zip(["0", "1"])
    {
        let set = set(&cluster, shard).await.unwrap();
        let args = &set["spec"]["template"]["spec"]["containers"][0]["args"];
        let mut args = args.as_array().unwrap().iter().filter_map(Value::as_str);
        let part = args
            .find(|a| a.starts_with("--selector.relabel-config="))
            .unwrap();
        let regex = format!("regex: \"{number}\"");
        assert!(
            part.contains("modulus: 2") && part.contains(&regex),
            "{part}"
        );
    }
    let status = ready(&cluster, "x").await;
    assert_eq!(
        status["status"]["shardStatuses"].as_object().unwrap().len(),
        2
    );
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn resharding_back_restores_the_previous_shards() {
    let cluster = Cluster::of(STORE, "mind").await;
    let controller = Controller::start(&cluster, &[]).await;
    let kubelet = Kubelet::start(&cluster);
    let querier = Querier::start(&cluster, "querier").await;
    cluster
        .apply(store("x", json!({"shardingStrategy": {"shards": 2}})))
        .await;
    ready(&cluster, "x").await;
    let serving = kubelet.have_addresses("thanos-store-x-", 2).await;
    querier.lists(&[&serving]);
    let before = stamp(&cluster, "thanos-store-x-shard-0").await;

    kubelet.hold("thanos-store-x-shard-0-of-4");
    change(&cluster, "x", json!({"shardingStrategy": {"shards": 4}})).await;
    is(&cluster, "x", STEP, json!("Starting")).await;
    kubelet.exists("thanos-store-x-shard-3-of-4-0").await;
    change(&cluster, "x", json!({"shardingStrategy": {"shards": 2}})).await;
    is(&cluster, "x", "/status/resharding", Value::Null).await;
    assert_eq!(
        sets(&cluster).await,
        ["thanos-store-x-shard-0", "thanos-store-x-shard-1"]
    );
    assert_eq!(stamp(&cluster, "thanos-store-x-shard-0").await, before);
    let status = read(&cluster, "x").await;
    assert_eq!(status["status"]["shards"], 2);
    controller.assert_quiet(&[]);
}
