//! The trait that a controller implements. All methods are synchronous and do no IO.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::detect::Need;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::ApiResource;
use kube::core::object::HasStatus;
use kube::{CustomResourceExt, Resource};
use kube_facts::optional::{Caps, OptionalKind};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::{Access, AccessCheck};
use crate::error::Invalid;
use crate::owned_objects::Workload;
use crate::plan::{ObjectKey, Plan};
use crate::probe::{Probe, ProbeResults};
use crate::related::Related;

/// A kind of objects that a controller owns.
#[derive(Clone, Debug)]
pub struct OwnedKind {
    /// API resource of the kind.
    pub resource: ApiResource,
    /// The optional kind, if it is one; only used while it is `Present`.
    pub capability: Option<OptionalKind>,
}

impl OwnedKind {
    /// A kind that is built into Kubernetes.
    #[must_use]
    pub fn builtin<K: Resource<DynamicType = ()>>() -> Self {
        Self {
            resource: ApiResource::erase::<K>(&()),
            capability: None,
        }
    }

    /// A kind that the API server may not serve.
    #[must_use]
    pub fn optional(kind: OptionalKind) -> Self {
        Self {
            resource: kind.api_resource(),
            capability: Some(kind),
        }
    }
}

impl OwnedKind {
    /// Whether an object is of this kind.
    pub(crate) fn is_of(&self, object: &ObjectKey) -> bool {
        self.resource.kind == object.kind && self.resource.group == object.group
    }
}

/// Observed state of the cluster besides the stores.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// Capabilities in effect.
    pub caps: &'a Caps,
    /// Reviewed permissions of other ServiceAccounts.
    pub access: &'a Access,
    /// Results of the probes of pods.
    pub answers: &'a ProbeResults,
    /// Current time.
    pub now: Timestamp,
}

/// A condition whose transitions emit events.
#[derive(Clone, Copy, Debug)]
pub struct EventRule {
    /// Type of the condition.
    pub condition: &'static str,
    /// Status of a Normal event. Any other but Unknown is a Warning.
    pub good: &'static str,
    /// Whether a condition that is not good at creation emits an event.
    pub at_first: bool,
}

impl EventRule {
    /// A rule for `condition` with its good status.
    #[must_use]
    pub const fn new(condition: &'static str, good: &'static str, at_first: bool) -> Self {
        Self {
            condition,
            good,
            at_first,
        }
    }
}

/// A Normal event about the custom resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalEvent {
    /// Reason in CamelCase.
    pub reason: &'static str,
    /// Message.
    pub note: String,
}

/// A Warning event about an object of another owner.
#[derive(Clone, Debug, PartialEq)]
pub struct WarningEvent {
    /// The object, with its UID, which `kubectl describe` needs.
    pub about: ObjectReference,
    /// Reason in CamelCase.
    pub reason: &'static str,
    /// Problem and remedy.
    pub note: String,
}

/// A metric from the status of each custom resource.
#[derive(Clone, Copy, Debug)]
pub struct Gauge<S> {
    /// Name of the metric, with the labels `namespace` and `name` of the custom resource.
    pub name: &'static str,
    /// Help text.
    pub help: &'static str,
    /// Value; `None` if the status has none.
    pub value: fn(&S) -> Option<i64>,
}

/// Fields of every status.
#[derive(Clone, Copy, Debug)]
pub struct StatusFields<'a> {
    /// `status.conditions`.
    pub conditions: &'a [Condition],
    /// `status.appliedHash`.
    pub applied_hash: Option<&'a str>,
}

/// Long-running work; its result updates the stores.
pub type Work<V> = Box<dyn FnOnce() -> Box<dyn FnOnce(&mut V) + Send> + Send>;

/// A related kind of a controller.
pub type RelatedOf<C> = Related<<C as Reconciler>::Stores, <C as Reconciler>::Resource>;

