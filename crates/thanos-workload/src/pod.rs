//! Pod templates of Thanos that satisfy Pod Security "restricted".

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, Lifecycle, LifecycleHandler, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SleepAction, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use thanos_api::names::annotation;
use thanos_api::v1alpha1::{Additional, CommonFields};

use crate::FieldError;
use crate::labels::{Identity, Map};
use crate::service::protocol;
use crate::{scheduling, security, unique, volumes};

/// Inputs of a pod template with one Thanos container, before user-defined additions.
#[derive(Clone, Debug)]
pub struct Pod<'a> {
    /// Path of its section of the spec, such as `spec.queryFrontend`.
    pub field: &'a str,
    /// Identity of the workload.
    pub identity: &'a Identity,
    /// Fields of every component.
    pub common: &'a CommonFields,
    /// User-defined additions.
    pub additional: &'a Additional,
    /// Name of the ServiceAccount.
    pub service_account: String,
    /// Name of the Thanos container.
    pub container: &'static str,
    /// Image of the Thanos container.
    pub image: String,
    /// Arguments of the Thanos container.
    pub args: Vec<String>,
    /// Environment variables that the operator needs.
    pub env: Vec<EnvVar>,
    /// Ports of the Thanos container.
    pub ports: Vec<ContainerPort>,
    /// Resources of the Thanos container.
    pub resources: Option<ResourceRequirements>,
    /// Volumes that the operator needs.
    pub volumes: Vec<Volume>,
    /// Names of the volumes that the StatefulSet adds from PVC templates.
    pub pvc_volumes: &'static [&'static str],
    /// Volume mounts that the operator needs.
    pub mounts: Vec<VolumeMount>,
    /// Sidecars that the operator needs.
    pub sidecars: Vec<Container>,
    /// Annotations that the operator needs.
    pub annotations: Map,
    /// Startup probe, for programs with a long startup.
    pub startup: Option<Probe>,
    /// Readiness probe.
    pub readiness: Probe,
    /// Liveness probe.
    pub liveness: Probe,
    /// Seconds that the pod keeps serving after its removal from Services, since clients notice that
    /// late.
    pub drain_seconds: i64,
    /// Termination grace period in seconds, including `drain_seconds`.
    pub grace_seconds: i64,
}

/// Annotation of pods that restarts them, copied from the annotations of the custom resource.
#[must_use]
pub fn restarted(annotations: &Map) -> Map {
    let at = annotations.get(annotation::RESTART);
    at.map(|at| (annotation::RESTART.to_owned(), at.clone()))
        .into_iter()
        .collect()
}

impl Pod<'_> {
    /// The pod template.
    ///
    /// # Errors
    /// A user-defined addition that conflicts with the operator or with another addition.
    pub fn template(self) -> Result<PodTemplateSpec, FieldError> {
        let at = |name: &str| format!("{}.{name}", self.field);
        let more = self.additional;
        let (user_volumes, user_mounts) =
            volumes::user_files(more.config_maps.as_deref(), more.secrets.as_deref());

        // Their names are reserved and can be mounted, but only the StatefulSet adds the volumes.
        let pvc_volumes = self.pvc_volumes.iter().map(|name| Volume {
            name: (*name).to_owned(),
            ..Default::default()
        });
        let mut volumes: Vec<Volume> = pvc_volumes.chain(self.volumes).collect();
        volumes.extend(user_volumes);
        let field = at("additionalVolumes");
        let additional = more.additional_volumes.as_deref();
        unique::append(&mut volumes, additional, &field, "name", |v| v.name.clone())?;
        no_twice(&at("configMaps"), more.config_maps.as_deref())?;
        no_twice(&at("secrets"), more.secrets.as_deref())?;

        let mut mounts = self.mounts;
        mounts.extend(user_mounts);
        let field = at("additionalVolumeMounts");
        let additional = more.additional_volume_mounts.as_deref();
        unique::append(&mut mounts, additional, &field, "mountPath", |m| {
            m.mount_path.clone()
        })?;
        for (i, mount) in additional.unwrap_or_default().iter().enumerate() {
            if !volumes.iter().any(|v| v.name == mount.name) {
                return Err(FieldError::new(
                    format!("{field}[{i}].name"),
                    format!(
                        "volume `{}` does not exist; add it to additionalVolumes",
                        mount.name
                    ),
                ));
            }
        }

        let volumes = volumes.split_off(self.pvc_volumes.len());

        let mut env = self.env;
        let field = at("additionalEnv");
        let additional = more.additional_env.as_deref();
        unique::append(&mut env, additional, &field, "name", |e| e.name.clone())?;

        let main = Container {
            name: self.container.to_owned(),
            image: Some(self.image),
            image_pull_policy: Some(
                self.common
                    .image_pull_policy
                    .map_or("IfNotPresent", |policy| policy.as_str())
                    .to_owned(),
            ),
            args: Some(self.args),
            ports: Some(container_ports(
                self.ports,
                more.additional_ports.as_deref(),
                &at("additionalPorts"),
            )?),
            env: (!env.is_empty()).then_some(env),
            resources: self.resources,
            volume_mounts: (!mounts.is_empty()).then_some(mounts),
            startup_probe: self.startup,
            readiness_probe: Some(self.readiness),
            liveness_probe: Some(self.liveness),
            lifecycle: Some(Lifecycle {
                pre_stop: Some(LifecycleHandler {
                    sleep: Some(SleepAction {
                        seconds: self.drain_seconds,
                    }),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            security_context: Some(security::of_container()),
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            ..Default::default()
        };
        let mut containers = vec![main];
        containers.extend(self.sidecars);
        let field = at("additionalContainers");
        let additional = more.additional_containers.as_deref();
        unique::append(&mut containers, additional, &field, "name", |c| {
            c.name.clone()
        })?;
        for (i, container) in additional.unwrap_or_default().iter().enumerate() {
            no_duplicates_within(container, &format!("{field}[{i}]"))?;
        }

        let common = self.common;
        no_duplicate_placement(common, self.field)?;
        let mut annotations = common.annotations.clone().unwrap_or_default();
        annotations.extend(self.annotations);
        Ok(PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(self.identity.labels(common.labels.as_ref())),
                annotations: (!annotations.is_empty()).then_some(annotations),
                ..Default::default()
            }),
            spec: Some(PodSpec {
                service_account_name: Some(self.service_account),
                automount_service_account_token: Some(
                    common
                        .service_account
                        .as_ref()
                        .and_then(|a| a.automount_token)
                        == Some(true),
                ),
                security_context: Some(security::of_pod(common)),
                containers,
                volumes: (!volumes.is_empty()).then_some(volumes),
                image_pull_secrets: common.image_pull_secrets.clone(),
                node_selector: common.node_selector.clone(),
                affinity: Some(match &common.affinity {
                    Some(affinity) => affinity.clone(),
                    None => scheduling::different_nodes(self.identity),
                }),
                tolerations: common.tolerations.clone(),
                topology_spread_constraints: common.topology_spread_constraints.as_ref().map(
                    |all| {
                        all.iter()
                            .map(|c| scheduling::over_own_pods(c, self.identity))
                            .collect()
                    },
                ),
                termination_grace_period_seconds: Some(self.grace_seconds),
                ..Default::default()
            }),
        })
    }
}

