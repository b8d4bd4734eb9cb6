//! Plans the query frontend. No IO.

use kube::ResourceExt;
use kube_facts::selector;
use thanos_api::v1alpha1::QueryFrontendSpec;
use thanos_workload::cache::{Cache, Sizes};
use thanos_workload::checks::{self, positive};
use thanos_workload::flags::{Flags, Rules};
use thanos_workload::labels::Identity;
use thanos_workload::pod::{self, Pod};
use thanos_workload::{FieldError, monitor, pdb, policy, ports, probes, service, workload};

use super::objects::{Objects, guarded, image, monitored};
use crate::names::{self, FRONTEND, frontend_identity, querier_identity};
use crate::plan_inputs::PlanInputs;

const FIELD: &str = "spec.queryFrontend";

/// Repeatable flags of the frontend.
const REPEATABLE: &[&str] = &[
    "enable-feature",
    "query-frontend.forward-header",
    "query-frontend.org-id-header",
];

/// Flags that the frontend depends on.
const RESERVED: &[(&str, &str)] = &[
    (
        "http-address",
        "the Service and the probes use this port; remove the argument",
    ),
    (
        "query-frontend.downstream-url",
        "select the Query API with spec.queryFrontend.queryLabelSelector",
    ),
];

/// With the default of two idle connections per address, a frontend reconnects constantly.
const TRIPPER: &str = "max_idle_conns_per_host: 100";

/// ServiceMonitor of the query frontend.
pub(super) fn monitor(seen: &PlanInputs, spec: &QueryFrontendSpec) -> monitor::ServiceMonitor {
    let identity = frontend_identity(&seen.query.name_any());
    let metadata = workload::metadata(
        &seen.query.metadata,
        &identity,
        &spec.common,
        &identity.name,
    );
    let config = seen.query.spec.integration.service_monitor.as_ref();
    monitor::service_monitor(metadata, identity.selector_labels(), config)
}

pub(super) fn objects(seen: &PlanInputs, spec: &QueryFrontendSpec) -> Result<Objects, FieldError> {
    let identity = frontend_identity(&seen.query.name_any());
    let replicas = checks::replicas(spec.replicas.unwrap_or(1), "spec.queryFrontend.replicas")?;
    let metadata = workload::metadata(
        &seen.query.metadata,
        &identity,
        &spec.common,
        &identity.name,
    );
    let template = pod(seen, spec, &identity)?.template()?;
    let ports = service::with_additional(
        vec![service::port(ports::HTTP, ports::HTTP_NUMBER)],
        spec.additional.additional_service_ports.as_deref(),
        "spec.queryFrontend.additionalServicePorts",
    )?;
    let budget = spec.common.pod_disruption_budget_config.as_ref();
    Ok(Objects {
        accounts: vec![workload::service_account(metadata.clone(), &spec.common)],
        services: vec![service::cluster_ip(
            &identity,
            workload::scraped(metadata.clone()),
            ports,
        )],
        config_maps: Vec::new(),
        policies: guarded(seen)
            .then(|| policy::admit(identity.selector_labels(), metadata.clone(), &template))
            .into_iter()
            .collect(),
        budgets: pdb::budget(&identity, metadata.clone(), replicas, budget)
            .into_iter()
            .collect(),
        deployments: vec![workload::deployment(
            &seen.query.metadata,
            &identity,
            &spec.common,
            replicas,
            template,
        )],
        monitors: monitored(seen)
            .then(|| monitor(seen, spec))
            .into_iter()
            .collect(),
    })
}

fn pod<'a>(
    seen: &PlanInputs,
    spec: &'a QueryFrontendSpec,
    identity: &'a Identity,
) -> Result<Pod<'a>, FieldError> {
    let cache = Cache::of(
        spec.query_range_response_cache_config.as_ref(),
        "spec.queryFrontend.queryRangeResponseCacheConfig",
        "response-cache",
        in_memory,
    )?;
    Ok(Pod {
        field: FIELD,
        identity,
        common: &spec.common,
        additional: &spec.additional,
        service_account: identity.name.clone(),
        container: FRONTEND,
        image: image(&spec.common, &seen.settings),
        args: args(seen, spec, &cache)?,
        env: Vec::new(),
        ports: vec![pod::port(ports::HTTP, ports::HTTP_NUMBER)],
        resources: spec.common.resource_requirements.clone(),
        volumes: cache.volumes,
        pvc_volumes: &[],
        mounts: cache.mounts,
        annotations: pod::restarted(seen.query.annotations()),
        startup: None,
        readiness: probes::readiness(),
        liveness: probes::liveness(),
        sidecars: Vec::new(),
        drain_seconds: 10,
        grace_seconds: 150,
    })
}

