//! Deployments, ServiceAccounts, and the metadata of every object.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{PodTemplateSpec, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use thanos_api::names::label;
use thanos_api::v1alpha1::CommonFields;

use crate::inherited;
use crate::labels::{Identity, Map};

/// Metadata of the object `name` of a workload. `owner` is the metadata of the custom resource.
#[must_use]
pub fn metadata(
    owner: &ObjectMeta,
    identity: &Identity,
    common: &CommonFields,
    name: &str,
) -> ObjectMeta {
    let mut annotations = inherited::from(owner.annotations.as_ref());
    add(&mut annotations, common.annotations.as_ref());
    ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(labels(owner, identity, common)),
        annotations: (!annotations.is_empty()).then_some(annotations),
        ..Default::default()
    }
}

/// Labels of the objects of a workload. Later sources override earlier ones: the custom resource, the
/// section of its spec, the operator. Pods inherit none of the custom resource, see [`inherited`].
#[must_use]
pub fn labels(owner: &ObjectMeta, identity: &Identity, common: &CommonFields) -> Map {
    let mut labels = inherited::from(owner.labels.as_ref());
    add(&mut labels, common.labels.as_ref());
    labels.extend(identity.selector_labels());
    labels
}

fn add(map: &mut Map, more: Option<&Map>) {
    let more = more.into_iter().flatten();
    map.extend(more.map(|(key, value)| (key.clone(), value.clone())));
}

/// Metadata of the one Service per workload whose port `http` is scraped.
#[must_use]
pub fn scraped(mut metadata: ObjectMeta) -> ObjectMeta {
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(label::NAME.to_owned(), label::NAME_SCRAPED.to_owned());
    metadata
}

/// A ServiceAccount without permissions. The pods decide whether its token is mounted.
#[must_use]
pub fn service_account(mut metadata: ObjectMeta, common: &CommonFields) -> ServiceAccount {
    let config = common.service_account.as_ref();
    if let Some(more) = config.and_then(|c| c.annotations.as_ref()) {
        add(metadata.annotations.get_or_insert_default(), Some(more));
    }
    ServiceAccount {
        metadata,
        automount_service_account_token: Some(false),
        ..Default::default()
    }
}

/// A Deployment that starts new pods before it stops old ones.
#[must_use]
pub fn deployment(
    owner: &ObjectMeta,
    identity: &Identity,
    common: &CommonFields,
    replicas: i32,
    template: PodTemplateSpec,
) -> Deployment {
    Deployment {
        metadata: metadata(owner, identity, common, &identity.name),
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
