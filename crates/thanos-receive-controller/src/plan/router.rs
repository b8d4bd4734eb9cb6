//! Objects of the routers, and their hashrings and limits files. Pure, no IO.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, KeyToPath, PodTemplateSpec, Service, Volume,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use operator_runtime::Precondition;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::ThanosReceive;
use thanos_workload::labels::Identity;
use thanos_workload::pod::{self, Pod};
use thanos_workload::{FieldError, pdb, ports, probes, remote_write, service, volumes, workload};

use super::args::{self, HASHRINGS_FOLDER};
use super::limits;
use crate::hashring::{Record, render};
use crate::names::{self, ROUTER, router_identity};
use crate::plan_inputs::PlanInputs;

/// Seconds that a router accepts samples after its removal from the Service.
const DRAIN_SECONDS: i64 = 15;

/// Objects of the routers.
pub(super) struct Routers {
    pub metadata: ObjectMeta,
    pub files: ConfigMap,
    pub service: Service,
    pub budget: Option<PodDisruptionBudget>,
    pub template: PodTemplateSpec,
    /// `None` before the first hashring: routers would exit at once.
    pub deployment: Option<Deployment>,
}

/// Precondition of the ConfigMap, so that no two reconciles decide from the same record.
pub(super) fn precondition(seen: &PlanInputs) -> Precondition {
    let version = seen.version.clone();
    version.map_or(Precondition::Nothing, Precondition::Version)
}

/// Hashrings file of a record.
pub fn hashrings_file(receive: &ThanosReceive, record: &Record) -> String {
    let (cr, namespace) = (receive.name_any(), receive.namespace().unwrap_or_default());
    render(&record.rings, |ring, member| {
        names::address(&cr, &namespace, ring, member)
    })
}

/// Objects of the routers. `rolled_out`: whether every ingester has the current template.
pub(super) fn objects(
    seen: &PlanInputs,
    cr: &str,
    rolled_out: bool,
) -> Result<Routers, FieldError> {
    let spec = &seen.receive.spec.router_spec;
    let identity = router_identity(cr);
    let metadata = workload::metadata(
        &seen.receive.metadata,
        &identity,
        &spec.common,
        &identity.name,
    );
    let factor = seen.allowed_actions.replication_factor;
    let template = template(seen, &identity, factor.unwrap_or(1), rolled_out)?;
    let deployment = factor.map(|_| {
        workload::deployment(
            &seen.receive.metadata,
            &identity,
            &spec.common,
            spec.replicas,
            template.clone(),
        )
    });
    let budget = spec.common.pod_disruption_budget_config.as_ref();
    Ok(Routers {
        files: files(seen, metadata.clone()),
        service: service(seen, &identity)?,
        budget: pdb::budget(&identity, metadata.clone(), spec.replicas, budget),
        metadata,
        template,
        deployment,
    })
}

fn files(seen: &PlanInputs, metadata: ObjectMeta) -> ConfigMap {
    let record = serde_json::to_string_pretty(&seen.next).unwrap_or_default();
    let mut data = BTreeMap::from([
        (
            names::HASHRINGS_FILE.to_owned(),
            hashrings_file(&seen.receive, &seen.next),
        ),
        (names::RECORD_FILE.to_owned(), format!("{record}\n")),
    ]);
    if let Some(limits) = &seen.receive.spec.router_spec.limits {
        data.insert(names::LIMITS_FILE.to_owned(), limits::render(limits));
    }
    ConfigMap {
        metadata,
        data: Some(data),
        ..Default::default()
    }
}

fn service(seen: &PlanInputs, identity: &Identity) -> Result<Service, FieldError> {
    let spec = &seen.receive.spec.router_spec;
    let mut metadata = workload::scraped(workload::metadata(
        &seen.receive.metadata,
        identity,
        &spec.common,
        &identity.name,
    ));
    remote_write::offer(metadata.labels.get_or_insert_default());
    let ports = service::with_additional(
        vec![
            service::port(ports::REMOTE_WRITE, ports::REMOTE_WRITE_NUMBER),
            service::port(ports::HTTP, ports::HTTP_NUMBER_STORE),
            service::port(ports::GRPC, ports::GRPC_NUMBER),
        ],
        spec.additional.additional_service_ports.as_deref(),
        "spec.routerSpec.additionalServicePorts",
    )?;
    Ok(service::cluster_ip(identity, metadata, ports))
}

fn template(
    seen: &PlanInputs,
    identity: &Identity,
    factor: usize,
    rolled_out: bool,
) -> Result<PodTemplateSpec, FieldError> {
    let spec = &seen.receive.spec;
    let router = &spec.router_spec;
    let desired = thanos_workload::image::of(&router.common, &seen.settings.thanos_image);
    // Ingesters roll out first: an older ingester may not understand a newer router.
    let running = seen.router_image.clone().filter(|_| !rolled_out);
    let mut annotations = pod::restarted(seen.receive.annotations());
    let limits = router.limits.as_ref();
    if limits.is_some_and(limits::limit_head_series) {
        annotations.insert(
            annotation::HEAD_SERIES_LIMITS.to_owned(),
            label::TRUE.to_owned(),
        );
    }
    Pod {
        field: "spec.routerSpec",
        identity,
        common: &router.common,
        additional: &router.additional,
        service_account: identity.name.clone(),
        container: ROUTER,
        image: running.unwrap_or(desired),
        args: args::of_router(spec, factor)?,
        env: Vec::new(),
        ports: vec![
            pod::port(ports::REMOTE_WRITE, ports::REMOTE_WRITE_NUMBER),
            pod::port(ports::HTTP, ports::HTTP_NUMBER_STORE),
            pod::port(ports::GRPC, ports::GRPC_NUMBER),
        ],
        resources: router.common.resource_requirements.clone(),
        volumes: vec![mounted(&identity.name, limits.is_some())],
        pvc_volumes: &[],
        mounts: vec![volumes::mount(names::HASHRINGS, HASHRINGS_FOLDER)],
        annotations,
        startup: None,
        readiness: probes::readiness(),
        liveness: probes::liveness(),
        sidecars: Vec::new(),
        drain_seconds: DRAIN_SECONDS,
        grace_seconds: 60,
    }
    .template()
}

/// Volume with the files of the ConfigMap, except the record.
fn mounted(config_map: &str, limits: bool) -> Volume {
    let files = [names::HASHRINGS_FILE].into_iter();
    let files = files.chain(limits.then_some(names::LIMITS_FILE));
    let items = files.map(|file| KeyToPath {
        key: file.to_owned(),
        path: file.to_owned(),
        ..Default::default()
    });
    Volume {
        name: names::HASHRINGS.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map.to_owned(),
            items: Some(items.collect()),
            ..Default::default()
        }),
        ..Default::default()
    }
}
