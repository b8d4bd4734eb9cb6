//! Failures around the controller that must not stop it.

use std::time::Duration;

use e2e::audit::Mark;
use e2e::cluster::{Cluster, SOON};
use e2e::controller::{Controller, USER};
use e2e::wait::{check, eventually};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::ownership::{create_as_the_go_operator, deployment_of_the_go_operator};
use crate::support::{query, with_crds};

#[tokio::test]
async fn a_namespace_that_is_missing_or_deleted_stops_nothing() {
    let cluster = Cluster::new("here").await;
    let _crds = with_crds(&cluster).await;
    let later = format!("{}-later", cluster.namespace);
    let namespaces = format!("--namespaces={},{later}", cluster.namespace);
    let controller = Controller::start_with(&cluster, &[&namespaces]).await;
    cluster.apply(query("q", json!({}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;

    cluster.make_namespace(&later, json!({})).await;
    let mut there = query("there", json!({}));
    there["metadata"]["namespace"] = json!(later);
    cluster.apply(there.clone()).await;
    let attempt = async || {
        let object = cluster.api(&there).get("there").await.unwrap();
        let conditions = object.data["status"]["conditions"].as_array().cloned();
        let mut conditions = conditions.unwrap_or_default().into_iter();
        let applied = conditions.any(|c| c["reason"] == "Applied");
        check(applied, || object.data["status"].to_string())
    };
    eventually(
        "the namespace that was created later is reconciled",
        SOON,
        attempt,
    )
    .await;

    let mark = Mark::now();
    let minute = Duration::from_secs(60);
    cluster
        .delete_within("v1", "Namespace", &later, minute)
        .await;
    cluster.apply(query("q", json!({"replicas": 2}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let refused = mark.requests(USER);
    let refused = refused.iter().filter(|e| e.response_status.code == 403);
    let refused = refused.count();
    println!("requests refused since the namespace is going: {refused}");
    assert!(
        refused <= 20,
        "{refused} requests into a namespace that is being deleted"
    );
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_conflict_is_retried() {
    let cluster = Cluster::new("conflict").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    // Adoption is bound to the version that was read. A client that writes all the time makes it
    // fail sooner or later.
    for attempt in 0..20 {
        let name = format!("q{attempt}");
        let paused = cluster.apply(query(&name, json!({"paused": true}))).await;
        let uid = paused.metadata.uid.as_deref();
        let old = deployment_of_the_go_operator(&cluster, &name, uid);
        create_as_the_go_operator(&cluster, &old).await;
        let deployment = format!("thanos-query-{name}");
        let (api, noisy) = (cluster.api(&old), deployment.clone());
        let noise = tokio::spawn(async move {
            for i in 0_u64.. {
                let annotations = json!({"example.com/noise": i.to_string()});
                let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
                api.patch(&noisy, &PatchParams::default(), &patch)
                    .await
                    .unwrap();
            }
        });
        let mark = Mark::now();
        let mut met = false;
        cluster.apply(query(&name, json!({}))).await;
        let adopted = async || {
            // The first request for an object that is not known is answered with 409 as well.
            let requests = mark.requests(USER);
            let mut conflicts = requests
                .iter()
                .filter(|e| e.response_status.code == 409 && !e.uri.contains("fieldManager"));
            met = conflicts.any(|e| e.object_ref.name == deployment);
            let stored = cluster.get("apps/v1", "Deployment", &deployment).await;
            let stored = stored.unwrap_or_default();
            let containers = &stored["spec"]["template"]["spec"]["containers"];
            let done = containers.as_array().is_some_and(|c| c.len() == 1);
            check(done || met, || containers.to_string())
        };
        eventually("adopted, or not at the first time", SOON, adopted).await;
        noise.abort();
        cluster.condition(&name, "Reconciled", "Applied").await;
        let stored = cluster.get("apps/v1", "Deployment", &deployment).await;
        let containers = &stored.unwrap()["spec"]["template"]["spec"]["containers"];
        assert_eq!(containers.as_array().unwrap().len(), 1, "{containers}");
        if met {
            println!("conflict in attempt {attempt}");
            controller.assert_quiet(&[]);
            return;
        }
    }
    panic!("no conflict in twenty attempts: nothing was tested");
}
