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
use serde_json::Value;

pub use self::core::{NamespaceSpec, PodSpec, ServiceSpec};
pub use monitoring::{PrometheusSpec, ServiceMonitorSpec};
pub use policy::PolicySpec;

use crate::lenient::{Lenient, lenient};
use crate::model::{
    Labels, NamespaceFacts, PodFacts, PrometheusFacts, ServiceFacts, ServiceMonitorFacts,
};
use crate::policy::PolicyFacts;

lenient! {
    /// The part of an object's metadata that is read.
    pub struct Meta {
        name: String,
        namespace: String,
        labels: Labels,
    }
}

impl Meta {
    /// Namespace and name; empty where the object has none.
    #[must_use]
    pub fn key(&self) -> crate::model::Key {
        crate::model::Key::new(
            self.namespace.clone().or_default(),
            self.name.clone().or_default(),
        )
    }
}

/// An object: its metadata, and what is read of its spec.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(bound = "S: for<'a> crate::lenient::Shape<'a>")]
pub struct Thin<S> {
    #[serde(default)]
    metadata: Lenient<Meta>,
    #[serde(default = "Lenient::default")]
    spec: Lenient<S>,
}

impl<S> Default for Thin<S> {
    fn default() -> Self {
        Self {
            metadata: Lenient::default(),
            spec: Lenient::default(),
        }
    }
}

impl<S> Thin<S> {
    /// Its metadata.
    #[must_use]
    pub fn metadata(&self) -> Meta
    where
        S: Clone,
    {
        self.metadata.clone().or_default()
    }
}

/// Reads an object that is there as JSON. What is no object at all is an empty one.
fn read<S: for<'a> crate::lenient::Shape<'a>>(object: &Value) -> Thin<S> {
    Thin::deserialize(object).unwrap_or_default()
}

/// Gives each type of facts its ways in.
macro_rules! facts {
    ($($facts:ty, $spec:ty;)*) => {$(
        impl $facts {
            /// Reads the facts of an object.
            #[must_use]
            pub fn from_object(object: &Value) -> Self {
                read::<$spec>(object).into()
            }
        }

        impl From<Thin<$spec>> for $facts {
            fn from(thin: Thin<$spec>) -> Self {
                let labels = thin.metadata.or_default().labels.or_default();
                thin.spec.or_default().into_facts(labels)
            }
        }
    )*};
}

facts! {
    ServiceMonitorFacts, ServiceMonitorSpec;
    PrometheusFacts, PrometheusSpec;
    ServiceFacts, ServiceSpec;
    PodFacts, PodSpec;
    NamespaceFacts, NamespaceSpec;
    PolicyFacts, PolicySpec;
}

#[cfg(test)]
mod tests;
