//! Related kinds: how their objects get into the stores, both from watches and from files. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use kube_facts::Key;
use kube_facts::extract::Extract;
use kube_facts::optional::OptionalKind;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::cache::Cache;
use crate::reconciler::Reconciler;
use crate::store::Store;
use crate::watches;

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

/// Namespace and name of an object.
pub(crate) fn key_of(metadata: &ObjectMeta) -> Key {
    Key::new(
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}

/// Whether a custom resource must be reconciled, from the facts of an object before and after a change.
pub type IsAffectedBy<C, F> = fn(
    &<C as Reconciler>::Stores,
    &<C as Reconciler>::Resource,
    &Key,
    Option<&F>,
    Option<&F>,
) -> bool;

/// The typed part of a related kind: the store of the facts that `S` extracts.
pub struct Spec<C: Reconciler, S: Extract> {
    /// Store of the kind.
    pub store: fn(&C::Stores) -> &Store<S::Facts>,
    /// Mutable store of the kind.
    pub store_mut: fn(&mut C::Stores) -> &mut Store<S::Facts>,
    /// Whether a custom resource must be reconciled after a change.
    pub is_affected_by: IsAffectedBy<C, S::Facts>,
}

/// Facts with a large part, which is stored only for objects that a custom resource needs.
pub struct PartialCache<C: Reconciler, F> {
    /// Whether a custom resource needs the large part.
    pub is_needed: fn(&C::Stores, &C::Resource, &Key, &F) -> bool,
    /// Drops the large part.
    pub without: fn(F) -> F,
}

/// The store of a related kind, and which part of the facts it holds.
pub(crate) struct Entry<C: Reconciler, S: Extract> {
    pub spec: Spec<C, S>,
    pub partial: Option<PartialCache<C, S::Facts>>,
}

/// A related kind.
pub struct Related<C: Reconciler> {
    /// API resource of the kind.
    pub resource: ApiResource,
    /// Kind of Prometheus Operator, if it is one.
    pub capability: Option<OptionalKind>,
    /// Label selector of the watch.
    pub labels: Option<&'static str>,
    /// Field selector of the watch.
    pub fields: Option<&'static str>,
    /// Whether the kind is cluster-scoped.
    pub cluster_scoped: bool,
    /// Whether the controller works without the permission to read the kind.
    pub dispensable: bool,
    /// Whether the permission to read the kind is not in the Roles of the controller, but granted by an
    /// optional component.
    pub granted_apart: bool,
    /// Whether changes are debounced.
    pub debounced: bool,
    store: Box<dyn ErasedStore<C>>,
}

impl<C: Reconciler> Related<C> {
    /// A kind that is built into Kubernetes.
    pub fn new<S: Extract>(resource: ApiResource, spec: Spec<C, S>) -> Self {
        Self::entered(
            resource,
            Entry {
                spec,
                partial: None,
            },
        )
    }

    fn entered<S: Extract>(resource: ApiResource, entry: Entry<C, S>) -> Self {
        Self {
            resource,
            capability: None,
            labels: None,
            fields: None,
            cluster_scoped: false,
            dispensable: false,
            granted_apart: false,
            debounced: false,
            store: Box::new(Arc::new(entry)),
        }
    }

    /// A kind of Prometheus Operator.
    pub fn optional<S: Extract>(kind: OptionalKind, spec: Spec<C, S>) -> Self {
        Self {
            capability: Some(kind),
            ..Self::new(kind.api_resource(), spec)
        }
    }

    /// A kind of Prometheus Operator with large facts. The large part is dropped if no custom resource
    /// needs it. [`Reconciler::needs_relist`] requests it when one does.
    pub fn partial<S: Extract>(
        kind: OptionalKind,
        spec: Spec<C, S>,
        partial: PartialCache<C, S::Facts>,
    ) -> Self {
        let partial = Some(partial);
        Self {
            capability: Some(kind),
            ..Self::entered(kind.api_resource(), Entry { spec, partial })
        }
    }

    /// Debounces a kind that changes in bursts, such as pods in a rollout, since every reconcile may
    /// write the status.
    #[must_use]
    pub fn debounced(mut self) -> Self {
        self.debounced = true;
        self
    }

    /// Sets the label selector of the watch.
    #[must_use]
    pub fn labelled(mut self, selector: &'static str) -> Self {
        self.labels = Some(selector);
        self
    }

    /// Sets the field selector of the watch, as in `reason=FailedMount`. The API server defines the
    /// supported fields. Two watches of one kind need separate stores, since a list replaces the
    /// content of its store.
    #[must_use]
    pub fn fields(mut self, selector: &'static str) -> Self {
        self.fields = Some(selector);
        self
    }

    /// Marks a cluster-scoped kind.
    #[must_use]
    pub fn cluster_scoped(mut self) -> Self {
        self.cluster_scoped = true;
        self
    }

    /// Marks a kind that a namespaced installation has no permission to read. Its store is denied then.
    #[must_use]
    pub fn dispensable(mut self) -> Self {
        self.dispensable = true;
        self
    }

    /// Marks a kind with sensitive content, whose permission is granted by an optional component. The
    /// controller works without it.
    #[must_use]
    pub fn granted_apart(mut self) -> Self {
        self.granted_apart = true;
        self.dispensable()
    }

    /// Stores an object from a file, if it is of this kind.
    pub fn load(&self, stores: &mut C::Stores, object: &Value) -> bool {
        let ours = object["kind"] == self.resource.kind.as_str()
            && object["apiVersion"] == self.resource.api_version.as_str();
        if ours && self.matches_labels(object) && self.matches_fields(object) {
            self.store.load(stores, object);
        }
        ours
    }

    fn matches_labels(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let Some(selector) = self.labels else {
            return true;
        };
        selector.split(',').all(|term| match term.split_once('=') {
            Some((key, value)) => labels[key] == value,
            None => match term.strip_prefix('!') {
                Some(key) => labels.get(key).is_none(),
                None => labels.get(term).is_some(),
            },
        })
    }

    fn matches_fields(&self, object: &Value) -> bool {
        let terms = self.fields.into_iter().flat_map(|s| s.split(','));
        let mut terms = terms.filter_map(|term| term.split_once('='));
        terms.all(|(path, value)| {
            let (path, desired) = match path.strip_suffix('!') {
                Some(path) => (path, false),
                None => (path, true),
            };
            // `==` is the same as `=`.
            let value = value.strip_prefix('=').unwrap_or(value);
            (field(object, path) == value) == desired
        })
    }

    pub(crate) fn freeze(&self, stores: &mut C::Stores) {
        self.store.freeze(stores);
    }

    /// Marks the kind as unreadable.
    pub fn deny(&self, stores: &mut C::Stores) {
        self.store.deny(stores);
    }

    pub(crate) fn watches(
        &self,
        cache: Arc<Cache<C>>,
        watch: watches::Watch,
    ) -> BoxFuture<'static, ()> {
        self.store.watches(cache, watch)
    }
}

