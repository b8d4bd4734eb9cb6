//! From objects as the API server sends them to facts. Pure.
//!
//! Each kind has a thin type with the fields that are read and no others. A watch can deserialize
//! into it directly, or an object that is there as JSON can be read by [`Extract::read`]; both are
//! tolerant: a field of an unexpected type is unset.
//!
//! Of most kinds, labels and `spec` are all that is read: their types are a [`Spec`] in a [`Thin`].
//! A type that reads something else of an object is an [`Extract`] of its own.

mod json;
mod metadata;
mod policy;
mod selector;

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use json::List;
pub use metadata::{Metadata, OwnerRef};
pub use policy::PolicySpec;
pub use selector::{Selector, optional, required};

use crate::tolerant_decode::{Lenient, Object};
use crate::{Labels, NamespaceFacts};

/// What is read of an object of one kind.
///
/// Each field is a [`Lenient`] one, in every struct that is read: nothing in an object may make
/// reading it fail, since that would stop the watch of all of them.
pub trait Extract: Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static {
    /// What it comes to.
    type Facts: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// Which object it is, in which version, and its facts.
    fn into_parts(self) -> (ObjectMeta, Self::Facts);

    /// Reads an object that is there as JSON. What is no object at all is an empty one.
    #[must_use]
    fn read(object: &Value) -> Self {
        Self::deserialize(object).unwrap_or_default()
    }
}

/// What is read of the `spec` of one kind.
pub trait Spec: Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static {
    /// What it comes to.
    type Facts: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// The facts of an object with these labels and this spec.
    fn into_facts(self, labels: Labels) -> Self::Facts;

    /// Adds the UID of the object, where facts have it.
    fn identify(_: &mut Self::Facts, _uid: &str) {}
}

/// An object: what is read of its metadata and of its spec.
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
    /// The facts of the object.
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

/// What is read of a namespace: nothing but its labels.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NamespaceSpec {}

impl NamespaceFacts {
    /// Reads the facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<NamespaceSpec>::read(object).into_facts()
    }
}

impl Spec for NamespaceSpec {
    type Facts = NamespaceFacts;

    fn into_facts(self, labels: Labels) -> NamespaceFacts {
        NamespaceFacts { labels }
    }
}

#[cfg(test)]
mod tests;
