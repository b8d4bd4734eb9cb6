//! What restarts nothing, and what is equal to the Go operator's.

use serde_json::{Value, json};
use thanos_query_controller::plan::plan;

use crate::case::{Bridge, Case, Store};

fn object(case: &Case, kind: &str, name: &str) -> Value {
    let plan = plan(&case.observed()).unwrap();
    let found = plan
        .find(kind, name)
        .unwrap_or_else(|| panic!("no {kind} {name}"));
    found.body.clone()
}

/// Discovery changes the endpoint file and never a Deployment that was there before.
#[test]
fn endpoints_never_restart_a_pod() {
    let bridge = |pod: &str| Bridge {
        pod: format!("monitoring/{pod}"),
        url: format!("http://{pod}.prometheus-operated.monitoring.svc:9090/"),
        tls: false,
    };
    let few = Case {
        spec: json!({"queryFrontend": {}}),
        bridges: vec![bridge("prometheus-k8s-0")],
        ..Default::default()
    };
    let many = Case {
        sidecars: vec!["dns+a.b.c.svc:10901".to_owned()],
        bridges: vec![bridge("prometheus-k8s-0"), bridge("prometheus-k8s-1")],
        stores: vec![Store {
            address: "dnssrv+_grpc._tcp.s.monitoring.svc".to_owned(),
            group: false,
        }],
        ..few.clone()
    };
    let before = plan(&few.observed()).unwrap();
    let after = plan(&many.observed()).unwrap();
    let mut compared = 0;
    for planned in before
        .objects()
        .iter()
        .filter(|o| o.key.kind == "Deployment")
    {
        let now = after.find("Deployment", &planned.key.name).unwrap();
        assert_eq!(planned.body, now.body, "{}", planned.key);
        compared += 1;
    }
    assert_eq!(compared, 3, "querier, frontend, bridge");
    let file = |case: &Case| object(case, "ConfigMap", "thanos-query-main-endpoints");
    assert_ne!(file(&few), file(&many));
}

