//! Extracts facts from API objects. No IO.
//!
//! Each kind has a type with only the fields that are read. A watch deserializes into it directly,
//! and `from_object` reads JSON; both are tolerant: a field of an unexpected type is unset.
//!
//! For most kinds only labels and `spec` are read: their types are a [`Spec`] in a [`Thin`]. Other
//! types implement [`Extract`] directly.

mod alerting;
mod core;
mod generated;
mod json;
mod metadata;
mod monitoring;
mod pod;
mod policy;
mod selector;
mod workload;

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::alerting::{AlertmanagerSpec, RuleObject, ThanosRulerSpec};
pub use self::core::{NamespaceSpec, PodSpec, ServiceSpec};
pub use generated::{GeneratedRulesObject, RejectionEvent};
pub use metadata::{Metadata, OwnerRef};
pub use monitoring::{PrometheusAgentSpec, PrometheusSpec, ServiceMonitorSpec};
pub use pod::{BackendSpec, StatefulSetSpec};
pub use policy::PolicySpec;

use crate::lenient::{Lenient, Object};
use crate::model::Labels;

/// Decoded object of one kind.
///
/// All fields, in all nested structs, are [`Lenient`]: an object must never fail to decode, since
/// that would stop the watch for all objects.
/// reading it fail, since that would stop the watch of all of them.
pub trait Extract: Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static {
    /// Extracted facts.
    type Facts: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// Identity, version and facts of the object.
    fn into_parts(self) -> (ObjectMeta, Self::Facts);

    /// Decodes a JSON object. Anything else decodes as an empty object.
    #[must_use]
    fn read(object: &Value) -> Self {
        Self::deserialize(object).unwrap_or_default()
    }
}

/// Decoded `spec` of one kind.
pub trait Spec: Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static {
    /// Extracted facts.
    type Facts: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// Facts of an object with these labels and this spec.
    fn into_facts(self, labels: Labels) -> Self::Facts;

    /// Adds the UID of the object to facts that contain it.
    fn identify(_: &mut Self::Facts, _uid: &str) {}
}

/// Object with the fields of metadata and spec that are read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, bound = "S: Spec")]
pub struct Thin<S> {
    metadata: Lenient<Object<Meta>>,
    spec: Lenient<Object<S>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta {
    name: Lenient<String>,
    namespace: Lenient<String>,
    uid: Lenient<String>,
    resource_version: Lenient<String>,
    labels: Lenient<Labels>,
}

impl<S: Spec> Thin<S> {
    /// Facts of the object.
    #[must_use]
    pub fn into_facts(self) -> S::Facts {
        self.into_parts().1
    }
}

impl<S: Spec> Extract for Thin<S> {
    type Facts = S::Facts;

    fn into_parts(self) -> (ObjectMeta, S::Facts) {
        let metadata = self.metadata.fields();
        let identity = ObjectMeta {
            name: metadata.name.get(),
            namespace: metadata.namespace.get(),
            uid: metadata.uid.get(),
            resource_version: metadata.resource_version.get(),
            ..ObjectMeta::default()
        };
        let labels = metadata.labels.or_default();
        let mut facts = self.spec.fields().into_facts(labels);
        S::identify(&mut facts, identity.uid.as_deref().unwrap_or_default());
        (identity, facts)
    }
}

#[cfg(test)]
mod tests;
