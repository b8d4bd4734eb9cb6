//! Who owns which field: drift is undone, and what belongs to others is left alone.

use e2e::cluster::{Cluster, MANAGER, SOON};
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::support::{query, with_crds};

const DEPLOYMENT: (&str, &str, &str) = ("apps/v1", "Deployment", "thanos-query-q");

async fn deployment(cluster: &Cluster) -> Value {
    let (version, kind, name) = DEPLOYMENT;
    cluster.get(version, kind, name).await.unwrap_or_default()
}

async fn has_replicas(cluster: &Cluster, desired: i64, what: &str) {
    let attempt = async || {
        let found = deployment(cluster).await["spec"]["replicas"].clone();
        check(found == desired, || found.to_string())
    };
    eventually(what, SOON, attempt).await;
}

/// The manager of the field `spec.replicas` of the Deployment.
async fn managers_of_replicas(cluster: &Cluster) -> Vec<String> {
    let object = deployment(cluster).await;
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    entries
        .iter()
        .filter(|e| e["fieldsV1"]["f:spec"].get("f:replicas").is_some())
        .map(|e| e["manager"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn drift_by_any_client_is_reverted() {
    let cluster = Cluster::new("drift").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({"replicas": 2}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    has_replicas(&cluster, 2, "as planned").await;
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
    let api = cluster.api(&body);
    let name = DEPLOYMENT.2;

    let edit = Patch::Merge(json!({"spec": {"replicas": 7}}));
    api.patch(name, &PatchParams::default(), &edit)
        .await
        .unwrap();
    has_replicas(&cluster, 2, "an edit is undone").await;

    let force = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {"replicas": 9}});
    let params = PatchParams::apply(MANAGER).force();
    api.patch(name, &params, &Patch::Apply(&force))
        .await
        .unwrap();
    has_replicas(&cluster, 2, "a forced apply is undone").await;
    assert_eq!(
        managers_of_replicas(&cluster).await,
        ["thanos-query-controller"]
    );

    let scale = Patch::Merge(json!({"spec": {"replicas": 5}}));
    api.patch_scale(name, &PatchParams::default(), &scale)
        .await
        .unwrap();
    has_replicas(&cluster, 2, "a scale is undone").await;

    let wipe = Patch::Merge(json!({"metadata": {"managedFields": [{}]}, "spec": {"replicas": 4}}));
    api.patch(name, &PatchParams::default(), &wipe)
        .await
        .unwrap();
    has_replicas(&cluster, 2, "wiped managedFields are written again").await;

    let strip = Patch::Merge(
        json!({"metadata": {"labels": {"operator.thanos.io/controller": null}}, "spec": {"replicas": 6}}),
    );
    api.patch(name, &PatchParams::default(), &strip)
        .await
        .unwrap();
    has_replicas(&cluster, 2, "an object that lost its label is found again").await;
    let labels = deployment(&cluster).await["metadata"]["labels"].clone();
    assert_eq!(
        labels["operator.thanos.io/controller"],
        "thanos-query-controller"
    );

    let uid = deployment(&cluster).await["metadata"]["uid"].clone();
    cluster.delete("apps/v1", "Deployment", name).await;
    let made_anew = async || {
        let found = deployment(&cluster).await["metadata"]["uid"].clone();
        check(found.is_string() && found != uid, || found.to_string())
    };
    eventually("a deleted object is made anew", SOON, made_anew).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn fields_of_other_managers_are_unchanged() {
    let cluster = Cluster::new("others").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    cluster.apply(query("q", json!({}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let service = json!({"apiVersion": "v1", "kind": "Service"});
    let theirs = Patch::Merge(json!({"metadata": {"annotations": {"example.com/theirs": "yes"}}}));
    cluster
        .api(&service)
        .patch("thanos-query-q", &PatchParams::default(), &theirs)
        .await
        .unwrap();
    cluster
        .apply(query(
            "q",
            json!({"replicas": 3, "annotations": {"ours": "yes"}}),
        ))
        .await;
    has_replicas(&cluster, 3, "the change arrived").await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let service = cluster
        .get("v1", "Service", "thanos-query-q")
        .await
        .unwrap();
    assert_eq!(
        service["metadata"]["annotations"]["example.com/theirs"],
        "yes"
    );
    assert_eq!(service["metadata"]["annotations"]["ours"], "yes");
    controller.assert_quiet(&[]);
}

#[tokio::test]
async fn a_name_of_another_owner_is_reported_and_used_once_it_is_free() {
    let cluster = Cluster::new("taken").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    let theirs = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "thanos-query-q-endpoints"},
        "data": {"precious": "data"},
    });
    cluster.apply(theirs).await;
    cluster.apply(query("q", json!({}))).await;
    let object = cluster.condition("q", "Reconciled", "NotOwned").await;
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let reported = conditions
        .iter()
        .find(|c| c["type"] == "Reconciled")
        .unwrap();
    let message = reported["message"].as_str().unwrap();
    assert!(
        message.contains("ConfigMap thanos-query-q-endpoints") && message.contains(MANAGER),
        "{message}"
    );
    let kept = cluster
        .get("v1", "ConfigMap", "thanos-query-q-endpoints")
        .await
        .unwrap();
    assert_eq!(kept["data"], json!({"precious": "data"}));
    assert_eq!(kept["metadata"]["ownerReferences"], Value::Null);
    cluster
        .delete("v1", "ConfigMap", "thanos-query-q-endpoints")
        .await;
    // No watch reports the deletion of a foreign object; a change of the resource is reconciled at once.
    cluster.apply(query("q", json!({"replicas": 2}))).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    controller.assert_quiet(&[]);
}

/// The queriers' Deployment of a ThanosQuery as the Go operator makes it.
pub fn deployment_of_the_go_operator(cluster: &Cluster, name: &str, uid: Option<&str>) -> Value {
    let labels = json!({
        "app.kubernetes.io/name": "thanos-query", "app.kubernetes.io/component": "query-layer",
        "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/managed-by": "thanos-operator",
        "app.kubernetes.io/instance": format!("thanos-query-{name}"), "operator.thanos.io/owner": name,
        "operator.thanos.io/query-api": "true",
    });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": format!("thanos-query-{name}"), "namespace": cluster.namespace, "labels": labels,
            "ownerReferences": [{"apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
                "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "containers": [
                    {"name": "thanos-query", "image": "quay.io/thanos/thanos:v0.39.0",
                     "env": [{"name": "OLD", "value": "x"}], "resources": {"limits": {"memory": "1Gi"}}},
                    {"name": "kube-resource-sync", "image": "example.com/sync:1"},
                ],
            }},
        },
    })
}

