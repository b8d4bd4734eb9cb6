//! `preflight` of this controller: a good installation passes, and harmful fields are reported.

use std::process::Command;

use e2e::audit::Mark;
use e2e::cluster::Cluster;
use e2e::controller::{RECEIVE, kubectl_thanos};
use serde_json::{Value, json};

use super::{receive, stored};

/// What it says of the namespace of the test, without what other tests are responsible for.
fn reported(cluster: &Cluster) -> Vec<Value> {
    let mark = Mark::now();
    let output = Command::new(kubectl_thanos())
        .args([
            "preflight",
            RECEIVE.kind(),
            "--output",
            "json",
            "--namespaces",
        ])
        .arg(&cluster.namespace)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let reported: Value = serde_json::from_slice(&output.stdout).expect(&errors);
    let requests = mark.all_requests().into_iter();
    let written: Vec<String> = requests
        .filter(|e| e.user_agent.starts_with("kubectl-thanos/"))
        .filter(|e| !e.user.username.starts_with("system:serviceaccount:"))
        .filter(|e| e.is_write() && !e.uri.contains("dryRun=All"))
        .map(|e| e.line())
        .collect();
    assert_eq!(written, [""; 0]);
    let mut rows = reported["rows"].as_array().unwrap().clone();
    rows.retain(|r| r["result"] != "ok" && r["check"] != "former operator");
    rows
}

#[tokio::test]
async fn preflight_reports_harmful_fields() {
    let cluster = Cluster::of(RECEIVE, "harm").await;
    let failed = |rows: &[Value]| rows.iter().any(|r| r["result"] == "fail");
    let rows = reported(&cluster);
    assert!(!failed(&rows), "{rows:#?}");
    let good = json!({"ingesterSpec": stored(&json!([{"name": "default"}]))});
    cluster.apply(receive("x", &good)).await;
    let rows = reported(&cluster);
    assert!(!failed(&rows), "{rows:#?}");

    // As the Go operator fills them in.
    let hashrings = json!([{"name": "default", "tsdbConfig": {"retention": "2h"}}]);
    let legacy = json!({
        "ingesterSpec": stored(&hashrings),
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
    });
    cluster.apply(receive("y", &legacy)).await;
    let rows = reported(&cluster);
    for words in [
        "tsdbConfig.retention is 2h",
        "whenDeleted is Delete, which has no effect",
    ] {
        let mut found = rows.iter().map(|r| r["found"].to_string());
        assert!(found.any(|f| f.contains(words)), "{words}: {rows:#?}");
    }
    assert!(!failed(&rows), "{rows:#?}");

    let invalid = json!({"ingesterSpec": {"hashrings": [
        {"name": "default", "tsdbConfig": {"retention": "0s"}},
    ]}});
    cluster.apply(receive("z", &invalid)).await;
    let rows = reported(&cluster);
    assert!(failed(&rows), "{rows:#?}");
}
