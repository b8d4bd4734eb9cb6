//! Plans the queriers. No IO.

use kube::ResourceExt;
use thanos_api::names::label;
use thanos_api::v1alpha1::ThanosQuerySpec;
use thanos_workload::checks::{self, positive, without_credentials};
use thanos_workload::flags::{Flags, Rules};
use thanos_workload::labels::Identity;
use thanos_workload::pod::{self, Pod};
use thanos_workload::{
    FieldError, monitor, pdb, policy, ports, probes, service, volumes, workload,
};

use super::objects::{Objects, guarded, image, monitored};
use super::{endpoints, replica_labels};
use crate::names::{self, QUERIER, querier_identity};
use crate::plan_inputs::PlanInputs;

/// Mount path of the endpoint file.
const ENDPOINTS_FOLDER: &str = "/etc/thanos/endpoints";
/// Volume of the endpoint file.
const ENDPOINTS_VOLUME: &str = "endpoints";

/// Repeatable flags of the querier.
const REPEATABLE: &[&str] = &[
    "endpoint",
    "endpoint-group",
    "endpoint-group-strict",
    "endpoint-strict",
    "enable-feature",
    "grpc-server-tls-ciphers",
    "grpc-server-tls-curves",
    "query.conn-metric.label",
    "query.partition-label",
    "query.replica-label",
    "query.telemetry.request-duration-seconds-quantiles",
    "query.telemetry.request-samples-quantiles",
    "query.telemetry.request-series-seconds-quantiles",
    "selector-label",
    "store.sd-files",
];

/// Flags that discovery and Services depend on.
const RESERVED: &[(&str, &str)] = &[
    (
        "endpoint.sd-config",
        "label StoreAPI Services operator.thanos.io/store-api=true and app.kubernetes.io/part-of=thanos, or add --endpoint",
    ),
    (
        "endpoint.sd-config-file",
        "label StoreAPI Services operator.thanos.io/store-api=true and app.kubernetes.io/part-of=thanos, or add --endpoint",
    ),
    (
        "grpc-address",
        "the Services target this port; remove the argument",
    ),
    (
        "http-address",
        "the Services and probes use this port; remove the argument",
    ),
];

pub(super) fn objects(seen: &PlanInputs) -> Result<Objects, FieldError> {
    let query = &seen.query;
    let spec = &query.spec;
    let cr = query.name_any();
    let identity = querier_identity(&cr);
    let replicas = checks::replicas(spec.replicas, "spec.replicas")?;
    let metadata = workload::metadata(&query.metadata, &identity, &spec.common, &identity.name);
    let template = pod(seen, &identity)?.template()?;
    let ports = service::with_additional(
        vec![
            service::port(ports::GRPC, ports::GRPC_NUMBER),
            service::port(ports::HTTP, ports::HTTP_NUMBER),
        ],
        spec.additional.additional_service_ports.as_deref(),
        "spec.additionalServicePorts",
    )?;
    // Rulers discover queriers by the Query API label and use every address behind it, so only the
    // headless Service has it.
    let mut client = workload::scraped(metadata.clone());
    client.name = Some(names::client_service(&cr));
    if let Some(labels) = &mut client.labels {
        labels.remove(label::QUERY_API);
    }
    let budget = spec.common.pod_disruption_budget_config.as_ref();
    Ok(Objects {
        accounts: vec![workload::service_account(metadata.clone(), &spec.common)],
        services: vec![
            service::headless(&identity, metadata.clone(), ports.clone()),
            service::cluster_ip(&identity, client, ports),
        ],
        config_maps: endpoints::config_map(seen, &cr, metadata.clone())
            .into_iter()
            .collect(),
        policies: guarded(seen)
            .then(|| policy::admit(identity.selector_labels(), metadata.clone(), &template))
            .into_iter()
            .collect(),
        budgets: pdb::budget(&identity, metadata.clone(), replicas, budget)
            .into_iter()
            .collect(),
        deployments: vec![workload::deployment(
            &query.metadata,
            &identity,
            &spec.common,
            replicas,
            template,
        )],
        monitors: monitored(seen).then(|| monitor(seen)).into_iter().collect(),
    })
}

/// ServiceMonitor of the queriers.
pub(super) fn monitor(seen: &PlanInputs) -> monitor::ServiceMonitor {
    let query = &seen.query;
    let spec = &query.spec;
    let identity = querier_identity(&query.name_any());
    let metadata = workload::metadata(&query.metadata, &identity, &spec.common, &identity.name);
    let mut select = identity.selector_labels();
    // The Service for clients is scraped and lacks this label.
    select.remove(label::QUERY_API);
    monitor::service_monitor(metadata, select, spec.integration.service_monitor.as_ref())
}

fn pod<'a>(seen: &'a PlanInputs, identity: &'a Identity) -> Result<Pod<'a>, FieldError> {
    let spec = &seen.query.spec;
    Ok(Pod {
        field: "spec",
        identity,
        common: &spec.common,
        additional: &spec.additional,
        service_account: identity.name.clone(),
        container: QUERIER,
        image: image(&spec.common, &seen.settings),
        args: args(seen)?,
        env: Vec::new(),
        ports: vec![
            pod::port(ports::GRPC, ports::GRPC_NUMBER),
            pod::port(ports::HTTP, ports::HTTP_NUMBER),
        ],
        resources: spec.common.resource_requirements.clone(),
        volumes: vec![volumes::config_map(
            ENDPOINTS_VOLUME,
            &names::endpoints(&identity.owner),
        )],
        pvc_volumes: &[],
        mounts: vec![volumes::mount(ENDPOINTS_VOLUME, ENDPOINTS_FOLDER)],
        annotations: pod::restarted(seen.query.annotations()),
        startup: None,
        readiness: probes::readiness(),
        liveness: probes::liveness(),
        sidecars: Vec::new(),
        drain_seconds: 10,
        grace_seconds: 150,
    })
}

