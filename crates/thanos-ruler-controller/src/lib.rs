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
pub mod rules;
pub mod secrets;
pub mod sends;
mod spec_inputs;
mod status;
pub mod stores;

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
    AccessCheck, Cluster, EventRule, Gauge, Invalid, ObjectKey, Outcome, OwnedKind, Plan, Probe,
    Reconciler, Related, WarningEvent, Work,
};
use promop_compat::caps::Kind;
use promop_compat::detect::Need;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{ThanosRuler, ThanosRulerStatus};
use thanos_controller_common::Settings;
use thanos_controller_common::facts::PodState;
use thanos_controller_common::stores::{is_of, of};

pub use crate::observe::StatusInputs;
use crate::observed::Observed;
use crate::rules::source::treat;
use crate::stores::{RulerMemory, Stores};

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
    pub status_inputs: StatusInputs,
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

impl Reconciler for RulerController {
    type Resource = ThanosRuler;
    type Status = ThanosRulerStatus;
    type Stores = Stores;
    type Observed = Seen;

    const NAME: &'static str = NAME;
    const LABEL: &'static str = label::CONTROLLER;
    const REFRESH: Option<&'static str> = Some(annotation::FILES_HASH);
    const EVENT_CONDITIONS: &'static [EventRule] = &[
        EventRule::new("Reconciled", "True", true),
        EventRule::new("RulesAccepted", "True", true),
        EventRule::new("AlertmanagersResolved", "True", true),
        EventRule::new("QueriersResolved", "True", true),
        // Most rulers keep their results.
        EventRule::new("ReceiversResolved", "True", false),
        // Pods need a moment to start.
        EventRule::new("RulesLoaded", "True", false),
        EventRule::new("ObjectStorageReady", "True", false),
        EventRule::new("Frozen", "False", true),
        EventRule::new("VolumesReady", "True", false),
        // Without Prometheus Operator from the start is a way to run, not a fault.
        EventRule::new("PrometheusOperatorIntegration", "True", false),
        // Nobody needs to scrape it, but somebody did.
        EventRule::new("Monitored", "True", false),
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

    fn patched_foreign_kinds() -> Vec<ApiResource> {
        vec![ApiResource::erase::<PersistentVolumeClaim>(&())]
    }

    fn needs() -> Vec<Need> {
        let mut needs = thanos_controller_common::needs();
        let read = [Kind::PrometheusRule, Kind::Alertmanager, Kind::ThanosRuler];
        needs.extend(read.map(|kind| Need {
            kind,
            verbs: &["list", "watch"],
        }));
        needs
    }

    fn related() -> Vec<Related<Self>> {
        stores::related()
    }

    fn observe(&self, stores: &Stores, cluster: Cluster<'_>, it: &Arc<ThanosRuler>) -> Seen {
        observe::observe(self, stores, cluster, it)
    }

    fn needs_relist(seen: &Seen) -> bool {
        seen.status_inputs.incomplete
    }

    fn work(seen: &Seen) -> Option<Work<Stores>> {
        let unjudged = &seen.status_inputs.rules.unjudged;
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
            Box::new(move |stores: &mut Stores| stores.outcomes.keep(judged))
        }))
    }

    fn remember(stores: &mut Stores, it: &ThanosRuler, seen: &Seen) {
        let uid = it.metadata.uid.clone().unwrap_or_default();
        stores.memories.insert(uid, seen.memory.clone());
        stores.outcomes.tidy();
    }

    fn forget(stores: &mut Stores, uid: &str) {
        stores.memories.remove(uid);
    }

    fn requeue_after(seen: &Seen) -> Option<Duration> {
        seen.status_inputs.requeue_after
    }

    fn probes(seen: &Seen) -> Vec<Probe> {
        seen.status_inputs.probes.clone()
    }

    fn access_checks(seen: &Seen) -> Vec<AccessCheck> {
        seen.status_inputs.monitored.access_checks.clone()
    }

    fn plan(&self, seen: &Seen) -> Result<Plan, Invalid> {
        if let Some(invalid) = &seen.status_inputs.invalid {
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

    fn warning_events(
        seen: &Seen,
        previous: &ThanosRulerStatus,
        next: &ThanosRulerStatus,
    ) -> Vec<WarningEvent> {
        status::warning_events(seen, previous, next)
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

    fn pods_mounting(&self, stores: &Stores, it: &ThanosRuler, object: &ObjectKey) -> Vec<String> {
        let namespace = it.metadata.namespace.as_deref().unwrap_or_default();
        // What is read at the start only is renewed with the pods.
        let config = plan::names::config(it.metadata.name.as_deref().unwrap_or_default());
        if object.kind != "ConfigMap" || object.name == config {
            return Vec::new();
        }
        let pods = of(&stores.pods, namespace).filter(|(_, pod)| is_of(it, &pod.owner));
        pods.filter(|(_, pod)| pod.state != PodState::Terminating)
            .map(|(key, _)| key.name.clone())
            .collect()
    }
}
