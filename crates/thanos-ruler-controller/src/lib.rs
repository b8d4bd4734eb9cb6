//! The controller of ThanosRuler: rules over queriers, and one bad rule harms nothing.

pub mod addresses;
pub mod alertmanagers;
pub mod facts;
pub mod health;
pub mod network;
mod observe;
pub mod observed;
pub mod plan;
pub mod preflight;
pub mod queriers;
mod request;
pub mod rules;
pub mod secrets;
pub mod sends;
mod status;
pub mod views;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::ApiResource;
use operator_runtime::{
    Cluster, Complaint, Component, Gauge, Inquiry, Invalid, ObjectKey, Outcome, OwnedKind, Plan,
    Question, Related, Told, Work,
};
use promop_compat::caps::Kind;
use promop_compat::detect::Need;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{ThanosRuler, ThanosRulerStatus};
use thanos_controller::Settings;
use thanos_controller::facts::PodState;
use thanos_controller::views::{is_of, of};

pub use crate::observe::Report;
use crate::observed::Observed;
use crate::rules::source::treat;
use crate::views::{RulerMemory, Views};

/// Name of the controller: its field manager, and the value of the label by which it finds its
/// objects.
pub const NAME: &str = "thanos-ruler-controller";

/// What the controller is started with.
#[derive(Args, Clone, Debug)]
pub struct RulerSettings {
    /// What every controller has.
    #[command(flatten)]
    pub common: Settings,
    /// Image of Prometheus Operator's config reloader, which runs beside rulers
    #[arg(
        long,
        env = "CONFIG_RELOADER_IMAGE",
        default_value = "quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0"
    )]
    pub config_reloader_image: String,
}

/// The controller.
pub struct RulerController {
    settings: RulerSettings,
    operator_gate: bool,
    watched: Option<BTreeSet<String>>,
}

/// What a pass observed: what the plan is made of, and what the status tells.
pub struct Seen {
    /// For the plan.
    pub observed: Observed,
    /// For the status.
    pub report: Report,
    /// For the next reconcile.
    pub memory: Arc<RulerMemory>,
}

impl RulerController {
    /// A controller. `operator_gate` is the feature gate of the command line; `namespaces` limits
    /// what is looked at, if it is not empty.
    #[must_use]
    pub fn new(settings: RulerSettings, operator_gate: bool, namespaces: &[String]) -> Self {
        let watched = (!namespaces.is_empty()).then(|| namespaces.iter().cloned().collect());
        Self {
            settings,
            operator_gate,
            watched,
        }
    }
}

impl Component for RulerController {
    type Resource = ThanosRuler;
    type Status = ThanosRulerStatus;
    type Views = Views;
    type Observed = Seen;

    const NAME: &'static str = NAME;
    const LABEL: &'static str = label::CONTROLLER;
    const REFRESH: Option<&'static str> = Some(annotation::FILES_HASH);
    const TOLD: &'static [Told] = &[
        Told::new("Reconciled", "True", true),
        Told::new("RulesAccepted", "True", true),
        Told::new("AlertmanagersResolved", "True", true),
        Told::new("QueriersResolved", "True", true),
        // Most rulers keep their results.
        Told::new("ReceiversResolved", "True", false),
        // Pods need a moment to start.
        Told::new("RulesLoaded", "True", false),
        Told::new("ObjectStorageReady", "True", false),
        Told::new("Frozen", "False", true),
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
            OwnedKind::builtin::<PodDisruptionBudget>(),
            OwnedKind::builtin::<NetworkPolicy>(),
            OwnedKind::optional(Kind::ServiceMonitor),
        ]
    }

    fn amended_kinds() -> Vec<ApiResource> {
        vec![ApiResource::erase::<PersistentVolumeClaim>(&())]
    }

    fn needs() -> Vec<Need> {
        let mut needs = thanos_controller::needs();
        let read = [Kind::PrometheusRule, Kind::Alertmanager, Kind::ThanosRuler];
        needs.extend(read.map(|kind| Need {
            kind,
            verbs: &["list", "watch"],
        }));
        needs
    }

    fn related() -> Vec<Related<Self>> {
        views::related()
    }

    fn observe(&self, views: &Views, cluster: Cluster<'_>, it: &Arc<ThanosRuler>) -> Seen {
        observe::observe(self, views, cluster, it)
    }

    fn is_incomplete(seen: &Seen) -> bool {
        seen.report.incomplete
    }

    fn work(seen: &Seen) -> Option<Work<Views>> {
        let unjudged = &seen.report.rules.unjudged;
        if unjudged.is_empty() {
            return None;
        }
        let unjudged = unjudged.clone();
        Some(Box::new(move || {
            let judged = unjudged.into_iter().map(|(key, source)| {
                let outcome = treat(&source);
                (key, source, outcome)
            });
            let judged: Vec<_> = judged.collect();
            Box::new(move |views: &mut Views| views.outcomes.keep(judged))
        }))
    }

    fn remember(views: &mut Views, it: &ThanosRuler, seen: &Seen) {
        let uid = it.metadata.uid.clone().unwrap_or_default();
        views.memories.insert(uid, seen.memory.clone());
        views.outcomes.tidy();
    }

    fn forget(views: &mut Views, uid: &str) {
        views.memories.remove(uid);
    }

    fn again(seen: &Seen) -> Option<Duration> {
        seen.report.requeue_after
    }

    fn inquiries(seen: &Seen) -> Vec<Inquiry> {
        seen.report.inquiries.clone()
    }

    fn questions(seen: &Seen) -> Vec<Question> {
        seen.report.monitored.questions.clone()
    }

    fn plan(&self, seen: &Seen) -> Result<Plan, Invalid> {
        if let Some(invalid) = &seen.report.invalid {
            return Err(invalid.clone());
        }
        plan::plan(&seen.observed)
    }

    fn status(
        &self,
        seen: &Seen,
        outcome: &Outcome,
        previous: &ThanosRulerStatus,
    ) -> ThanosRulerStatus {
        status::status(seen, outcome, previous)
    }

    fn complaints(
        seen: &Seen,
        previous: &ThanosRulerStatus,
        next: &ThanosRulerStatus,
    ) -> Vec<Complaint> {
        status::complaints(seen, previous, next)
    }

    fn gauges() -> Vec<Gauge<ThanosRulerStatus>> {
        status::gauges()
    }

    fn applied_hash(status: &ThanosRulerStatus) -> Option<&str> {
        status.applied_hash.as_deref()
    }

    fn conditions(status: &ThanosRulerStatus) -> &[Condition] {
        &status.conditions
    }

    fn paused(it: &ThanosRuler) -> bool {
        it.spec.paused.unwrap_or_default()
    }

    fn pods_mounting(&self, views: &Views, it: &ThanosRuler, object: &ObjectKey) -> Vec<String> {
        let namespace = it.metadata.namespace.as_deref().unwrap_or_default();
        // What is read at the start only is renewed with the pods.
        let config = plan::names::config(it.metadata.name.as_deref().unwrap_or_default());
        if object.kind != "ConfigMap" || object.name == config {
            return Vec::new();
        }
        let pods = of(&views.pods, namespace).filter(|(_, pod)| is_of(it, &pod.owner));
        pods.filter(|(_, pod)| pod.state != PodState::Going)
            .map(|(key, _)| key.name.clone())
            .collect()
    }
}