/// A TCP port of a container.
#[must_use]
pub fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..Default::default()
    }
}

/// Whether there is a memory limit, which is passed on to Go's garbage collector.
#[must_use]
pub fn has_memory_limit(resources: Option<&ResourceRequirements>) -> bool {
    resources
        .and_then(|r| r.limits.as_ref())
        .is_some_and(|limits| limits.contains_key("memory"))
}

fn container_ports(
    ports: Vec<ContainerPort>,
    additional: Option<&[ContainerPort]>,
    field: &str,
) -> Result<Vec<ContainerPort>, FieldError> {
    // Name and number must each be unique; unnamed ports cannot conflict by name.
    let named: Vec<ContainerPort> = additional
        .unwrap_or_default()
        .iter()
        .cloned()
        .enumerate()
        .map(|(i, port)| ContainerPort {
            name: Some(
                port.name
                    .filter(|n| !n.is_empty())
                    .unwrap_or(format!("unnamed {i}")),
            ),
            ..port
        })
        .collect();
    unique::append(&mut ports.clone(), Some(&named), field, "name", |port| {
        port.name.clone().unwrap_or_default()
    })?;
    let additional: Vec<ContainerPort> = additional
        .unwrap_or_default()
        .iter()
        .map(|port| ContainerPort {
            protocol: Some(protocol(port.protocol.as_deref()).to_owned()),
            ..port.clone()
        })
        .collect();
    let mut all = ports;
    unique::append(
        &mut all,
        Some(&additional),
        field,
        "containerPort",
        port_key,
    )?;
    Ok(all)
}

fn port_key(port: &ContainerPort) -> String {
    let protocol = protocol(port.protocol.as_deref());
    format!("{}/{protocol}", port.container_port)
}

fn no_twice(field: &str, names: Option<&[String]>) -> Result<(), FieldError> {
    unique::append(&mut Vec::new(), names, field, "", Clone::clone).map_err(|error| FieldError {
        field: error.field.trim_end_matches('.').to_owned(),
        ..error
    })
}

/// Lists that are keyed maps in a pod and plain lists in the custom resource.
fn no_duplicate_placement(common: &CommonFields, field: &str) -> Result<(), FieldError> {
    let at = format!("{field}.imagePullSecrets");
    let secrets = common.image_pull_secrets.as_deref();
    unique::append(&mut Vec::new(), secrets, &at, "name", |s| s.name.clone())?;
    let at = format!("{field}.topologySpreadConstraints");
    let constraints = common.topology_spread_constraints.as_deref();
    unique::append(&mut Vec::new(), constraints, &at, "topologyKey", |c| {
        format!("{} {}", c.topology_key, c.when_unsatisfiable)
    })
}

/// The API server validates stored resources, but `render` reads files.
fn no_duplicates_within(container: &Container, field: &str) -> Result<(), FieldError> {
    let at = |name: &str| format!("{field}.{name}");
    unique::append(
        &mut Vec::new(),
        container.env.as_deref(),
        &at("env"),
        "name",
        |e| e.name.clone(),
    )?;
    let ports = container.ports.as_deref();
    unique::append(
        &mut Vec::new(),
        ports,
        &at("ports"),
        "containerPort",
        port_key,
    )?;
    let mounts = container.volume_mounts.as_deref();
    unique::append(
        &mut Vec::new(),
        mounts,
        &at("volumeMounts"),
        "mountPath",
        |m| m.mount_path.clone(),
    )
}
