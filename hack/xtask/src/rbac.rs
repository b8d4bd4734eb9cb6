//! The permissions of each controller, from the lists that drive its watches and writes.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::ObjectMeta;
use operator_runtime::{Reconciler, rbac};
use serde::Serialize;

use crate::{crds, yaml};

/// Where the controllers run.
const NAMESPACE: &str = "thanos-system";
const HEADER: &str = "# Generated: cargo run -p xtask -- rbac\n";

/// The rules of a controller, by where they hold, and which optional components it joins.
pub struct Permissions {
    /// Name of the controller.
    pub name: &'static str,
    /// Of its ClusterRole.
    pub cluster: Vec<PolicyRule>,
    /// Of its Role in each namespace that it watches.
    pub namespace: Vec<PolicyRule>,
    /// Of its Role in the namespace that it runs in.
    pub own_namespace: Vec<PolicyRule>,
    /// Whether it annotates pods.
    pub refresh_pods: bool,
    /// Whether it watches Secrets, if permitted.
    pub watch_secrets: bool,
}

/// Every controller. A test compares the list with the binaries of the workspace.
pub fn controllers() -> [Permissions; 4] {
    [
        permissions::<thanos_query_controller::QueryController>(),
        permissions::<thanos_receive_controller::ReceiveController>(),
        permissions::<thanos_ruler_controller::RulerController>(),
        permissions::<thanos_store_controller::StoreController>(),
    ]
}

fn permissions<C: Reconciler>() -> Permissions {
    let namespace = rbac::namespaced_rules::<C>();
    Permissions {
        name: C::NAME,
        cluster: [namespace.clone(), rbac::cluster_rules::<C>()].concat(),
        namespace,
        own_namespace: thanos_controller_common::home_rules::<C>(),
        refresh_pods: C::REFRESH.is_some(),
        watch_secrets: C::related()
            .iter()
            .any(|related| related.granted_apart && related.resource.plural == "secrets"),
    }
}

/// Path and content of every generated file.
pub fn files() -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for controller in controllers() {
        files.extend(controller_files(&controller)?);
    }
    files.push((
        "deploy/components/user-roles/rbac.yaml".to_owned(),
        format!("{HEADER}{}", user_roles()?),
    ));
    Ok(files)
}

/// ClusterRoles that Kubernetes adds to its own `view`, `edit` and `admin`. The status is not among what they
/// may write: the admission policies identify the controllers by that permission.
pub fn user_roles() -> Result<String> {
    let crds = crds::all();
    let group = crds[0].spec.group.clone();
    let plurals = |suffix: &str| -> Vec<String> {
        let plural = |crd: &CustomResourceDefinition| format!("{}{suffix}", crd.spec.names.plural);
        crds.iter().map(plural).collect()
    };
    let rule = |resources: Vec<String>, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![group.clone()]),
        resources: Some(resources),
        verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
        ..Default::default()
    };
    let read = ["get", "list", "watch"];
    let write = ["create", "delete", "deletecollection", "patch", "update"];
    let role = |level: &str, joins: &[&str], rules: Vec<PolicyRule>| {
        let joins = joins.iter();
        let mut labels: BTreeMap<String, String> = joins
            .map(|to| {
                (
                    format!("rbac.authorization.k8s.io/aggregate-to-{to}"),
                    "true".to_owned(),
                )
            })
            .collect();
        labels.insert(
            "app.kubernetes.io/part-of".to_owned(),
            "thanos-operator".to_owned(),
        );
        document(&ClusterRole {
            metadata: ObjectMeta {
                name: Some(format!("thanos-operator-{level}")),
                labels: Some(labels),
                ..Default::default()
            },
            rules: Some(rules),
            ..Default::default()
        })
    };
    let view = [plurals(""), plurals("/status"), plurals("/scale")];
    Ok([
        role(
            "view",
            &["view", "edit", "admin"],
            vec![
                rule(view[0].clone(), &read),
                rule([view[1].clone(), view[2].clone()].concat(), &["get"]),
            ],
        )?,
        role(
            "edit",
            &["edit", "admin"],
            vec![
                rule(plurals(""), &write),
                rule(plurals("/scale"), &["patch", "update"]),
            ],
        )?,
    ]
    .join("---\n"))
}

fn controller_files(it: &Permissions) -> Result<Vec<(String, String)>> {
    let home = format!("{}-home", it.name);
    Ok(vec![
        file(
            it.name,
            "rbac.yaml",
            [
                document(&ClusterRole {
                    metadata: metadata(it.name, it.name, None),
                    rules: Some(it.cluster.clone()),
                    ..Default::default()
                })?,
                document(&ClusterRoleBinding {
                    metadata: metadata(it.name, it.name, None),
                    role_ref: role_ref("ClusterRole", it.name),
                    subjects: Some(vec![subject(it.name)]),
                })?,
            ],
        ),
        // Without a namespace: the overlay that uses it sets one.
        file(
            it.name,
            "role/rbac.yaml",
            role(it.name, it.name, None, &it.namespace)?,
        ),
        file(
            it.name,
            "workload/home.yaml",
            role(it.name, &home, Some(NAMESPACE), &it.own_namespace)?,
        ),
    ])
}

/// A Role, and the RoleBinding that gives it to the controller.
fn role(
    controller: &str,
    name: &str,
    namespace: Option<&str>,
    rules: &[PolicyRule],
) -> Result<[String; 2]> {
    Ok([
        document(&Role {
            metadata: metadata(controller, name, namespace),
            rules: Some(rules.to_vec()),
        })?,
        document(&RoleBinding {
            metadata: metadata(controller, name, namespace),
            role_ref: role_ref("Role", name),
            subjects: Some(vec![subject(controller)]),
        })?,
    ])
}

fn file(controller: &str, name: &str, documents: [String; 2]) -> (String, String) {
    let path = format!("deploy/components/{controller}/{name}");
    let text = format!("{HEADER}{}", documents.join("---\n"));
    (path, text)
}

fn metadata(controller: &str, name: &str, namespace: Option<&str>) -> ObjectMeta {
    let labels = [
        ("app.kubernetes.io/name", controller),
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
