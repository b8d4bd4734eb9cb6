//! What facts of several kinds are derived from: metadata, conditions, the Thanos container.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube_facts::Labels;
use serde::Deserialize;
use thanos_api::names::label;

/// Metadata that facts are derived from.
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
pub(super) struct OwnerReference {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) controller: bool,
}

/// Condition in a status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) type_: String,
    pub(super) status: String,
    pub(super) message: String,
    pub(super) last_transition_time: Option<Time>,
}

impl Condition {
    /// The condition of a type, if it has this status.
    pub(super) fn find<'a>(all: &'a [Self], type_: &str, status: &str) -> Option<&'a Self> {
        all.iter().find(|c| c.type_ == type_ && c.status == status)
    }
}

/// The Thanos container: the one named `program`, or with that prefix. Containers of users and of
/// admission webhooks may be in any order.
pub(super) fn thanos<'c, C>(
    program: &str,
    all: &'c [C],
    name: impl Fn(&C) -> &str,
) -> Option<&'c C> {
    let exact = all.iter().find(|c| name(c) == program);
    let begins = || all.iter().find(|c| name(c).starts_with(program));
    exact.or_else(|| begins().filter(|_| !program.is_empty()))
}

impl Meta {
    /// Identity of the object.
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

    /// UID of the controller in the owner references; empty without one.
    #[must_use]
    pub fn controlled_by(&self) -> String {
        self.controller().map(|o| o.uid.clone()).unwrap_or_default()
    }

    pub(super) fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|r| r.controller)
    }

    /// Name of the owning custom resource.
    pub(super) fn owner(&self) -> String {
        self.labels.get(label::OWNER).cloned().unwrap_or_default()
    }
}
