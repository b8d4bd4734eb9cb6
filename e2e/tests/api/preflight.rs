//! `preflight`: a good installation passes, each fault is named with its object, and nothing is
//! written.

use std::path::Path;
use std::process::Command;

use e2e::audit::{Entry, Mark};
use e2e::cluster::{Cluster, SOON};
use e2e::controller::{Controller, USER, binary, kubeconfig_of};
use e2e::wait::{check, eventually};
use serde_json::{Value, json};

use crate::access::Installed;
use crate::leaf_world::prometheus_pod;
use crate::ownership::{create_as_the_go_operator, deployment_of_the_go_operator};
use crate::support::{
    alone_with_definitions, install, prometheus, prometheus_service, query, served,
    service_monitor, uninstall, with_definitions,
};

const HOME: &str = "ServiceAccount thanos-system/thanos-query-controller";

/// What a run said.
struct Told {
    code: i32,
    rows: Vec<Value>,
}

impl Told {
    /// The rows of a check about an object.
    fn about(&self, check: &str, object: &str) -> Vec<&Value> {
        let rows = self.rows.iter();
        rows.filter(|r| r["check"] == check && r["object"] == object)
            .collect()
    }

    /// Panics unless a row of this verdict says all of `texts`.
    #[track_caller]
    fn says(&self, verdict: &str, check: &str, object: &str, texts: &[&str]) {
        let said = self.about(check, object).into_iter().any(|row| {
            let text = format!("{} {}", row["found"], row["remedy"]);
            row["verdict"] == verdict && texts.iter().all(|t| text.contains(t))
        });
        assert!(
            said,
            "no {verdict} of {check} about {object} with {texts:?} in\n{:#}",
            Value::from(self.rows.clone())
        );
    }

    /// What fails or warns, without what other tests are responsible for: they share the cluster.
    fn faults(&self) -> Vec<&Value> {
        let rows = self.rows.iter();
        rows.filter(|r| r["verdict"] != "ok" && r["check"] != "former operator")
            .collect()
    }
}

/// Runs it as the user of a kubeconfig.
fn run(kubeconfig: &Path, flags: &[&str]) -> Told {
    let output = Command::new(binary())
        .args(["preflight", "--output", "json"])
        .args(flags)
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told: Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    let rows = told["rows"].as_array().unwrap().clone();
    let code = output.status.code().unwrap();
    assert_eq!(told["pass"], code == 0);
    assert_eq!(code == 0, rows.iter().all(|r| r["verdict"] != "fail"));
    Told { code, rows }
}

/// The writes among some requests that are no dry runs.
fn written<'a>(requests: impl IntoIterator<Item = &'a Entry>) -> Vec<String> {
    let requests = requests.into_iter();
    requests
        .filter(|e| e.is_write() && !e.uri.contains("dryRun=All"))
        .map(Entry::line)
        .collect()
}

/// Runs it as the administrator. Panics if it writes anything.
fn run_as_administrator(flags: &[&str]) -> Told {
    let mark = Mark::now();
    let kubeconfig = std::env::var("KUBECONFIG").unwrap();
    let told = run(Path::new(&kubeconfig), flags);
    let all = mark.everybodys_requests();
    let ours: Vec<&Entry> = all
        .iter()
        .filter(|e| e.user_agent.starts_with("thanos-query-controller/"))
        // Controllers of other tests write as their ServiceAccount.
        .filter(|e| !e.user.username.starts_with("system:serviceaccount:"))
        .collect();
    assert!(!ours.is_empty(), "the audit log has nothing of it");
    assert_eq!(written(ours), Vec::<String>::new());
    told
}

/// The same for the namespace of the test.
fn preflight(cluster: &Cluster) -> Told {
    run_as_administrator(&["--namespaces", &cluster.namespace])
}

