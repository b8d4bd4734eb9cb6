//! Extracts facts from Kubernetes objects. Pure.
//!
//! Each kind has a type with only the required fields. A watch deserializes into it directly, and
//! [`Extract::read`] reads an object from JSON; both are tolerant: a field of an unexpected type is
//! unset.
//!
//! Most kinds need only labels and `spec`: their types are a [`Spec`] in a [`Thin`]. Others implement
//! [`Extract`] themselves.

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

/// The decoded part of an object.
///
/// All fields of all its structs are [`Lenient`], since an object that fails to decode stops the watch
/// of its kind.
pub trait Extract: Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static {
    /// Extracted facts.
    type Facts: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// Name, namespace, UID and resource version of the object, and its facts.
    fn into_parts(self) -> (ObjectMeta, Self::Facts);

    /// Reads an object from JSON. A value that is not an object counts as an empty one.
    #[must_use]
    fn read(object: &Value) -> Self {
        Self::deserialize(object).unwrap_or_default()
    }
}

/// The decoded part of the `spec` of an object.
pub trait Spec: Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static {
    /// Extracted facts.
    type Facts: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// The facts of an object with these labels and this spec.
    fn into_facts(self, labels: Labels) -> Self::Facts;

    /// Sets the UID of the object in facts that contain it.
    fn identify(_: &mut Self::Facts, _uid: &str) {}
}

/// An object with the decoded parts of its metadata and spec.
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

/// The decoded part of the spec of a Namespace: none, since its facts are its labels.
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
