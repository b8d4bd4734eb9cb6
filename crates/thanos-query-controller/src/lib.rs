//! The controller of ThanosQuery. It runs queriers over the endpoints of Prometheus Operator and of
//! Thanos components; changes of endpoints restart no pod.

pub mod bridges;
pub mod components;
mod inputs;
mod merge;
pub mod names;
mod network;
mod observe;
pub mod plan;
pub mod plan_inputs;
pub mod retained_endpoints;
pub mod spec_inputs;
mod status;
pub mod status_inputs;
pub mod stores;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use operator_runtime::detect::Need;
use operator_runtime::{
    AccessCheck, Cluster, EventRule, Invalid, NormalEvent, ObjectKey, Outcome, OwnedKind, Plan,
    Reconciler, RelatedOf, StatusFields,
};
use promop_compat::kind;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{ThanosQuery, ThanosQueryStatus};

use thanos_controller_common::scope::Scope;
use thanos_controller_common::{Settings, status as common};

use crate::plan_inputs::PlanInputs;
use crate::status_inputs::StatusInputs;
use crate::stores::Stores;

/// The controller.
pub struct QueryController {
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

impl QueryController {
    /// Creates the controller. `operator_gate` is the feature gate of the command line; a non-empty
    /// `namespaces` limits the watches.
    #[must_use]
    pub fn new(settings: Settings, operator_gate: bool, namespaces: &[String]) -> Self {
        let scope = Scope::new(operator_gate, namespaces);
        Self { settings, scope }
    }
}

impl Reconciler for QueryController {
    type Resource = ThanosQuery;
    type Status = ThanosQueryStatus;
    type Stores = Stores;
    type Observed = Observed;

    const NAME: &'static str = "thanos-query-controller";
    const LABEL: &'static str = label::CONTROLLER;
    const REFRESH: Option<&'static str> = Some(annotation::FILES_HASH);
    const EVENT_CONDITIONS: &'static [EventRule] = &[
        EventRule::new("Reconciled", "True", true),
        EventRule::new("EndpointsResolved", "True", true),
        // Running without Prometheus Operator from the start is valid, not a fault.
        EventRule::new("PrometheusOperatorIntegration", "True", false),
        EventRule::new("Frozen", "False", true),
        // Being scraped is optional, but losing a scraper is worth a warning.
        EventRule::new("Monitored", "True", false),
    ];

    fn owned_kinds() -> Vec<OwnedKind> {
        vec![
            OwnedKind::builtin::<ServiceAccount>(),
            OwnedKind::builtin::<ConfigMap>(),
            OwnedKind::builtin::<Service>(),
            OwnedKind::builtin::<Deployment>(),
            OwnedKind::builtin::<PodDisruptionBudget>(),
            OwnedKind::builtin::<NetworkPolicy>(),
            OwnedKind::optional(kind::SERVICE_MONITOR),
        ]
    }

    fn needs() -> Vec<Need> {
        let mut needs = thanos_controller_common::needs();
        needs.push(Need {
            kind: kind::PROMETHEUS_AGENT,
            verbs: &["list", "watch"],
        });
        needs
    }

    fn related() -> Vec<RelatedOf<Self>> {
        stores::related()
    }

    fn observe(&self, stores: &Stores, cluster: Cluster<'_>, query: &Arc<ThanosQuery>) -> Observed {
        observe::observe(self, stores, cluster, query)
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
        previous: &ThanosQueryStatus,
    ) -> ThanosQueryStatus {
        status::status(seen, outcome, previous)
    }

    fn normal_events(previous: &ThanosQueryStatus, next: &ThanosQueryStatus) -> Vec<NormalEvent> {
        status::normal_events(previous, next)
    }

    fn status_fields(status: &ThanosQueryStatus) -> StatusFields<'_> {
        common::fields(&status.common)
    }

    fn paused(query: &ThanosQuery) -> bool {
        query.spec.paused.unwrap_or_default()
    }

    fn pods_mounting(
        &self,
        stores: &Stores,
        query: &ThanosQuery,
        object: &ObjectKey,
    ) -> Vec<String> {
        if object.kind != "ConfigMap" {
            return Vec::new();
        }
        let own = spec_inputs::namespace(query);
        let queriers = stores.queriers.items().iter();
        let ours = queriers.filter(|(key, owner)| {
            key.namespace == own && Some(owner.as_str()) == query.metadata.name.as_deref()
        });
        ours.map(|(key, _)| key.name.clone()).collect()
    }
}
