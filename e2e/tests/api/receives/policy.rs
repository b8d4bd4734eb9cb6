//! The permission to delete pods and PVCs is wider than needed; the policy that comes with
//! it narrows it.

use e2e::cluster::Cluster;
use e2e::controller::RECEIVE;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
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

/// A pod or a PVC.
fn object(kind: &str, name: &str, labels: &Value) -> Value {
    let spec = match kind {
        "Pod" => json!({"containers": [{"name": "c", "image": "example.com/c"}]}),
        _ => {
            json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})
        }
    };
    let metadata = json!({"name": name, "labels": labels});
    json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec})
}

async fn client_of(user: &str) -> Client {
    let mut config = Config::infer().await.unwrap();
    config.auth_info.impersonate = Some(user.to_owned());
    Client::try_from(config).unwrap()
}

/// Observatorium has a controller of the same name, which annotates the pods of its own receivers; and an
/// administrator may have given it anything.
#[tokio::test]
async fn a_foreign_controller_of_the_same_name_is_not_restricted() {
    let cluster = Cluster::of(RECEIVE, "namesake").await;
    let core = json!({
        "apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"],
        "verbs": ["get", "list", "update", "patch", "delete"],
    });
    let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
    for (name, rules) in [("plain", core), ("administrator", all)] {
        let home = format!("{}-{name}", cluster.namespace);
        cluster.make_namespace(&home, json!({})).await;
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": name}, "rules": [rules],
        });
        cluster.apply(role).await;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": RECEIVE.name, "namespace": home}],
        });
        cluster.apply(binding).await;
        let user = format!("system:serviceaccount:{home}:{}", RECEIVE.name);
        let client = client_of(&user).await;
        let labels = json!({"controller.receive.thanos.io": "thanos-receive-controller"});
        for kind in ["Pod", "PersistentVolumeClaim"] {
            cluster.apply(object(kind, name, &labels)).await;
            let resource = kube::api::ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind));
            let api: Api<DynamicObject> =
                Api::namespaced_with(client.clone(), &cluster.namespace, &resource);
            let annotation = json!({"metadata": {"annotations": {"example.com/updated": "x"}}});
            api.patch(name, &PatchParams::default(), &Patch::Merge(annotation))
                .await
                .unwrap_or_else(|error| panic!("{user} annotates a {kind}: {error}"));
            api.delete(name, &DeleteParams::default())
                .await
                .unwrap_or_else(|error| panic!("{user} deletes a {kind}: {error}"));
            cluster.delete("v1", kind, name).await;
        }
    }
}

#[tokio::test]
async fn only_pods_and_volumes_of_ingesters_may_be_deleted() {
    let cluster = Cluster::of(RECEIVE, "policy").await;
    let client = client_of(&RECEIVE.user()).await;
    let ingester = labels("thanos-receive-ingester");
    let mut other = ingester.clone();
    other["app.kubernetes.io/part-of"] = json!("shop");
    for (name, labels, allowed) in [
        ("ingester", ingester, true),
        ("router", labels("thanos-receive-router"), false),
        ("other", other, false),
        ("bare", json!({}), false),
    ] {
        for kind in ["Pod", "PersistentVolumeClaim"] {
            cluster.apply(object(kind, name, &labels)).await;
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
            // Other users are not restricted.
            cluster.delete("v1", kind, name).await;
        }
    }
}
