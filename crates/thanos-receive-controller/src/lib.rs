//! Controller of ThanosReceive: routers and hashrings of ingesters that receive remote write.

mod children;
pub mod desired;
pub mod facts;
pub mod glob;
pub mod hashring;
pub mod health;
pub mod names;
mod observe;
pub mod plan;
pub mod plan_inputs;
mod status;
pub mod stores;
pub mod tenants;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::ApiResource;
use operator_runtime::detect::Need;
use operator_runtime::{
    AccessCheck, Cluster, EventRule, Invalid, NormalEvent, ObjectKey, Outcome, OwnedKind, Plan,
    Probe, Reconciler, RelatedOf, StatusFields,
};
use promop_compat::kind;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{ThanosReceive, ThanosReceiveStatus};
use thanos_controller_common::scope::Scope;
use thanos_controller_common::{Settings, status as common};

use crate::children::Children;
pub use crate::observe::StatusInputs;
use crate::plan_inputs::PlanInputs;
use crate::stores::Stores;

/// Name of the controller: its field manager, and the value of the label that selects its objects.
pub const NAME: &str = "thanos-receive-controller";

/// The controller.
pub struct ReceiveController {
    settings: Settings,
    scope: Scope,
}

/// Observed state of one reconcile.
pub struct Observed {
    /// Inputs of the plan.
    pub plan_inputs: PlanInputs,
    /// Inputs of the status.
    pub status_inputs: StatusInputs,
}

impl ReceiveController {
    /// A controller. `operator_gate` is the feature gate of the command line; `namespaces` limits the
    /// watches, if it is not empty.
    #[must_use]
    pub fn new(settings: Settings, operator_gate: bool, namespaces: &[String]) -> Self {
        let scope = Scope::new(operator_gate, namespaces);
        Self { settings, scope }
    }
}

impl Reconciler for ReceiveController {
    type Resource = ThanosReceive;
    type Status = ThanosReceiveStatus;
    type Stores = Stores;
    type Observed = Observed;

    const NAME: &'static str = NAME;
    const LABEL: &'static str = label::CONTROLLER;
    const REFRESH: Option<&'static str> = Some(annotation::FILES_HASH);
    const EVENT_CONDITIONS: &'static [EventRule] = &[
        EventRule::new("Reconciled", "True", true),
        // Pods need a moment to start.
        EventRule::new("ObjectStorageReady", "True", false),
        EventRule::new("VolumesReady", "True", false),
        // An installation without Prometheus Operator is not a fault.
        EventRule::new("PrometheusOperatorIntegration", "True", false),
        // Only the loss of a Prometheus that scraped is a fault.
        EventRule::new("Monitored", "True", false),
    ];

    fn owned_kinds() -> Vec<OwnedKind> {
        vec![
            OwnedKind::builtin::<ServiceAccount>(),
            OwnedKind::builtin::<ConfigMap>(),
            OwnedKind::builtin::<Service>(),
            OwnedKind::builtin::<StatefulSet>(),
            OwnedKind::builtin::<Deployment>(),
            OwnedKind::builtin::<PodDisruptionBudget>(),
            OwnedKind::builtin::<NetworkPolicy>(),
            OwnedKind::optional(kind::SERVICE_MONITOR),
        ]
    }

    fn patched_foreign_kinds() -> Vec<ApiResource> {
        vec![ApiResource::erase::<PersistentVolumeClaim>(&())]
    }

    fn deleted_foreign_kinds() -> Vec<ApiResource> {
        vec![
            ApiResource::erase::<PersistentVolumeClaim>(&()),
            ApiResource::erase::<Pod>(&()),
        ]
    }

    fn needs() -> Vec<Need> {
        thanos_controller_common::needs()
    }

    fn related() -> Vec<RelatedOf<Self>> {
        stores::related()
    }

    fn observe(
        &self,
        stores: &Stores,
        cluster: Cluster<'_>,
        receive: &Arc<ThanosReceive>,
    ) -> Observed {
        observe::observe(self, stores, cluster, receive)
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
        previous: &ThanosReceiveStatus,
    ) -> ThanosReceiveStatus {
        status::status(seen, outcome, previous)
    }

    fn normal_events(
        previous: &ThanosReceiveStatus,
        next: &ThanosReceiveStatus,
    ) -> Vec<NormalEvent> {
        status::normal_events(previous, next)
    }

    fn status_fields(status: &ThanosReceiveStatus) -> StatusFields<'_> {
        common::fields(&status.common)
    }

    fn paused(receive: &ThanosReceive) -> bool {
        receive.spec.paused.unwrap_or_default()
    }

    fn pods_mounting(
        &self,
        stores: &Stores,
        receive: &ThanosReceive,
        object: &ObjectKey,
    ) -> Vec<String> {
        let children = Children::of(stores, receive);
        match object.kind == "ConfigMap" && children.is_mounted(&object.name) {
            true => children.running_routers(),
            false => Vec::new(),
        }
    }
}
