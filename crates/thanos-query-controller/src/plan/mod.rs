//! Plans the objects of a ThanosQuery. No IO; equal inputs give equal bytes.

mod bridge;
mod endpoints;
mod frontend;
mod objects;
mod querier;
pub mod replica_labels;

use kube::ResourceExt;
use kube_facts::Labels;
use operator_runtime::{Invalid, Plan};
use thanos_api::v1alpha1::OpenDiscovered;
use thanos_workload::{FieldError, inherited, integration};

use crate::names;
use crate::plan_inputs::PlanInputs;
use objects::Objects;

pub use endpoints::FILE as ENDPOINTS_FILE;
pub use objects::{CONTROLLER, image};

/// Computes the desired objects.
///
/// # Errors
/// Invalid field of the spec.
pub fn plan(seen: &PlanInputs) -> Result<Plan, Invalid> {
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

fn objects(seen: &PlanInputs) -> Result<Objects, FieldError> {
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

/// Name and labels of the ServiceMonitors that open gates would create.
#[must_use]
pub fn monitors(seen: &PlanInputs) -> Vec<(String, Labels)> {
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
