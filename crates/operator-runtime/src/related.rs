//! Related kinds: how their objects get into the stores, from a watch or from a file.

use std::borrow::Cow;
use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use kube_facts::Key;
use kube_facts::extract::Extract;
use promop_compat::caps::Kind;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::cache::Cache;
use crate::reconciler::Reconciler;
use crate::store::Store;
use crate::watches;

/// An object as it is watched: which one it is, and its facts. Nothing else of it is ever held.
/// Foreign objects are read leniently, so nothing in them can stop a watch.
#[derive(Clone, Debug)]
pub struct Watched<S: Extract> {
    /// Name, namespace, uid and resource version.
    pub metadata: ObjectMeta,
    /// What decisions need to know of it.
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

/// Whether a change of an object affects a custom resource, by its facts before and after.
pub type IsAffectedBy<C, F> = fn(
    &<C as Reconciler>::Stores,
    &<C as Reconciler>::Resource,
    &Key,
    Option<&F>,
    Option<&F>,
) -> bool;

/// The typed part of a related kind: where the facts go that are read by `S`.
pub struct Spec<C: Reconciler, S: Extract> {
    /// Returns the store.
    pub store: fn(&C::Stores) -> &Store<S::Facts>,
    /// Returns the store, to change it.
    pub store_mut: fn(&mut C::Stores) -> &mut Store<S::Facts>,
    /// Whether a change affects a custom resource, by the facts before and after.
    pub is_affected_by: IsAffectedBy<C, S::Facts>,
}

/// Facts with a large part that is stored only for objects that a custom resource needs.
pub struct PartialCache<C: Reconciler, F> {
    /// Whether a custom resource needs the large part of an object's facts.
    pub is_needed: fn(&C::Stores, &C::Resource, &Key, &F) -> bool,
    /// The facts without it.
    pub without: fn(F) -> F,
}

/// Where facts go, and how much of them.
pub(crate) struct Entry<C: Reconciler, S: Extract> {
    pub spec: Spec<C, S>,
    pub partial: Option<PartialCache<C, S::Facts>>,
}

/// A related kind.
pub struct Related<C: Reconciler> {
    /// Where it is served.
    pub resource: ApiResource,
    /// The Prometheus Operator kind it is, if it is one.
    pub capability: Option<Kind>,
    /// Only objects with these labels are watched.
    pub labels: Option<&'static str>,
    /// Only objects with these fields are watched.
    pub fields: Option<&'static str>,
    /// It has no namespace.
    pub cluster_scoped: bool,
    /// Decisions can do without it where it may not be read.
    pub dispensable: bool,
    /// The permission to read it is not part of the controller's roles: users grant it separately.
    pub granted_apart: bool,
    /// Custom resources are enqueued once for many changes that follow each other.
    pub debounced: bool,
    source: Box<dyn Source<C>>,
}

impl<C: Reconciler> Related<C> {
    /// A kind that every cluster has.
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
            source: Box::new(Arc::new(entry)),
        }
    }

    /// A kind of Prometheus Operator.
    pub fn optional<S: Extract>(kind: Kind, spec: Spec<C, S>) -> Self {
        Self {
            capability: Some(kind),
            ..Self::new(kind.api_resource(), spec)
        }
    }

    /// A kind of Prometheus Operator whose facts are large. The large part is dropped where no custom resource
    /// needs it. When one does, [`Reconciler::needs_relist`] has the kind listed again.
    pub fn partial<S: Extract>(
        kind: Kind,
        spec: Spec<C, S>,
        partial: PartialCache<C, S::Facts>,
    ) -> Self {
        let partial = Some(partial);
        Self {
            capability: Some(kind),
            ..Self::entered(kind.api_resource(), Entry { spec, partial })
        }
    }

    /// Marks a kind with many changes in a short time, such as pods in a rollout: a custom resource is
    /// enqueued once for all of them, since each reconcile could be a write.
    #[must_use]
    pub fn debounced(mut self) -> Self {
        self.debounced = true;
        self
    }

    /// Limits the watch to objects with these labels.
    #[must_use]
    pub fn labelled(mut self, selector: &'static str) -> Self {
        self.labels = Some(selector);
        self
    }

    /// Limits the watch to objects with these fields, as in `reason=FailedMount`. Which fields a
    /// kind can be selected by is up to the API server. Two watches of one kind need a store each,
    /// since a list replaces the content of its store.
    #[must_use]
    pub fn fields(mut self, selector: &'static str) -> Self {
        self.fields = Some(selector);
        self
    }

    /// Marks a kind without namespaces.
    #[must_use]
    pub fn cluster_scoped(mut self) -> Self {
        self.cluster_scoped = true;
        self
    }

    /// Marks a kind that a namespaced installation may not read. Its store is denied then.
    #[must_use]
    pub fn dispensable(mut self) -> Self {
        self.dispensable = true;
        self
    }

    /// Marks a kind whose permission users grant separately, because its objects are sensitive. Without
    /// it, decisions do without the kind.
    #[must_use]
    pub fn granted_apart(mut self) -> Self {
        self.granted_apart = true;
        self.dispensable()
    }

    /// Enters an object that was read from a file, if it is of this kind.
    pub fn load(&self, stores: &mut C::Stores, object: &Value) -> bool {
        let ours = object["kind"] == self.resource.kind.as_str()
            && object["apiVersion"] == self.resource.api_version.as_str();
        if ours && self.matches_labels(object) && self.matches_fields(object) {
            self.source.load(stores, object);
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
            // Two equals signs mean the same as one.
            let value = value.strip_prefix('=').unwrap_or(value);
            (field(object, path) == value) == desired
        })
    }

    pub(crate) fn freeze(&self, stores: &mut C::Stores) {
        self.source.freeze(stores);
    }

    /// The kind may not be read.
    pub(crate) fn deny(&self, stores: &mut C::Stores) {
        self.source.deny(stores);
    }

    pub(crate) fn watches(
        &self,
        cache: Arc<Cache<C>>,
        watch: watches::Watch,
    ) -> BoxFuture<'static, ()> {
        self.source.watches(cache, watch)
    }
}

/// A field as field selectors compare it: text, which is empty if the field is unset.
fn field<'a>(object: &'a Value, path: &str) -> Cow<'a, str> {
    let mut parts = path.split('.');
    let found = parts.try_fold(object, |it, part| it.get(part));
    match found {
        None | Some(Value::Null) => "".into(),
        Some(Value::String(text)) => text.into(),
        Some(other) => other.to_string().into(),
    }
}

/// Hides the type of the facts.
trait Source<C: Reconciler>: Send + Sync {
    fn load(&self, stores: &mut C::Stores, object: &Value);
    fn freeze(&self, stores: &mut C::Stores);
    fn deny(&self, stores: &mut C::Stores);
    fn watches(&self, cache: Arc<Cache<C>>, watch: watches::Watch) -> BoxFuture<'static, ()>;
}

impl<C: Reconciler, S: Extract> Source<C> for Arc<Entry<C, S>> {
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
