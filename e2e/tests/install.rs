//! Overlays on an empty cluster, by the commands of the documentation. They leave it as they found it,
//! but for a Service that Prometheus Operator makes in kube-system.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use e2e::overlay::deploy;
use e2e::wait::{check, eventually};
use serde_json::Value;

const MINUTE: Duration = Duration::from_secs(60);

/// Runs a script where the documentation has it run. Returns what it prints, or its errors.
fn shell(script: &str) -> Result<String, String> {
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(deploy().join(".."))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{script}: {}", text(&output.stderr))),
    }
}

fn run(script: &str) -> String {
    shell(script).unwrap_or_else(|error| panic!("{error}"))
}

/// The first block of commands below a heading of the page on installation.
fn documented(heading: &str) -> String {
    let page = std::fs::read_to_string(deploy().join("../docs/installation.md")).unwrap();
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once("```shell\n").unwrap();
    block.split("```").next().unwrap_or_default().to_owned()
}

/// Every controller is rolled out, which means ready.
fn controllers_run() {
    let names = run("kubectl -n thanos-system get deployments -o name");
    let desired = ["query", "receive", "ruler", "store"]
        .map(|c| format!("deployment.apps/thanos-{c}-controller"));
    assert_eq!(names.lines().collect::<Vec<_>>(), desired);
    run("kubectl -n thanos-system rollout status deployments --timeout=120s");
}

/// A ThanosStore is taken care of, although there is no bucket for it.
fn a_store_is_applied(namespace: &str) {
    run(&format!(
        "kubectl -n {namespace} apply -f - <<END
apiVersion: monitoring.thanos.io/v1alpha1
kind: ThanosStore
metadata: {{name: plain}}
spec: {{objectStorageConfig: {{name: nothing-made-it, key: thanos.yaml}}}}
END"
    ));
    run(&format!(
        "kubectl -n {namespace} wait thanosstore/plain --for=condition=Reconciled --timeout=60s"
    ));
    run(&format!(
        "kubectl -n {namespace} get statefulset/thanos-store-plain"
    ));
    run(&format!(
        "kubectl -n {namespace} delete thanosstore plain --cascade=foreground"
    ));
}

fn uninstall(overlay: &str, namespaces: &str) {
    run(&documented("Uninstall").replace("existing-prometheus-operator", overlay));
    let all = namespaces.split(' ').map(|n| format!("namespace/{n}"));
    let all: Vec<String> = all.collect();
    run(&format!(
        "kubectl wait --for=delete {} --timeout=120s",
        all.join(" ")
    ));
}

fn assert_no_errors_logged() -> String {
    let logs = run(
        "kubectl -n thanos-system logs -l app.kubernetes.io/part-of=thanos-operator --prefix --tail=-1",
    );
    assert!(logs.contains("msg=\"controller started\""), "{logs}");
    assert!(!logs.contains("level=error"), "{logs}");
    logs
}

/// The answer to a query, through the querier of fresh-install.
fn promql(query: &str) -> Result<Vec<Value>, String> {
    let service = "/api/v1/namespaces/monitoring/services/thanos-query-main-client:http/proxy";
    let answer = shell(&format!(
        "kubectl get --raw '{service}/api/v1/query?query={query}'"
    ))?;
    let answer: Value = serde_json::from_str(&answer).map_err(|e| e.to_string())?;
    Ok(answer["data"]["result"]
        .as_array()
        .cloned()
        .unwrap_or_default())
}

/// Rulers keep the rules of a deleted kind, also under a controller that starts after the deletion.
async fn rules_outlive_their_definition() {
    // Not in flow style: some versions of kubectl take what begins with a brace for JSON.
    let rule = "apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: outlives, namespace: monitoring}
spec:
  groups:
  - name: g
    interval: 5s
    rules:
    - record: 'outlives:one'
      expr: vector(1)";
    run(&format!(
        "kubectl apply -f - <<END
{rule}
---
apiVersion: monitoring.thanos.io/v1alpha1
kind: ThanosRuler
metadata: {{name: main, namespace: monitoring}}
spec: {{replicas: 2, ruleSelector: {{}}, mode: Active, evaluationInterval: 5s}}
END"
    ));
    let reported = |condition: &str| {
        run(&format!(
            "kubectl -n monitoring wait thanosrulers.monitoring.thanos.io/main --for=condition={condition} \
             --timeout=120s"
        ))
    };
    reported("Ready");
    reported("RulesLoaded");
    let evaluated_after = async |what: &str, time: i64| {
        let attempt = async || {
            let query = "max(timestamp(outlives:one%7Bthanos_rule=%22monitoring/main%22%7D))";
            let newest = promql(query)?;
            let newest = newest.first().and_then(|s| s["value"][1].as_str());
            let newest: f64 = newest.and_then(|v| v.parse().ok()).unwrap_or_default();
            check(newest > time as f64, || format!("{newest} after {time}"))
        };
        eventually(what, 2 * MINUTE, attempt).await;
    };
    let now = || jiff::Timestamp::now().as_second();
    evaluated_after("the rule is evaluated", 0).await;
    let pods = || {
        run(
            "kubectl -n monitoring get pods -l app.kubernetes.io/name=thanos-rule --sort-by=.metadata.name \
             -o 'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount} {end}'",
        )
    };
    let before = pods();

    run("kubectl delete crd prometheusrules.monitoring.coreos.com");
    reported("Frozen");
    run("kubectl -n thanos-system rollout restart deployment/thanos-ruler-controller");
    run(
        "kubectl -n thanos-system rollout status deployment/thanos-ruler-controller --timeout=120s",
    );
    evaluated_after("the rule is evaluated without its CRD", now()).await;
    reported("Frozen");

    run(&documented("In an empty cluster"));
    let mended = rule.replace("outlives:one", "outlives:two");
    run(&format!("kubectl apply -f - <<END\n{mended}\nEND"));
    reported("Frozen=False");
    let attempt = async || {
        let series = promql("outlives:two%7Bthanos_rule=%22monitoring/main%22%7D")?;
        check(series.len() == 1, || format!("{series:?}"))
    };
    eventually("rules are read again", 2 * MINUTE, attempt).await;
    assert_eq!(pods(), before, "no ruler restarted");
    run("kubectl -n monitoring delete thanosrulers.monitoring.thanos.io main");
    run("kubectl -n monitoring delete prometheusrules.monitoring.coreos.com outlives");
}

