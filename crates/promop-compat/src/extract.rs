//! From objects as the API server sends them to facts. Pure.
//!
//! Each kind has a thin type with the fields that are read and no others. A watch can deserialize
//! into it directly, or an object that is there as JSON can be read by `from_object`; both are
//! lenient: a field of an unexpected type is unset.

mod core;
mod monitoring;
mod policy;
mod selector;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::core::{NamespaceSpec, PodSpec, ServiceSpec};
pub use monitoring::{PrometheusSpec, ServiceMonitorSpec};
pub use policy::PolicySpec;

use crate::lenient::{Lenient, Object};
use crate::model::{Key, Labels};

/// What is read of the `spec` of one kind.
pub trait Spec: DeserializeOwned + Default {
    /// What it comes to.
    type Facts;

    /// The facts of an object with these labels and this spec.
    fn into_facts(self, labels: Labels) -> Self::Facts;
}

/// An object: what is read of its metadata and of its spec.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, bound = "S: Spec")]
pub struct Thin<S> {
    metadata: Lenient<Object<Meta>>,
    spec: Lenient<Object<S>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Meta {
    name: Lenient<String>,
    namespace: Lenient<String>,
    labels: Lenient<Labels>,
}

impl<S: Spec> Thin<S> {
    /// Reads an object that is there as JSON. What is no object at all is an empty one.
    #[must_use]
    pub fn read(object: &Value) -> Self {
        Self::deserialize(object).unwrap_or_default()
    }

    /// Namespace and name; empty where the object has none.
    #[must_use]
    pub fn key(&self) -> Key {
        let metadata = self.metadata.clone().fields();
        Key::new(metadata.namespace.or_default(), metadata.name.or_default())
    }

    /// The facts of the object.
    #[must_use]
    pub fn into_facts(self) -> S::Facts {
        let labels = self.metadata.fields().labels.or_default();
        self.spec.fields().into_facts(labels)
    }
}

#[cfg(test)]
mod tests;
