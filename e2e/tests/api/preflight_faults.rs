//! `preflight`: each fault is named with its object, and nothing is written.

use e2e::cluster::{Cluster, SOON};
use e2e::wait::{check, eventually};
use serde_json::json;

use crate::leaf_world::{closed_policy, prometheus_pod};
use crate::ownership::{create_as_the_go_operator, deployment_of_the_go_operator};
use crate::preflight::{preflight, run_as_administrator};
use crate::support::{prometheus, prometheus_service, query, service_monitor, with_crds};

#[tokio::test]
async fn missing_permissions_are_reported() {
    let cluster = Cluster::new("preflight-rbac").await;
    let _crds = with_crds(&cluster).await;
    let account = format!("{}/unprivileged", cluster.namespace);
    let flags = [
        "--namespaces",
        &cluster.namespace,
        "--service-account",
        &account,
    ];
    let reported = run_as_administrator(&flags);
    assert_eq!(reported.code, 1);
    let object = format!("ServiceAccount {account}");
    let says = |result, texts: &[&str]| reported.says(result, "permissions", &object, texts);
    let place = format!("in namespace {}", cluster.namespace);
    says("fail", &[&place, "deployments.apps", "deploy/components/"]);
    says("fail", &["leases.coordination.k8s.io"]);
    says("fail", &["servicemonitors.monitoring.coreos.com"]);
    says("warn", &["namespaces", "namespace selectors"]);
    says("warn", &["customresourcedefinitions", "every 10 s"]);
    says("warn", &["localsubjectaccessreviews", "Monitored"]);
    says("warn", &["no permission to patch", "pods", "refresh-pods"]);
}

#[tokio::test]
async fn harmful_fields_of_a_resource_are_reported() {
    let cluster = Cluster::new("preflight-cr").await;
    let _crds = with_crds(&cluster).await;
    let object = |name: &str| format!("ThanosQuery {}/{name}", cluster.namespace);
    let monitor = service_monitor("k8s", json!({"app": "k8s"}), json!({"app": "k8s"}));
    cluster.apply(monitor).await;
    let misspelt = json!({"serviceMonitorSelector": {"matchLabels": {"app": "k8"}}});
    cluster.apply(query("misspelt", misspelt)).await;
    let longer = json!({"serviceMonitor": {"interval": "10s", "scrapeTimeout": "20s"}});
    cluster.apply(query("invalid", longer)).await;
    let values = json!({
        "replicaLabels": ["replica"], "version": "v0.37.0", "storeResponseTimeout": "0s",
        "additionalArgs": ["--store=dns+x:10901"],
    });
    cluster.apply(query("values", values)).await;
    let merged = json!({"replicaLabels": ["pod"], "paused": true});
    cluster.apply(query("paused", merged)).await;
    let taken = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"},
        "metadata": {"name": "thanos-query-taken-endpoints"},
    });
    cluster.apply(taken).await;
    cluster.apply(query("taken", json!({}))).await;
    let twice = json!([{"name": "extra", "image": "x", "ports": [{"containerPort": 0}]}]);
    cluster
        .apply(query("refused", json!({"additionalContainers": twice})))
        .await;

    let reported = preflight(&cluster);
    assert_eq!(reported.code, 1);
    let conditions = |result, name: &str, texts: &[&str]| {
        reported.says(result, "conditions", &object(name), texts);
    };
    conditions(
        "fail",
        "misspelt",
        &["SelectorMatchesNothing", "k8s has app=k8s"],
    );
    conditions("warn", "misspelt", &["Monitored=False NotSelected"]);
    conditions(
        "fail",
        "invalid",
        &["InvalidSpec", "spec.serviceMonitor.scrapeTimeout"],
    );
    conditions("warn", "values", &["NoEndpoints"]);
    let values = |result, name: &str, texts: &[&str]| {
        reported.says(result, "values", &object(name), texts);
    };
    values(
        "warn",
        "values",
        &["spec.replicaLabels", "prometheus_replica"],
    );
    values("warn", "values", &["spec.storeResponseTimeout is 0s"]);
    values("fail", "values", &["v0.37.0", "spec.version"]);
    values("fail", "values", &["spec.additionalArgs", "--store,"]);
    values(
        "warn",
        "paused",
        &["spec.replicaLabels contains target labels (pod)"],
    );
    reported.says("warn", "paused", &object("paused"), &["spec.paused"]);
    let map = "ConfigMap thanos-query-taken-endpoints";
    reported.says(
        "fail",
        "names",
        &object("taken"),
        &[map, "delete or rename"],
    );
    let port = "Deployment thanos-query-refused";
    reported.says(
        "fail",
        "dry run",
        &object("refused"),
        &[port, "containerPort"],
    );
}

