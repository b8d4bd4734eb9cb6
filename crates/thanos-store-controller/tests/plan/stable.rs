//! Changes that restart no pod, and parts that equal the Go operator's.

use std::collections::BTreeMap;

use plan_testing::Case as _;
use plan_testing::relations::of_kind;
use plan_testing::stable::{check_immutable, check_volume, has_arg, selector, services_of};
use serde_json::{Value, json};

use crate::case::Case;

fn shards(shards: i32) -> Case {
    Case::of(json!({"shardingStrategy": {"shards": shards}}))
}

/// Names and selectors equal those of existing workloads; a change would recreate them.
#[test]
fn names_and_selectors_equal_the_go_operators() {
    const COMPONENT: &str = "object-storage-gateway";
    let store_api = ("operator.thanos.io/store-api", "true");
    let one = Case::default().object("StatefulSet", "thanos-store-main");
    assert_eq!(
        one["spec"]["selector"]["matchLabels"],
        selector("thanos-store", COMPONENT, "thanos-store-main", &[store_api])
    );
    let service = Case::default().object("Service", "thanos-store-main");
    check_volume(&one, &service, "/var/thanos/store");
    let claim = &one["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOnce"]));

    for i in 0..2 {
        let name = format!("thanos-store-main-shard-{i}");
        let set = shards(2).object("StatefulSet", &name);
        let shard = ("operator.thanos.io/shard", &*i.to_string());
        assert_eq!(
            set["spec"]["selector"]["matchLabels"],
            selector("thanos-store", COMPONENT, &name, &[store_api, shard])
        );
        let service = shards(2).object("Service", &name);
        assert_eq!(service["spec"]["clusterIP"], "None", "immutable");
    }
}

/// A new version of this program must not change it without a reason, since that replaces every
/// pod.
#[test]
fn shards_differ_only_in_their_relabeling() {
    let template = |i: i32| {
        let name = format!("thanos-store-main-shard-{i}");
        let text = shards(2).object("StatefulSet", &name)["spec"]["template"].to_string();
        text.replace(&format!("shard-{i}"), "shard-#")
            .replace(&format!("regex: \\\"{i}\\\""), "regex: #")
            .replace(&format!("\"operator.thanos.io/shard\":\"{i}\""), "")
    };
    assert_eq!(template(0), template(1));
}

/// Neither scaling, nor unread parts of Secrets, nor the volume size replaces a pod.
#[test]
fn scaling_and_storage_changes_replace_no_pod() {
    let template =
        |case: &Case| case.object("StatefulSet", "thanos-store-main")["spec"]["template"].clone();
    let plain = template(&Case::default());
    let secrets = BTreeMap::from([("bucket".to_owned(), json!({"thanos.yaml": "eA=="}))]);
    let readable = Case {
        secrets: Some(secrets),
        ..Default::default()
    };
    assert_eq!(template(&readable), plain);
    for spec in [
        json!({"replicas": 3}),
        json!({"maxSurge": 0}),
        json!({"storage": {"size": "1Ti"}}),
        json!({"serviceMonitor": {"enabled": false}, "networkPolicy": {"enabled": true}}),
        json!({"podDisruptionBudgetConfig": {"enable": false}}),
        json!({"minReadySeconds": 5}),
    ] {
        assert_eq!(template(&Case::of(spec.clone())), plain, "{spec}");
    }
}

/// The volumeClaimTemplates of a StatefulSet are immutable, so the stored ones are applied again.
#[test]
fn immutable_fields_are_applied_unchanged() {
    let adopted = Case::named("adopted-from-the-go-operator");
    let larger = Case {
        spec: json!({"storage": {"size": "5Gi"}, "podManagementPolicy": "Parallel"}),
        ..adopted.clone()
    };
    let set = larger.object("StatefulSet", "thanos-store-main-shard-0");
    let stored = &adopted.objects[0]["spec"]["volumeClaimTemplates"][0];
    check_immutable(&set, stored);
}

/// One hand-written ServiceMonitor on this label scrapes every pod exactly once.
#[test]
fn each_shard_has_one_service_for_scraping_and_queriers() {
    let objects = shards(3).bodies();
    assert_eq!(of_kind(&objects, "StatefulSet").count(), 3);
    for set in of_kind(&objects, "StatefulSet") {
        let name = &set["metadata"]["name"];
        let labels = &set["spec"]["template"]["metadata"]["labels"];
        assert_eq!(
            labels["app.kubernetes.io/name"], "thanos-store",
            "pods keep their name"
        );
        let services = services_of(set, &objects);
        assert_eq!(services.len(), 1, "{name}");
        let labels = &services[0]["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/name"], "thanos");
        assert_eq!(labels["operator.thanos.io/store-api"], "true");
        assert_eq!(
            labels["app.kubernetes.io/instance"], "thanos-store-main",
            "one job"
        );
    }
    // Only Services have the StoreAPI label.
    for other in objects.iter().filter(|o| o["kind"] != "Service") {
        let labels = &other["metadata"]["labels"];
        let announced = labels.get("operator.thanos.io/store-api");
        assert_eq!(announced, None, "{}", other["metadata"]["name"]);
    }
}

/// A single replica is an endpoint by itself; several are a group.
#[test]
fn several_replicas_are_a_group() {
    for (replicas, group) in [(1, None), (2, Some(&json!("true")))] {
        let case = Case::of(json!({"replicas": replicas}));
        for kind in ["Service", "StatefulSet"] {
            let labels = case.object(kind, "thanos-store-main")["metadata"]["labels"].clone();
            assert_eq!(
                labels.get("operator.thanos.io/endpoint-group"),
                group,
                "{kind}"
            );
        }
    }
}

/// One of Thanos' two duration parsers rejects weeks, days and a bare zero; caches reject items
/// larger than themselves, and sizes without a unit.
#[test]
fn values_are_formatted_for_thanos() {
    let has = |spec: Value, arg: &str| {
        let set = Case::of(spec).object("StatefulSet", "thanos-store-main");
        has_arg(&set["spec"]["template"], arg);
    };
    has(
        json!({"ignoreDeletionMarksDelay": "1d12h"}),
        "--ignore-deletion-marks-delay=129600000ms",
    );
    has(
        json!({"ignoreDeletionMarksDelay": "0"}),
        "--ignore-deletion-marks-delay=0ms",
    );
    has(
        json!({"ignoreDeletionMarksDelay": "1h30m"}),
        "--ignore-deletion-marks-delay=1h30m",
    );
    has(
        json!({"indexHeaderConfig": {"lazyReaderIdleTimeout": "1w"}}),
        "--store.index-header-lazy-reader-idle-timeout=604800000ms",
    );
    has(
        json!({"timeRangeConfig": {"minTime": "-1y", "maxTime": ""}}),
        "--min-time=-1y",
    );
    let cache = |config: Value| json!({"indexCacheConfig": {"inMemoryCacheConfig": config}});
    has(
        cache(json!({"maxSize": "1Mi"})),
        "--index-cache.config=type: IN-MEMORY\nconfig:\n  max_size: \"1048576B\"\n  max_item_size: \"524288B\"\n",
    );
    has(
        cache(json!({"maxSize": "1M", "maxItemSize": "1e3"})),
        "--index-cache.config=type: IN-MEMORY\nconfig:\n  max_size: \"1000000B\"\n  max_item_size: \"1000B\"\n",
    );
}
