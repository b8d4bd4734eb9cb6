//! The permissions of each controller, from the lists that drive its watches and writes.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::core::ObjectMeta;
use operator_runtime::{Reconciler, rbac};
use serde::Serialize;

use crate::yaml;

/// Where the controllers run.
const NAMESPACE: &str = "thanos-system";

/// Path and content of every generated file.
pub fn files() -> Result<Vec<(String, String)>> {
    let controllers = [
        controller::<thanos_query_controller::QueryController>()?,
        controller::<thanos_receive_controller::ReceiveController>()?,
        controller::<thanos_ruler_controller::RulerController>()?,
        controller::<thanos_store_controller::StoreController>()?,
    ];
    Ok(controllers.into_iter().flatten().collect())
}

fn controller<C: Reconciler>() -> Result<Vec<(String, String)>> {
    let mut everywhere = rbac::namespaced_rules::<C>();
    everywhere.extend(rbac::cluster_rules::<C>());
    let home = format!("{}-home", C::NAME);
    Ok(vec![
        file::<C>(
            "rbac.yaml",
            [
                document(&ClusterRole {
                    metadata: metadata::<C>(C::NAME, None),
                    rules: Some(everywhere),
                    ..Default::default()
                })?,
                document(&ClusterRoleBinding {
                    metadata: metadata::<C>(C::NAME, None),
                    role_ref: role_ref("ClusterRole", C::NAME),
                    subjects: Some(vec![subject(C::NAME)]),
                })?,
            ],
        ),
        // Without a namespace: the overlay that uses it sets one.
        file::<C>(
            "role/rbac.yaml",
            role::<C>(C::NAME, None, rbac::namespaced_rules::<C>())?,
        ),
        file::<C>(
            "workload/home.yaml",
            role::<C>(
                &home,
                Some(NAMESPACE),
                thanos_controller_common::home_rules::<C>(),
            )?,
        ),
    ])
}

/// A Role, and the RoleBinding that gives it to the controller.
fn role<C: Reconciler>(
    name: &str,
    namespace: Option<&str>,
    rules: Vec<PolicyRule>,
) -> Result<[String; 2]> {
    Ok([
        document(&Role {
            metadata: metadata::<C>(name, namespace),
            rules: Some(rules),
        })?,
        document(&RoleBinding {
            metadata: metadata::<C>(name, namespace),
            role_ref: role_ref("Role", name),
            subjects: Some(vec![subject(C::NAME)]),
        })?,
    ])
}

fn file<C: Reconciler>(name: &str, documents: [String; 2]) -> (String, String) {
    let path = format!("deploy/components/{}/{name}", C::NAME);
    let text = format!(
        "# Generated: cargo run -p xtask -- rbac\n{}",
        documents.join("---\n")
    );
    (path, text)
}

fn metadata<C: Reconciler>(name: &str, namespace: Option<&str>) -> ObjectMeta {
    let labels = [
        ("app.kubernetes.io/name", C::NAME),
        ("app.kubernetes.io/part-of", "thanos-operator"),
    ];
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into()),
        ..Default::default()
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

fn subject(name: &str) -> Subject {
    Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        ..Default::default()
    }
}

fn document<T: Serialize>(object: &T) -> Result<String> {
    Ok(yaml::document(&serde_json::to_value(object)?))
}
