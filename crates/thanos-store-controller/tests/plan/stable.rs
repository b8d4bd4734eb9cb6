//! What restarts nothing, and what is equal to the Go operator's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::case::{self, Case};

fn object(case: &Case, kind: &str, name: &str) -> Value {
    let plan = case::plan(case).unwrap();
    let found = plan
        .find(kind, name)
        .unwrap_or_else(|| panic!("no {kind} {name}"));
    found.body.clone()
}

fn shards(shards: i32) -> Case {
    Case {
        spec: json!({"shardingStrategy": {"shards": shards}}),
        ..Default::default()
    }
}

/// What the Go operator selects the pods of one StatefulSet by.
fn selector(instance: &str) -> Value {
    json!({
        "app.kubernetes.io/component": "object-storage-gateway",
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/managed-by": "thanos-operator",
        "app.kubernetes.io/name": "thanos-store",
        "app.kubernetes.io/part-of": "thanos",
        "operator.thanos.io/owner": "main",
        "operator.thanos.io/store-api": "true",
    })
}

/// Names and selectors are those of existing workloads; a change would delete and make them anew.
#[test]
fn workloads_of_the_go_operator_are_taken_over() {
    let one = object(&Case::default(), "StatefulSet", "thanos-store-main");
    assert_eq!(
        one["spec"]["selector"]["matchLabels"],
        selector("thanos-store-main")
    );
    assert_eq!(one["spec"]["serviceName"], "thanos-store-main");
    let claim = &one["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "data", "as volumes are called");
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    let mounts = &one["spec"]["template"]["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(
        mounts[0],
        json!({"name": "data", "mountPath": "/var/thanos/store"})
    );

    for i in 0..2 {
        let name = format!("thanos-store-main-shard-{i}");
        let set = object(&shards(2), "StatefulSet", &name);
        let mut expected = selector(&name);
        expected["operator.thanos.io/shard"] = json!(i.to_string());
        assert_eq!(set["spec"]["selector"]["matchLabels"], expected);
        let service = object(&shards(2), "Service", &name);
        assert_eq!(service["spec"]["clusterIP"], "None", "immutable");
    }
}

/// What a new version of this program may not change without a reason: it would replace every pod.
#[test]
fn shards_differ_in_their_part_only() {
    let template = |i: i32| {
        let name = format!("thanos-store-main-shard-{i}");
        let text = object(&shards(2), "StatefulSet", &name)["spec"]["template"].to_string();
        text.replace(&format!("shard-{i}"), "shard-#")
            .replace(&format!("regex: \\\"{i}\\\""), "regex: #")
            .replace(&format!("\"operator.thanos.io/shard\":\"{i}\""), "")
    };
    assert_eq!(template(0), template(1));
}

/// Neither scaling, nor what is read of Secrets, nor the size of volumes replaces a pod.
#[test]
fn some_changes_replace_no_pod() {
    let template =
        |case: &Case| object(case, "StatefulSet", "thanos-store-main")["spec"]["template"].clone();
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
        let changed = Case {
            spec: spec.clone(),
            ..Default::default()
        };
        assert_eq!(template(&changed), plain, "{spec}");
    }
}

/// The claim templates of a StatefulSet cannot be changed: those that are stored are sent again.
#[test]
fn what_cannot_change_is_sent_as_it_is() {
    let (_, adopted) = case::all()
        .into_iter()
        .find(|(name, _)| name.starts_with("adopted"))
        .unwrap();
    let larger = Case {
        spec: json!({"storage": {"size": "5Gi"}, "podManagementPolicy": "Parallel"}),
        ..adopted.clone()
    };
    let set = object(&larger, "StatefulSet", "thanos-store-main-shard-0");
    let stored = &adopted.objects[0]["spec"]["volumeClaimTemplates"][0];
    let sent = &set["spec"]["volumeClaimTemplates"][0];
    for (pointer, value) in [
        ("/metadata/labels", &stored["metadata"]["labels"]),
        ("/spec", &stored["spec"]),
    ] {
        assert_eq!(sent.pointer(pointer), Some(value), "{pointer}");
    }
    assert_eq!(set["spec"]["podManagementPolicy"], "OrderedReady");
}

/// One hand-written ServiceMonitor on this label scrapes every pod once.
#[test]
fn one_service_per_shard_is_for_scraping_and_for_queriers() {
    let plan = case::plan(&shards(3)).unwrap();
    let of = |kind: &'static str| plan.objects().iter().filter(move |o| o.key.kind == kind);
    assert_eq!(of("StatefulSet").count(), 3);
    for set in of("StatefulSet") {
        let labels = &set.body["spec"]["template"]["metadata"]["labels"];
        assert_eq!(
            labels["app.kubernetes.io/name"], "thanos-store",
            "pods keep their name"
        );
        let services = of("Service").filter(|s| {
            let selector = s.body["spec"]["selector"].as_object().unwrap();
            selector.iter().all(|(k, v)| labels.get(k) == Some(v))
        });
        let services: Vec<_> = services.collect();
        assert_eq!(services.len(), 1, "{}", set.key);
        let labels = &services[0].body["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/name"], "thanos");
        assert_eq!(labels["operator.thanos.io/store-api"], "true");
        assert_eq!(
            labels["app.kubernetes.io/instance"], "thanos-store-main",
            "one job"
        );
    }
    // Only Services announce themselves.
    for other in plan.objects().iter().filter(|o| o.key.kind != "Service") {
        let labels = &other.body["metadata"]["labels"];
        assert_eq!(
            labels.get("operator.thanos.io/store-api"),
            None,
            "{}",
            other.key
        );
    }
}

/// The pods of one replica are endpoints of their own; those of several are a group.
#[test]
fn replicas_are_a_group() {
    for (replicas, group) in [(1, None), (2, Some(&json!("true")))] {
        let case = Case {
            spec: json!({"replicas": replicas}),
            ..Default::default()
        };
        for kind in ["Service", "StatefulSet"] {
            let labels = object(&case, kind, "thanos-store-main")["metadata"]["labels"].clone();
            assert_eq!(
                labels.get("operator.thanos.io/endpoint-group"),
                group,
                "{kind}"
            );
        }
    }
}

/// As the flags of Thanos take them: one of its two parsers knows neither weeks, nor days, nor a bare
/// zero; and a cache refuses items that are larger than itself, and sizes without a unit.
#[test]
fn values_are_written_for_thanos() {
    let args = |spec: Value| {
        let case = Case {
            spec,
            ..Default::default()
        };
        object(&case, "StatefulSet", "thanos-store-main")["spec"]["template"]["spec"]["containers"]
            [0]["args"]
            .clone()
    };
    let has = |spec: Value, arg: &str| {
        let args = args(spec);
        let found = args.as_array().unwrap().iter().any(|a| a == arg);
        assert!(found, "no {arg} in {args}");
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