/// One controller.
pub trait Reconciler: Send + Sync + Sized + 'static {
    /// Custom resource.
    type Resource: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + HasStatus<Status = Self::Status>
        + CustomResourceExt
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug
        + Send
        + Sync
        + 'static;
    /// Status of the custom resource.
    type Status: Serialize
        + DeserializeOwned
        + Clone
        + Debug
        + Default
        + PartialEq
        + Send
        + Sync
        + 'static;
    /// Stores of all related kinds.
    type Stores: Default + Send + Sync + 'static;
    /// Observed state, the only input of the plan.
    type Observed: Send + Sync;

    /// Name of the binary, field manager, Lease, event reporter and metric label.
    const NAME: &'static str;
    /// Label of every owned object; its value is `NAME`.
    const LABEL: &'static str;
    /// Annotation that is set on pods when a mounted file changes; `None` if no mounted file changes.
    const REFRESH: Option<&'static str> = None;
    /// Conditions whose transitions emit events.
    const EVENT_CONDITIONS: &'static [EventRule];

    /// Kinds that a plan may contain. Determines watches, pruning and RBAC.
    fn owned_kinds() -> Vec<OwnedKind>;
    /// Kinds of the foreign patches of a plan. Determines RBAC.
    fn patched_foreign_kinds() -> Vec<ApiResource> {
        Vec::new()
    }
    /// Kinds of the foreign deletes of a plan. Determines RBAC.
    fn deleted_foreign_kinds() -> Vec<ApiResource> {
        Vec::new()
    }
    /// Optional kinds in use, with the required verbs.
    fn needs() -> Vec<Need>;
    /// Kinds that are read, with their stores.
    fn related() -> Vec<RelatedOf<Self>>;
    /// Observes the stores and the cluster.
    fn observe(
        &self,
        stores: &Self::Stores,
        cluster: Cluster<'_>,
        resource: &Arc<Self::Resource>,
    ) -> Self::Observed;
    /// Whether a decision needs facts that were dropped (see [`Related::partial`]). The reconcile then
    /// ends without a write, and the kind is listed again.
    fn needs_relist(_: &Self::Observed) -> bool {
        false
    }
    /// Long-running work that is missing in the observed state. It runs on another thread, so that
    /// watches and the Lease are not delayed, and the stores are observed again before the plan.
    fn work(_: &Self::Observed) -> Option<Work<Self::Stores>> {
        None
    }
    /// Stores what the next reconcile of the custom resource needs.
    fn remember(_: &mut Self::Stores, _: &Self::Resource, _: &Self::Observed) {}
    /// Drops what `remember` stored for a deleted custom resource.
    fn forget(_: &mut Self::Stores, _uid: &str) {}
    /// Permissions of other ServiceAccounts to review. Only the status may depend on the results.
    fn access_checks(_: &Self::Observed) -> Vec<AccessCheck> {
        Vec::new()
    }
    /// Probes to send before the plan, which may depend on the results. Not sent while the resource is
    /// paused.
    fn probes(_: &Self::Observed) -> Vec<Probe> {
        Vec::new()
    }
    /// Requeue interval without a change, rounded up to seconds. Ignored while the resource is paused.
    fn requeue_after(_: &Self::Observed) -> Option<Duration> {
        None
    }
    /// Computes the desired objects.
    ///
    /// # Errors
    /// Invalid input. Nothing is applied or deleted then.
    fn plan(&self, seen: &Self::Observed) -> Result<Plan, Invalid>;
    /// Computes the status, for every outcome.
    fn status(
        &self,
        seen: &Self::Observed,
        outcome: &Outcome,
        previous: &Self::Status,
    ) -> Self::Status;
    /// Normal events to emit, besides those of `EVENT_CONDITIONS`.
    fn normal_events(_previous: &Self::Status, _next: &Self::Status) -> Vec<NormalEvent> {
        Vec::new()
    }
    /// New warnings about objects of other owners.
    fn warning_events(
        _seen: &Self::Observed,
        _previous: &Self::Status,
        _next: &Self::Status,
    ) -> Vec<WarningEvent> {
        Vec::new()
    }
    /// Metrics from the status.
    fn gauges() -> Vec<Gauge<Self::Status>> {
        Vec::new()
    }
    /// The fields of every status.
    fn status_fields(status: &Self::Status) -> StatusFields<'_>;
    /// `spec.paused`.
    fn paused(resource: &Self::Resource) -> bool;
    /// Names of the running pods that mount `object`. After a change of the object, setting their
    /// annotation `REFRESH` makes the kubelet refresh the files at once instead of within 90 s.
    fn pods_mounting(&self, _: &Self::Stores, _: &Self::Resource, _: &ObjectKey) -> Vec<String> {
        Vec::new()
    }
}

/// Observes, and does all long-running work on the calling thread.
pub fn observe_to_end<C: Reconciler>(
    reconciler: &C,
    stores: &mut C::Stores,
    cluster: Cluster<'_>,
    resource: &Arc<C::Resource>,
) -> C::Observed {
    loop {
        let seen = reconciler.observe(stores, cluster, resource);
        match C::work(&seen) {
            Some(work) => work()(stores),
            None => return seen,
        }
    }
}

/// Outcome of a reconcile, the input of the status.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Verdict.
    pub verdict: Verdict,
    /// Digest over the applied objects; see `OwnedObjects::applied_hash`.
    pub applied_hash: Option<String>,
    /// Pod counts of every workload of the custom resource.
    pub workloads: BTreeMap<ObjectKey, Workload>,
}

impl Outcome {
    /// Pod counts of a Deployment or StatefulSet by name.
    #[must_use]
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        let mut all = self.workloads.iter();
        all.find(|(key, _)| key.name == name).map(|(_, w)| w)
    }
}

/// Verdict of a reconcile, reported by the condition `Reconciled`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as planned.
    Applied,
    /// `spec.paused` is set; nothing was applied.
    Paused,
    /// The spec or another input is invalid.
    Invalid(Invalid),
    /// The API server rejected an object.
    Rejected {
        /// The object.
        object: ObjectKey,
        /// Message of the API server, with the field.
        message: String,
        /// Whether the plan changes an immutable field.
        immutable: bool,
    },
    /// An object with a planned name has another owner.
    NotOwned {
        /// The object.
        object: ObjectKey,
        /// Description of its owner.
        holder: String,
    },
    /// A request failed and is retried.
    Failed {
        /// The object of the request.
        object: ObjectKey,
        /// The error.
        message: String,
    },
}
