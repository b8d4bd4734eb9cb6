//! The permissions of each controller, from the lists that drive its watches and writes.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::core::ObjectMeta;
use operator_runtime::{Component, rbac};
use serde::Serialize;

use crate::yaml;

/// Where the controllers run.
const NAMESPACE: &str = "thanos-system";

/// Path and content of every generated file.
pub fn files() -> Result<Vec<(String, String)>> {
    Ok(vec![
        controller::<thanos_query_controller::QueryController>()?,
    ])
}

fn controller<C: Component>() -> Result<(String, String)> {
    let mut rules = rbac::namespaced_rules::<C>();
    rules.extend(rbac::cluster_rules::<C>());
    let documents = [
        document(&ClusterRole {
            metadata: metadata(C::NAME, None),
            rules: Some(rules),
            ..Default::default()
        })?,
        document(&ClusterRoleBinding {
            metadata: metadata(C::NAME, None),
            role_ref: role_ref("ClusterRole", C::NAME),
            subjects: Some(vec![subject(C::NAME)]),
        })?,
        document(&Role {
            metadata: metadata(C::NAME, Some(NAMESPACE)),
            rules: Some(lease::<C>()),
        })?,
        document(&RoleBinding {
            metadata: metadata(C::NAME, Some(NAMESPACE)),
            role_ref: role_ref("Role", C::NAME),
            subjects: Some(vec![subject(C::NAME)]),
        })?,
    ];
    let path = format!("deploy/components/{}/rbac.yaml", C::NAME);
    let text = format!(
        "# Generated: cargo run -p xtask -- rbac\n{}",
        documents.join("---\n")
    );
    Ok((path, text))
}

fn lease<C: Component>() -> Vec<PolicyRule> {
    rbac::lease_rules::<C>()
}

fn metadata(name: &str, namespace: Option<&str>) -> ObjectMeta {
    let labels = [
        ("app.kubernetes.io/name", name),
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
