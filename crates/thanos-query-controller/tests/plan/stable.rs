//! Changes that restart no pod, and parts that equal the Go operator's.

use plan_testing::Case as _;
use plan_testing::relations::of_kind;
use plan_testing::stable::{args, has_arg, selector, services_of};
use serde_json::{Value, json};

use crate::case::{Bridge, Case, Store};

/// A ThanosQuery that runs all workloads.
fn whole() -> Case {
    Case {
        spec: json!({"queryFrontend": {}}),
        bridges: vec![bridge("prometheus-k8s-0")],
        ..Case::default()
    }
}

fn bridge(pod: &str) -> Bridge {
    Bridge {
        pod: format!("monitoring/{pod}"),
        url: format!("http://{pod}.prometheus-operated.monitoring.svc:9090/"),
        tls: false,
    }
}

/// Discovery changes the endpoint file and never an existing Deployment.
#[test]
fn endpoint_changes_never_restart_a_pod() {
    let few = whole();
    let many = Case {
        sidecars: vec!["dns+a.b.c.svc:10901".to_owned()],
        bridges: vec![bridge("prometheus-k8s-0"), bridge("prometheus-k8s-1")],
        stores: vec![Store {
            address: "dnssrv+_grpc._tcp.s.monitoring.svc".to_owned(),
            group: false,
        }],
        ..few.clone()
    };
    let before = few.plan().unwrap();
    let after = many.plan().unwrap();
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
    let file = |case: &Case| case.object("ConfigMap", "thanos-query-main-endpoints");
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
    let bytes = |case: &Case| serde_json::to_vec(&case.bodies()).unwrap();
    assert_eq!(bytes(&case), bytes(&other));
}

/// Names and selectors equal those of existing workloads; a change would recreate them.
#[test]
fn names_and_selectors_equal_the_go_operators() {
    const QUERY: &str = "thanos-query-main";
    const FRONTEND: &str = "thanos-query-frontend-main";
    let case = Case::of(json!({"queryFrontend": {}}));
    let query_api = ("operator.thanos.io/query-api", "true");
    assert_eq!(
        case.object("Deployment", QUERY)["spec"]["selector"]["matchLabels"],
        selector("thanos-query", "query-layer", QUERY, &[query_api])
    );
    let service = case.object("Service", QUERY);
    assert_eq!(service["spec"]["clusterIP"], "None", "immutable");
    assert_eq!(
        case.object("Deployment", FRONTEND)["spec"]["selector"]["matchLabels"],
        selector("thanos-query-frontend", "query-frontend", FRONTEND, &[])
    );
    assert_eq!(
        case.object("Service", FRONTEND)["spec"].get("clusterIP"),
        None,
        "immutable"
    );
}

/// One hand-written ServiceMonitor on this label scrapes every pod exactly once.
#[test]
fn one_service_per_workload_is_for_scraping() {
    let objects = whole().bodies();
    for workload in of_kind(&objects, "Deployment") {
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        assert_ne!(
            labels["app.kubernetes.io/name"], "thanos",
            "pods keep their name"
        );
        let services = services_of(workload, &objects).into_iter();
        let scraped = services
            .filter(|service| service["metadata"]["labels"]["app.kubernetes.io/name"] == "thanos");
        assert_eq!(scraped.count(), 1, "{}", workload["metadata"]["name"]);
    }
}

/// A bridge belongs to one ThanosQuery; others must not discover it by labels.
#[test]
fn only_the_headless_querier_service_has_the_query_api_label() {
    for service in of_kind(&whole().bodies(), "Service") {
        let (name, labels) = (&service["metadata"]["name"], &service["metadata"]["labels"]);
        assert_eq!(labels.get("operator.thanos.io/store-api"), None, "{name}");
        assert_eq!(
            labels.get("operator.thanos.io/query-api").is_some(),
            name == "thanos-query-main",
            "{name}"
        );
    }
}

#[test]
fn replica_labels_are_learned_except_target_labels() {
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
        let query = case.object("Deployment", "thanos-query-main");
        let args = args(&query["spec"]["template"]).into_iter();
        let labels = args.filter_map(|arg| {
            let label = arg.strip_prefix("--query.replica-label=")?;
            Some(label.to_owned())
        });
        labels.collect::<Vec<_>>()
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

/// One of Thanos' two parsers rejects days, weeks and years: the program would not start.
#[test]
fn durations_are_formatted_for_the_parser_of_each_flag() {
    let case = Case::of(json!({
        "lookbackDelta": "1d", "queryTimeout": "1d",
        "queryFrontend": {
            "queryRangeSplitInterval": "1d", "labelsSplitInterval": "1w1h",
            "labelsDefaultTimeRange": "1y", "logQueriesLongerThan": "10s",
        },
    }));
    let template = |name: &str| case.object("Deployment", name)["spec"]["template"].clone();
    let querier = template("thanos-query-main");
    has_arg(&querier, "--query.lookback-delta=86400000ms");
    has_arg(&querier, "--query.timeout=1d");
    let frontend = template("thanos-query-frontend-main");
    for arg in [
        "--query-range.split-interval=86400000ms",
        "--labels.split-interval=608400000ms",
        "--labels.default-time-range=31536000000ms",
        "--query-frontend.log-queries-longer-than=10s",
    ] {
        has_arg(&frontend, arg);
    }
}
