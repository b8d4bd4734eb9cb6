//! The StatefulSet of a ThanosRuler and its Service. Pure.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    ConfigMapProjection, EnvVar, EnvVarSource, ObjectFieldSelector, ProjectedVolumeSource, Service,
    Volume, VolumeMount, VolumeProjection,
};
use kube::ResourceExt;
use thanos_api::names::annotation;
use thanos_api::v1alpha1::{Additional, ClaimRetention};
use thanos_controller_common::rotation::digests;
use thanos_workload::digest::json_digest;
use thanos_workload::labels::{Identity, Map};
use thanos_workload::pod::{self, Pod};
use thanos_workload::stateful::{DATA_VOLUME, Scale, StatefulSetInputs};
use thanos_workload::{
    FieldError, cache, ports, probes, reloader, service, store_api, volumes, workload,
};

use super::args::{self, DATA_FOLDER, ExternalLabels, OBJECT_STORAGE_FILE, OBJECT_STORAGE_FOLDER};
use super::files::{
    self, ALERTMANAGER_CA_FOLDER, ALERTMANAGERS_FOLDER, CA_FILE, CONFIG_FOLDER, QUERIERS_FOLDER,
};
use crate::addresses::Transport;
use crate::names::{self, PROGRAM, RULES_FOLDER};
use crate::plan_inputs::PlanInputs;
use crate::rules::pack;
use crate::secrets;

/// Minutes for a ruler to replay its write-ahead log.
const STARTUP_MINUTES: i32 = 30;

/// Seconds until queriers use a new pod: they resolve names every 10 s. The next pod is replaced after
/// that.
const KNOWN_AFTER: i32 = 15;

/// Seconds for which a terminating pod still serves: queriers resolve names every 10 s, and check their
/// endpoints after that, every 5 s.
const DRAIN_SECONDS: i64 = 20;

pub(super) fn stateful_set(
    seen: &PlanInputs,
    identity: &Identity,
) -> Result<StatefulSet, FieldError> {
    let spec = &seen.ruler.spec;
    let set = seen.set.as_ref().map(|set| &set.set);
    let secrets = digests(set, seen.secrets.as_deref());
    let mut annotations = pod::restarted(seen.ruler.annotations());
    annotations.extend(
        secrets
            .rolled
            .map(|hash| (annotation::SECRETS_HASH.to_owned(), hash)),
    );
    annotations.insert(
        annotation::CONFIG_HASH.to_owned(),
        json_digest(&files::config(seen)),
    );
    let desired = StatefulSetInputs {
        owner: &seen.ruler.metadata,
        identity,
        common: &spec.common,
        fields: &spec.stateful,
        storage: spec.storage.as_ref(),
        retention: ClaimRetention::Retain,
        min_ready_seconds: if spec.replicas > 1 { KNOWN_AFTER } else { 0 },
        scale: Scale {
            replicas: spec.replicas,
            partition: 0,
        },
        fixed: set.map(|s| &s.fixed),
        template: pod(seen, identity, annotations)?.template()?,
    };
    let mut set = desired.stateful_set()?;
    store_api::withdraw(set.metadata.labels.get_or_insert_default());
    let annotations = set.metadata.annotations.get_or_insert_default();
    annotations.extend(
        secrets
            .known
            .map(|hash| (annotation::SECRETS_HASH.to_owned(), hash)),
    );
    let blocks = [
        (annotation::QUERIER_BLOCKS, seen.querier_blocks()),
        (annotation::ALERTMANAGER_BLOCKS, seen.alertmanager_blocks()),
    ];
    for (name, transports) in blocks {
        let transports: Vec<String> = transports.iter().map(Transport::to_string).collect();
        annotations.insert(name.to_owned(), transports.join(" "));
    }
    if secrets::is_stateless(spec) && !seen.tenants.is_empty() {
        // Tenants are label values and contain no spaces.
        let tenants: Vec<&str> = seen.tenants.iter().map(String::as_str).collect();
        annotations.insert(annotation::TENANTS.to_owned(), tenants.join(" "));
    }
    Ok(set)
}

/// The Service of the pods: the governing Service, which queriers discover and Prometheus scrapes.
pub(super) fn service(seen: &PlanInputs, identity: &Identity) -> Result<Service, FieldError> {
    let spec = &seen.ruler.spec;
    let mut metadata = workload::scraped(workload::metadata(
        &seen.ruler.metadata,
        identity,
        &spec.common,
        &identity.name,
    ));
    let labels = metadata.labels.get_or_insert_default();
    // Stateless rulers also serve the rules API.
    store_api::offer(labels, false);
    store_api::announce_replica_label(labels, &ExternalLabels::of(spec, "").replica);
    let ports = service::with_additional(
        vec![
            service::port(ports::GRPC, ports::GRPC_NUMBER),
            service::port(ports::HTTP, ports::HTTP_NUMBER),
        ],
        spec.additional.additional_service_ports.as_deref(),
        "spec.additionalServicePorts",
    )?;
    Ok(service::headless(identity, metadata, ports))
}

