//! Objects of the ingesters of a hashring. Pure, no IO.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy};
use k8s_openapi::api::core::v1::{
    EnvVar, EnvVarSource, ObjectFieldSelector, Service, ServiceAccount, TopologySpreadConstraint,
    VolumeMount,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{ClaimRetention, CommonFields, HashringSpec};
use thanos_controller_common::rotation::digests;
use thanos_workload::digest::json_digest;
use thanos_workload::labels::Identity;
use thanos_workload::pod::{self, Pod};
use thanos_workload::stateful::{self, DATA_VOLUME, Scale, StatefulSetInputs};
use thanos_workload::{
    FieldError, cache, pdb, ports, probes, service, store_api, volumes, workload,
};

use super::args::{self, DATA_FOLDER, OBJECT_STORAGE_FILE, OBJECT_STORAGE_FOLDER, POD_NAME};
use crate::desired::{object_storage, replicas};
use crate::names::{self, INGESTER, ingester_identity};
use crate::plan_inputs::PlanInputs;
use crate::tenants::path;

/// Minutes that an ingester may take to replay its WAL and to upload blocks.
const STARTUP_MINUTES: i32 = 60;

/// Seconds until routers reach a replaced pod: they resolve its name at most every 30 s, and wait some
/// seconds between attempts. The next pod is replaced after that.
const MIN_READY_SECONDS: i32 = 60;

/// Seconds that an ingester serves after its deletion begins. Longer than a router, so that routers exit
/// first when both are deleted.
const DRAIN_SECONDS: i64 = 20;

/// Seconds that an ingester may take to upload its samples at shutdown.
const GRACE_SECONDS: i64 = 900;

/// Objects of the hashrings, by kind.
#[derive(Default)]
pub(super) struct Objects {
    pub accounts: Vec<ServiceAccount>,
    pub services: Vec<Service>,
    pub budgets: Vec<PodDisruptionBudget>,
    pub sets: Vec<StatefulSet>,
    /// Whether every ingester is rolled out with the current template.
    pub rolled_out: bool,
}

/// Size of each volume, in bytes.
pub(crate) fn size(ring: &HashringSpec, index: usize) -> Result<u64, FieldError> {
    stateful::size(ring.storage.as_ref()).map_err(|error| {
        let field = error.field.replacen("spec", &path(index), 1);
        FieldError { field, ..error }
    })
}

pub(super) fn add(
    seen: &PlanInputs,
    cr: &str,
    ring: &HashringSpec,
    index: usize,
    objects: &mut Objects,
) -> Result<(), FieldError> {
    size(ring, index)?;
    let spec = &seen.receive.spec;
    let identity = ingester_identity(cr, &ring.name);
    let set = seen.sets.get(&ring.name);
    let secrets = digests(set, seen.secrets.get(&ring.name).map(String::as_str));
    let members = replicas(spec, ring);
    let common = spread(ring, &identity);

    let mut annotations = pod::restarted(seen.receive.annotations());
    annotations.extend(
        secrets
            .rolled
            .map(|h| (annotation::SECRETS_HASH.to_owned(), h)),
    );
    let template = pod(seen, &identity, &common, ring, index, annotations)?;
    let template = template.template().map_err(|e| in_section(e, index))?;
    let hash = json_digest(&template);
    objects.rolled_out &=
        set.is_some_and(|set| set.template_hash.as_deref() == Some(&*hash) && set.is_complete());
    let inputs = StatefulSetInputs {
        owner: &seen.receive.metadata,
        identity: &identity,
        common: &common,
        fields: &spec.stateful,
        storage: ring.storage.as_ref(),
        retention: ClaimRetention::Retain,
        min_ready_seconds: if members > 1 { MIN_READY_SECONDS } else { 0 },
        scale: Scale {
            replicas: seen
                .allowed_actions
                .replicas
                .get(&ring.name)
                .copied()
                .unwrap_or(members),
            partition: 0,
        },
        fixed: set.map(|s| &s.fixed),
        template,
    };
    let mut stateful_set = inputs.stateful_set()?;
    retain(&mut stateful_set);
    let annotations = stateful_set.metadata.annotations.get_or_insert_default();
    annotations.insert(annotation::HASHRING.to_owned(), ring.name.clone());
    annotations.insert(annotation::TEMPLATE_HASH.to_owned(), hash);
    annotations.extend(
        secrets
            .known
            .map(|h| (annotation::SECRETS_HASH.to_owned(), h)),
    );
    store_api::withdraw(stateful_set.metadata.labels.get_or_insert_default());
    objects.sets.push(stateful_set);

    let metadata = store_api::withdrawn(workload::metadata(
        &seen.receive.metadata,
        &identity,
        &common,
        &identity.name,
    ));
    objects
        .accounts
        .push(workload::service_account(metadata.clone(), &common));
    let budget = common.pod_disruption_budget_config.as_ref();
    objects
        .budgets
        .extend(pdb::budget(&identity, metadata, members, budget));
    let mut service = service(seen, cr, &identity, &common)?;
    if let Some(label) = args::replica_label(ring) {
        let labels = service.metadata.labels.get_or_insert_default();
        store_api::announce_replica_label(labels, &label);
    }
    objects.services.push(service);
    Ok(())
}

/// Only this controller deletes PVCs, once all their samples are proven to be uploaded.
fn retain(set: &mut StatefulSet) {
    let retain = Some(ClaimRetention::Retain.as_str().to_owned());
    let spec = set.spec.get_or_insert_default();
    spec.persistent_volume_claim_retention_policy =
        Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
            when_deleted: retain.clone(),
            when_scaled: retain,
        });
}

