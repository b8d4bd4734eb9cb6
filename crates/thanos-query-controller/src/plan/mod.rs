//! The objects of a ThanosQuery, from what was observed. Pure: equal inputs give equal bytes.

mod bridge;
mod cache;
mod endpoints;
mod frontend;
pub mod names;
mod policy;
mod querier;
pub mod replica_labels;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use operator_runtime::{Invalid, Plan};
use promop_compat::model::Labels;
use thanos_api::names::label;
use thanos_api::v1alpha1::{CommonFields, OpenDiscovered, ThanosQuery};
use thanos_workload::FieldError;
use thanos_workload::flags::Flags;
use thanos_workload::monitor::ServiceMonitor;

use crate::observed::{Observed, Settings};

pub use bridge::{address as bridge_address, name as bridge_name};
pub use endpoints::FILE as ENDPOINTS_FILE;

/// Name of the queriers' Deployment.
#[must_use]
pub fn querier_name(query: &ThanosQuery) -> String {
    names::querier(&query.name_any())
}

/// Name of the query frontend's Deployment.
#[must_use]
pub fn frontend_name(query: &ThanosQuery) -> String {
    names::frontend(&query.name_any())
}

/// The labels by which querier pods are known.
#[must_use]
pub fn querier_labels(query: &ThanosQuery) -> Labels {
    querier::identity(&query.name_any()).selector_labels()
}

/// The labels that all bridges of a resource share.
#[must_use]
pub fn bridge_labels(query: &ThanosQuery) -> Labels {
    bridge::shared_labels(&query.name_any())
}

/// Name of the controller: its field manager, and the value of the label by which it finds its
/// objects.
pub const CONTROLLER: &str = "thanos-query-controller";

/// The objects of one kind of workload (queriers, frontend, bridges), before they are put in order.
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

    /// What is referred to comes first. Services come before the endpoint file, so that names
    /// resolve when queriers read them.
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

/// Decides what should exist.
///
/// # Errors
/// A field of the spec that the user must change.
pub fn plan(seen: &Observed) -> Result<Plan, Invalid> {
    let objects = objects(seen).map_err(|error| Invalid::new(error.field, error.message))?;
    let mut plan = objects.into_plan(&seen.query);
    if let Some(standing) = &seen.standing {
        let cr = seen.query.name_any();
        plan.leave(format!("{}-", names::BRIDGE));
        plan.leave(names::openings(&cr));
        if standing.unlisted > 0 {
            plan.leave(names::endpoints(&cr));
        }
    }
    Ok(plan)
}

fn objects(seen: &Observed) -> Result<Objects, FieldError> {
    check(seen)?;
    let mut objects = querier::objects(seen)?;
    if let Some(spec) = &seen.query.spec.query_frontend {
        objects.append(frontend::objects(seen, spec)?);
    }
    objects.append(bridge::objects(seen)?);
    let network = seen.query.spec.integration.network_policy.as_ref();
    let open = network.and_then(|n| n.open_discovered).unwrap_or_default();
    if open == OpenDiscovered::SameNamespace {
        objects.policies.extend(seen.openings.iter().cloned());
    }
    Ok(objects)
}

/// What neither the schema nor a builder can check.
fn check(seen: &Observed) -> Result<(), FieldError> {
    let config = seen.query.spec.integration.service_monitor.as_ref();
    let interval = config.and_then(|c| c.interval.as_deref());
    let timeout = config.and_then(|c| c.scrape_timeout.as_deref());
    if let (Some(interval), Some(timeout)) = (interval, timeout)
        && positive(timeout, "spec.serviceMonitor.scrapeTimeout")?
            > positive(interval, "spec.serviceMonitor.interval")?
    {
        return Err(FieldError::new(
            "spec.serviceMonitor.scrapeTimeout",
            format!("is longer than the interval {interval}, which Prometheus refuses; shorten it"),
        ));
    }
    Ok(())
}

/// Whether this resource wants Prometheus Operator's resources to be used.
fn gate_open(seen: &Observed) -> bool {
    let gates = seen.query.spec.integration.feature_gates.as_ref();
    gates.and_then(|g| g.enable_prometheus_operator_crds) != Some(false)
}

/// Whether ServiceMonitors are to be created.
fn monitored(seen: &Observed) -> bool {
    seen.service_monitors && gate_open(seen) && wants_monitors(&seen.query)
}

/// Whether the resource wants ServiceMonitors.
#[must_use]
pub fn wants_monitors(query: &ThanosQuery) -> bool {
    let config = query.spec.integration.service_monitor.as_ref();
    config.and_then(|c| c.enabled) != Some(false)
}

/// Name and labels of the ServiceMonitors that are created if the gates are open.
#[must_use]
pub fn monitors(seen: &Observed) -> Vec<(String, Labels)> {
    let frontend = seen.query.spec.query_frontend.as_ref();
    let all = [
        Some(querier::monitor(seen)),
        frontend.map(|spec| frontend::monitor(seen, spec)),
        bridge::monitor(seen),
    ];
    let parts = |monitor: ServiceMonitor| {
        let mut labels = monitor.metadata.labels.unwrap_or_default();
        labels.insert(label::CONTROLLER.to_owned(), CONTROLLER.to_owned());
        (monitor.metadata.name.unwrap_or_default(), labels)
    };
    all.into_iter().flatten().map(parts).collect()
}

/// Whether the components get NetworkPolicies.
fn guarded(seen: &Observed) -> bool {
    let network = seen.query.spec.integration.network_policy.as_ref();
    network.and_then(|n| n.enabled).unwrap_or(false)
}

/// A number of pods.
fn replicas(replicas: i32, field: &str) -> Result<i32, FieldError> {
    if replicas < 1 {
        return Err(FieldError::new(
            field,
            format!("{replicas} is too few; set 1 or more"),
        ));
    }
    Ok(replicas)
}

/// The milliseconds of a duration that must not be zero.
fn positive(duration: &str, field: &str) -> Result<u64, FieldError> {
    match milliseconds(duration, field)? {
        0 => Err(FieldError::new(field, "must be longer than zero")),
        more => Ok(more),
    }
}

/// The milliseconds of a duration. The schema checked it; files given to `render` were not.
fn milliseconds(duration: &str, field: &str) -> Result<u64, FieldError> {
    thanos_workload::duration::milliseconds(duration).ok_or_else(|| {
        FieldError::new(
            field,
            format!("`{duration}` is not a duration; write whole numbers with the units w, d, h, m, s, ms, such as 1h30m"),
        )
    })
}

/// The Thanos image of a section of the spec.
pub(crate) fn image(common: &CommonFields, settings: &Settings) -> String {
    thanos_workload::image::image(
        common.base_image.as_deref(),
        common.version.as_deref(),
        &settings.thanos_image,
    )
}

/// The flags about logging.
fn logging(flags: Flags, common: &CommonFields) -> Flags {
    flags
        .set("log.level", common.log_level.unwrap_or_default().as_str())
        .set("log.format", common.log_format.unwrap_or_default().as_str())
}
