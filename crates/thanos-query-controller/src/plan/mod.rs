//! Plans the objects of a ThanosQuery. No IO; equal inputs give equal bytes.

mod bridge;
mod endpoints;
mod frontend;
pub mod names;
mod querier;
pub mod replica_labels;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube_facts::Labels;
use operator_runtime::{Invalid, Plan};
use thanos_api::names::label;
use thanos_api::v1alpha1::{CommonFields, OpenDiscovered, ThanosQuery};
use thanos_workload::monitor::ServiceMonitor;
use thanos_workload::{FieldError, inherited, integration};

use thanos_controller_common::Settings;

use crate::observed::Observed;

pub use bridge::{address as bridge_address, name as bridge_name};
pub use endpoints::FILE as ENDPOINTS_FILE;

/// Name of the querier Deployment.
#[must_use]
pub fn querier_name(query: &ThanosQuery) -> String {
    names::querier(&query.name_any())
}

/// Name of the frontend Deployment.
#[must_use]
pub fn frontend_name(query: &ThanosQuery) -> String {
    names::frontend(&query.name_any())
}

/// Labels of querier pods.
#[must_use]
pub fn querier_labels(query: &ThanosQuery) -> Labels {
    querier::identity(&query.name_any()).selector_labels()
}

/// Labels shared by all bridges of a ThanosQuery.
#[must_use]
pub fn bridge_labels(query: &ThanosQuery) -> Labels {
    bridge::shared_labels(&query.name_any())
}

/// Name of the controller, which is its field manager and the value of the label on its objects.
pub const CONTROLLER: &str = "thanos-query-controller";

/// Objects of one workload (queriers, frontend, bridges), before they are ordered.
#[derive(Default)]
struct Objects {
    accounts: Vec<ServiceAccount>,
    services: Vec<Service>,
    config_maps: Vec<ConfigMap>,
    policies: Vec<NetworkPolicy>,
    budgets: Vec<PodDisruptionBudget>,
    deployments: Vec<Deployment>,
    monitors: Vec<ServiceMonitor>,
}

impl Objects {
    fn append(&mut self, mut other: Self) {
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
    fn into_plan(self, query: &ThanosQuery) -> Plan {
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

/// Computes the desired objects.
///
/// # Errors
/// Invalid field of the spec.
pub fn plan(seen: &Observed) -> Result<Plan, Invalid> {
    let objects = objects(seen).map_err(|error| Invalid::new(error.field, error.message))?;
    let mut plan = objects.into_plan(&seen.query);
    if let Some(retained_endpoints) = &seen.retained_endpoints {
        let cr = seen.query.name_any();
        plan.leave_all(format!("{}-", names::BRIDGE));
        plan.leave_all(names::openings(&cr));
        if retained_endpoints.unlisted > 0 {
            plan.leave_all(names::endpoints(&cr));
        }
    }
    Ok(plan)
}

fn objects(seen: &Observed) -> Result<Objects, FieldError> {
    integration::check(&seen.query.spec.integration)?;
    let mut objects = querier::objects(seen)?;
    if let Some(spec) = &seen.query.spec.query_frontend {
        objects.append(frontend::objects(seen, spec)?);
    }
    objects.append(bridge::objects(seen)?);
    let network = seen.query.spec.integration.network_policy.as_ref();
    let open = network.and_then(|n| n.open_discovered).unwrap_or_default();
    if open == OpenDiscovered::SameNamespace {
        let mut openings = seen.openings.clone();
        for policy in &mut openings {
            inherited::inherit(&mut policy.metadata, &seen.query.metadata);
        }
        objects.policies.append(&mut openings);
    }
    Ok(objects)
}

/// Whether the feature gate of this ThanosQuery is open.
fn gate_open(seen: &Observed) -> bool {
    integration::resource_gate(&seen.query.spec.integration) != Some(false)
}

/// Whether ServiceMonitors are created.
fn monitored(seen: &Observed) -> bool {
    seen.service_monitors
        && gate_open(seen)
        && integration::wants_monitors(&seen.query.spec.integration)
}

/// Name and labels of the ServiceMonitors that open gates would create.
#[must_use]
pub fn monitors(seen: &Observed) -> Vec<(String, Labels)> {
    let frontend = seen.query.spec.query_frontend.as_ref();
    let all = [
        Some(querier::monitor(seen)),
        frontend.map(|spec| frontend::monitor(seen, spec)),
        bridge::monitor(seen),
    ];
    let all = all.into_iter().flatten();
    all.map(|monitor| integration::selectable(monitor, CONTROLLER))
        .collect()
}

/// Whether NetworkPolicies for the components are created.
fn guarded(seen: &Observed) -> bool {
    integration::wants_policies(&seen.query.spec.integration)
}

/// Thanos image of a section of the spec.
#[must_use]
pub fn image(common: &CommonFields, settings: &Settings) -> String {
    thanos_workload::image::of(common, &settings.thanos_image)
}
