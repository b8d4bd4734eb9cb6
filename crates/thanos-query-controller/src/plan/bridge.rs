//! Plans bridges: a Thanos sidecar in a separate pod for each Prometheus replica without one. No
//! IO.
//!
//! Each bridge has a Service with one virtual address, so it is always one endpoint to the
//! queriers: during a rollout both pods run, but connections use one of them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube_facts::Key;
use promop_compat::resolve::BridgeTarget;
use thanos_api::names::{annotation, label};
use thanos_api::v1alpha1::{Additional, BridgeSpec, CommonFields};
use thanos_workload::flags::{Flags, Rules};
use thanos_workload::labels::Identity;
use thanos_workload::pod::{self, Pod};
use thanos_workload::{
    FieldError, monitor, names as names_of, policy, ports, probes, service, volumes, workload,
};

use super::objects::{Objects, gate_open, guarded, image, monitored};
use crate::bridges::target;
use crate::names::{
    self, BRIDGE, bridge_identity, bridge_labels, bridges_identity, querier_identity,
};
use crate::plan_inputs::PlanInputs;

/// Volume, folder and file of the client configuration for HTTPS Prometheuses.
const CLIENT_VOLUME: &str = "http-client";
const CLIENT_FOLDER: &str = "/etc/thanos/http-client";
const CLIENT_FILE: &str = "config.yaml";

/// Flags that bridges depend on.
const RESERVED: &[(&str, &str)] = &[
    (
        "grpc-address",
        "the Service targets this port; remove the argument",
    ),
    (
        "http-address",
        "the probes use this port; remove the argument",
    ),
    (
        "prometheus.url",
        "it is set to the address of the bridged Prometheus; remove the argument",
    ),
];

pub(super) fn objects(seen: &PlanInputs) -> Result<Objects, FieldError> {
    let mut objects = Objects::default();
    if !gate_open(seen) {
        return Ok(objects);
    }
    // By pod, so that a pod that is selected several times has one bridge.
    let targets: BTreeMap<&Key, &BridgeTarget> = seen.endpoints.iter().filter_map(target).collect();
    if targets.is_empty() {
        return Ok(objects);
    }
    let common = common(seen);
    let cr = seen.query.name_any();
    for (pod, target) in targets {
        let identity = bridge_identity(&cr, pod);
        add(seen, &common, &identity, pod, target, &mut objects)?;
    }
    shared(seen, &common, &cr, &mut objects);
    Ok(objects)
}

/// Common fields of bridges: those of queriers, except for resources and affinity.
fn common(seen: &PlanInputs) -> CommonFields {
    let spec = &seen.query.spec;
    CommonFields {
        resource_requirements: bridge_spec(seen).and_then(|b| b.resource_requirements.clone()),
        affinity: None,
        topology_spread_constraints: None,
        pod_disruption_budget_config: None,
        ..spec.common.clone()
    }
}

fn bridge_spec(seen: &PlanInputs) -> Option<&BridgeSpec> {
    seen.query.spec.bridge.as_ref()
}

fn add(
    seen: &PlanInputs,
    common: &CommonFields,
    identity: &Identity,
    prometheus: &Key,
    target: &BridgeTarget,
    objects: &mut Objects,
) -> Result<(), FieldError> {
    let mut metadata = workload::metadata(&seen.query.metadata, identity, common, &identity.name);
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(annotation::BRIDGE_FOR.to_owned(), prometheus.to_string());

    let additional = Additional::default();
    let mut pod = Pod {
        field: "spec",
        identity,
        common,
        additional: &additional,
        service_account: names::bridges(&identity.owner),
        container: BRIDGE,
        image: image(common, &seen.settings),
        args: args(seen, common, target)?,
        env: Vec::new(),
        ports: vec![
            pod::port(ports::GRPC, ports::GRPC_NUMBER),
            pod::port(ports::HTTP, ports::HTTP_NUMBER_STORE),
        ],
        resources: common.resource_requirements.clone(),
        volumes: Vec::new(),
        pvc_volumes: &[],
        mounts: Vec::new(),
        annotations: pod::restarted(seen.query.annotations()),
        startup: None,
        readiness: probes::readiness(),
        liveness: probes::liveness(),
        // A bridge is deleted when a sidecar takes over. Queriers read the new endpoint file within
        // seconds; until then the bridge answers.
        sidecars: Vec::new(),
        drain_seconds: 30,
        grace_seconds: 90,
    };
    if target.tls {
        pod.volumes
            .push(volumes::config_map(CLIENT_VOLUME, &identity.name));
        pod.mounts
            .push(volumes::mount(CLIENT_VOLUME, CLIENT_FOLDER));
        objects.config_maps.push(client_config(metadata.clone()));
    }
    let mut deployment =
        workload::deployment(&seen.query.metadata, identity, common, 1, pod.template()?);
    deployment
        .metadata
        .annotations
        .clone_from(&metadata.annotations);
    objects.deployments.push(deployment);

    // One job for all bridges of a ThanosQuery.
    let mut service = workload::scraped(metadata);
    let labels = service.labels.get_or_insert_default();
    labels.insert(
        label::INSTANCE.to_owned(),
        names_of::label_value(&names::bridges(&identity.owner)),
    );
    let ports = vec![
        service::port(ports::GRPC, ports::GRPC_NUMBER),
        service::port(ports::HTTP, ports::HTTP_NUMBER_STORE),
    ];
    objects
        .services
        .push(service::cluster_ip(identity, service, ports));
    Ok(())
}

