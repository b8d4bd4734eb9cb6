//! The controller of ThanosStore. It runs store gateways over a bucket; resharding and pod
//! replacement keep every block queryable.

pub mod facts;
pub mod generation;
pub mod health;
pub mod names;
mod observe;
pub mod plan;
pub mod plan_inputs;
pub mod reshard;
pub mod secrets;
mod status;
pub mod stores;
pub mod surge;
pub mod time_range;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::ApiResource;
use operator_runtime::detect::Need;
use operator_runtime::{
    AccessCheck, Cluster, EventRule, Invalid, NormalEvent, Outcome, OwnedKind, Plan, Probe,
    Reconciler, RelatedOf, StatusFields,
};
use promop_compat::kind;
use thanos_api::names::label;
use thanos_api::v1alpha1::{ThanosStore, ThanosStoreStatus};
use thanos_controller_common::scope::Scope;
use thanos_controller_common::{Settings, status as common};

pub use crate::observe::StatusInputs;
use crate::plan_inputs::PlanInputs;
use crate::stores::Stores;

/// Name of the controller, which is its field manager and the value of the label on its objects.
pub const NAME: &str = "thanos-store-controller";

/// The controller.
pub struct StoreController {
    settings: Settings,
    scope: Scope,
}

/// Result of `observe` for one reconcile.
pub struct Observed {
    /// Inputs of the plan.
    pub plan_inputs: PlanInputs,
    /// Inputs of the status.
    pub status_inputs: StatusInputs,
}

impl StoreController {
    /// Creates the controller. `operator_gate` is the feature gate of the command line; a non-empty
    /// `namespaces` limits the watches.
    #[must_use]
    pub fn new(settings: Settings, operator_gate: bool, namespaces: &[String]) -> Self {
        let scope = Scope::new(operator_gate, namespaces);
        Self { settings, scope }
    }
}

impl Reconciler for StoreController {
    type Resource = ThanosStore;
    type Status = ThanosStoreStatus;
    type Stores = Stores;
    type Observed = Observed;

    const NAME: &'static str = NAME;
    const LABEL: &'static str = label::CONTROLLER;
    const EVENT_CONDITIONS: &'static [EventRule] = &[
        EventRule::new("Reconciled", "True", true),
        // Pods take a moment to start.
        EventRule::new("ObjectStorageReady", "True", false),
        EventRule::new("VolumesReady", "True", false),
        // Running without Prometheus Operator from the start is valid, not a fault.
        EventRule::new("PrometheusOperatorIntegration", "True", false),
        // Being scraped is optional, but losing a scraper is worth a warning.
        EventRule::new("Monitored", "True", false),
    ];

    fn owned_kinds() -> Vec<OwnedKind> {
        vec![
            OwnedKind::builtin::<ServiceAccount>(),
            OwnedKind::builtin::<Service>(),
            OwnedKind::builtin::<StatefulSet>(),
            OwnedKind::builtin::<PodDisruptionBudget>(),
            OwnedKind::builtin::<NetworkPolicy>(),
            OwnedKind::optional(kind::SERVICE_MONITOR),
        ]
    }

    fn patched_foreign_kinds() -> Vec<ApiResource> {
        vec![ApiResource::erase::<PersistentVolumeClaim>(&())]
    }

    fn needs() -> Vec<Need> {
        thanos_controller_common::needs()
    }

    fn related() -> Vec<RelatedOf<Self>> {
        stores::related()
    }

    fn observe(&self, stores: &Stores, cluster: Cluster<'_>, store: &Arc<ThanosStore>) -> Observed {
        observe::observe(self, stores, cluster, store)
    }

    fn probes(seen: &Observed) -> Vec<Probe> {
        seen.status_inputs.probes.clone()
    }

    fn requeue_after(seen: &Observed) -> Option<Duration> {
        seen.status_inputs.requeue_after
    }

    fn access_checks(seen: &Observed) -> Vec<AccessCheck> {
        seen.status_inputs.common.monitored.access_checks.clone()
    }

    fn plan(&self, seen: &Observed) -> Result<Plan, Invalid> {
        plan::plan(&seen.plan_inputs)
    }

    fn status(
        &self,
        seen: &Observed,
        outcome: &Outcome,
        previous: &ThanosStoreStatus,
    ) -> ThanosStoreStatus {
        status::status(seen, outcome, previous)
    }

    fn normal_events(previous: &ThanosStoreStatus, next: &ThanosStoreStatus) -> Vec<NormalEvent> {
        status::normal_events(previous, next)
    }

    fn status_fields(status: &ThanosStoreStatus) -> StatusFields<'_> {
        common::fields(&status.common)
    }

    fn paused(store: &ThanosStore) -> bool {
        store.spec.paused.unwrap_or_default()
    }
}