#[tokio::test]
async fn a_connection_that_a_network_policy_blocks_is_reported() {
    let cluster = Cluster::new("preflight-net").await;
    let _crds = with_crds(&cluster).await;
    let labels = json!({"externalLabels": {"cluster": "x"}, "serviceAccountName": "prom"});
    cluster.apply(prometheus("k8s", labels)).await;
    cluster.apply(prometheus_service("k8s")).await;
    cluster.apply(prometheus_pod("k8s")).await;
    let monitor = service_monitor("k8s", json!({"app": "k8s"}), json!({"app": "k8s"}));
    cluster.apply(monitor).await;
    cluster.apply(closed_policy()).await;
    let all = json!({"serviceMonitorSelector": {"matchLabels": {"app": "k8s"}}});
    cluster.apply(query("q", all)).await;
    let reported = preflight(&cluster);
    let name = format!("ThanosQuery {}/q", cluster.namespace);
    reported.says(
        "warn",
        "conditions",
        &name,
        &["BlockedByNetworkPolicy", "closed"],
    );
    let command = format!("--serviceaccount={}:prom", cluster.namespace);
    reported.says(
        "warn",
        "conditions",
        &name,
        &["PrometheusNotPermitted", &command],
    );
    assert_eq!(reported.code, 0, "{:?}", reported.rows);
}

#[tokio::test]
async fn pods_that_the_namespace_does_not_admit_are_reported() {
    let cluster = Cluster::new("preflight-pods").await;
    let _crds = with_crds(&cluster).await;
    let namespace = format!("{}-restricted", cluster.namespace);
    let level = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    cluster.make_namespace(&namespace, level).await;
    for (name, spec) in [
        ("ours", json!({})),
        (
            "theirs",
            json!({"securityContext": {"runAsUser": 0, "runAsNonRoot": false}}),
        ),
    ] {
        let mut it = query(name, spec);
        it["metadata"]["namespace"] = json!(namespace);
        cluster.apply(it).await;
    }
    // The account that the dry run uses is made after the namespace.
    let attempt = async || {
        let reported = run_as_administrator(&["--namespaces", &namespace]);
        let is_available = !reported
            .rows
            .iter()
            .any(|r| r.to_string().contains("no dry run possible"));
        check(is_available, || format!("{:?}", reported.rows)).map(|()| reported)
    };
    let reported = eventually("pods can be created by dry run", SOON, attempt).await;
    assert_eq!(reported.code, 1);
    let name = |name: &str| format!("ThanosQuery {namespace}/{name}");
    let texts = [
        "Deployment thanos-query-theirs",
        "violates PodSecurity",
        "runAsNonRoot",
    ];
    reported.says("fail", "pods", &name("theirs"), &texts);
    assert!(
        reported.about("pods", &name("ours")).is_empty(),
        "{:?}",
        reported.rows
    );
}

#[tokio::test]
async fn leftovers_of_the_go_operator_are_reported() {
    let cluster = Cluster::new("preflight-go").await;
    let _crds = with_crds(&cluster).await;
    let it = cluster.apply(query("q", json!({}))).await;
    let old = deployment_of_the_go_operator(&cluster, "q", it.metadata.uid.as_deref());
    create_as_the_go_operator(&cluster, &old).await;
    let operator = |replicas: i32| {
        let labels = json!({"control-plane": "controller-manager"});
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "thanos-operator-controller-manager"},
            "spec": {
                "replicas": replicas, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                    {"name": "manager", "image": "quay.io/thanos/thanos-operator:main"},
                ]}},
            },
        })
    };
    cluster.apply(operator(1)).await;
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "thanoscompacts.monitoring.thanos.io"},
        "spec": {
            "group": "monitoring.thanos.io", "scope": "Namespaced",
            "names": {"kind": "ThanosCompact", "plural": "thanoscompacts", "singular": "thanoscompact"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            }}],
        },
    });
    cluster.apply(crd).await;
    let compact = json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosCompact",
        "metadata": {"name": "bucket"},
    });
    let served = async || match cluster.try_apply(&compact).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    eventually("ThanosCompact is served", SOON, served).await;

    let reported = preflight(&cluster);
    let namespace = &cluster.namespace;
    let running = format!("Deployment {namespace}/thanos-operator-controller-manager");
    let scale = format!("kubectl -n {namespace} scale deployment");
    reported.says(
        "warn",
        "former operator",
        &running,
        &[&scale, "--replicas=0"],
    );
    let compacts = "thanoscompacts.monitoring.thanos.io";
    let bucket = format!("{namespace}/bucket");
    reported.says(
        "warn",
        "orphaned",
        compacts,
        &[&bucket, "once the former operator is stopped"],
    );
    let name = format!("ThanosQuery {namespace}/q");
    let deployment = "Deployment thanos-query-q";
    reported.says("warn", "adopt", &name, &[deployment]);
    reported.says("warn", "restarts", &name, &[deployment]);
    assert_eq!(reported.code, 0, "{:?}", reported.rows);

    cluster.apply(operator(0)).await;
    let reported = preflight(&cluster);
    reported.says(
        "fail",
        "orphaned",
        compacts,
        &[&bucket, "StatefulSet of your own"],
    );
    assert!(reported.about("former operator", &running).is_empty());
    assert_eq!(reported.code, 1);
    let version = "apiextensions.k8s.io/v1";
    cluster
        .delete(version, "CustomResourceDefinition", compacts)
        .await;
}

#[tokio::test]
async fn a_missing_namespace_is_reported() {
    let cluster = Cluster::new("preflight-ns").await;
    let _crds = with_crds(&cluster).await;
    let both = format!("{},no-such-namespace", cluster.namespace);
    let reported = run_as_administrator(&["--namespaces", &both]);
    let object = "Namespace no-such-namespace";
    reported.says("fail", "namespace", object, &["--namespaces"]);
    assert_eq!(reported.faults().len(), 1, "{:?}", reported.rows);
}
