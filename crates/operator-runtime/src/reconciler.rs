//! The trait that each controller implements. Everything here is synchronous: only the runtime does IO.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::ApiResource;
use kube::core::object::HasStatus;
use kube::{CustomResourceExt, Resource};
use promop_compat::caps::{Caps, Kind};
use promop_compat::detect::Need;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::{Access, AccessCheck};
use crate::error::Invalid;
use crate::owned_objects::Workload;
use crate::plan::{ObjectKey, Plan};
use crate::probe::{Probe, ProbeResults};
use crate::related::Related;

/// A kind that a controller creates objects of.
#[derive(Clone, Debug)]
pub struct OwnedKind {
    /// Where it is served.
    pub resource: ApiResource,
    /// The Prometheus Operator kind it is, if it is one: only used while that is `Present`.
    pub capability: Option<Kind>,
}

impl OwnedKind {
    /// A kind that every cluster has.
    #[must_use]
    pub fn builtin<K: Resource<DynamicType = ()>>() -> Self {
        Self {
            resource: ApiResource::erase::<K>(&()),
            capability: None,
        }
    }

    /// A kind of Prometheus Operator.
    #[must_use]
    pub fn optional(kind: Kind) -> Self {
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

/// Capabilities, permissions, probe results and the time.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// The capabilities in effect.
    pub caps: Caps,
    /// Permissions of other ServiceAccounts that were checked.
    pub access: &'a Access,
    /// Results of probes.
    pub answers: &'a ProbeResults,
    /// The time, for decisions that wait for one.
    pub now: Timestamp,
}

/// A condition whose changes are reported by events.
#[derive(Clone, Copy, Debug)]
pub struct EventRule {
    /// Its type.
    pub condition: &'static str,
    /// The good status. A change to another one is a Warning.
    pub good: &'static str,
    /// Whether an event is emitted if the condition is not good from the start.
    pub at_first: bool,
}

impl EventRule {
    /// A rule of the condition, its good status, and whether an event is emitted from the start.
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
    /// One sentence.
    pub note: String,
}

/// A Warning event about an object that another controller or user owns.
#[derive(Clone, Debug, PartialEq)]
pub struct WarningEvent {
    /// The object. With its UID, or `kubectl describe` does not show it.
    pub about: ObjectReference,
    /// Reason in CamelCase.
    pub reason: &'static str,
    /// What is wrong, and what to do.
    pub note: String,
}

/// A metric that shows a number of the status of each custom resource.
#[derive(Clone, Copy, Debug)]
pub struct Gauge<S> {
    /// Name of the metric. Its labels are `namespace` and `name` of the custom resource.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// The number, if the status has it.
    pub value: fn(&S) -> Option<i64>,
}

/// Work that takes long, and how its result gets into the stores.
pub type Work<V> = Box<dyn FnOnce() -> Box<dyn FnOnce(&mut V) + Send> + Send>;

/// One controller.
pub trait Reconciler: Send + Sync + Sized + 'static {
    /// The custom resource.
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
    /// Its status.
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
    /// Everything that a plan depends on.
    type Observed: Send + Sync;

    /// Field manager, lease, event reporter, metric label, name of the binary.
    const NAME: &'static str;
    /// The label that every owned object carries, with `NAME` as value.
    const LABEL: &'static str;
    /// The annotation that is set on pods when a file they mount changes; `None` if none does while a
    /// pod runs.
    const REFRESH: Option<&'static str> = None;
    /// The conditions whose changes are reported by events.
    const EVENT_CONDITIONS: &'static [EventRule];