#[tokio::test]
async fn a_good_installation_passes_before_and_while_the_controller_works() {
    let cluster = Cluster::new("preflight").await;
    let _definitions = with_definitions(&cluster).await;
    let told = preflight(&cluster);
    assert_eq!(told.code, 0, "{:?}", told.rows);
    assert_eq!(told.faults(), Vec::<&Value>::new());
    let kinds = [
        "thanosqueries.monitoring.thanos.io",
        "servicemonitors.monitoring.coreos.com",
    ];
    for kind in kinds {
        told.says("ok", "definition", kind, &["is served"]);
    }
    told.says("ok", "permissions", HOME, &["may do"]);

    let none = json!({"serviceMonitor": {"enabled": false}, "queryFrontend": {}});
    cluster.apply(query("q", none)).await;
    let name = format!("ThanosQuery {}/q", cluster.namespace);
    let told = preflight(&cluster);
    assert_eq!(told.code, 0, "{:?}", told.rows);
    told.says("ok", "objects", &name, &["0 there, 0 to take over"]);

    let controller = Controller::start(&cluster, &[]).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let told = preflight(&cluster);
    assert_eq!(told.code, 0, "{:?}", told.rows);
    told.says(
        "ok",
        "objects",
        &name,
        &[" 0 to create, ", "0 to take over"],
    );
    assert!(told.about("restarts", &name).is_empty(), "{:?}", told.rows);
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn the_controllers_own_account_can_run_it() {
    let cluster = Cluster::new("preflight-own").await;
    let _definitions = with_definitions(&cluster).await;
    cluster.apply(query("q", json!({}))).await;
    let folder = std::env::temp_dir()
        .join("preflight")
        .join(&cluster.namespace);
    std::fs::create_dir_all(&folder).unwrap();
    let kubeconfig = folder.join("kubeconfig");
    std::fs::write(&kubeconfig, kubeconfig_of(&cluster, "thanos-system").await).unwrap();
    let mark = Mark::now();
    let told = run(&kubeconfig, &["--namespaces", &cluster.namespace]);
    assert_eq!(told.code, 0, "{:?}", told.rows);
    told.says("ok", "permissions", HOME, &["may do"]);
    let name = format!("ThanosQuery {}/q", cluster.namespace);
    told.says("ok", "objects", &name, &["to create"]);
    // It may not create pods, which is as it should be.
    told.says(
        "warn",
        "pods",
        &name,
        &["could not be asked", "cannot create resource"],
    );
    let ours = mark.requests(USER);
    // Controllers of other tests are the same user, in other namespaces.
    let here = |e: &&Entry| e.object_ref.namespace == cluster.namespace;
    assert!(
        ours.iter().any(|e| here(&e)),
        "the audit log has nothing of it"
    );
    assert_eq!(written(ours.iter().filter(here)), Vec::<String>::new());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn what_an_account_may_not_do_is_told() {
    let cluster = Cluster::new("preflight-rbac").await;
    let _definitions = with_definitions(&cluster).await;
    let account = format!("{}/nobody", cluster.namespace);
    let flags = [
        "--namespaces",
        &cluster.namespace,
        "--service-account",
        &account,
    ];
    let told = run_as_administrator(&flags);
    assert_eq!(told.code, 1);
    let object = format!("ServiceAccount {account}");
    let says = |verdict, texts: &[&str]| told.says(verdict, "permissions", &object, texts);
    let place = format!("in namespace {}", cluster.namespace);
    says("fail", &[&place, "deployments.apps", "deploy/components/"]);
    says("fail", &["leases.coordination.k8s.io"]);
    says("fail", &["servicemonitors.monitoring.coreos.com"]);
    says("warn", &["namespaces", "namespace selectors"]);
    says("warn", &["customresourcedefinitions", "every 10 s"]);
    says("warn", &["localsubjectaccessreviews", "Monitored"]);
    says("warn", &["may not patch", "pods", "refresh-pods"]);
}

#[tokio::test]
async fn an_installation_in_one_namespace_passes() {
    let installed = Installed::new("preflight-role", "namespaced", &["refresh-pods"]).await;
    let _definitions = with_definitions(&installed.cluster).await;
    let account = format!("{}/thanos-query-controller", installed.home);
    let namespace = &installed.cluster.namespace;
    let told = run_as_administrator(&["--namespaces", namespace, "--service-account", &account]);
    assert_eq!(told.code, 0, "{:?}", told.rows);
    let object = format!("ServiceAccount {account}");
    let says = |texts: &[&str]| told.says("warn", "permissions", &object, texts);
    says(&["namespaces", "namespace selectors"]);
    says(&["customresourcedefinitions", "every 10 s"]);
    says(&["may not patch", "pods", "refresh-pods"]);
    assert_eq!(
        told.about("permissions", &object).len(),
        4,
        "{:?}",
        told.rows
    );
}

#[tokio::test]
async fn what_a_resource_would_suffer_from_is_told() {
    let cluster = Cluster::new("preflight-cr").await;
    let _definitions = with_definitions(&cluster).await;
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

    let told = preflight(&cluster);
    assert_eq!(told.code, 1);
    let conditions = |verdict, name: &str, texts: &[&str]| {
        told.says(verdict, "conditions", &object(name), texts);
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
    let values = |verdict, name: &str, texts: &[&str]| {
        told.says(verdict, "values", &object(name), texts);
    };
    values(
        "warn",
        "values",
        &["spec.replicaLabels", "prometheus_replica"],
    );
    values("warn", "values", &["spec.storeResponseTimeout is 0s"]);
    values("fail", "values", &["v0.37.0", "spec.version"]);
    values("fail", "values", &["spec.additionalArgs", "--store,"]);
    values("warn", "paused", &["spec.replicaLabels has pod"]);
    told.says("warn", "paused", &object("paused"), &["spec.paused"]);
    let map = "ConfigMap thanos-query-taken-endpoints";
    told.says(
        "fail",
        "names",
        &object("taken"),
        &[map, "delete or rename"],
    );
    let port = "Deployment thanos-query-refused";
    told.says(
        "fail",
        "dry run",
        &object("refused"),
        &[port, "containerPort"],
    );
}

#[tokio::test]
async fn a_way_that_a_network_policy_blocks_is_told() {
    let cluster = Cluster::new("preflight-net").await;
    let _definitions = with_definitions(&cluster).await;
    let labels = json!({"externalLabels": {"cluster": "x"}, "serviceAccountName": "prom"});
    cluster.apply(prometheus("k8s", labels)).await;
    cluster.apply(prometheus_service("k8s")).await;
    cluster.apply(prometheus_pod("k8s")).await;
    let monitor = service_monitor("k8s", json!({"app": "k8s"}), json!({"app": "k8s"}));
    cluster.apply(monitor).await;
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "closed"},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
            "policyTypes": ["Ingress"],
        },
    });
    cluster.apply(policy).await;
    let all = json!({"serviceMonitorSelector": {"matchLabels": {"app": "k8s"}}});
    cluster.apply(query("q", all)).await;
    let told = preflight(&cluster);
    let name = format!("ThanosQuery {}/q", cluster.namespace);
    told.says(
        "warn",
        "conditions",
        &name,
        &["BlockedByNetworkPolicy", "closed"],
    );
    let command = format!("--serviceaccount={}:prom", cluster.namespace);
    told.says(
        "warn",
        "conditions",
        &name,
        &["PrometheusNotPermitted", &command],
    );
    assert_eq!(told.code, 0, "{:?}", told.rows);
}