fn pod<'a>(
    seen: &'a PlanInputs,
    identity: &'a Identity,
    annotations: Map,
) -> Result<Pod<'a>, FieldError> {
    let spec = &seen.ruler.spec;
    check_ports(&spec.additional)?;
    let cr = seen.ruler.name_any();
    let origin = format!("{}/{cr}", seen.ruler.namespace().unwrap_or_default());
    let rules = volumes::mount(names::RULES, RULES_FOLDER);
    let mut mounted = vec![rule_files(&cr)];
    let mut mounts = vec![
        VolumeMount {
            name: DATA_VOLUME.to_owned(),
            mount_path: DATA_FOLDER.to_owned(),
            ..Default::default()
        },
        rules.clone(),
    ];
    let files = [
        (names::CONFIG, names::config(&cr), CONFIG_FOLDER),
        (names::QUERIERS, names::queriers(&cr), QUERIERS_FOLDER),
        (
            names::ALERTMANAGERS,
            names::alertmanagers(&cr),
            ALERTMANAGERS_FOLDER,
        ),
    ];
    for (volume, config_map, folder) in files {
        mounted.push(volumes::config_map(volume, &config_map));
        mounts.push(volumes::mount(volume, folder));
    }
    for (field, key) in secrets::keys(spec) {
        cache::named(key, field)?;
        let (volume, folder, file) = match field {
            secrets::CA => (names::ALERTMANAGER_CA, ALERTMANAGER_CA_FOLDER, CA_FILE),
            _ => (
                names::OBJECT_STORAGE,
                OBJECT_STORAGE_FOLDER,
                OBJECT_STORAGE_FILE,
            ),
        };
        mounted.push(volumes::secret_key(volume, key, file));
        mounts.push(volumes::mount(volume, folder));
    }
    Ok(Pod {
        field: "spec",
        identity,
        common: &spec.common,
        additional: &spec.additional,
        service_account: identity.name.clone(),
        container: PROGRAM,
        image: thanos_workload::image::of(&spec.common, &seen.settings.common.thanos_image),
        args: args::args(spec, &origin)?,
        env: args::POD_NAME.map(pod_name).into(),
        ports: vec![
            pod::port(ports::GRPC, ports::GRPC_NUMBER),
            pod::port(ports::HTTP, ports::HTTP_NUMBER),
        ],
        resources: spec.common.resource_requirements.clone(),
        volumes: mounted,
        pvc_volumes: &[DATA_VOLUME],
        mounts,
        sidecars: vec![reloader::container(
            &seen.settings.config_reloader_image,
            RULES_FOLDER,
            &route_prefix(spec.additional.additional_args.as_deref()),
            rules,
        )],
        annotations,
        startup: Some(probes::startup(STARTUP_MINUTES)),
        readiness: probes::readiness(),
        liveness: probes::liveness(),
        drain_seconds: DRAIN_SECONDS,
        grace_seconds: spec
            .stateful
            .termination_grace_period_seconds
            .unwrap_or(180),
    })
}

/// Checks that no port of the user is that of the config reloader: all containers of a pod share its ports.
fn check_ports(additional: &Additional) -> Result<(), FieldError> {
    let ports = additional.additional_ports.iter().flatten().enumerate();
    let own = ports.map(|(i, port)| (format!("spec.additionalPorts[{i}]"), port));
    let containers = additional.additional_containers.iter().flatten();
    let others = containers.enumerate().flat_map(|(i, container)| {
        let ports = container.ports.iter().flatten().enumerate();
        ports.map(move |(j, port)| (format!("spec.additionalContainers[{i}].ports[{j}]"), port))
    });
    let mut taken = own.chain(others);
    match taken.find(|(_, port)| port.container_port == reloader::PORT_NUMBER) {
        Some((field, _)) => Err(FieldError::new(
            format!("{field}.containerPort"),
            format!(
                "port {} is used by the container {} of the same pod; choose another",
                reloader::PORT_NUMBER,
                reloader::CONTAINER
            ),
        )),
        None => Ok(()),
    }
}

/// All ConfigMaps with rule files as one directory. They are optional, so a pod starts without them, and a
/// new one restarts no pod.
fn rule_files(cr: &str) -> Volume {
    let source = |name: String| VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name,
            optional: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    let rules = (0..pack::RULES).map(|slot| names::rules(cr, slot));
    let files = (0..pack::FILES).map(|slot| names::files(cr, slot));
    Volume {
        name: names::RULES.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(rules.chain(files).map(source).collect()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn pod_name(variable: &str) -> EnvVar {
    EnvVar {
        name: variable.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: "metadata.name".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The path prefix of the API of rulers, from the arguments of the user.
fn route_prefix(args: Option<&[String]>) -> String {
    let mut all = args.into_iter().flatten().rev();
    let prefix = all.find_map(|arg| arg.strip_prefix("--web.route-prefix="));
    match prefix.unwrap_or_default().trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    }
}
