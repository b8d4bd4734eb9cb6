//! Metrics, with the names of controller-runtime, so that existing dashboards work.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use kube::Resource as _;
use kube::core::object::HasStatus as _;
use kube_facts::optional::{Capability, Caps, OptionalKind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::cache::{Cache, Guarded};
use crate::conditions::decode_error;
use crate::reconciler::Reconciler;

/// Result of a reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReconcileResult {
    /// Everything is as planned.
    Success,
    /// Retried soon; not a failure.
    Requeue,
    /// The user must act.
    Invalid,
    /// A request failed.
    Error,
}

impl EncodeLabelValue for ReconcileResult {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        encoder.write_str(match self {
            Self::Success => "success",
            Self::Requeue => "requeue",
            Self::Invalid => "invalid",
            Self::Error => "error",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    controller: &'static str,
    result: ReconcileResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerLabels {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeaseLabels {
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CapabilityLabels {
    kind: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    namespace: String,
    name: String,
}

/// Version of all controllers, which share the version of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Statuses of a condition. As in kube-state-metrics, each has a series, and the current one is 1.
const CONDITION_STATUSES: [&str; 3] = ["True", "False", "Unknown"];

/// The metrics of one controller.
#[derive(Clone)]
pub struct Metrics {
    controller: &'static str,
    registry: Arc<Registry>,
    reconciles: Family<ResultLabels, Counter>,
    errors: Family<ControllerLabels, Counter>,
    time: Family<ControllerLabels, Histogram>,
    requests: Family<RequestLabels, Counter>,
    leader: Family<LeaseLabels, Gauge>,
    capabilities: Family<CapabilityLabels, Gauge>,
    /// Metrics from the statuses of custom resources, once these are watched.
    resources: Arc<OnceLock<Registry>>,
}

impl Metrics {
    /// All metrics of `controller`, at zero.
    #[must_use]
    pub fn new(controller: &'static str) -> Self {
        let mut registry = Registry::default();
        let metrics = Self {
            controller,
            registry: Arc::default(),
            reconciles: Family::default(),
            errors: Family::default(),
            time: Family::new_with_constructor(|| {
                Histogram::new([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0])
            }),
            requests: Family::default(),
            leader: Family::default(),
            capabilities: Family::default(),
            resources: Arc::default(),
        };
        let reconciles = "controller_runtime_reconcile";
        let help = "Reconciles by result";
        registry.register(reconciles, help, metrics.reconciles.clone());
        let errors = "controller_runtime_reconcile_errors";
        registry.register(errors, "Failed reconciles", metrics.errors.clone());
        let time = "controller_runtime_reconcile_time";
        registry.register_with_unit(
            time,
            "Duration of a reconcile",
            Unit::Seconds,
            metrics.time.clone(),
        );
        let requests = "rest_client_requests";
        registry.register(
            requests,
            "Requests to the API server",
            metrics.requests.clone(),
        );
        let leader = "leader_election_master_status";
        registry.register(
            leader,
            "1 while this process holds the Lease",
            metrics.leader.clone(),
        );
        let capability = "thanos_operator_optional_kind";
        let help = "1 for the current state of an optional kind";
        registry.register(capability, help, metrics.capabilities.clone());
        // The encoder appends `_info`.
        let build = Info::new([("controller", controller), ("version", VERSION)]);
        registry.register("thanos_operator_build", "Version of the controller", build);
        registry.register_collector(Box::new(Process));
        for result in [
            ReconcileResult::Success,
            ReconcileResult::Requeue,
            ReconcileResult::Invalid,
            ReconcileResult::Error,
        ] {
            metrics
                .reconciles
                .get_or_create(&ResultLabels { controller, result })
                .inc_by(0);
        }
        metrics
            .errors
            .get_or_create(&ControllerLabels { controller })
            .inc_by(0);
        // Creates the series, since rate() misses the first observation of a new one.
        drop(metrics.time.get_or_create(&ControllerLabels { controller }));
        metrics.lead(false);
        Self {
            registry: Arc::new(registry),
            ..metrics
        }
    }

    /// Counts a reconcile.
    pub fn reconciled(&self, result: ReconcileResult, time: Duration) {
        let controller = self.controller;
        self.reconciles
            .get_or_create(&ResultLabels { controller, result })
            .inc();
        if result == ReconcileResult::Error {
            self.errors
                .get_or_create(&ControllerLabels { controller })
                .inc();
        }
        let labels = ControllerLabels { controller };
        self.time.get_or_create(&labels).observe(time.as_secs_f64());
    }

    /// Counts a request to the API server.
    pub fn requested(&self, method: &str, code: &str) {
        let labels = RequestLabels {
            method: method.to_owned(),
            code: code.to_owned(),
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Sets whether this process holds the Lease.
    pub fn lead(&self, leading: bool) {
        let labels = LeaseLabels {
            name: self.controller,
        };
        self.leader.get_or_create(&labels).set(leading.into());
    }

    /// Sets the states of the optional kinds in use.
    pub fn capabilities(&self, kinds: &[OptionalKind], caps: &Caps) {
        for kind in kinds {
            for (capability, state) in [
                (Capability::Absent, "Absent"),
                (Capability::NotEstablished, "NotEstablished"),
                (Capability::Forbidden, "Forbidden"),
                (Capability::Present, "Present"),
            ] {
                let labels = CapabilityLabels {
                    kind: kind.name,
                    state,
                };
                let gauge = self.capabilities.get_or_create(&labels);
                gauge.set((caps.get(*kind) == capability).into());
            }
        }
    }

    /// Adds the metrics from the statuses of custom resources. They are read from the cache at each scrape,
    /// so a reconcile does nothing for them, and a restarted controller has all of them once it has listed.
    pub(crate) fn follow<C: Reconciler>(&self, cache: &Arc<Cache<C>>) {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Resources(Arc::downgrade(cache))));
        // A process has one cache, so this is never set twice.
        let _ = self.resources.set(registry);
    }

    /// The metrics in OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registries = std::iter::once(&*self.registry).chain(self.resources.get());
        for registry in registries {
            // Writing to a String cannot fail.
            let _ = encode_registry(&mut text, registry);
        }
        let _ = encode_eof(&mut text);
        text
    }
}

/// Metrics from the statuses of custom resources.
struct Resources<C: Reconciler>(Weak<Cache<C>>);

impl<C: Reconciler> std::fmt::Debug for Resources<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resources")
    }
}

impl<C: Reconciler> Collector for Resources<C> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(cache) = self.0.upgrade() else {
            return Ok(());
        };
        let all = cache.store().state();
        encode_conditions::<C>(&all, &mut encoder)?;
        for gauge in C::gauges() {
            let family = Family::<ResourceLabels, Gauge>::default();
            for resource in all.iter().filter_map(|resource| resource.0.as_ref().ok()) {
                let value = resource.status().and_then(gauge.value);
                let meta = resource.meta();
                let labels = ResourceLabels {
                    namespace: meta.namespace.clone().unwrap_or_default(),
                    name: meta.name.clone().unwrap_or_default(),
                };
                if let Some(value) = value {
                    family.get_or_create(&labels).set(value);
                }
            }
            let kind = family.metric_type();
            let metric = encoder.encode_descriptor(gauge.name, gauge.help, None, kind)?;
            family.encode(metric)?;
        }
        Ok(())
    }
}