    /// Every kind that a plan may contain. Drives watches, pruning and RBAC.
    fn owned_kinds() -> Vec<OwnedKind>;
    /// Every kind of which a plan may patch objects of other owners. Drives RBAC.
    fn patched_foreign_kinds() -> Vec<ApiResource> {
        Vec::new()
    }
    /// Every kind of which a plan may delete objects of other owners. Drives RBAC.
    fn deleted_foreign_kinds() -> Vec<ApiResource> {
        Vec::new()
    }
    /// The Prometheus Operator kinds in use, with the verbs they need.
    fn needs() -> Vec<Need>;
    /// Every kind that a decision reads, and how its objects get into the stores.
    fn related() -> Vec<Related<Self>>;
    /// Reads the stores. Pure: the time is an argument.
    fn observe(
        &self,
        stores: &Self::Stores,
        cluster: Cluster<'_>,
        it: &Arc<Self::Resource>,
    ) -> Self::Observed;
    /// Whether a decision needs facts that were dropped (see [`Related::partial`]). The reconcile ends then,
    /// nothing is written, and the kind is listed again.
    fn needs_relist(_: &Self::Observed) -> bool {
        false
    }
    /// Work that takes long and whose result `seen` lacks. It runs on another thread, so that watches and
    /// the lease continue; then the stores are read again. Nothing is planned before.
    fn work(_: &Self::Observed) -> Option<Work<Self::Stores>> {
        None
    }
    /// Keeps in the stores what the next reconcile of a custom resource needs of this one.
    fn remember(_: &mut Self::Stores, _: &Self::Resource, _: &Self::Observed) {}
    /// Drops what was kept of a custom resource that is deleted.
    fn forget(_: &mut Self::Stores, _uid: &str) {}
    /// Permissions of other ServiceAccounts to check. Only the status may depend on the results.
    fn access_checks(_: &Self::Observed) -> Vec<AccessCheck> {
        Vec::new()
    }
    /// Probes of pods that decisions need. The plan may depend on the results. Nothing is probed while the
    /// resource is paused.
    fn probes(_: &Self::Observed) -> Vec<Probe> {
        Vec::new()
    }
    /// When to reconcile again without an event, in whole seconds. Ignored while the resource is paused.
    fn requeue_after(_: &Self::Observed) -> Option<Duration> {
        None
    }
    /// Decides what should exist.
    ///
    /// # Errors
    /// Input that the user must change. Nothing is applied or removed then.
    fn plan(&self, seen: &Self::Observed) -> Result<Plan, Invalid>;
    /// Computes the status. Called on every outcome.
    fn status(
        &self,
        seen: &Self::Observed,
        outcome: &Outcome,
        previous: &Self::Status,
    ) -> Self::Status;
    /// Normal events besides those of `EVENT_CONDITIONS`.
    fn normal_events(_previous: &Self::Status, _next: &Self::Status) -> Vec<NormalEvent> {
        Vec::new()
    }
    /// Warning events about objects of other owners that were not emitted before.
    fn warning_events(
        _seen: &Self::Observed,
        _previous: &Self::Status,
        _next: &Self::Status,
    ) -> Vec<WarningEvent> {
        Vec::new()
    }
    /// Numbers of the status that are metrics.
    fn gauges() -> Vec<Gauge<Self::Status>> {
        Vec::new()
    }
    /// `status.appliedHash`.
    fn applied_hash(status: &Self::Status) -> Option<&str>;
    /// `status.conditions`.
    fn conditions(status: &Self::Status) -> &[Condition];
    /// `spec.paused`.
    fn paused(it: &Self::Resource) -> bool;
    /// The names of the running pods that mount `object`. When it changes, their annotation
    /// `REFRESH` is set, which makes the kubelet refresh the files at once, not within 90 s.
    fn pods_mounting(&self, _: &Self::Stores, _: &Self::Resource, _: &ObjectKey) -> Vec<String> {
        Vec::new()
    }
}

/// Observes once all work is done, on the thread of the caller.
pub fn observe_to_end<C: Reconciler>(
    reconciler: &C,
    stores: &mut C::Stores,
    cluster: Cluster<'_>,
    it: &Arc<C::Resource>,
) -> C::Observed {
    loop {
        let seen = reconciler.observe(stores, cluster, it);
        match C::work(&seen) {
            Some(work) => work()(stores),
            None => return seen,
        }
    }
}

/// The outcome of a reconcile, up to the status.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The result.
    pub verdict: Verdict,
    /// Digest over what was applied; see `OwnedObjects::applied_hash`.
    pub applied_hash: Option<String>,
    /// The counts of every workload of the custom resource.
    pub workloads: BTreeMap<ObjectKey, Workload>,
}

impl Outcome {
    /// The counts of a Deployment or StatefulSet by name.
    #[must_use]
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        let mut all = self.workloads.iter();
        all.find(|(key, _)| key.name == name).map(|(_, w)| w)
    }
}

/// The result of a reconcile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as planned.
    Applied,
    /// Nothing was reconciled: `spec.paused`.
    Paused,
    /// The user must change something.
    Invalid(Invalid),
    /// The API server refuses an object for what it says.
    Rejected {
        /// The object.
        object: ObjectKey,
        /// What to change.
        message: String,
        /// An immutable field of an existing object was to change.
        immutable: bool,
    },
    /// An object of this name has another owner.
    NotOwned {
        /// The object.
        object: ObjectKey,
        /// Its owner.
        holder: String,
    },
    /// The API failed; it is tried again.
    Failed {
        /// The object, if one is concerned.
        object: ObjectKey,
        /// What happened.
        message: String,
    },
}
