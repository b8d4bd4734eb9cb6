//! Plans the objects of a ThanosStore. No IO; equal inputs give equal bytes.

mod args;
mod shard;

use kube::ResourceExt;
use kube_facts::Labels;
use operator_runtime::{Invalid, Plan};
use thanos_api::names::label;
use thanos_api::v1alpha1::{ReshardingStep, ThanosStore};
use thanos_workload::monitor::{self, ServiceMonitor};
use thanos_workload::{FieldError, checks, integration, policy, stateful, store_api, workload};

use crate::names::{self, identity, shared_labels};
use crate::plan_inputs::PlanInputs;

pub use shard::{replacement, replicas_of_surge};

/// Computes the desired objects.
///
/// # Errors
/// Invalid field of the spec.
pub fn plan(seen: &PlanInputs) -> Result<Plan, Invalid> {
    decide(seen).map_err(|error| Invalid::new(error.field, error.message))
}

fn decide(seen: &PlanInputs) -> Result<Plan, FieldError> {
    let spec = &seen.store.spec;
    let cr = seen.store.name_any();
    integration::check(&spec.integration)?;
    checks::replicas(spec.replicas, "spec.replicas")?;
    if let Some(fault) = &seen.time_range {
        return Err(fault.clone());
    }
    let mut objects = shard::Objects::default();
    for shard in 0..seen.generation.shards {
        shard::add(seen, &cr, shard, &mut objects)?;
    }
    let mut plan = Plan::new(&*seen.store, label::CONTROLLER, crate::NAME);
    let shared = identity(&cr, &names::store(&cr), None);
    let metadata = workload::metadata(&seen.store.metadata, &shared, &spec.common, &shared.name);
    plan.push(workload::service_account(
        store_api::withdrawn(metadata.clone()),
        &spec.common,
    ));
    let old = seen
        .reshard
        .as_ref()
        .filter(|r| r.step < ReshardingStep::Removing);
    for name in old.iter().flat_map(|r| &r.old) {
        // The pods and the PodDisruptionBudget stay unchanged.
        plan.leave(name.clone());
    }
    objects.services.into_iter().for_each(|o| plan.push(o));
    for name in old.iter().flat_map(|r| &r.old) {
        plan.push(shard::old_service(seen, &cr, name)?);
    }
    if integration::wants_policies(&spec.integration) {
        let template = objects.sets.first().and_then(|s| s.spec.as_ref());
        if let Some(template) = template.map(|s| &s.template) {
            let metadata = store_api::withdrawn(metadata.clone());
            plan.push(policy::admit(shared_labels(&cr), metadata, template));
        }
    }
    objects.budgets.into_iter().for_each(|o| plan.push(o));
    objects.sets.into_iter().for_each(|o| plan.push(o));
    if seen.service_monitors && integration::wants_monitors(&spec.integration) {
        plan.push(service_monitor(&seen.store));
    }
    let size = stateful::size(spec.storage.as_ref())?;
    let text = stateful::size_text(spec.storage.as_ref());
    for amendment in seen.volumes.foreign_patches(size, text) {
        plan.patch_foreign(amendment);
    }
    Ok(plan)
}

/// ServiceMonitor of all shards, which form one job.
fn service_monitor(store: &ThanosStore) -> ServiceMonitor {
    let cr = store.name_any();
    let spec = &store.spec;
    let shared = identity(&cr, &names::store(&cr), None);
    let metadata = store_api::withdrawn(workload::metadata(
        &store.metadata,
        &shared,
        &spec.common,
        &shared.name,
    ));
    let mut select = shared_labels(&cr);
    // Old shards are scraped as long as they run.
    store_api::withdraw(&mut select);
    monitor::service_monitor(metadata, select, spec.integration.service_monitor.as_ref())
}

/// Name and labels of the ServiceMonitors that open gates would create.
#[must_use]
pub fn monitors(store: &ThanosStore) -> Vec<(String, Labels)> {
    vec![integration::selectable(service_monitor(store), crate::NAME)]
}