/// HTTP client configuration for an HTTPS Prometheus. Its certificate is usually not issued for the
/// pod name and often signed by an unknown CA; the traffic stays inside the cluster.
fn client_config(
    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
) -> ConfigMap {
    ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(
            CLIENT_FILE.to_owned(),
            "tls_config:\n  insecure_skip_verify: true\n".to_owned(),
        )])),
        ..Default::default()
    }
}

fn args(
    seen: &PlanInputs,
    common: &CommonFields,
    target: &BridgeTarget,
) -> Result<Vec<String>, FieldError> {
    let client = target.tls.then(|| format!("{CLIENT_FOLDER}/{CLIENT_FILE}"));
    let limited = pod::has_memory_limit(common.resource_requirements.as_ref());
    Flags::new("sidecar")
        .logging(common)
        .set("http-address", format!(":{}", ports::HTTP_NUMBER_STORE))
        .set("grpc-address", format!(":{}", ports::GRPC_NUMBER))
        .set("prometheus.url", &target.url)
        // External labels are part of the configuration and may change when Prometheus restarts.
        .set("prometheus.get_config_interval", "5s")
        .maybe("prometheus.http-client-file", client)
        .switch("enable-auto-gomemlimit", limited)
        .merge(
            bridge_spec(seen).and_then(|b| b.additional_args.as_deref()),
            &Rules {
                repeatable: &[
                    "enable-feature",
                    "grpc-server-tls-ciphers",
                    "grpc-server-tls-curves",
                    "reloader.rule-dir",
                ],
                reserved: RESERVED,
            },
            "spec.bridge.additionalArgs",
        )
}

/// Objects shared by all bridges of a ThanosQuery.
fn shared(seen: &PlanInputs, common: &CommonFields, cr: &str, objects: &mut Objects) {
    let all = bridges_identity(cr);
    let metadata = workload::metadata(&seen.query.metadata, &all, common, &all.name);
    objects
        .accounts
        .push(workload::service_account(metadata.clone(), common));
    let select = bridge_labels(cr);
    if guarded(seen) {
        objects.policies.push(policy::admit_queriers(
            metadata.clone(),
            select.clone(),
            querier_identity(cr).selector_labels(),
        ));
    }
    if monitored(seen) {
        objects.monitors.push(service_monitor(seen, common));
    }
}

/// ServiceMonitor of the bridges; `None` without bridges.
pub(super) fn monitor(seen: &PlanInputs) -> Option<monitor::ServiceMonitor> {
    let mut endpoints = seen.endpoints.iter();
    let bridges = gate_open(seen) && endpoints.any(|e| target(e).is_some());
    bridges.then(|| service_monitor(seen, &common(seen)))
}

fn service_monitor(seen: &PlanInputs, common: &CommonFields) -> monitor::ServiceMonitor {
    let cr = seen.query.name_any();
    let all = bridges_identity(&cr);
    let config = seen.query.spec.integration.service_monitor.as_ref();
    let metadata = workload::metadata(&seen.query.metadata, &all, common, &all.name);
    monitor::service_monitor(metadata, bridge_labels(&cr), config)
}