/// Creates an object as the Go operator does.
pub async fn create_as_the_go_operator(cluster: &Cluster, object: &Value) -> DynamicObject {
    let params = PostParams {
        field_manager: Some("manager".into()),
        ..Default::default()
    };
    let body = serde_json::from_value(object.clone()).unwrap();
    cluster.api(object).create(&params, &body).await.unwrap()
}

#[tokio::test]
async fn objects_of_the_go_operator_are_adopted_in_place() {
    let cluster = Cluster::new("adopt").await;
    let _crds = with_crds(&cluster).await;
    let it = cluster.apply(query("q", json!({}))).await;
    let old = deployment_of_the_go_operator(&cluster, "q", it.metadata.uid.as_deref());
    let created = create_as_the_go_operator(&cluster, &old).await;
    // Fields of another operator are not those of the Go operator.
    let other = PatchParams {
        field_manager: Some("service-ca-operator".into()),
        ..Default::default()
    };
    let note = json!({"metadata": {"annotations": {"example.com/of": "another"}}});
    let name = created.metadata.name.as_deref().unwrap();
    let api = cluster.api(&old);
    let patched = api.patch(name, &other, &Patch::Merge(note)).await;
    patched.unwrap();
    let controller = Controller::start(&cluster, &[]).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let adopted = deployment(&cluster).await;
    assert_eq!(
        adopted["metadata"]["annotations"]["example.com/of"],
        "another"
    );
    assert_eq!(adopted["metadata"]["uid"], json!(created.metadata.uid));
    let containers = adopted["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap();
    assert_eq!(containers.len(), 1, "{containers:?}");
    assert_eq!(containers[0]["name"], "thanos-query");
    assert_eq!(containers[0]["resources"]["limits"], Value::Null);
    let env = containers[0]["env"].as_array().cloned().unwrap_or_default();
    assert!(env.iter().all(|e| e["name"] != "OLD"), "{env:?}");
    let events = json!({"apiVersion": "v1", "kind": "Event"});
    let events = cluster
        .api(&events)
        .list(&Default::default())
        .await
        .unwrap();
    let mut events = events.items.iter();
    assert!(
        events.any(|e| e.data["reason"] == "Adopted"),
        "an event reports it"
    );
    controller.assert_quiet(&[]);
}

/// The Go operator copies the metadata of a custom resource to its children, and users rely on it.
#[tokio::test]
async fn metadata_of_the_resource_stays_on_adopted_children_until_it_is_removed() {
    const CERTIFICATE: &str = "service.beta.openshift.io/serving-cert-secret-name";
    const TRACKING: &str = "argocd.argoproj.io/tracking-id";
    let cluster = Cluster::new("inherit").await;
    let _crds = with_crds(&cluster).await;
    let annotations = json!({CERTIFICATE: "tls", TRACKING: "app:monitoring/q"});
    let mut resource = query("q", json!({}));
    resource["metadata"]["labels"] = json!({"release": "kps"});
    resource["metadata"]["annotations"] = annotations.clone();
    let it = cluster.apply(resource.clone()).await;
    let mut old = deployment_of_the_go_operator(&cluster, "q", it.metadata.uid.as_deref());
    old["metadata"]["annotations"] = annotations;
    old["metadata"]["labels"]["release"] = json!("kps");
    create_as_the_go_operator(&cluster, &old).await;
    old["apiVersion"] = json!("v1");
    old["kind"] = json!("ServiceAccount");
    old.as_object_mut().unwrap().remove("spec");
    create_as_the_go_operator(&cluster, &old).await;

    let controller = Controller::start(&cluster, &[]).await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let children = [
        ("apps/v1", "Deployment"),
        ("v1", "ServiceAccount"),
        ("v1", "Service"),
        ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ];
    let mut generation = Value::Null;
    for (version, kind) in children {
        let child = cluster.get(version, kind, "thanos-query-q").await.unwrap();
        let metadata = &child["metadata"];
        assert_eq!(metadata["labels"]["release"], "kps", "{kind}");
        assert_eq!(metadata["annotations"][CERTIFICATE], "tls", "{kind}");
        assert_eq!(metadata["annotations"].get(TRACKING), None, "{kind}");
        let pods = &child["spec"]["template"]["metadata"];
        assert_eq!(pods["labels"].get("release"), None, "{kind}");
        if kind == "Deployment" {
            generation = metadata["generation"].clone();
        }
    }

    resource["metadata"]["labels"] = json!({});
    cluster.apply(resource).await;
    for (version, kind) in children {
        let attempt = async || {
            let child = cluster.get(version, kind, "thanos-query-q").await.unwrap();
            let labels = &child["metadata"]["labels"];
            check(labels.get("release").is_none(), || labels.to_string())
        };
        eventually(kind, SOON, attempt).await;
    }
    let restarted = deployment(&cluster).await["metadata"]["generation"] != generation;
    assert!(!restarted, "no pod restarts for metadata");
    controller.assert_quiet(&[]);
}
