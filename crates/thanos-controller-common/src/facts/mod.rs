//! What is read of the objects that a decision depends on.
//!
//! All of these kinds come with Kubernetes, whose API server stores nothing that does not fit.

mod claim;
mod event;
mod pod;
mod querier;
mod secret;
mod set;
#[cfg(test)]
mod tests;
mod workload;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube_facts::Labels;
use serde::Deserialize;
use thanos_api::names::label;

pub use claim::{ClaimFacts, ClaimObject, ClassFacts, ClassObject};
pub use event::{Failure, MountEvent, MountFacts};
pub use pod::{Ended, PodFacts, PodObject, PodState};
pub use querier::{QuerierFacts, QuerierObject};
pub use secret::{Digest, SecretFacts, SecretObject};
pub use set::{SetFacts, SetObject};
pub use workload::{DeploymentFacts, DeploymentObject, ReplicaSetFacts, ReplicaSetObject};

/// What is read of the metadata of any object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Meta {
    pub name: Option<String>,
    pub namespace: Option<String>,
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub generation: i64,
    pub deletion_timestamp: Option<String>,
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    owner_references: Vec<OwnerReference>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OwnerReference {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    controller: bool,
}

/// One of the conditions in a status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    message: String,
    last_transition_time: Option<Time>,
}

impl Condition {
    /// The one of a type, if it has this status.
    fn find<'a>(all: &'a [Self], type_: &str, status: &str) -> Option<&'a Self> {
        all.iter().find(|c| c.type_ == type_ && c.status == status)
    }
}

/// Of containers the one that runs Thanos: it is named as `program`, or begins with it. Those of
/// users, and those that admission webhooks inject, are beside it in any order.
fn thanos<'c, C>(program: &str, all: &'c [C], name: impl Fn(&C) -> &str) -> Option<&'c C> {
    let exact = all.iter().find(|c| name(c) == program);
    let begins = || all.iter().find(|c| name(c).starts_with(program));
    exact.or_else(|| begins().filter(|_| !program.is_empty()))
}

impl Meta {
    /// Which object it is.
    #[must_use]
    pub fn identity(&self) -> ObjectMeta {
        ObjectMeta {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            uid: self.uid.clone(),
            resource_version: self.resource_version.clone(),
            ..ObjectMeta::default()
        }
    }

    /// UID of the object that controls it; empty if none does.
    #[must_use]
    pub fn controlled_by(&self) -> String {
        self.controller().map(|o| o.uid.clone()).unwrap_or_default()
    }

    fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|r| r.controller)
    }

    /// The name of the custom resource that it belongs to.
    fn owner(&self) -> String {
        self.labels.get(label::OWNER).cloned().unwrap_or_default()
    }
}