#[test]
fn the_order_of_discovery_does_not_matter() {
    let case = Case {
        sidecars: vec![
            "dns+b:1".to_owned(),
            "dns+a:1".to_owned(),
            "dns+a:1".to_owned(),
        ],
        learned: vec!["z".to_owned(), "a".to_owned()],
        ..Default::default()
    };
    let mut other = case.clone();
    other.sidecars.reverse();
    other.learned.reverse();
    let bytes = |case: &Case| {
        let plan = plan(&case.observed()).unwrap();
        plan.objects()
            .iter()
            .map(|o| o.body.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes(&case), bytes(&other));
}

/// Names and selectors are those of existing workloads; a change would delete and make them anew.
#[test]
fn workloads_of_the_go_operator_are_taken_over() {
    let case = Case {
        spec: json!({"queryFrontend": {}}),
        ..Default::default()
    };
    let query = object(&case, "Deployment", "thanos-query-main");
    assert_eq!(
        query["spec"]["selector"]["matchLabels"],
        json!({
            "app.kubernetes.io/component": "query-layer",
            "app.kubernetes.io/instance": "thanos-query-main",
            "app.kubernetes.io/managed-by": "thanos-operator",
            "app.kubernetes.io/name": "thanos-query",
            "app.kubernetes.io/part-of": "thanos",
            "operator.thanos.io/owner": "main",
            "operator.thanos.io/query-api": "true",
        })
    );
    let service = object(&case, "Service", "thanos-query-main");
    assert_eq!(service["spec"]["clusterIP"], "None", "immutable");
    let frontend = object(&case, "Deployment", "thanos-query-frontend-main");
    assert_eq!(
        frontend["spec"]["selector"]["matchLabels"],
        json!({
            "app.kubernetes.io/component": "query-frontend",
            "app.kubernetes.io/instance": "thanos-query-frontend-main",
            "app.kubernetes.io/managed-by": "thanos-operator",
            "app.kubernetes.io/name": "thanos-query-frontend",
            "app.kubernetes.io/part-of": "thanos",
            "operator.thanos.io/owner": "main",
        })
    );
    assert_eq!(
        object(&case, "Service", "thanos-query-frontend-main")["spec"].get("clusterIP"),
        None,
        "immutable"
    );
}

/// One hand-written ServiceMonitor on this label scrapes every pod once.
#[test]
fn one_service_per_workload_is_for_scraping() {
    let case = Case {
        spec: json!({"queryFrontend": {}}),
        bridges: vec![Bridge {
            pod: "monitoring/prometheus-k8s-0".to_owned(),
            url: "http://x:9090/".to_owned(),
            tls: false,
        }],
        ..Default::default()
    };
    let plan = plan(&case.observed()).unwrap();
    let of = |kind: &'static str| plan.objects().iter().filter(move |o| o.key.kind == kind);
    for workload in of("Deployment") {
        let labels = &workload.body["spec"]["template"]["metadata"]["labels"];
        assert_ne!(
            labels["app.kubernetes.io/name"], "thanos",
            "pods keep their name"
        );
        let scraped = of("Service").filter(|s| {
            let selector = s.body["spec"]["selector"].as_object().unwrap();
            s.body["metadata"]["labels"]["app.kubernetes.io/name"] == "thanos"
                && selector.iter().all(|(k, v)| labels.get(k) == Some(v))
        });
        assert_eq!(scraped.count(), 1, "{}", workload.key);
    }
}

/// Bridges serve the Prometheus of one ThanosQuery to that one; others must not pick them up.
#[test]
fn only_headless_queriers_announce_themselves() {
    let case = Case {
        spec: json!({"queryFrontend": {}}),
        bridges: vec![Bridge {
            pod: "monitoring/prometheus-k8s-0".to_owned(),
            url: "http://x:9090/".to_owned(),
            tls: false,
        }],
        ..Default::default()
    };
    let plan = plan(&case.observed()).unwrap();
    for service in plan.objects().iter().filter(|o| o.key.kind == "Service") {
        let labels = &service.body["metadata"]["labels"];
        assert_eq!(
            labels.get("operator.thanos.io/store-api"),
            None,
            "{}",
            service.key
        );
        assert_eq!(
            labels.get("operator.thanos.io/query-api").is_some(),
            service.key.name == "thanos-query-main",
            "{}",
            service.key
        );
    }
}

#[test]
fn replica_labels_are_learned_but_never_labels_of_targets() {
    let labels = |spec: Value| {
        let case = Case {
            spec,
            learned: vec![
                "instance".to_owned(),
                "member".to_owned(),
                "replica".to_owned(),
            ],
            ..Default::default()
        };
        let query = object(&case, "Deployment", "thanos-query-main");
        let args = &query["spec"]["template"]["spec"]["containers"][0]["args"];
        args.as_array()
            .unwrap()
            .iter()
            .filter_map(|a| a.as_str()?.strip_prefix("--query.replica-label="))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let default = [
        "prometheus_replica",
        "replica",
        "rule_replica",
        "thanos_ruler_replica",
    ];
    assert_eq!(labels(json!({})), [&default[..], &["member"]].concat());
    assert_eq!(
        labels(json!({"replicaLabels": ["z"]})),
        ["z", "member", "replica"]
    );
    assert_eq!(
        labels(json!({"replicaLabels": [], "learnReplicaLabels": false})),
        [""; 0]
    );
}

/// One of Thanos' two parsers knows neither days, nor weeks, nor years: the program would not start.
#[test]
fn durations_are_written_so_that_each_flag_takes_them() {
    let case: Case = serde_json::from_value(json!({"spec": {
        "lookbackDelta": "1d", "queryTimeout": "1d",
        "queryFrontend": {
            "queryRangeSplitInterval": "1d", "labelsSplitInterval": "1w1h",
            "labelsDefaultTimeRange": "1y", "logQueriesLongerThan": "10s",
        },
    }}))
    .unwrap();
    let args = |name: &str| {
        let deployment = object(&case, "Deployment", name);
        deployment["spec"]["template"]["spec"]["containers"][0]["args"].to_string()
    };
    let querier = args("thanos-query-main");
    assert!(
        querier.contains("\"--query.lookback-delta=86400000ms\""),
        "{querier}"
    );
    assert!(querier.contains("\"--query.timeout=1d\""), "{querier}");
    let frontend = args("thanos-query-frontend-main");
    for arg in [
        "--query-range.split-interval=86400000ms",
        "--labels.split-interval=608400000ms",
        "--labels.default-time-range=31536000000ms",
        "--query-frontend.log-queries-longer-than=10s",
    ] {
        assert!(
            frontend.contains(&format!("\"{arg}\"")),
            "{arg}: {frontend}"
        );
    }
}
