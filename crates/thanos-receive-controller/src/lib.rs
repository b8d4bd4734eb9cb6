//! The controller of ThanosReceive: remote write that survives scaling, crashes and upgrades.

pub mod facts;
pub mod glob;
pub mod hashring;
pub mod health;
mod observe;
pub mod observed;
mod own;
pub mod plan;
pub mod preflight;
mod status;
pub mod tenants;
pub mod views;
pub mod wanted;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::ApiResource;
use operator_runtime::{
    Cluster, Component, Inquiry, Invalid, News, ObjectKey, Outcome, OwnedKind, Plan, Question,
    Related, Told,
};
use promop_compat::caps::Kind;
use promop_compat::detect::Need;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{ThanosReceive, ThanosReceiveStatus};
use thanos_controller::Settings;

pub use crate::observe::Report;
use crate::observed::Observed;
use crate::own::Own;
use crate::views::Views;

/// Name of the controller: its field manager, and the value of the label by which it finds its
/// objects.
pub const NAME: &str = "thanos-receive-controller";

/// The controller.
pub struct ReceiveController {
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

impl ReceiveController {
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

impl Component for ReceiveController {
    type Resource = ThanosReceive;
    type Status = ThanosReceiveStatus;
    type Views = Views;
    type Observed = Seen;

    const NAME: &'static str = NAME;
    const LABEL: &'static str = label::CONTROLLER;
    const REFRESH: Option<&'static str> = Some(annotation::FILES_HASH);
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
            OwnedKind::builtin::<ConfigMap>(),
            OwnedKind::builtin::<Service>(),
            OwnedKind::builtin::<StatefulSet>(),
            OwnedKind::builtin::<Deployment>(),
            OwnedKind::builtin::<PodDisruptionBudget>(),
            OwnedKind::builtin::<NetworkPolicy>(),
            OwnedKind::optional(Kind::ServiceMonitor),
        ]
    }

    fn amended_kinds() -> Vec<ApiResource> {
        vec![ApiResource::erase::<PersistentVolumeClaim>(&())]
    }

    fn removed_kinds() -> Vec<ApiResource> {
        vec![
            ApiResource::erase::<PersistentVolumeClaim>(&()),
            ApiResource::erase::<Pod>(&()),
        ]
    }

    fn needs() -> Vec<Need> {
        thanos_controller::needs()
    }

    fn related() -> Vec<Related<Self>> {
        views::related()
    }

    fn observe(&self, views: &Views, cluster: Cluster<'_>, it: &Arc<ThanosReceive>) -> Seen {
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
        previous: &ThanosReceiveStatus,
    ) -> ThanosReceiveStatus {
        status::status(seen, outcome, previous)
    }

    fn news(previous: &ThanosReceiveStatus, next: &ThanosReceiveStatus) -> Vec<News> {
        status::news(previous, next)
    }

    fn applied_hash(status: &ThanosReceiveStatus) -> Option<&str> {
        status.applied_hash.as_deref()
    }

    fn conditions(status: &ThanosReceiveStatus) -> &[Condition] {
        &status.conditions
    }

    fn paused(it: &ThanosReceive) -> bool {
        it.spec.paused.unwrap_or_default()
    }

    fn pods_mounting(&self, views: &Views, it: &ThanosReceive, object: &ObjectKey) -> Vec<String> {
        let own = Own::of(views, it);
        match object.kind == "ConfigMap" && own.is_mounted(&object.name) {
            true => own.running_routers(),
            false => Vec::new(),
        }
    }
}