fn args(seen: &PlanInputs) -> Result<Vec<String>, FieldError> {
    let spec = &seen.query.spec;
    let common = &spec.common;
    let resources = common.resource_requirements.as_ref();
    let flags = Flags::new("query")
        .logging(common)
        .set("http-address", format!(":{}", ports::HTTP_NUMBER))
        .set("grpc-address", format!(":{}", ports::GRPC_NUMBER))
        .set(
            "endpoint.sd-config-file",
            format!("{ENDPOINTS_FOLDER}/{}", endpoints::FILE),
        )
        .set("endpoint.sd-config-reload-interval", "5s")
        .set("store.sd-dns-interval", "10s")
        .each(
            "query.replica-label",
            replica_labels::effective(spec, &seen.learned_replica_labels),
        )
        .switch("query.auto-downsampling", true)
        .switch("enable-auto-gomemlimit", pod::has_memory_limit(resources));
    let flags = telemetry(web(behaviour(flags, spec)?, spec)?, spec)?;
    flags.merge(
        spec.additional.additional_args.as_deref(),
        &Rules {
            repeatable: REPEATABLE,
            reserved: RESERVED,
        },
        "spec.additionalArgs",
    )
}

/// Flags for the evaluation of queries.
fn behaviour(flags: Flags, spec: &ThanosQuerySpec) -> Result<Flags, FieldError> {
    let timeout = spec.query_timeout.as_deref().unwrap_or("15m");
    positive(timeout, "spec.queryTimeout")?;
    let lookback = spec.lookback_delta.as_deref().unwrap_or("5m");
    positive(lookback, "spec.lookbackDelta")?;
    let lookback = checks::duration(lookback, "spec.lookbackDelta")?;
    let partial = spec.partial_response.unwrap_or(true);
    let store_timeout = match spec.store_response_timeout.as_deref() {
        Some(timeout) => {
            checks::milliseconds(timeout, "spec.storeResponseTimeout")?;
            timeout
        }
        // Only partial responses may leave an unresponsive endpoint out.
        None if partial => "30s",
        None => "0s",
    };
    // Only one of Thanos' two duration parsers accepts a bare zero.
    let store_timeout = if store_timeout == "0" {
        "0s"
    } else {
        store_timeout
    };
    let partial = if partial {
        "query.partial-response"
    } else {
        "no-query.partial-response"
    };
    Ok(flags
        .set("query.timeout", timeout)
        .set("query.lookback-delta", lookback)
        .set("query.max-concurrent", spec.max_concurrent.unwrap_or(20))
        .maybe("query.max-concurrent-select", spec.max_concurrent_select)
        .set(
            "query.promql-engine",
            spec.promql_engine.unwrap_or_default().as_str(),
        )
        .switch(partial, true)
        .set("store.response-timeout", store_timeout)
        .maybe(
            "grpc.proxy-strategy",
            spec.grpc_proxy_strategy.map(|s| s.as_str()),
        ))
}

fn web(flags: Flags, spec: &ThanosQuerySpec) -> Result<Flags, FieldError> {
    let Some(web) = &spec.web_config else {
        return Ok(flags);
    };
    let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
    for (prefix, field) in [
        (&web.external_prefix, "spec.webConfig.externalPrefix"),
        (&web.route_prefix, "spec.webConfig.routePrefix"),
    ] {
        without_credentials(prefix.as_deref().unwrap_or_default(), field)?;
    }
    Ok(flags
        .maybe("web.route-prefix", given(&web.route_prefix))
        .maybe("web.external-prefix", given(&web.external_prefix))
        .maybe("web.prefix-header", given(&web.prefix_header))
        .switch("web.disable-cors", web.disable_cors.unwrap_or(false)))
}

fn telemetry(flags: Flags, spec: &ThanosQuerySpec) -> Result<Flags, FieldError> {
    let Some(quantiles) = &spec.telemetry_quantiles else {
        return Ok(flags);
    };
    let buckets = |values: &Option<Vec<String>>, name: &str| {
        buckets(
            values.as_deref().unwrap_or_default(),
            &format!("spec.telemetryQuantiles.{name}"),
        )
    };
    Ok(flags
        .each(
            "query.telemetry.request-duration-seconds-quantiles",
            buckets(&quantiles.duration, "duration")?,
        )
        .each(
            "query.telemetry.request-samples-quantiles",
            buckets(&quantiles.samples, "samples")?,
        )
        .each(
            "query.telemetry.request-series-seconds-quantiles",
            buckets(&quantiles.series, "series")?,
        ))
}

/// Sorted, distinct bucket boundaries, since Thanos panics on others.
fn buckets(values: &[String], field: &str) -> Result<Vec<String>, FieldError> {
    let mut numbers = Vec::new();
    for (i, text) in values.iter().enumerate() {
        let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
        let number = number.ok_or_else(|| {
            FieldError::new(format!("{field}[{i}]"), format!("`{text}` is not a number"))
        })?;
        numbers.push((number, text.clone()));
    }
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    numbers.dedup_by(|a, b| a.0 == b.0);
    Ok(numbers.into_iter().map(|(_, text)| text).collect())
}
