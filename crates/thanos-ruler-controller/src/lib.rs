//! The controller of ThanosRuler: evaluates rules over queriers; a bad group is rejected and all others
//! stay loaded.

pub mod addresses;
pub mod alertmanagers;
pub mod facts;
pub mod health;
pub mod names;
pub mod network;
mod observe;
pub mod plan;
pub mod plan_inputs;
pub mod queriers;
pub mod rules;
pub mod secrets;
pub mod sends;
mod spec_inputs;
mod status;
pub mod stores;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::ApiResource;
use operator_runtime::detect::Need;
use operator_runtime::{
    AccessCheck, Cluster, EventRule, Gauge, Invalid, ObjectKey, Outcome, OwnedKind, Plan, Probe,
    Reconciler, RelatedOf, StatusFields, WarningEvent, Work,
};
use promop_compat::kind;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{ThanosRuler, ThanosRulerStatus};
use thanos_controller_common::facts::PodState;
use thanos_controller_common::scope::Scope;
use thanos_controller_common::stores::{is_of, of};
use thanos_controller_common::{Settings, status as common};

pub use crate::observe::StatusInputs;
use crate::plan_inputs::PlanInputs;
use crate::rules::source::render;
use crate::stores::{RulerMemory, Stores};

/// Name of the controller: its field manager, and the value of the label that selects its objects.
pub const NAME: &str = "thanos-ruler-controller";

/// Settings from the command line.
#[derive(Args, Clone, Debug)]
pub struct RulerSettings {
    /// Settings of every controller.
    #[command(flatten)]
    pub common: Settings,
    /// Image of Prometheus Operator's config reloader, a sidecar of rulers
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
    scope: Scope,
}

/// The observation of one reconcile.
pub struct Observed {
    /// Inputs of the plan.
    pub plan_inputs: PlanInputs,
    /// Further inputs of the status.
    pub status_inputs: StatusInputs,
    /// State for the next reconcile.
    pub memory: Arc<RulerMemory>,
}

impl RulerController {
    /// A controller. `operator_gate` is the feature gate of the command line; `namespaces`, unless empty,
    /// limits the watched namespaces.
    #[must_use]
    pub fn new(settings: RulerSettings, operator_gate: bool, namespaces: &[String]) -> Self {
        let scope = Scope::new(operator_gate, namespaces);
        Self { settings, scope }
    }
}

impl Reconciler for RulerController {
    type Resource = ThanosRuler;
    type Status = ThanosRulerStatus;
    type Stores = Stores;
    type Observed = Observed;

    const NAME: &'static str = NAME;
    const LABEL: &'static str = label::CONTROLLER;
    const REFRESH: Option<&'static str> = Some(annotation::FILES_HASH);
    const EVENT_CONDITIONS: &'static [EventRule] = &[
        EventRule::new("Reconciled", "True", true),
        EventRule::new("RulesAccepted", "True", true),
        EventRule::new("AlertmanagersResolved", "True", true),
        EventRule::new("QueriersResolved", "True", true),
        // Most rulers are stateful.
        EventRule::new("ReceiversResolved", "True", false),
        // Pods need time to start.
        EventRule::new("RulesLoaded", "True", false),
        EventRule::new("ObjectStorageReady", "True", false),
        EventRule::new("Frozen", "False", true),
        EventRule::new("VolumesReady", "True", false),
        // An absent Prometheus Operator is a valid setup.
        EventRule::new("PrometheusOperatorIntegration", "True", false),
        // Only the loss of monitoring is worth an event.
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
            OwnedKind::optional(kind::SERVICE_MONITOR),
        ]
    }

    fn patched_foreign_kinds() -> Vec<ApiResource> {
        vec![ApiResource::erase::<PersistentVolumeClaim>(&())]
    }

    fn needs() -> Vec<Need> {
        let mut needs = thanos_controller_common::needs();
        let read = [
            kind::PROMETHEUS_RULE,
            kind::ALERTMANAGER,
            kind::THANOS_RULER,
        ];
        needs.extend(read.map(|kind| Need {
            kind,
            verbs: &["list", "watch"],
        }));
        needs
    }

    fn related() -> Vec<RelatedOf<Self>> {
        stores::related()
    }

    fn observe(&self, stores: &Stores, cluster: Cluster<'_>, ruler: &Arc<ThanosRuler>) -> Observed {
        observe::observe(self, stores, cluster, ruler)
    }

    fn needs_relist(seen: &Observed) -> bool {
        seen.status_inputs.incomplete
    }

    fn work(seen: &Observed) -> Option<Work<Stores>> {
        let unrendered = &seen.status_inputs.rules.unrendered;
        if unrendered.is_empty() {
            return None;
        }
        let unrendered = unrendered.clone();
        Some(Box::new(move || {
            let rendered = unrendered.into_iter().map(|(key, source)| {
                let rendered = render(&source);
                (key, source, rendered)
            });
            let rendered: Vec<_> = rendered.collect();
            Box::new(move |stores: &mut Stores| stores.rendered.insert(rendered))
        }))
    }

    fn remember(stores: &mut Stores, ruler: &ThanosRuler, seen: &Observed) {
        let uid = ruler.metadata.uid.clone().unwrap_or_default();
        stores.memories.insert(uid, seen.memory.clone());
        stores.rendered.tidy();
    }

    fn forget(stores: &mut Stores, uid: &str) {
        stores.memories.remove(uid);
    }

    fn requeue_after(seen: &Observed) -> Option<Duration> {
        seen.status_inputs.requeue_after
    }

    fn probes(seen: &Observed) -> Vec<Probe> {
        seen.status_inputs.probes.clone()
    }

    fn access_checks(seen: &Observed) -> Vec<AccessCheck> {
        seen.status_inputs.common.monitored.access_checks.clone()
    }

    fn plan(&self, seen: &Observed) -> Result<Plan, Invalid> {
        if let Some(invalid) = &seen.status_inputs.invalid {
            return Err(invalid.clone());
        }
        plan::plan(&seen.plan_inputs)
    }

    fn status(
        &self,
        seen: &Observed,
        outcome: &Outcome,
        previous: &ThanosRulerStatus,
    ) -> ThanosRulerStatus {
        status::status(seen, outcome, previous)
    }

    fn warning_events(
        seen: &Observed,
        previous: &ThanosRulerStatus,
        next: &ThanosRulerStatus,
    ) -> Vec<WarningEvent> {
        status::warning_events(seen, previous, next)
    }

    fn gauges() -> Vec<Gauge<ThanosRulerStatus>> {
        status::gauges()
    }

    fn status_fields(status: &ThanosRulerStatus) -> StatusFields<'_> {
        common::fields(&status.common)
    }

    fn paused(ruler: &ThanosRuler) -> bool {
        ruler.spec.paused.unwrap_or_default()
    }

    fn pods_mounting(
        &self,
        stores: &Stores,
        ruler: &ThanosRuler,
        object: &ObjectKey,
    ) -> Vec<String> {
        let namespace = ruler.metadata.namespace.as_deref().unwrap_or_default();
        // Rulers read this ConfigMap only at startup, and its change replaces the pods.
        let config = names::config(ruler.metadata.name.as_deref().unwrap_or_default());
        if object.kind != "ConfigMap" || object.name == config {
            return Vec::new();
        }
        let pods = of(&stores.pods, namespace).filter(|(_, pod)| is_of(ruler, &pod.owner));
        pods.filter(|(_, pod)| pod.state != PodState::Terminating)
            .map(|(key, _)| key.name.clone())
            .collect()
    }
}
