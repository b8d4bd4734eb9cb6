//! PodDisruptionBudgets.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use thanos_api::v1alpha1::PodDisruptionBudgetConfig;

use crate::labels::Identity;

/// Budget of one unavailable pod. `None` for a single replica, since it would block node drains, and if
/// it is disabled.
#[must_use]
pub fn budget(
    identity: &Identity,
    metadata: ObjectMeta,
    replicas: i32,
    config: Option<&PodDisruptionBudgetConfig>,
) -> Option<PodDisruptionBudget> {
    let desired = config.and_then(|c| c.enable).unwrap_or(true);
    (desired && replicas >= 2).then(|| PodDisruptionBudget {
        metadata,
        spec: Some(PodDisruptionBudgetSpec {
            selector: Some(identity.selector()),
            max_unavailable: Some(IntOrString::Int(1)),
            ..Default::default()
        }),
        ..Default::default()
    })
}
