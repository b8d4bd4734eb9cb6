//! The controller of ThanosStore: store gateways over an object store, resharded and replaced
//! without a hole.

pub mod facts;
pub mod generation;
pub mod health;
mod observe;
pub mod observed;
pub mod plan;
pub mod preflight;
pub mod reshard;
pub mod secrets;
mod status;
pub mod surge;
pub mod time_range;
pub mod views;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::ApiResource;
use operator_runtime::{
    Cluster, Component, Inquiry, Invalid, News, Outcome, OwnedKind, Plan, Question, Related, Told,
};
use promop_compat::caps::Kind;
use promop_compat::detect::Need;
use thanos_api::names::label;
use thanos_api::v1alpha1::{ThanosStore, ThanosStoreStatus};
use thanos_controller::Settings;

pub use crate::observe::Report;
use crate::observed::Observed;
use crate::views::Views;

/// Name of the controller: its field manager, and the value of the label by which it finds its
/// objects.
pub const NAME: &str = "thanos-store-controller";

/// The controller.
pub struct StoreController {
    settings: Settings,
    operator_gate: bool,
    watched: Option<BTreeSet<String>>,
}

/// What a pass observed: what the plan is made of, and what the status tells.
pub struct Seen {
    /// For the plan.
    pub observed: Observed,
    /// For the status.
    pub report: Report,
}

impl StoreController {
    /// A controller. `operator_gate` is the feature gate of the command line; `namespaces` limits
    /// what is looked at, if it is not empty.
    #[must_use]
    pub fn new(settings: Settings, operator_gate: bool, namespaces: &[String]) -> Self {
        let watched = (!namespaces.is_empty()).then(|| namespaces.iter().cloned().collect());
        Self {
            settings,
            operator_gate,
            watched,
        }
    }
}

impl Component for StoreController {
    type Resource = ThanosStore;
    type Status = ThanosStoreStatus;
    type Views = Views;
    type Observed = Seen;

    const NAME: &'static str = NAME;
    const LABEL: &'static str = label::CONTROLLER;
    const TOLD: &'static [Told] = &[
        Told::new("Reconciled", "True", true),
        // Pods need a moment to start.
        Told::new("ObjectStorageReady", "True", false),
        Told::new("VolumesReady", "True", false),
        // Without Prometheus Operator from the start is a way to run, not a fault.
        Told::new("PrometheusOperatorIntegration", "True", false),
        // Nobody needs to scrape it, but somebody did.
        Told::new("Monitored", "True", false),
    ];

    fn owned_kinds() -> Vec<OwnedKind> {
        vec![
            OwnedKind::builtin::<ServiceAccount>(),
            OwnedKind::builtin::<Service>(),
            OwnedKind::builtin::<StatefulSet>(),
            OwnedKind::builtin::<PodDisruptionBudget>(),
            OwnedKind::builtin::<NetworkPolicy>(),
            OwnedKind::optional(Kind::ServiceMonitor),
        ]
    }

    fn amended_kinds() -> Vec<ApiResource> {
        vec![ApiResource::erase::<PersistentVolumeClaim>(&())]
    }

    fn needs() -> Vec<Need> {
        thanos_controller::needs()
    }

    fn related() -> Vec<Related<Self>> {
        views::related()
    }

    fn observe(&self, views: &Views, cluster: Cluster<'_>, it: &Arc<ThanosStore>) -> Seen {
        observe::observe(self, views, cluster, it)
    }

    fn inquiries(seen: &Seen) -> Vec<Inquiry> {
        seen.report.inquiries.clone()
    }

    fn again(seen: &Seen) -> Option<Duration> {
        seen.report.again
    }

    fn questions(seen: &Seen) -> Vec<Question> {
        seen.report.monitored.questions.clone()
    }

    fn plan(&self, seen: &Seen) -> Result<Plan, Invalid> {
        plan::plan(&seen.observed)
    }

    fn status(
        &self,
        seen: &Seen,
        outcome: &Outcome,
        previous: &ThanosStoreStatus,
    ) -> ThanosStoreStatus {
        status::status(seen, outcome, previous)
    }

    fn news(previous: &ThanosStoreStatus, next: &ThanosStoreStatus) -> Vec<News> {
        status::news(previous, next)
    }

    fn applied_hash(status: &ThanosStoreStatus) -> Option<&str> {
        status.applied_hash.as_deref()
    }

    fn conditions(status: &ThanosStoreStatus) -> &[Condition] {
        &status.conditions
    }

    fn paused(it: &ThanosStore) -> bool {
        it.spec.paused.unwrap_or_default()
    }
}
