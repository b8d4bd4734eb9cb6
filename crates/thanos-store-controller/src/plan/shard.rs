//! Plans the objects of one shard. No IO.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PodTemplateSpec, Service, VolumeMount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{ClaimRetention, ReshardingStep, ThanosStore};
use thanos_controller_common::facts::SetFacts;
use thanos_controller_common::rotation::{Digests, digests};
use thanos_workload::digest::json_digest;
use thanos_workload::labels::{Identity, Map};
use thanos_workload::pod::{self, Pod};
use thanos_workload::stateful::{DATA_VOLUME, StatefulSetInputs};
use thanos_workload::{
    FieldError, cache, pdb, ports, probes, service, store_api, volumes, workload,
};

use super::args::{self, Caches, DATA_FOLDER, OBJECT_STORAGE_FILE, OBJECT_STORAGE_FOLDER};
use crate::names::{self, PROGRAM, identity};
use crate::plan_inputs::PlanInputs;
use crate::surge::{Pods, Surge, surge};

/// Minutes that a store may take for its initial sync of the bucket.
const STARTUP_MINUTES: i32 = 60;

/// Seconds until queriers use a new pod of a group: they resolve names every 10 s. The next pod is
/// replaced only after that.
const KNOWN_AFTER: i32 = 15;

/// Seconds for which a stopping pod still answers: queriers resolve names every 10 s and update
/// their endpoints every 5 s.
const DRAIN_SECONDS: i64 = 20;

/// Number of surge pods while pods are replaced.
#[must_use]
pub fn replicas_of_surge(store: &ThanosStore) -> i32 {
    let alone = i32::from(store.spec.replicas < 2);
    store.spec.max_surge.unwrap_or(alone).clamp(0, 1)
}

/// Objects of the shards, before they are ordered.
#[derive(Default)]
pub(super) struct Objects {
    pub services: Vec<Service>,
    pub budgets: Vec<PodDisruptionBudget>,
    pub sets: Vec<StatefulSet>,
}

/// Pod template of one shard, and how its pods get it.
struct Rollout {
    name: String,
    identity: Identity,
    secrets: Digests,
    /// Desired template, or the stored one while its rollout has to finish first.
    template: PodTemplateSpec,
    /// Digest of the template.
    hash: String,
    surge: Surge,
}

fn rollout(seen: &PlanInputs, cr: &str, shard: i32) -> Result<Rollout, FieldError> {
    let spec = &seen.store.spec;
    let shards = seen.generation.shards;
    let name = seen.generation.name(cr, shard);
    let identity = identity(cr, &name, (shards > 1).then_some(shard));
    let set = seen.sets.get(&name).map(|shard| &shard.set);
    let secrets = digests(set, seen.secrets.as_deref());

    let mut annotations = pod::restarted(seen.store.annotations());
    annotations.extend(
        secrets
            .rolled
            .clone()
            .map(|hash| (annotation::SECRETS_HASH.to_owned(), hash)),
    );
    let mut template = pod(seen, &identity, cr, shard, annotations)?.template()?;
    let mut hash = json_digest(&template);
    let is_ready = |ordinal| seen.ready.contains(&format!("{name}-{ordinal}"));
    let replicas = set.map_or(0, |set| set.replicas);
    let pods = Pods {
        rest_ready: (0..spec.replicas).all(is_ready),
        more_ready: (spec.replicas..replicas).any(is_ready),
        unlisted_by: seen.unknown.get(&name).map(String::as_str),
    };
    let max_surge = replicas_of_surge(&seen.store);
    let surge = surge(set, spec.replicas, max_surge, &hash, pods);
    if let Some(set) = set.filter(|_| surge.keeps_template)
        && let Some(stored) = set.template.clone()
        && let Ok(stored) = serde_json::from_value(stored)
    {
        template = stored;
        hash = set.template_hash.clone().unwrap_or_default();
    }
    Ok(Rollout {
        name,
        identity,
        secrets,
        template,
        hash,
        surge,
    })
}

/// Step of the replacement of a shard's pods and its reason, for the status. Empty if no pod is
/// replaced, or if the spec is invalid, which another condition reports.
#[must_use]
pub fn replacement(seen: &PlanInputs, shard: i32) -> String {
    let cr = seen.store.name_any();
    let set = seen.sets.get(&seen.generation.name(&cr, shard));
    // Rendering the template again is only needed while something changes.
    let is_changing = |set: &SetFacts| set.surging || !set.is_complete();
    if !set.is_some_and(|shard| is_changing(&shard.set)) {
        return String::new();
    }
    rollout(seen, &cr, shard).map_or_else(|_| String::new(), |rollout| rollout.surge.message())
}

