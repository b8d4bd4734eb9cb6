//! Arguments of routers and ingesters. Pure, no IO.

use std::collections::BTreeMap;

use thanos_api::v1alpha1::{
    GrpcCompression, HashringSpec, ReplicationProtocol, RouterTenancyConfig, ThanosReceiveSpec,
};
use thanos_workload::checks::{duration, positive};
use thanos_workload::flags::{Flags, Rules};
use thanos_workload::{FieldError, pod, ports};

use super::tenancy::tenancy;
use crate::desired::hashrings;
use crate::names;
use crate::tenants::path;

/// Mount path of the hashrings and limits.
pub(super) const HASHRINGS_FOLDER: &str = "/etc/thanos/hashrings";
/// Mount path of the PVC.
pub(super) const DATA_FOLDER: &str = "/var/thanos/receive";
/// Mount path of the object storage configuration.
pub(super) const OBJECT_STORAGE_FOLDER: &str = "/etc/thanos/object-storage";
/// File with the object storage configuration.
pub(super) const OBJECT_STORAGE_FILE: &str = "config.yaml";

/// Environment variable with the name of the pod.
pub(super) const POD_NAME: &str = "POD_NAME";

/// Default of defaultTenantID.
const DEFAULT_TENANT: &str = "default-tenant";

/// Repeatable flags.
const REPEATABLE: &[&str] = &[
    "enable-feature",
    "grpc-server-tls-ciphers",
    "grpc-server-tls-curves",
    "label",
    "receive.otlp-promote-resource-attributes",
    "remote-write.server-tls-ciphers",
    "remote-write.server-tls-curves",
];

const ADDRESS: &str = "Services and probes use it; remove the argument";
const RINGS: &str = "it is derived from the hashrings of the spec; remove the argument";

/// Flags that Services, probes and hashrings depend on.
const RESERVED_OF_ROUTERS: [(&str, &str); 13] = [
    ("grpc-address", ADDRESS),
    ("http-address", ADDRESS),
    ("remote-write.address", ADDRESS),
    ("receive.capnproto-address", ADDRESS),
    ("receive.hashrings", RINGS),
    ("receive.hashrings-algorithm", RINGS),
    ("receive.hashrings-file", RINGS),
    ("receive.hashrings-file-refresh-interval", RINGS),
    ("receive.limits-config", "set spec.routerSpec.limits"),
    ("receive.limits-config-file", "set spec.routerSpec.limits"),
    (
        "receive.local-endpoint",
        "routers store no samples; remove the argument",
    ),
    (
        "receive.replication-factor",
        "set spec.routerSpec.replicationFactor",
    ),
    (
        "receive.replication-protocol",
        "set spec.routerSpec.replicationProtocol",
    ),
];

const OBJECT_STORAGE: &str =
    "store the configuration in a Secret, and set spec.ingesterSpec.defaultObjectStorageConfig";

const RESERVED_OF_INGESTERS: [(&str, &str); 11] = [
    ("grpc-address", ADDRESS),
    ("http-address", ADDRESS),
    ("remote-write.address", ADDRESS),
    ("receive.capnproto-address", ADDRESS),
    (
        "receive.hashrings",
        "only routers read hashrings; remove the argument",
    ),
    (
        "receive.hashrings-file",
        "only routers read hashrings; remove the argument",
    ),
    (
        "receive.local-endpoint",
        "only routers forward samples; remove the argument",
    ),
    (
        "receive.replication-factor",
        "only routers replicate samples; remove the argument",
    ),
    ("objstore.config", OBJECT_STORAGE),
    ("objstore.config-file", OBJECT_STORAGE),
    (
        "tsdb.path",
        "it is the mount path of the volume; remove the argument",
    ),
];

