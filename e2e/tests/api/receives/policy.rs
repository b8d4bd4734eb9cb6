//! The permission to delete pods and claims is wider than what it is for; the policy that comes with
//! it narrows it.

use e2e::cluster::Cluster;
use e2e::controller::RECEIVE;
use kube::api::{Api, DeleteParams, DynamicObject};
use kube::core::GroupVersionKind;
use kube::{Client, Config};
use serde_json::{Value, json};

const POLICY: &str = "ValidatingAdmissionPolicy 'thanos-remove-ingesters'";

fn labels(component: &str) -> Value {
    json!({
        "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/component": component,
        "app.kubernetes.io/name": "thanos-receive",
    })
}

#[tokio::test]
async fn only_pods_and_volumes_of_ingesters_may_be_deleted() {
    let cluster = Cluster::of(RECEIVE, "policy").await;
    let mut config = Config::infer().await.unwrap();
    config.auth_info.impersonate = Some(RECEIVE.user());
    let client = Client::try_from(config).unwrap();
    let ingester = labels("thanos-receive-ingester");
    let mut other = ingester.clone();
    other["app.kubernetes.io/part-of"] = json!("shop");
    for (name, labels, allowed) in [
        ("ingester", ingester, true),
        ("router", labels("thanos-receive-router"), false),
        ("other", other, false),
        ("bare", json!({}), false),
    ] {
        let metadata = json!({"name": name, "labels": labels});
        for (kind, spec) in [
            (
                "Pod",
                json!({"containers": [{"name": "c", "image": "example.com/c"}]}),
            ),
            (
                "PersistentVolumeClaim",
                json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}),
            ),
        ] {
            let object =
                json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec});
            cluster.apply(object).await;
            let resource = kube::api::ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind));
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &cluster.namespace, &resource);
            match api.delete(name, &DeleteParams::default()).await {
                Ok(_) => assert!(allowed, "{kind} {name} may be deleted"),
                Err(error) => {
                    let denied = error.to_string().contains(POLICY);
                    assert!(denied && !allowed, "{kind} {name}: {error}");
                }
            }
            // Everybody else may do what they are permitted to.
            cluster.delete("v1", kind, name).await;
        }
    }
}