/// The conditions of all custom resources. Without a [`Family`], whose map would copy every name.
fn encode_conditions<C: Reconciler>(
    resources: &[Arc<Guarded<C>>],
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), std::fmt::Error> {
    let help = "1 for the current status of a condition of a custom resource";
    let mut metric =
        encoder.encode_descriptor("thanos_operator_condition", help, None, MetricType::Gauge)?;
    let kind = C::Resource::kind(&());
    // The conditions that the status of such a custom resource is given; the others are unknown here.
    let of_undecoded = decode_error(&[], None, "");
    for resource in resources {
        let conditions = match &resource.0 {
            Ok(decoded) => decoded
                .status()
                .map_or(&[][..], |status| C::status_fields(status).conditions),
            Err(_) => &of_undecoded,
        };
        let meta = resource.meta();
        for condition in conditions {
            for status in CONDITION_STATUSES {
                let labels = [
                    ("kind", &*kind),
                    ("namespace", meta.namespace.as_deref().unwrap_or_default()),
                    ("name", meta.name.as_deref().unwrap_or_default()),
                    ("type", &*condition.type_),
                    ("status", status),
                ];
                let value = i64::from(condition.status == status);
                metric.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
    }
    Ok(())
}

/// Standard process metrics, from /proc. kubert-prometheus-process 0.2.3 requires the incompatible
/// prometheus-client 0.23.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(usage) = Usage::read() else {
            return Ok(());
        };
        let memory = ConstGauge::new(usage.resident_bytes);
        let help = "Resident memory";
        let metric = encoder.encode_descriptor(
            "process_resident_memory",
            help,
            Some(&Unit::Bytes),
            memory.metric_type(),
        )?;
        memory.encode(metric)?;
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let help = "User and system CPU time";
        let metric = encoder.encode_descriptor(
            "process_cpu",
            help,
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?;
        cpu.encode(metric)
    }
}

struct Usage {
    resident_bytes: i64,
    cpu_seconds: f64,
}

