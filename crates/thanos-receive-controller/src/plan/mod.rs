//! Computes the objects of a ThanosReceive from the observed state. Pure, no IO: equal inputs give
//! equal bytes.

mod args;
mod ingester;
mod limits;
mod router;
mod tenancy;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::core::ApiResource;
use kube::{Resource, ResourceExt};
use kube_facts::Labels;
use operator_runtime::{ForeignDelete, Invalid, ObjectKey, Plan};
use thanos_api::names::label;
use thanos_api::v1alpha1::{CommonFields, HashringSpec, ThanosReceive};
use thanos_workload::labels::{Identity, Map};
use thanos_workload::monitor::{self, ServiceMonitor};
use thanos_workload::{FieldError, checks, integration, policy, store_api, workload};

use crate::desired::{check, hashrings};
use crate::names::{self, ingesters_identity, router_identity, shared_labels};
use crate::plan_inputs::PlanInputs;

pub use router::hashrings_file;

/// Labels and annotations of objects that all hashrings share: those that every hashring has.
fn shared_by_all(rings: &[HashringSpec]) -> CommonFields {
    let shared = |of: fn(&CommonFields) -> Option<&Map>| {
        let (first, others) = rings.split_first()?;
        let mut map = of(&first.common)?.clone();
        map.retain(|key, value| {
            let mut others = others.iter().map(|ring| of(&ring.common));
            others.all(|other| other.and_then(|o| o.get(key)) == Some(&*value))
        });
        Some(map)
    };
    CommonFields {
        labels: shared(|common| common.labels.as_ref()),
        annotations: shared(|common| common.annotations.as_ref()),
        ..Default::default()
    }
}

/// The planned objects.
///
/// # Errors
/// The invalid field of the spec.
pub fn plan(seen: &PlanInputs) -> Result<Plan, Invalid> {
    decide(seen).map_err(|error| Invalid::new(error.field, error.message))
}

fn decide(seen: &PlanInputs) -> Result<Plan, FieldError> {
    let spec = &seen.receive.spec;
    let cr = seen.receive.name_any();
    integration::check(&spec.integration)?;
    checks::replicas(spec.router_spec.replicas, "spec.routerSpec.replicas")?;
    check(spec)?;
    let limits = spec.router_spec.limits.as_ref();
    if let Some(url) = limits.and_then(|l| l.global.as_ref()?.meta_monitoring_url.as_deref()) {
        checks::without_credentials(url, "spec.routerSpec.limits.global.metaMonitoringURL")?;
    }
    let rings = hashrings(spec);
    let mut objects = ingester::Objects {
        rolled_out: true,
        ..Default::default()
    };
    for (i, ring) in rings.iter().enumerate() {
        ingester::add(seen, &cr, ring, i, &mut objects)?;
    }
    let routers = router::objects(seen, &cr, objects.rolled_out)?;

    let mut plan = Plan::new(&*seen.receive, label::CONTROLLER, crate::NAME);
    let shared = shared_by_all(&rings);
    let ingesters = ingesters_identity(&cr);
    let of_ingesters = store_api::withdrawn(workload::metadata(
        &seen.receive.metadata,
        &ingesters,
        &shared,
        &ingesters.name,
    ));
    // The record is applied first: no other object changes before it is stored.
    plan.push_onto(router::precondition(seen), routers.files);
    objects.accounts.into_iter().for_each(|o| plan.push(o));
    plan.push(workload::service_account(
        routers.metadata.clone(),
        &spec.router_spec.common,
    ));
    for ring in &seen.allowed_actions.kept {
        // Its pods are removed one at a time, with their current template.
        plan.leave(names::ingester(&cr, ring));
    }
    if routers.deployment.is_none() {
        // If the record was deleted, running routers keep the hashrings that they have loaded.
        plan.leave(names::router(&cr));
    }
    objects.services.into_iter().for_each(|o| plan.push(o));
    plan.push(routers.service);
    if integration::wants_policies(&spec.integration) {
        let template = objects.sets.first().and_then(|s| s.spec.as_ref());
        if let Some(template) = template.map(|s| &s.template) {
            plan.push(policy::admit(shared_labels(&cr), of_ingesters, template));
        }
        let labels = router_identity(&cr).selector_labels();
        plan.push(policy::admit(labels, routers.metadata, &routers.template));
    }
    objects.budgets.into_iter().for_each(|o| plan.push(o));
    routers.budget.into_iter().for_each(|o| plan.push(o));
    objects.sets.into_iter().for_each(|o| plan.push(o));
    routers.deployment.into_iter().for_each(|o| plan.push(o));
    if seen.service_monitors && integration::wants_monitors(&spec.integration) {
        service_monitors(&seen.receive)
            .into_iter()
            .for_each(|o| plan.push(o));
    }
    for (i, ring) in rings.iter().enumerate() {
        let size = ingester::size(ring, i)?;
        let text = thanos_workload::stateful::size_text(ring.storage.as_ref());
        let volumes = seen.volumes.get(&ring.name);
        for patch in volumes.iter().flat_map(|v| v.foreign_patches(size, text)) {
            plan.patch_foreign(patch);
        }
    }
    delete_foreign(seen, &cr, &mut plan);
    Ok(plan)
}

/// Deletes the pod to restart, and PVCs.
fn delete_foreign(seen: &PlanInputs, cr: &str, plan: &mut Plan) {
    if let Some(restart) = &seen.allowed_actions.restart {
        let set = names::ingester(cr, &restart.ring);
        let name = format!("{set}-{}", restart.member);
        plan.remove(foreign_delete::<Pod>(name, restart.uid.clone()));
    }
    for (ring, member) in &seen.allowed_actions.pvcs {
        let name = names::pvc(&names::ingester(cr, ring), *member);
        if let Some(pvc) = seen.pvcs.get(&name) {
            plan.remove(foreign_delete::<PersistentVolumeClaim>(
                name,
                pvc.uid.clone(),
            ));
        }
    }
}

fn foreign_delete<K: Resource<DynamicType = ()>>(name: String, uid: String) -> ForeignDelete {
    let resource = ApiResource::erase::<K>(&());
    ForeignDelete {
        key: ObjectKey::of(&resource, name),
        resource,
        uid,
    }
}

/// The ServiceMonitors: one job for the routers, and one for the ingesters of all hashrings.
fn service_monitors(receive: &ThanosReceive) -> [ServiceMonitor; 2] {
    let cr = receive.name_any();
    let spec = &receive.spec;
    let config = spec.integration.service_monitor.as_ref();
    let monitor = |identity: &Identity, common: &CommonFields, select: Map| {
        let metadata = store_api::withdrawn(workload::metadata(
            &receive.metadata,
            identity,
            common,
            &identity.name,
        ));
        monitor::service_monitor(metadata, select, config)
    };
    let routers = router_identity(&cr);
    [
        monitor(
            &routers,
            &spec.router_spec.common,
            routers.selector_labels(),
        ),
        monitor(
            &ingesters_identity(&cr),
            &shared_by_all(&hashrings(spec)),
            shared_labels(&cr),
        ),
    ]
}

/// Name and labels of the ServiceMonitors, whether or not they can be created.
#[must_use]
pub fn monitors(receive: &ThanosReceive) -> Vec<(String, Labels)> {
    let monitors = service_monitors(receive).into_iter();
    monitors
        .map(|m| integration::selectable(m, crate::NAME))
        .collect()
}