fn args(
    seen: &PlanInputs,
    spec: &QueryFrontendSpec,
    cache: &Cache,
) -> Result<Vec<String>, FieldError> {
    let resources = spec.common.resource_requirements.as_ref();
    let range_split = split(
        spec.query_range_split_interval.as_deref(),
        "queryRangeSplitInterval",
        cache,
    )?;
    let labels_split = split(
        spec.labels_split_interval.as_deref(),
        "labelsSplitInterval",
        cache,
    )?;
    let range = spec.labels_default_time_range.as_deref().unwrap_or("24h");
    positive(range, "spec.queryFrontend.labelsDefaultTimeRange")?;
    let range = checks::duration(range, "spec.queryFrontend.labelsDefaultTimeRange")?;
    let log = spec.log_queries_longer_than.as_deref();
    let log = log
        .map(|log| checks::duration(log, "spec.queryFrontend.logQueriesLongerThan"))
        .transpose()?;
    // The frontend requests partial responses regardless of the default of the queriers.
    let whole = seen.query.spec.partial_response == Some(false);
    let flags = Flags::new("query-frontend")
        .logging(&spec.common)
        .set("http-address", format!(":{}", ports::HTTP_NUMBER))
        .set("query-frontend.downstream-url", downstream(seen, spec)?)
        .set("query-frontend.downstream-tripper-config", TRIPPER)
        .switch(
            "query-frontend.compress-responses",
            spec.compress_responses.unwrap_or(true),
        )
        .maybe("query-frontend.log-queries-longer-than", log)
        .maybe("query-range.split-interval", range_split)
        .maybe("labels.split-interval", labels_split)
        .set(
            "query-range.max-retries-per-request",
            spec.query_range_max_retries.unwrap_or(5),
        )
        .set(
            "labels.max-retries-per-request",
            spec.labels_max_retries.unwrap_or(5),
        )
        .set("labels.default-time-range", range)
        .maybe("cache-compression-type", cache.is_on().then_some("snappy"))
        .switch("no-query-range.partial-response", whole)
        .switch("no-labels.partial-response", whole)
        .switch("enable-auto-gomemlimit", pod::has_memory_limit(resources));
    let flags = cache.flag(flags, "query-range.response-cache-");
    let flags = cache.flag(flags, "labels.response-cache-");
    flags.merge(
        spec.additional.additional_args.as_deref(),
        &Rules {
            repeatable: REPEATABLE,
            reserved: RESERVED,
        },
        "spec.queryFrontend.additionalArgs",
    )
}

/// Interval for splitting. Thanos does not start with a cache and no interval.
fn split(interval: Option<&str>, name: &str, cache: &Cache) -> Result<Option<String>, FieldError> {
    let Some(interval) = interval else {
        return Ok(None);
    };
    let field = format!("{FIELD}.{name}");
    if checks::milliseconds(interval, &field)? == 0 && cache.is_on() {
        return Err(FieldError::new(
            field,
            "must be greater than zero when responses are cached; set it, or remove queryRangeResponseCacheConfig",
        ));
    }
    checks::duration(interval, &field).map(Some)
}

/// URL of the Query API without a path, since the frontend appends its own for the readiness check.
fn downstream(seen: &PlanInputs, spec: &QueryFrontendSpec) -> Result<String, FieldError> {
    let namespace = seen.query.namespace().unwrap_or_default();
    let cr = seen.query.name_any();
    let url = |service: &str, port: u16| format!("http://{service}.{namespace}.svc:{port}");
    let own = || url(&names::client_service(&cr), ports::HTTP_NUMBER as u16);
    let Some(desired) = &spec.query_label_selector else {
        return Ok(own());
    };
    // The labels of the querier Service are known before it exists.
    let identity = querier_identity(&cr);
    let labels = workload::labels(&seen.query.metadata, &identity, &seen.query.spec.common);
    if selector::matches(desired, &labels) {
        return Ok(own());
    }
    let others = seen
        .query_apis
        .iter()
        .filter(|api| api.name != identity.name && selector::matches(desired, &api.labels));
    match others.min_by(|a, b| a.name.cmp(&b.name)) {
        Some(api) => Ok(url(&api.name, api.port)),
        None => Err(FieldError::new(
            format!("{FIELD}.queryLabelSelector"),
            format!(
                "matches no Service of the namespace {namespace} with the label operator.thanos.io/query-api=true and a port http; label one, or remove the selector to use the queriers of this ThanosQuery"
            ),
        )),
    }
}

/// Configuration of the in-memory cache. Without a size, Thanos creates no cache.
fn in_memory(sizes: &Sizes) -> String {
    let mut yaml = format!(
        "type: IN-MEMORY\nconfig:\n  max_size: \"{}\"\n  max_size_items: 0\n",
        sizes.max
    );
    if let Some(max_item) = sizes.max_item {
        yaml.push_str(&format!("  max_item_size: \"{max_item}\"\n"));
    }
    yaml
}