impl Usage {
    /// `None` without /proc.
    fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The second field is the command in parentheses, and may contain spaces.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks: f64 =
            fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: i64 = resident.split_whitespace().next()?.parse().ok()?;
        // The unit is 1/100 s on every architecture.
        Some(Self {
            resident_bytes: kibibytes * 1024,
            cpu_seconds: ticks / 100.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::watch;

    use super::*;
    use crate::reconcile::toy::ToyController;

    fn followed() -> (Metrics, Arc<Cache<ToyController>>) {
        let (_, caps) = watch::channel(Caps::default());
        let cache = Arc::new(Cache::new(caps, Arc::default()));
        let metrics = Metrics::new("toy");
        metrics.follow(&cache);
        (metrics, cache)
    }

    fn toy(version: u64, names: serde_json::Value, ready: &str) -> Guarded<ToyController> {
        let condition = json!({
            "type": "Ready", "status": ready, "reason": "R", "message": "",
            "lastTransitionTime": "2024-01-01T00:00:00Z",
        });
        serde_json::from_value(json!({
            "apiVersion": "example.com/v1", "kind": "Toy", "spec": {"names": names},
            "metadata": {
                "name": "x", "namespace": "ns", "uid": "u", "resourceVersion": version.to_string(),
            },
            "status": {"conditions": [condition]},
        }))
        .unwrap()
    }

    /// Type, status and value of each series of conditions, sorted.
    fn conditions(metrics: &Metrics) -> Vec<String> {
        let labels = "thanos_operator_condition{kind=\"Toy\",namespace=\"ns\",name=\"x\",type=";
        let text = metrics.encode();
        let lines = text
            .lines()
            .filter(|l| l.starts_with("thanos_operator_condition{"));
        let mut found: Vec<String> = lines
            .map(|line| line.strip_prefix(labels).unwrap().replace('"', ""))
            .collect();
        found.sort();
        found
    }

    #[test]
    fn each_condition_has_one_series_per_status_until_its_resource_is_deleted() {
        let (metrics, cache) = followed();
        assert!(conditions(&metrics).is_empty());
        // As listed after a restart: no reconcile has run.
        cache.apply_resource(toy(1, json!([]), "False"));
        let ready = |values: [u8; 3]| {
            let [no, yes, unknown] = values;
            vec![
                format!("Ready,status=False}} {no}"),
                format!("Ready,status=True}} {yes}"),
                format!("Ready,status=Unknown}} {unknown}"),
            ]
        };
        assert_eq!(conditions(&metrics), ready([1, 0, 0]));
        cache.apply_resource(toy(2, json!([]), "True"));
        assert_eq!(conditions(&metrics), ready([0, 1, 0]));
        cache.delete_resource(toy(3, json!([]), "True"));
        assert!(conditions(&metrics).is_empty());
    }

    #[test]
    fn custom_resource_that_does_not_decode_is_not_reconciled_and_not_ready() {
        let (metrics, cache) = followed();
        let undecoded = toy(1, json!("not a list"), "True");
        assert!(undecoded.0.is_err());
        cache.apply_resource(undecoded);
        let ones: Vec<String> = conditions(&metrics)
            .into_iter()
            .filter(|line| line.ends_with(" 1"))
            .collect();
        assert_eq!(
            ones,
            ["Ready,status=False} 1", "Reconciled,status=False} 1"]
        );
    }

    #[test]
    fn build_info_has_the_version() {
        let text = Metrics::new("x").encode();
        let line = format!(
            "thanos_operator_build_info{{controller=\"x\",version=\"{}\"}} 1",
            env!("CARGO_PKG_VERSION")
        );
        assert!(text.contains(&line), "{text}");
    }

    #[test]
    fn names_are_those_of_controller_runtime() {
        let metrics = Metrics::new("x");
        metrics.reconciled(ReconcileResult::Error, Duration::from_millis(3));
        metrics.requested("PATCH", "200");
        metrics.lead(true);
        let toy = OptionalKind {
            group: "example.com",
            version: "v1",
            name: "Toy",
            plural: "toys",
        };
        metrics.capabilities(&[toy], &Caps::default());
        let text = metrics.encode();
        for line in [
            "controller_runtime_reconcile_total{controller=\"x\",result=\"error\"} 1",
            "controller_runtime_reconcile_total{controller=\"x\",result=\"success\"} 0",
            "controller_runtime_reconcile_errors_total{controller=\"x\"} 1",
            "controller_runtime_reconcile_time_seconds_count{controller=\"x\"} 1",
            "rest_client_requests_total{method=\"PATCH\",code=\"200\"} 1",
            "leader_election_master_status{name=\"x\"} 1",
            "thanos_operator_optional_kind{kind=\"Toy\",state=\"Absent\"} 1",
            "thanos_operator_optional_kind{kind=\"Toy\",state=\"Present\"} 0",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("process_resident_memory_bytes "));
        assert!(text.contains("process_cpu_seconds_total "));
    }
}
