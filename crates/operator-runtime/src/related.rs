//! Related kinds: how their objects get into the stores, both from watches and from files. `V` are the
//! stores of a controller, `R` is its custom resource.

mod entry;
mod host;
mod watch_task;

use std::borrow::Cow;
use std::sync::Arc;

use futures::future::BoxFuture;
use kube::core::ApiResource;
use kube_facts::Key;
use kube_facts::extract::Extract;
use kube_facts::optional::OptionalKind;
use serde_json::Value;

use crate::watch::Watch;

pub(crate) use entry::Entry;
pub use entry::{IsAffectedBy, PartialCache, Spec, Watched};
pub(crate) use host::{Apply, Host};

/// A related kind.
pub struct Related<V, R> {
    /// API resource of the kind.
    pub resource: ApiResource,
    /// The optional kind, if it is one; only watched while it is `Present`.
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
    store: Box<dyn ErasedStore<V, R>>,
}

impl<V: 'static, R: 'static> Related<V, R> {
    /// A kind that is built into Kubernetes.
    pub fn new<S: Extract>(resource: ApiResource, spec: Spec<V, R, S>) -> Self {
        Self::entered(
            resource,
            Entry {
                spec,
                partial: None,
            },
        )
    }

    fn entered<S: Extract>(resource: ApiResource, entry: Entry<V, R, S>) -> Self {
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

    /// A kind that the API server may not serve.
    pub fn optional<S: Extract>(kind: OptionalKind, spec: Spec<V, R, S>) -> Self {
        Self {
            capability: Some(kind),
            ..Self::new(kind.api_resource(), spec)
        }
    }

    /// An optional kind with large facts. The large part is dropped if no custom resource
    /// needs it. `Reconciler::needs_relist` requests it when one does.
    pub fn partial<S: Extract>(
        kind: OptionalKind,
        spec: Spec<V, R, S>,
        partial: PartialCache<V, R, S::Facts>,
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
    pub fn load(&self, stores: &mut V, object: &Value) -> bool {
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

    pub(crate) fn freeze(&self, stores: &mut V) {
        self.store.freeze(stores);
    }

    /// Marks the kind as unreadable.
    pub fn deny(&self, stores: &mut V) {
        self.store.deny(stores);
    }

    /// The watch task of the kind.
    pub(crate) fn watch(&self, host: Arc<dyn Host<V, R>>, watch: Watch) -> BoxFuture<'static, ()> {
        self.store.watch(host, watch)
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

/// A store and its watch task, independent of the type of the facts.
trait ErasedStore<V, R>: Send + Sync {
    fn load(&self, stores: &mut V, object: &Value);
    fn freeze(&self, stores: &mut V);
    fn deny(&self, stores: &mut V);
    fn watch(&self, host: Arc<dyn Host<V, R>>, watch: Watch) -> BoxFuture<'static, ()>;
}

impl<V: 'static, R: 'static, S: Extract> ErasedStore<V, R> for Arc<Entry<V, R, S>> {
    fn load(&self, stores: &mut V, object: &Value) {
        let it = Watched::from(S::read(object));
        (self.spec.store_mut)(stores).change(&Key::of(&it.metadata), Some(it.facts));
    }

    fn freeze(&self, stores: &mut V) {
        (self.spec.store_mut)(stores).freeze();
    }

    fn deny(&self, stores: &mut V) {
        (self.spec.store_mut)(stores).deny();
    }

    fn watch(&self, host: Arc<dyn Host<V, R>>, watch: Watch) -> BoxFuture<'static, ()> {
        Box::pin(watch_task::run(host, self.clone(), watch))
    }
}

#[cfg(test)]
mod tests;