#[tokio::test]
async fn from_an_empty_cluster_to_thanos_queried_through_thanos() {
    let served = || run("kubectl api-resources --api-group=monitoring.coreos.com -o name");
    assert_eq!(served(), "", "the cluster is not empty");

    run("kubectl create namespace monitoring");
    run(&documented("In some namespaces"));
    controllers_run();
    a_store_is_applied("monitoring");
    assert_no_errors_logged();
    uninstall("namespaced", "thanos-system");
    run("kubectl get crd thanosstores.monitoring.thanos.io");
    run("kubectl delete namespace monitoring");

    run(&documented("Without Prometheus Operator"));
    controllers_run();
    a_store_is_applied("thanos-system");
    run("kubectl -n thanos-system apply -f - <<END
apiVersion: monitoring.thanos.io/v1alpha1
kind: ThanosQuery
metadata: {name: plain}
spec: {}
END");
    run("kubectl -n thanos-system wait thanosquery/plain --for=condition=Ready --timeout=90s");
    let column = "{.status.conditions[?(@.type==\"PrometheusOperatorIntegration\")].reason}";
    let reason = run(&format!(
        "kubectl -n thanos-system get thanosquery plain -o 'jsonpath={column}'"
    ));
    assert_eq!(reason, "CRDsAbsent");
    assert_no_errors_logged();
    assert_eq!(
        served(),
        "",
        "thanos-only brings nothing of Prometheus Operator"
    );
    run("kubectl -n thanos-system delete thanosquery plain");

    // The same controllers notice what comes.
    run(&documented("In an empty cluster"));
    controllers_run();
    for (object, replicas) in [("prometheus/k8s", 2), ("alertmanager/main", 2)] {
        let available = format!("--for=jsonpath={{.status.availableReplicas}}={replicas}");
        run(&format!(
            "kubectl -n monitoring wait {object} '{available}' --timeout=180s"
        ));
    }
    for condition in ["Ready", "Monitored"] {
        run(&format!(
            "kubectl -n monitoring wait thanosquery/main --for=condition={condition} --timeout=90s"
        ));
    }
    // As documented for detection.
    let detected = run(
        "kubectl logs -n thanos-system -l app.kubernetes.io/part-of=thanos-operator --prefix --tail=-1 | grep 'capability changed'",
    );
    assert!(detected.contains("kind=ServiceMonitor"), "{detected}");
    let total =
        run("kubectl -n monitoring get thanosquery main -o 'jsonpath={.status.endpointsTotal}'");
    assert_eq!(total, "2");

    // Everything that has a ServiceMonitor is scraped, Thanos included, and visible through Thanos.
    let attempt = async || {
        let up = promql("up")?;
        let of = |job: &str| up.iter().filter(|s| s["metric"]["job"] == job).count();
        let all = of("prometheus-k8s") == 6
            && of("alertmanager-main") == 4
            && of("prometheus-operator") == 1
            && of("thanos-query-main") == 2
            && of("thanos-query-controller") == 2
            && of("thanos-store-controller") == 2
            && up
                .iter()
                .all(|s| s["value"][1] == "1" && s["metric"]["cluster"] == "default");
        check(all, || format!("{up:#?}"))?;
        let thanos = promql("group%20by%20(container)%20(thanos_build_info)")?;
        check(thanos.len() == 2, || format!("{thanos:?}"))
    };
    // The reloader of Prometheus may notice ServiceMonitors 3 minutes after the node renewed its files.
    eventually(
        "metrics of Thanos are queried through Thanos",
        5 * MINUTE,
        attempt,
    )
    .await;
    rules_outlive_their_definition().await;
    let logs = assert_no_errors_logged();
    assert!(logs.contains("capability changed"), "{logs}");

    uninstall("fresh-install", "monitoring thanos-system");
    assert_ne!(served(), "", "CRDs are kept");
    run("kubectl delete -k deploy/overlays/fresh-install/crds");
    assert_eq!(served(), "", "CRDs are deleted");
    run("kubectl -n kube-system delete service kubelet");
    let left =
        run("kubectl get crd,clusterroles,clusterrolebindings,validatingadmissionpolicies -o name");
    let left: Vec<&str> = left
        .lines()
        .filter(|name| name.contains("thanos") || name.contains("prometheus"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
