//! The objects of a ThanosRuler, from what was observed. Pure: equal inputs give equal bytes.

mod args;
mod files;
mod ruler;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube_facts::Labels;
use operator_runtime::{Invalid, Plan};
use thanos_api::names::label;
use thanos_api::v1alpha1::ThanosRuler;
use thanos_workload::labels::Map;
use thanos_workload::monitor::{self, ServiceMonitor};
use thanos_workload::{
    FieldError, checks, integration, pdb, policy, stateful, store_api, workload,
};

use crate::names::{self, identity};
use crate::plan_inputs::PlanInputs;
use crate::rules::pack::{self, Packed};

/// Plans the desired objects.
///
/// # Errors
/// An invalid field of the spec.
pub fn plan(seen: &PlanInputs) -> Result<Plan, Invalid> {
    decide(seen).map_err(|error| Invalid::new(error.field, error.message))
}

fn decide(seen: &PlanInputs) -> Result<Plan, FieldError> {
    let spec = &seen.ruler.spec;
    let cr = seen.ruler.name_any();
    integration::check(&spec.integration)?;
    checks::replicas(spec.replicas, "spec.replicas")?;
    let identity = identity(&cr);
    // Queriers discover only Services by this label.
    let metadata = store_api::withdrawn(workload::metadata(
        &seen.ruler.metadata,
        &identity,
        &spec.common,
        &identity.name,
    ));
    let set = ruler::stateful_set(seen, &identity)?;

    let mut plan = Plan::new(&*seen.ruler, label::CONTROLLER, crate::NAME);
    plan.push(workload::service_account(metadata.clone(), &spec.common));
    rules(seen, &cr, &metadata, &mut plan);
    let file = |name: String, data| config_map(&metadata, name, data);
    plan.push(file(names::config(&cr), files::config(seen)));
    plan.push(file(names::queriers(&cr), files::querier_addresses(seen)));
    match files::alertmanager_addresses(seen) {
        Some(addresses) => plan.push(file(names::alertmanagers(&cr), addresses)),
        None => plan.leave(names::alertmanagers(&cr)),
    }
    plan.push(ruler::service(seen, &identity)?);
    if integration::wants_policies(&spec.integration)
        && let Some(set) = &set.spec
    {
        let pods = identity.selector_labels();
        plan.push(policy::admit(pods, metadata.clone(), &set.template));
    }
    let budget = spec.common.pod_disruption_budget_config.as_ref();
    if let Some(budget) = pdb::budget(&identity, metadata, spec.replicas, budget) {
        plan.push(budget);
    }
    plan.push(set);
    if seen.service_monitors && integration::wants_monitors(&spec.integration) {
        plan.push(service_monitor(&seen.ruler));
    }
    let size = stateful::size(spec.storage.as_ref())?;
    let text = stateful::size_text(spec.storage.as_ref());
    for patch in seen.volumes.foreign_patches(size, text) {
        plan.patch_foreign(patch);
    }
    Ok(plan)
}

/// The ConfigMaps with the rule files. Empty ones are not created, and those of unreadable rules stay
/// unchanged.
fn rules(seen: &PlanInputs, cr: &str, metadata: &ObjectMeta, plan: &mut Plan) {
    let mut push = |packed: &Option<Packed>, name: fn(&str, usize) -> String, count: usize| {
        let Some(packed) = packed else {
            (0..count).for_each(|slot| plan.leave(name(cr, slot)));
            return;
        };
        for (slot, files) in packed.slots.iter().enumerate() {
            if !files.is_empty() {
                plan.push(config_map(metadata, name(cr, slot), files.clone()));
            }
        }
    };
    push(&seen.files, names::files, pack::FILES);
    push(&seen.rules, names::rules, pack::RULES);
}

fn config_map(metadata: &ObjectMeta, name: String, data: Map) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name),
            ..metadata.clone()
        },
        data: Some(data),
        ..Default::default()
    }
}

/// The ServiceMonitor of the rulers.
fn service_monitor(ruler: &ThanosRuler) -> ServiceMonitor {
    let spec = &ruler.spec;
    let identity = identity(&ruler.name_any());
    let metadata = store_api::withdrawn(workload::metadata(
        &ruler.metadata,
        &identity,
        &spec.common,
        &identity.name,
    ));
    let select = identity.selector_labels();
    monitor::service_monitor(metadata, select, spec.integration.service_monitor.as_ref())
}

/// Names and labels of the ServiceMonitors that are created if the gates are open.
#[must_use]
pub fn monitors(ruler: &ThanosRuler) -> Vec<(String, Labels)> {
    vec![integration::selectable(service_monitor(ruler), crate::NAME)]
}
