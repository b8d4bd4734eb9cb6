//! Objects of one workload, and what all workloads of a ThanosQuery share. No IO.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use operator_runtime::Plan;
use thanos_api::names::label;
use thanos_api::v1alpha1::{CommonFields, ThanosQuery};
use thanos_controller_common::Settings;
use thanos_workload::integration;
use thanos_workload::monitor::ServiceMonitor;

use crate::plan_inputs::PlanInputs;

/// Name of the controller, which is its field manager and the value of the label on its objects.
pub const CONTROLLER: &str = "thanos-query-controller";

/// Objects of one workload (queriers, frontend, bridges), before they are ordered.
#[derive(Default)]
pub(super) struct Objects {
    pub accounts: Vec<ServiceAccount>,
    pub services: Vec<Service>,
    pub config_maps: Vec<ConfigMap>,
    pub policies: Vec<NetworkPolicy>,
    pub budgets: Vec<PodDisruptionBudget>,
    pub deployments: Vec<Deployment>,
    pub monitors: Vec<ServiceMonitor>,
}

impl Objects {
    pub fn append(&mut self, mut other: Self) {
        self.accounts.append(&mut other.accounts);
        self.services.append(&mut other.services);
        self.config_maps.append(&mut other.config_maps);
        self.policies.append(&mut other.policies);
        self.budgets.append(&mut other.budgets);
        self.deployments.append(&mut other.deployments);
        self.monitors.append(&mut other.monitors);
    }

    /// Referenced objects come first. Services precede the endpoint file, so that names resolve
    /// when queriers read them.
    pub fn into_plan(self, query: &ThanosQuery) -> Plan {
        let mut plan = Plan::new(query, label::CONTROLLER, CONTROLLER);
        self.accounts.into_iter().for_each(|o| plan.push(o));
        self.services.into_iter().for_each(|o| plan.push(o));
        self.config_maps.into_iter().for_each(|o| plan.push(o));
        self.policies.into_iter().for_each(|o| plan.push(o));
        self.budgets.into_iter().for_each(|o| plan.push(o));
        self.deployments.into_iter().for_each(|o| plan.push(o));
        self.monitors.into_iter().for_each(|o| plan.push(o));
        plan
    }
}

/// Whether the feature gate of this ThanosQuery is open.
pub(super) fn gate_open(seen: &PlanInputs) -> bool {
    integration::resource_gate(&seen.query.spec.integration) != Some(false)
}

/// Whether ServiceMonitors are created.
pub(super) fn monitored(seen: &PlanInputs) -> bool {
    seen.service_monitors
        && gate_open(seen)
        && integration::wants_monitors(&seen.query.spec.integration)
}

/// Whether NetworkPolicies for the components are created.
pub(super) fn guarded(seen: &PlanInputs) -> bool {
    integration::wants_policies(&seen.query.spec.integration)
}

/// Thanos image of a section of the spec.
#[must_use]
pub fn image(common: &CommonFields, settings: &Settings) -> String {
    thanos_workload::image::of(common, &settings.thanos_image)
}