#[tokio::test]
async fn pods_that_the_namespace_does_not_admit_are_told() {
    let cluster = Cluster::new("preflight-pods").await;
    let _definitions = with_definitions(&cluster).await;
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
    let look = async || {
        let told = run_as_administrator(&["--namespaces", &namespace]);
        let asked = !told
            .rows
            .iter()
            .any(|r| r.to_string().contains("could not be asked"));
        check(asked, || format!("{:?}", told.rows)).map(|()| told)
    };
    let told = eventually("pods can be asked for", SOON, look).await;
    assert_eq!(told.code, 1);
    let name = |name: &str| format!("ThanosQuery {namespace}/{name}");
    let texts = [
        "Deployment thanos-query-theirs",
        "violates PodSecurity",
        "runAsNonRoot",
    ];
    told.says("fail", "pods", &name("theirs"), &texts);
    assert!(
        told.about("pods", &name("ours")).is_empty(),
        "{:?}",
        told.rows
    );
}

#[tokio::test]
async fn what_the_go_operator_leaves_is_told() {
    let cluster = Cluster::new("preflight-go").await;
    let _definitions = with_definitions(&cluster).await;
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
    let definition = json!({
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
    cluster.apply(definition).await;
    let compact = json!({
        "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosCompact",
        "metadata": {"name": "bucket"},
    });
    let served = async || match cluster.try_apply(&compact).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    eventually("ThanosCompact is served", SOON, served).await;

    let told = preflight(&cluster);
    let namespace = &cluster.namespace;
    let running = format!("Deployment {namespace}/thanos-operator-controller-manager");
    let scale = format!("kubectl -n {namespace} scale deployment");
    told.says(
        "warn",
        "former operator",
        &running,
        &[&scale, "--replicas=0"],
    );
    let compacts = "thanoscompacts.monitoring.thanos.io";
    let bucket = format!("{namespace}/bucket");
    told.says(
        "warn",
        "abandoned",
        compacts,
        &[&bucket, "once the former operator is stopped"],
    );
    let name = format!("ThanosQuery {namespace}/q");
    let deployment = "Deployment thanos-query-q";
    told.says("warn", "take over", &name, &[deployment, "1 objects"]);
    told.says("warn", "restarts", &name, &[deployment]);
    assert_eq!(told.code, 0, "{:?}", told.rows);

    cluster.apply(operator(0)).await;
    let told = preflight(&cluster);
    told.says(
        "fail",
        "abandoned",
        compacts,
        &[&bucket, "StatefulSet of your own"],
    );
    assert!(told.about("former operator", &running).is_empty());
    assert_eq!(told.code, 1);
    let definition = "apiextensions.k8s.io/v1";
    cluster
        .delete(definition, "CustomResourceDefinition", compacts)
        .await;
}

#[tokio::test]
async fn a_service_monitor_definition_that_is_absent_or_old_is_told() {
    let cluster = Cluster::new("preflight-crd").await;
    let _alone = alone_with_definitions().await;
    let name = "servicemonitors.monitoring.coreos.com";
    install(&cluster, "servicemonitors").await;
    let stored = cluster
        .get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name)
        .await;
    cluster.apply(query("q", json!({}))).await;
    uninstall(&cluster, "servicemonitors").await;
    let told = preflight(&cluster);
    assert_eq!(told.code, 0, "{:?}", told.rows);
    told.says("ok", "definition", name, &["not in this cluster"]);
    let object = format!("ThanosQuery {}/q", cluster.namespace);
    told.says(
        "warn",
        "conditions",
        &object,
        &["PrometheusOperatorIntegration=False CRDsAbsent"],
    );

    let mut old = stored.unwrap();
    let schema = &mut old["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = schema["properties"]["spec"]["properties"].as_object_mut();
    fields.unwrap().remove("jobLabel").unwrap();
    let body = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": name}, "spec": old["spec"],
    });
    cluster.apply(body).await;
    let look = async || {
        let is_served = served(&cluster, "servicemonitors").await;
        check(is_served, || "not served".into())
    };
    eventually("the old definition is served", SOON, look).await;
    let told = preflight(&cluster);
    told.says("warn", "definition", name, &["spec.jobLabel", "upgrade"]);
    uninstall(&cluster, "servicemonitors").await;
    install(&cluster, "servicemonitors").await;
    let told = preflight(&cluster);
    told.says("ok", "definition", name, &["is served"]);
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_told() {
    let cluster = Cluster::new("preflight-ns").await;
    let _definitions = with_definitions(&cluster).await;
    let both = format!("{},no-such-namespace", cluster.namespace);
    let told = run_as_administrator(&["--namespaces", &both]);
    let object = "Namespace no-such-namespace";
    told.says("fail", "namespace", object, &["--namespaces"]);
    assert_eq!(told.faults().len(), 1, "{:?}", told.rows);
}

#[test]
fn without_an_answer_the_exit_code_is_two() {
    let run = |flags: &[&str], kubeconfig: &str| {
        let mut command = Command::new(binary());
        command
            .arg("preflight")
            .args(flags)
            .env("KUBECONFIG", kubeconfig);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error)
    };
    let (code, error) = run(&[], "/nowhere");
    assert_eq!(code, Some(2));
    assert!(error.contains("no cluster"), "{error}");
    let kubeconfig = std::env::var("KUBECONFIG").unwrap();
    let (code, error) = run(&["--service-account", "x"], &kubeconfig);
    assert_eq!(code, Some(2));
    assert!(error.contains("NAMESPACE/NAME"), "{error}");
}
