//! Plans the objects of a ThanosStore. No IO; equal inputs give equal bytes.

mod args;
pub mod names;
mod shard;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube_facts::Labels;
use operator_runtime::{Invalid, Plan};
use thanos_api::names::label;
use thanos_api::v1alpha1::{ReshardingStep, ThanosStore};
use thanos_workload::labels::{Identity, Map};
use thanos_workload::monitor::{self, ServiceMonitor};
use thanos_workload::{FieldError, checks, integration, policy, stateful, store_api, workload};

use crate::observed::Observed;

pub use shard::replicas_of_surge;

/// Name of the program and of its container.
pub const PROGRAM: &str = "thanos-store";

const COMPONENT: &str = "object-storage-gateway";

/// Identity of a shard. `shard` is its index, if there are several.
#[must_use]
pub fn identity(cr: &str, name: &str, shard: Option<i32>) -> Identity {
    let mut extra = vec![(label::STORE_API, label::TRUE.to_owned())];
    extra.extend(shard.map(|shard| (label::SHARD, shard.to_string())));
    Identity {
        name: name.to_owned(),
        program: PROGRAM,
        component: COMPONENT,
        owner: cr.to_owned(),
        extra,
    }
}

/// Labels shared by the pods of all shards.
#[must_use]
pub fn shared_labels(cr: &str) -> Map {
    let mut labels = identity(cr, &names::store(cr), None).selector_labels();
    labels.remove(label::INSTANCE);
    labels
}

/// Objects of the shards, before they are ordered.
#[derive(Default)]
struct Objects {
    services: Vec<Service>,
    budgets: Vec<PodDisruptionBudget>,
    sets: Vec<StatefulSet>,
}

/// Computes the desired objects.
///
/// # Errors
/// Invalid field of the spec.
pub fn plan(seen: &Observed) -> Result<Plan, Invalid> {
    decide(seen).map_err(|error| Invalid::new(error.field, error.message))
}

fn decide(seen: &Observed) -> Result<Plan, FieldError> {
    let spec = &seen.store.spec;
    let cr = seen.store.name_any();
    integration::check(&spec.integration)?;
    checks::replicas(spec.replicas, "spec.replicas")?;
    if let Some(fault) = &seen.time_range {
        return Err(fault.clone());
    }
    let mut objects = Objects::default();
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
