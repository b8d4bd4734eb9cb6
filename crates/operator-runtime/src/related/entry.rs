//! The typed part of a related kind: what is decoded of its objects, and the store of their facts. Pure.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use kube_facts::Key;
use kube_facts::extract::Extract;
use serde::{Deserialize, Deserializer};

use crate::store::Store;

/// Metadata and facts of a watched object. The rest is dropped while it is decoded. Decoding is
/// tolerant, so no content of an object stops a watch.
#[derive(Clone, Debug)]
pub struct Watched<S: Extract> {
    /// Name, namespace, UID and resource version.
    pub metadata: ObjectMeta,
    /// Facts of the object.
    pub facts: S::Facts,
}

impl<S: Extract> From<S> for Watched<S> {
    fn from(object: S) -> Self {
        let (metadata, facts) = object.into_parts();
        Self { metadata, facts }
    }
}

impl<'de, S: Extract> Deserialize<'de> for Watched<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        S::deserialize(deserializer).map(Self::from)
    }
}

impl<S: Extract> kube::Resource for Watched<S> {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }
    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }
    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }
    fn api_version(dt: &ApiResource) -> Cow<'_, str> {
        dt.api_version.as_str().into()
    }
    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Whether a custom resource must be reconciled, from the facts of an object before and after a change.
pub type IsAffectedBy<V, R, F> = fn(&V, &R, &Key, Option<&F>, Option<&F>) -> bool;

/// The typed part of a related kind: the store of the facts that `S` extracts.
pub struct Spec<V, R, S: Extract> {
    /// Store of the kind.
    pub store: fn(&V) -> &Store<S::Facts>,
    /// Mutable store of the kind.
    pub store_mut: fn(&mut V) -> &mut Store<S::Facts>,
    /// Whether a custom resource must be reconciled after a change.
    pub is_affected_by: IsAffectedBy<V, R, S::Facts>,
}

/// Facts with a large part, which is stored only for objects that a custom resource needs.
pub struct PartialCache<V, R, F> {
    /// Whether a custom resource needs the large part.
    pub is_needed: fn(&V, &R, &Key, &F) -> bool,
    /// Drops the large part.
    pub without: fn(F) -> F,
}

/// The store of a related kind, and which part of the facts it holds.
pub(crate) struct Entry<V, R, S: Extract> {
    pub spec: Spec<V, R, S>,
    pub partial: Option<PartialCache<V, R, S::Facts>>,
}