/// Arguments of routers with this replication factor.
pub(super) fn of_router(
    spec: &ThanosReceiveSpec,
    factor: usize,
) -> Result<Vec<String>, FieldError> {
    let router = &spec.router_spec;
    let limited = pod::has_memory_limit(router.common.resource_requirements.as_ref());
    let labels = match &router.external_labels {
        Some(labels) if !labels.is_empty() => labels.clone(),
        _ => BTreeMap::from([("receive".to_owned(), "true".to_owned())]),
    };
    let rings = hashrings(spec);
    let workers = rings
        .iter()
        .filter_map(|r| r.async_forward_worker_count)
        .max();
    let flags = Flags::new("receive")
        .logging(&router.common)
        .set("http-address", format!(":{}", ports::HTTP_NUMBER_STORE))
        .set("grpc-address", format!(":{}", ports::GRPC_NUMBER))
        .set(
            "remote-write.address",
            format!(":{}", ports::REMOTE_WRITE_NUMBER),
        )
        // Routers receive no samples by this protocol, which has no encryption.
        .set("receive.capnproto-address", local(ports::CAPNPROTO_NUMBER))
        .set("receive.replication-factor", factor)
        .set(
            "receive.hashrings-file",
            format!("{HASHRINGS_FOLDER}/{}", names::HASHRINGS_FILE),
        )
        // Thanos' file watch sees only the first change of a mounted file.
        .set("receive.hashrings-file-refresh-interval", "5s")
        .set("receive.hashrings-algorithm", "ketama")
        .each("label", quoted(&labels))
        .maybe(
            "receive.replication-protocol",
            is_capnproto(spec).then_some("capnproto"),
        )
        .set(
            "receive.forward.async-workers",
            router.async_forward_worker_count.or(workers).unwrap_or(5),
        )
        .set(
            "receive.grpc-compression",
            compression(spec, &rings).as_str(),
        )
        .switch("enable-auto-gomemlimit", limited);
    let flags = tenants(flags, &tenancy(spec)?, spec)?;
    let flags = flags.maybe(
        "receive.limits-config-file",
        router
            .limits
            .as_ref()
            .map(|_| format!("{HASHRINGS_FOLDER}/{}", names::LIMITS_FILE)),
    );
    flags.merge(
        router.additional.additional_args.as_deref(),
        &Rules {
            repeatable: REPEATABLE,
            reserved: &RESERVED_OF_ROUTERS,
        },
        "spec.routerSpec.additionalArgs",
    )
}

fn compression(spec: &ThanosReceiveSpec, rings: &[HashringSpec]) -> GrpcCompression {
    let none = rings
        .iter()
        .any(|r| r.grpc_compression == Some(GrpcCompression::None));
    let of_rings = match none {
        true => GrpcCompression::None,
        false => GrpcCompression::Snappy,
    };
    spec.router_spec.grpc_compression.unwrap_or(of_rings)
}

fn tenants(
    flags: Flags,
    tenancy: &RouterTenancyConfig,
    spec: &ThanosReceiveSpec,
) -> Result<Flags, FieldError> {
    let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
    if tenancy.tenant_certificate_field.is_some() {
        let args = spec.router_spec.additional.additional_args.as_deref();
        let is_set = |arg: &String| arg.starts_with("--remote-write.server-tls-client-ca=");
        if !args.unwrap_or_default().iter().any(is_set) {
            return Err(FieldError::new(
                "spec.routerSpec.tenancyConfig.tenantCertificateField",
                "requires client certificates, without which every request fails; add \
                 --remote-write.server-tls-client-ca and the other TLS flags to \
                 spec.routerSpec.additionalArgs, or remove it",
            ));
        }
    }
    Ok(flags
        .maybe("receive.tenant-header", given(&tenancy.tenant_header))
        .set(
            "receive.default-tenant-id",
            given(&tenancy.default_tenant_id).unwrap_or_else(|| DEFAULT_TENANT.to_owned()),
        )
        .maybe(
            "receive.split-tenant-label-name",
            given(&tenancy.split_tenant_label_name),
        )
        .maybe(
            "receive.tenant-certificate-field",
            tenancy.tenant_certificate_field.map(|f| f.as_str()),
        ))
}

