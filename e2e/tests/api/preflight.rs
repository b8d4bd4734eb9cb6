//! `preflight`: a good installation passes, and nothing is written. What it finds is in
//! `preflight_faults`.

use std::path::Path;
use std::process::Command;

use e2e::audit::{Entry, Mark};
use e2e::cluster::Cluster;
use e2e::controller::{Controller, QUERY, USER, kubeconfig_of, kubectl_thanos};
use serde_json::{Value, json};

use crate::access::Installed;
use crate::support::{query, with_crds};

const HOME: &str = "ServiceAccount thanos-system/thanos-query-controller";

/// What a run said.
pub struct Report {
    pub code: i32,
    pub rows: Vec<Value>,
}

impl Report {
    /// The rows of a check about an object.
    pub fn about(&self, check: &str, object: &str) -> Vec<&Value> {
        let rows = self.rows.iter();
        rows.filter(|r| r["check"] == check && r["object"] == object)
            .collect()
    }

    /// Panics unless a row with this result says all of `texts`.
    #[track_caller]
    pub fn says(&self, result: &str, check: &str, object: &str, texts: &[&str]) {
        let said = self.about(check, object).into_iter().any(|row| {
            let text = format!("{} {}", row["found"], row["remedy"]);
            row["result"] == result && texts.iter().all(|t| text.contains(t))
        });
        assert!(
            said,
            "no {result} of {check} about {object} with {texts:?} in\n{:#}",
            Value::from(self.rows.clone())
        );
    }

    /// What fails or warns, without what other tests are responsible for: they share the cluster.
    pub fn faults(&self) -> Vec<&Value> {
        let rows = self.rows.iter();
        rows.filter(|r| r["result"] != "ok" && r["check"] != "former operator")
            .collect()
    }
}

/// Runs it as the user of a kubeconfig.
fn run(kubeconfig: &Path, flags: &[&str]) -> Report {
    let output = Command::new(kubectl_thanos())
        .args(["preflight", QUERY.kind(), "--output", "json"])
        .args(flags)
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let reported: Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    let rows = reported["rows"].as_array().unwrap().clone();
    let code = output.status.code().unwrap();
    assert_eq!(reported["pass"], code == 0);
    assert_eq!(code == 0, rows.iter().all(|r| r["result"] != "fail"));
    Report { code, rows }
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
pub fn run_as_administrator(flags: &[&str]) -> Report {
    let mark = Mark::now();
    let kubeconfig = std::env::var("KUBECONFIG").unwrap();
    let reported = run(Path::new(&kubeconfig), flags);
    let all = mark.all_requests();
    let ours: Vec<&Entry> = all
        .iter()
        .filter(|e| e.user_agent.starts_with("kubectl-thanos/"))
        // Controllers of other tests write as their ServiceAccount.
        .filter(|e| !e.user.username.starts_with("system:serviceaccount:"))
        .collect();
    assert!(!ours.is_empty(), "the audit log has nothing of it");
    assert_eq!(written(ours), Vec::<String>::new());
    reported
}

/// The same for the namespace of the test.
pub fn preflight(cluster: &Cluster) -> Report {
    run_as_administrator(&["--namespaces", &cluster.namespace])
}

#[tokio::test]
async fn a_good_installation_passes_before_and_while_the_controller_runs() {
    let cluster = Cluster::new("preflight").await;
    let _crds = with_crds(&cluster).await;
    let reported = preflight(&cluster);
    assert_eq!(reported.code, 0, "{:?}", reported.rows);
    assert_eq!(reported.faults(), Vec::<&Value>::new());
    let kinds = [
        "thanosqueries.monitoring.thanos.io",
        "servicemonitors.monitoring.coreos.com",
    ];
    for kind in kinds {
        reported.says("ok", "crd", kind, &["is served"]);
    }
    reported.says("ok", "permissions", HOME, &["permissions"]);

    let none = json!({"serviceMonitor": {"enabled": false}, "queryFrontend": {}});
    cluster.apply(query("q", none)).await;
    let name = format!("ThanosQuery {}/q", cluster.namespace);
    let reported = preflight(&cluster);
    assert_eq!(reported.code, 0, "{:?}", reported.rows);
    reported.says("ok", "objects", &name, &["0 existing, 0 to adopt"]);

    let controller = Controller::start(&cluster, &[]).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let reported = preflight(&cluster);
    assert_eq!(reported.code, 0, "{:?}", reported.rows);
    reported.says("ok", "objects", &name, &[" 0 to create, ", "0 to adopt"]);
    assert!(
        reported.about("restarts", &name).is_empty(),
        "{:?}",
        reported.rows
    );
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn preflight_runs_with_the_service_account_of_the_controller() {
    let cluster = Cluster::new("preflight-own").await;
    let _crds = with_crds(&cluster).await;
    cluster.apply(query("q", json!({}))).await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, kubeconfig_of(&cluster, "thanos-system").await).unwrap();
    let mark = Mark::now();
    let reported = run(&kubeconfig, &["--namespaces", &cluster.namespace]);
    assert_eq!(reported.code, 0, "{:?}", reported.rows);
    reported.says("ok", "permissions", HOME, &["permissions"]);
    let name = format!("ThanosQuery {}/q", cluster.namespace);
    reported.says("ok", "objects", &name, &["to create"]);
    // It may not create pods, which is as it should be.
    reported.says(
        "warn",
        "pods",
        &name,
        &["no dry run possible", "cannot create resource"],
    );
    let ours = mark.requests(USER);
    // Controllers of other tests are the same user, in other namespaces.
    let here = |e: &&Entry| e.object_ref.namespace == cluster.namespace;
    assert!(
        ours.iter().any(|e| here(&e)),
        "the audit log has nothing of it"
    );
    assert_eq!(written(ours.iter().filter(here)), Vec::<String>::new());
}

#[tokio::test]
async fn an_installation_in_one_namespace_passes() {
    let installed = Installed::new("preflight-role", "namespaced", &["refresh-pods"]).await;
    let _crds = with_crds(&installed.cluster).await;
    let account = format!("{}/thanos-query-controller", installed.home);
    let namespace = &installed.cluster.namespace;
    let reported =
        run_as_administrator(&["--namespaces", namespace, "--service-account", &account]);
    assert_eq!(reported.code, 0, "{:?}", reported.rows);
    let object = format!("ServiceAccount {account}");
    let says = |texts: &[&str]| reported.says("warn", "permissions", &object, texts);
    says(&["namespaces", "namespace selectors"]);
    says(&["customresourcedefinitions", "every 10 s"]);
    says(&["no permission to patch", "pods", "refresh-pods"]);
    assert_eq!(
        reported.about("permissions", &object).len(),
        4,
        "{:?}",
        reported.rows
    );
}

#[test]
fn an_unreachable_cluster_is_exit_code_two() {
    let run = |flags: &[&str], kubeconfig: &str| {
        let mut command = Command::new(kubectl_thanos());
        command
            .args(["preflight", QUERY.kind()])
            .args(flags)
            .env("KUBECONFIG", kubeconfig);
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), error)
    };
    let (code, error) = run(&[], "/nowhere");
    assert_eq!(code, Some(2));
    assert!(error.contains("no connection to a cluster"), "{error}");
    assert!(error.contains("set KUBECONFIG"), "{error}");
    let kubeconfig = std::env::var("KUBECONFIG").unwrap();
    let (code, error) = run(&["--service-account", "x"], &kubeconfig);
    assert_eq!(code, Some(2));
    assert!(error.contains("NAMESPACE/NAME"), "{error}");
}