pub(super) fn add(
    seen: &PlanInputs,
    cr: &str,
    shard: i32,
    objects: &mut Objects,
) -> Result<(), FieldError> {
    let spec = &seen.store.spec;
    let shards = seen.generation.shards;
    let is_group = spec.replicas > 1;
    let Rollout {
        name,
        identity,
        secrets,
        template,
        hash,
        surge: Surge { scale, .. },
    } = rollout(seen, cr, shard)?;
    let set = seen.sets.get(&name).map(|shard| &shard.set);

    let desired = StatefulSetInputs {
        owner: &seen.store.metadata,
        identity: &identity,
        common: &spec.common,
        fields: &spec.stateful,
        storage: spec.storage.as_ref(),
        retention: ClaimRetention::Delete,
        min_ready_seconds: if is_group { KNOWN_AFTER } else { 0 },
        scale,
        fixed: set.map(|s| &s.fixed),
        template,
    };
    let mut stateful_set = desired.stateful_set()?;
    let annotations = stateful_set.metadata.annotations.get_or_insert_default();
    annotations.insert(annotation::SHARDS.to_owned(), shards.to_string());
    annotations.insert(annotation::TEMPLATE_HASH.to_owned(), hash);
    if scale.replicas > spec.replicas {
        annotations.insert(annotation::SURGE.to_owned(), label::TRUE.to_owned());
    }
    annotations.extend(
        secrets
            .known
            .map(|hash| (annotation::SECRETS_HASH.to_owned(), hash)),
    );
    let labels = stateful_set.metadata.labels.get_or_insert_default();
    store_api::withdraw(labels);
    if is_group {
        labels.insert(label::ENDPOINT_GROUP.to_owned(), label::TRUE.to_owned());
    }
    objects.sets.push(stateful_set);

    let metadata = store_api::withdrawn(workload::metadata(
        &seen.store.metadata,
        &identity,
        &spec.common,
        &name,
    ));
    let budget = spec.common.pod_disruption_budget_config.as_ref();
    let budget = pdb::budget(&identity, metadata, spec.replicas, budget);
    objects.budgets.extend(budget);
    objects
        .services
        .push(service(seen, cr, &identity, is_group, true)?);
    Ok(())
}

/// Service of a shard of the old generation, which queriers use until it is withdrawn.
pub(super) fn old_service(seen: &PlanInputs, cr: &str, name: &str) -> Result<Service, FieldError> {
    let old = seen.sets.get(name);
    let is_named = |index: i32, shards| {
        name == names::shard(cr, index) || name == names::counted_shard(cr, index, shards)
    };
    let index = old.and_then(|old| (0..old.shards).find(|i| is_named(*i, old.shards)));
    let several = old.is_some_and(|old| old.shards > 1);
    let identity = identity(cr, name, index.filter(|_| several));
    let step = seen.reshard.as_ref().map(|r| r.step);
    let offered = step < Some(ReshardingStep::Withdrawing);
    service(
        seen,
        cr,
        &identity,
        old.is_some_and(|old| old.group),
        offered,
    )
}

/// Service of a shard: its governing Service, which queriers discover and Prometheuses scrape.
fn service(
    seen: &PlanInputs,
    cr: &str,
    identity: &Identity,
    group: bool,
    offered: bool,
) -> Result<Service, FieldError> {
    let spec = &seen.store.spec;
    let mut metadata = workload::scraped(workload::metadata(
        &seen.store.metadata,
        identity,
        &spec.common,
        &identity.name,
    ));
    let labels = metadata.labels.get_or_insert_default();
    // One job for all shards.
    let job = thanos_workload::names::label_value(&names::store(cr));
    labels.insert(label::INSTANCE.to_owned(), job);
    match offered {
        true => store_api::offer(labels, group),
        false => store_api::withdraw(labels),
    }
    let ports = service::with_additional(
        vec![
            service::port(ports::GRPC, ports::GRPC_NUMBER),
            service::port(ports::HTTP, ports::HTTP_NUMBER_STORE),
        ],
        spec.additional.additional_service_ports.as_deref(),
        "spec.additionalServicePorts",
    )?;
    Ok(service::headless(identity, metadata, ports))
}

fn pod<'a>(
    seen: &'a PlanInputs,
    identity: &'a Identity,
    cr: &str,
    shard: i32,
    annotations: Map,
) -> Result<Pod<'a>, FieldError> {
    let spec = &seen.store.spec;
    let key = &spec.object_storage_config;
    cache::named(key, "spec.objectStorageConfig")?;
    let caches = Caches::of(spec)?;
    let args = args::args(spec, &caches, shard, seen.generation.shards)?;
    let mut volumes = vec![volumes::secret_key(
        names::OBJECT_STORAGE,
        key,
        OBJECT_STORAGE_FILE,
    )];
    let mut mounts = vec![
        VolumeMount {
            name: DATA_VOLUME.to_owned(),
            mount_path: DATA_FOLDER.to_owned(),
            ..Default::default()
        },
        volumes::mount(names::OBJECT_STORAGE, OBJECT_STORAGE_FOLDER),
    ];
    for cache in [caches.index, caches.bucket] {
        volumes.extend(cache.volumes);
        mounts.extend(cache.mounts);
    }
    Ok(Pod {
        field: "spec",
        identity,
        common: &spec.common,
        additional: &spec.additional,
        service_account: names::store(cr),
        container: PROGRAM,
        image: thanos_workload::image::of(&spec.common, &seen.settings.thanos_image),
        args,
        env: Vec::new(),
        ports: vec![
            pod::port(ports::GRPC, ports::GRPC_NUMBER),
            pod::port(ports::HTTP, ports::HTTP_NUMBER_STORE),
        ],
        resources: spec.common.resource_requirements.clone(),
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
            .unwrap_or(150),
    })
}