/// A field as text, as field selectors compare it; empty if the field is unset.
fn field<'a>(object: &'a Value, path: &str) -> Cow<'a, str> {
    let mut parts = path.split('.');
    let found = parts.try_fold(object, |it, part| it.get(part));
    match found {
        None | Some(Value::Null) => "".into(),
        Some(Value::String(text)) => text.into(),
        Some(other) => other.to_string().into(),
    }
}

/// A store and its watches, independent of the type of the facts.
trait ErasedStore<C: Reconciler>: Send + Sync {
    fn load(&self, stores: &mut C::Stores, object: &Value);
    fn freeze(&self, stores: &mut C::Stores);
    fn deny(&self, stores: &mut C::Stores);
    fn watches(&self, cache: Arc<Cache<C>>, watch: watches::Watch) -> BoxFuture<'static, ()>;
}

impl<C: Reconciler, S: Extract> ErasedStore<C> for Arc<Entry<C, S>> {
    fn load(&self, stores: &mut C::Stores, object: &Value) {
        let it = Watched::from(S::read(object));
        (self.spec.store_mut)(stores).change(&key_of(&it.metadata), Some(it.facts));
    }

    fn freeze(&self, stores: &mut C::Stores) {
        (self.spec.store_mut)(stores).freeze();
    }

    fn deny(&self, stores: &mut C::Stores) {
        (self.spec.store_mut)(stores).deny();
    }

    fn watches(&self, cache: Arc<Cache<C>>, watch: watches::Watch) -> BoxFuture<'static, ()> {
        Box::pin(watches::related(cache, self.clone(), watch))
    }
}

#[cfg(test)]
mod tests;