/// Errors about placement belong to the hashring, other errors of the pod to the section of all
/// ingesters.
fn in_section(error: FieldError, index: usize) -> FieldError {
    let of_ring = ["imagePullSecrets", "topologySpreadConstraints"];
    let section = "spec.ingesterSpec.";
    match error.field.strip_prefix(section) {
        Some(rest) if of_ring.iter().any(|field| rest.starts_with(field)) => FieldError {
            field: format!("{}.{rest}", path(index)),
            ..error
        },
        _ => error,
    }
}

/// Spreads the members of a zone-aware hashring over the zones, unless the spec has constraints.
fn spread(ring: &HashringSpec, identity: &Identity) -> CommonFields {
    let mut common = ring.common.clone();
    if ring.zone_awareness == Some(true) {
        common.topology_spread_constraints.get_or_insert_with(|| {
            vec![TopologySpreadConstraint {
                label_selector: Some(identity.selector()),
                max_skew: 1,
                topology_key: crate::facts::ZONE.to_owned(),
                when_unsatisfiable: "DoNotSchedule".to_owned(),
                ..Default::default()
            }]
        });
    }
    common
}

/// The Service of a hashring. It governs the StatefulSet, offers the StoreAPI to queriers, and is
/// scraped.
fn service(
    seen: &PlanInputs,
    cr: &str,
    identity: &Identity,
    common: &CommonFields,
) -> Result<Service, FieldError> {
    let mut metadata = workload::scraped(workload::metadata(
        &seen.receive.metadata,
        identity,
        common,
        &identity.name,
    ));
    let labels = metadata.labels.get_or_insert_default();
    // One job for all hashrings.
    let job = thanos_workload::names::label_value(&names::ingesters(cr));
    labels.insert(label::INSTANCE.to_owned(), job);
    store_api::offer(labels, false);
    let ports = service::with_additional(
        vec![
            service::port(ports::GRPC, ports::GRPC_NUMBER),
            service::port(ports::HTTP, ports::HTTP_NUMBER_STORE),
            service::port(ports::REMOTE_WRITE, ports::REMOTE_WRITE_NUMBER),
            service::port(ports::CAPNPROTO, ports::CAPNPROTO_NUMBER),
        ],
        seen.receive
            .spec
            .ingester_spec
            .additional
            .additional_service_ports
            .as_deref(),
        "spec.ingesterSpec.additionalServicePorts",
    )?;
    let mut service = service::headless(identity, metadata, ports);
    // Routers resolve a member also while it starts or stops.
    service
        .spec
        .get_or_insert_default()
        .publish_not_ready_addresses = Some(true);
    Ok(service)
}

fn pod<'a>(
    seen: &'a PlanInputs,
    identity: &'a Identity,
    common: &'a CommonFields,
    ring: &'a HashringSpec,
    index: usize,
    annotations: thanos_workload::labels::Map,
) -> Result<Pod<'a>, FieldError> {
    let spec = &seen.receive.spec;
    let storage = object_storage(spec, ring, index);
    let mut volumes = Vec::new();
    let mut mounts = vec![VolumeMount {
        name: DATA_VOLUME.to_owned(),
        mount_path: DATA_FOLDER.to_owned(),
        ..Default::default()
    }];
    if let Some((field, key)) = &storage {
        cache::named(key, field)?;
        volumes.push(volumes::secret_key(
            names::OBJECT_STORAGE,
            key,
            OBJECT_STORAGE_FILE,
        ));
        mounts.push(volumes::mount(names::OBJECT_STORAGE, OBJECT_STORAGE_FOLDER));
    }
    Ok(Pod {
        field: "spec.ingesterSpec",
        identity,
        common,
        additional: &spec.ingester_spec.additional,
        service_account: identity.name.clone(),
        container: INGESTER,
        image: thanos_workload::image::of(common, &seen.settings.thanos_image),
        args: args::of_ingester(spec, ring, index, storage.is_some())?,
        env: vec![EnvVar {
            name: POD_NAME.to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    api_version: Some("v1".to_owned()),
                    field_path: "metadata.name".to_owned(),
                }),
                ..Default::default()
            }),
            ..Default::default()
        }],
        ports: vec![
            pod::port(ports::GRPC, ports::GRPC_NUMBER),
            pod::port(ports::HTTP, ports::HTTP_NUMBER_STORE),
            pod::port(ports::REMOTE_WRITE, ports::REMOTE_WRITE_NUMBER),
            pod::port(ports::CAPNPROTO, ports::CAPNPROTO_NUMBER),
        ],
        resources: common.resource_requirements.clone(),
        volumes,
        pvc_volumes: &[DATA_VOLUME],
        mounts,
        annotations,
        startup: Some(probes::startup(STARTUP_MINUTES)),
        readiness: probes::readiness(),
        liveness: probes::liveness(),
        sidecars: Vec::new(),
        drain_seconds: DRAIN_SECONDS,
        grace_seconds: spec
            .stateful
            .termination_grace_period_seconds
            .unwrap_or(GRACE_SECONDS),
    })
}
