//! Deployments, and the metadata of every object.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{PodTemplateSpec, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use thanos_api::names::label;
use thanos_api::v1alpha1::CommonFields;

use crate::labels::Identity;

/// Metadata of the object of a workload that is named `name`.
#[must_use]
pub fn metadata(identity: &Identity, common: &CommonFields, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(identity.labels(common.labels.as_ref())),
        annotations: common.annotations.clone().filter(|a| !a.is_empty()),
        ..Default::default()
    }
}

/// The same metadata, for the one Service per workload whose port `http` is to be scraped.
#[must_use]
pub fn scraped(mut metadata: ObjectMeta) -> ObjectMeta {
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(label::NAME.to_owned(), label::NAME_SCRAPED.to_owned());
    metadata
}

/// A ServiceAccount of no rights, without a token in the pods.
#[must_use]
pub fn service_account(metadata: ObjectMeta) -> ServiceAccount {
    ServiceAccount {
        metadata,
        automount_service_account_token: Some(false),
        ..Default::default()
    }
}

/// A Deployment that never has fewer ready pods than wanted: new ones come before old ones go.
#[must_use]
pub fn deployment(
    identity: &Identity,
    common: &CommonFields,
    replicas: i32,
    template: PodTemplateSpec,
) -> Deployment {
    Deployment {
        metadata: metadata(identity, common, &identity.name),
        spec: Some(DeploymentSpec {
            replicas: Some(replicas),
            selector: identity.selector(),
            template,
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_unavailable: Some(IntOrString::Int(0)),
                    max_surge: Some(IntOrString::String("25%".to_owned())),
                }),
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}
