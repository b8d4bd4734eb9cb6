//! Facts of Deployments of queriers and of ReplicaSets of Thanos, which relate a pod to its
//! workload.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_api::names::{GROUP, label};

use super::meta::Meta;

/// Kind of custom resource that owns queriers.
const QUERY: &str = "ThanosQuery";

/// Controller of the queriers.
const QUERY_CONTROLLER: &str = "thanos-query-controller";

/// A ReplicaSet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReplicaSetObject {
    metadata: Meta,
}

/// Facts of a ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaSetFacts {
    /// UID.
    pub uid: String,
    /// UID of the controlling Deployment; empty without one.
    pub controller: String,
}

impl Extract for ReplicaSetObject {
    type Facts = ReplicaSetFacts;

    fn into_parts(self) -> (ObjectMeta, ReplicaSetFacts) {
        let facts = ReplicaSetFacts {
            uid: self.metadata.uid.clone().unwrap_or_default(),
            controller: self.metadata.controlled_by(),
        };
        (self.metadata.identity(), facts)
    }
}

/// A Deployment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeploymentObject {
    metadata: Meta,
}

/// Facts of a Deployment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeploymentFacts {
    /// UID.
    pub uid: String,
    /// Whether the query controller applies it for a ThanosQuery.
    pub is_of_query: bool,
}

impl Extract for DeploymentObject {
    type Facts = DeploymentFacts;

    fn into_parts(self) -> (ObjectMeta, DeploymentFacts) {
        let meta = &self.metadata;
        let is_for_query = meta.controller().is_some_and(|owner| {
            let group = owner.api_version.split_once('/').map(|(group, _)| group);
            owner.kind == QUERY && group == Some(GROUP)
        });
        let applied_by = meta.labels.get(label::CONTROLLER);
        let facts = DeploymentFacts {
            uid: meta.uid.clone().unwrap_or_default(),
            is_of_query: is_for_query && applied_by.is_some_and(|it| it == QUERY_CONTROLLER),
        };
        (self.metadata.identity(), facts)
    }
}