/// Arguments of the ingesters of a hashring.
pub(super) fn of_ingester(
    spec: &ThanosReceiveSpec,
    ring: &HashringSpec,
    index: usize,
    uploads: bool,
) -> Result<Vec<String>, FieldError> {
    let at = |field: &str| format!("{}.{field}", path(index));
    let limited = pod::has_memory_limit(ring.common.resource_requirements.as_ref());
    let tsdb = ring.tsdb_config.clone().unwrap_or_default();
    let retention = tsdb
        .retention
        .as_deref()
        .unwrap_or(if uploads { "24h" } else { "15d" });
    positive(retention, &at("tsdbConfig.retention"))?;
    let future = ring
        .too_far_in_future_time_window
        .as_deref()
        .unwrap_or("5m");
    let future = duration(future, &at("tooFarInFutureTimeWindow"))?;
    let out_of_order = tsdb.out_of_order_time_window.as_deref();
    let out_of_order = out_of_order
        .map(|window| duration(window, &at("tsdbConfig.outOfOrderTimeWindow")))
        .transpose()?;
    let limits = ring.store_limits_options.clone().unwrap_or_default();
    let tenancy = ring.tenancy_config.as_ref();
    let tenant_label = tenancy.and_then(|t| t.tenant_label_name.clone());
    let router = tenancy_of_routers(spec);
    let capnproto = match is_capnproto(spec) {
        true => format!(":{}", ports::CAPNPROTO_NUMBER),
        false => local(ports::CAPNPROTO_NUMBER),
    };
    let flags = Flags::new("receive")
        .logging(&ring.common)
        .set("http-address", format!(":{}", ports::HTTP_NUMBER_STORE))
        .set("grpc-address", format!(":{}", ports::GRPC_NUMBER))
        .set(
            "remote-write.address",
            format!(":{}", ports::REMOTE_WRITE_NUMBER),
        )
        .set("receive.capnproto-address", capnproto)
        .set("tsdb.path", DATA_FOLDER)
        .set("tsdb.retention", retention)
        .each("label", quoted(&external_labels(ring, index)?))
        .set(
            "receive.tenant-label-name",
            tenant_label
                .filter(|l| !l.is_empty())
                .unwrap_or_else(|| "tenant_id".to_owned()),
        )
        .set("receive.default-tenant-id", router)
        .maybe(
            "objstore.config-file",
            uploads.then(|| format!("{OBJECT_STORAGE_FOLDER}/{OBJECT_STORAGE_FILE}")),
        )
        .set("tsdb.too-far-in-future.time-window", future)
        .maybe("tsdb.out-of-order.time-window", out_of_order)
        .maybe("tsdb.max-exemplars", tsdb.max_exemplars)
        .maybe(
            "store.limits.request-samples",
            limits.store_limits_request_samples,
        )
        .maybe(
            "store.limits.request-series",
            limits.store_limits_request_series,
        )
        .switch("enable-auto-gomemlimit", limited);
    flags.merge(
        spec.ingester_spec.additional.additional_args.as_deref(),
        &Rules {
            repeatable: REPEATABLE,
            reserved: &RESERVED_OF_INGESTERS,
        },
        "spec.ingesterSpec.additionalArgs",
    )
}

/// Default tenant of the routers. Errors are reported with the arguments of the routers.
fn tenancy_of_routers(spec: &ThanosReceiveSpec) -> String {
    let tenancy = tenancy(spec).unwrap_or_default();
    let given = tenancy.default_tenant_id.filter(|t| !t.is_empty());
    given.unwrap_or_else(|| DEFAULT_TENANT.to_owned())
}

/// External labels of a hashring, which distinguish its pods.
fn external_labels(
    ring: &HashringSpec,
    index: usize,
) -> Result<BTreeMap<String, String>, FieldError> {
    let pod_name = format!("$({POD_NAME})");
    let Some(labels) = ring.external_labels.as_ref().filter(|l| !l.is_empty()) else {
        return Ok(BTreeMap::from([("replica".to_owned(), pod_name)]));
    };
    if !labels.values().any(|value| value.contains(&pod_name)) {
        return Err(FieldError::new(
            format!("{}.externalLabels", path(index)),
            format!(
                "do not distinguish pods, so queriers and compactors would mix up their samples; \
                 add one such as replica: {pod_name}"
            ),
        ));
    }
    Ok(labels.clone())
}

/// External label that distinguishes the copies of a sample.
pub(super) fn replica_label(ring: &HashringSpec) -> Option<String> {
    let labels = external_labels(ring, 0).ok()?;
    let pod_name = format!("$({POD_NAME})");
    labels
        .into_iter()
        .find(|(_, value)| value.contains(&pod_name))
        .map(|(name, _)| name)
}

/// Labels in the syntax of the `--label` flag.
fn quoted(labels: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    let quote = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    labels
        .iter()
        .map(move |(name, value)| format!("{name}=\"{}\"", quote(value)))
}

fn is_capnproto(spec: &ThanosReceiveSpec) -> bool {
    spec.router_spec.replication_protocol == Some(ReplicationProtocol::Capnproto)
}

fn local(port: i32) -> String {
    format!("127.0.0.1:{port}")
}
