//! Facts about pods of routers and ingesters, and the results of their probes. No IO.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::duration;
use kube_facts::extract::Extract;
use operator_runtime::{Probe, ProbeResults, Read, Sample};
use serde::Deserialize;
use thanos_api::names::label;
use thanos_controller_common::facts::{PodFacts, PodObject, PodState};
use thanos_workload::ports;

use crate::hashring::UploadState;

/// Probe interval of routers and ingesters while a decision depends on them.
const EVERY: Duration = Duration::from_secs(3);

/// Default retention of Thanos, in milliseconds.
const DEFAULT_RETENTION: u64 = 15 * 24 * 3_600_000;

/// Start time of the process.
const STARTED: &str = "process_start_time_seconds";

/// Hash of the hashrings file that a router or ingester has loaded.
const CONFIG_HASH: &str = "thanos_receive_config_hash";

/// Metrics of each tenant of an ingester with object storage. All are exported once the TSDB of the
/// tenant is open, which is before the ingester is ready. At least the default tenant exists, since
/// Thanos opens its TSDB at each start, even if the ingester never received a sample.
const TENANT_METRICS: [&str; 3] = [
    "prometheus_tsdb_head_series",
    "thanos_shipper_dir_sync_failures_total",
    "thanos_shipper_upload_failures_total",
];

/// Metrics that are kept from a probe.
const METRICS: &[&str] = &[
    STARTED,
    CONFIG_HASH,
    TENANT_METRICS[0],
    TENANT_METRICS[1],
    TENANT_METRICS[2],
];

/// A pod of a router or an ingester.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ReceiverObject(PodObject);

/// Facts about such a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceiverFacts {
    /// Facts common to all pods.
    pub pod: PodFacts,
    /// Role of the pod.
    pub role: Role,
}

/// Role of a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Accepts remote write and forwards samples.
    Router {
        /// Number of copies of each sample.
        replication_factor: usize,
    },
    /// Stores samples.
    Ingester {
        /// Whether it uploads them.
        uploads: bool,
        /// Retention, in seconds.
        retention: i64,
    },
}

impl Default for Role {
    fn default() -> Self {
        Self::Router {
            replication_factor: 1,
        }
    }
}

impl Extract for ReceiverObject {
    type Facts = ReceiverFacts;

    fn into_parts(self) -> (ObjectMeta, ReceiverFacts) {
        let Self(object) = self;
        let component = object.labels().get(label::COMPONENT);
        let role = if component.is_some_and(|c| c == crate::names::ROUTER) {
            let factor = object.flag("receive.replication-factor");
            Role::Router {
                replication_factor: factor.and_then(|f| f.parse().ok()).unwrap_or(1),
            }
        } else {
            let uploads = ["objstore.config", "objstore.config-file"];
            let retention = object
                .flag("tsdb.retention")
                .and_then(|text| duration::milliseconds(text).ok());
            let seconds = retention.unwrap_or(DEFAULT_RETENTION).div_ceil(1_000);
            Role::Ingester {
                uploads: uploads.iter().any(|flag| object.flag(flag).is_some()),
                retention: i64::try_from(seconds).unwrap_or(i64::MAX),
            }
        };
        let (identity, pod) = object.into_parts();
        (identity, ReceiverFacts { pod, role })
    }
}

/// Probe of a pod; `None` if it does not run.
#[must_use]
pub fn probe(pod: &PodFacts) -> Option<Probe> {
    Some(Probe {
        url: url(pod)?,
        every: EVERY,
        read: READ,
    })
}

const READ: Read = Read::Metrics {
    names: METRICS,
    line: |line| Some(line.to_owned()),
    keep: summary,
};

fn url(pod: &PodFacts) -> Option<String> {
    let port = u16::try_from(ports::HTTP_NUMBER_STORE).ok()?;
    let address = SocketAddr::new(pod.ip?, port);
    let runs = matches!(pod.state, PodState::Running | PodState::Terminating);
    runs.then(|| format!("http://{address}/metrics"))
}

/// The same metrics, summed over all tenants. If a metric of a tenant is missing, the sums are unknown,
/// and a comment contains the reason.
fn summary(metrics: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    if let Some(hash) = only(metrics, CONFIG_HASH) {
        lines.push(format!("{CONFIG_HASH} {hash}"));
    }
    match Totals::of(metrics) {
        Ok(totals) => {
            lines.push(format!("{STARTED} {}", totals.started));
            let sums = TENANT_METRICS.iter().zip(totals.sums);
            lines.extend(sums.map(|(name, sum)| format!("{name} {sum}")));
        }
        Err(why) => lines.push(format!("{UNKNOWN}{why}")),
    }
    lines.join("\n")
}

/// Prefix of that comment.
const UNKNOWN: &str = "# ";

/// Sums of the metrics of an ingester.
struct Totals {
    started: f64,
    /// In the order of [`TENANT_METRICS`].
    sums: [f64; TENANT_METRICS.len()],
}

impl Totals {
    /// `Err` names the missing metric. A missing metric is not a zero.
    fn of(metrics: &str) -> Result<Self, String> {
        if let Some(why) = metrics.lines().find_map(|l| l.strip_prefix(UNKNOWN)) {
            return Err(why.to_owned());
        }
        let started = only(metrics, STARTED).ok_or_else(|| lacks(STARTED))?;
        let mut tenants: BTreeMap<String, [Option<f64>; TENANT_METRICS.len()]> = BTreeMap::new();
        for sample in metrics.lines().filter_map(Sample::parse) {
            let Some(i) = TENANT_METRICS.iter().position(|name| *name == sample.name) else {
                continue;
            };
            let tenant = sample.label("tenant").unwrap_or_default();
            let known = &mut tenants.entry(tenant).or_default()[i];
            // Negative or non-finite values are not counts.
            let is_count = sample.value.is_finite() && sample.value >= 0.0;
            *known = is_count.then_some(known.unwrap_or_default() + sample.value);
        }
        if tenants.is_empty() {
            return Err(lacks(TENANT_METRICS[0]));
        }
        let mut sums = [0.0; TENANT_METRICS.len()];
        for (tenant, values) in tenants {
            for ((name, value), sum) in TENANT_METRICS.iter().zip(values).zip(&mut sums) {
                *sum += value.ok_or_else(|| format!("{} of tenant {tenant}", lacks(name)))?;
            }
        }
        Ok(Self { started, sums })
    }
}

fn lacks(metric: &str) -> String {
    format!("metric {metric} is missing")
}

/// Value of a metric with exactly one sample.
fn only(metrics: &str, name: &str) -> Option<f64> {
    let samples = metrics.lines().filter_map(Sample::parse);
    let mut of_name = samples.filter(|sample| sample.name == name);
    let value = of_name.next()?.value;
    (of_name.next().is_none() && value.is_finite()).then_some(value)
}

/// Result of the probe of a pod.
#[derive(Clone, Copy, Debug)]
pub struct ProbeResult<'a> {
    /// URL of the probe; `None` if the pod does not run.
    pub url: Option<&'a str>,
    answer: Option<Result<&'a str, &'a str>>,
    /// Time since the last answer.
    pub unreachable_for: Duration,
}

impl<'a> ProbeResult<'a> {
    /// Result of a probe.
    pub fn of(probe: Option<&'a Probe>, answers: &'a ProbeResults) -> Self {
        let url = probe.map(|probe| probe.url.as_str());
        Self {
            url,
            answer: url.and_then(|url| answers.answer(url)),
            unreachable_for: url.map_or(Duration::ZERO, |url| answers.unreachable_for(url)),
        }
    }

    /// Whether a router has loaded the hashrings with this hash.
    ///
    /// # Errors
    /// The reason if that is unknown. A router that answers is waited for without a timeout.
    pub fn has_rings(&self, hash: u64) -> Result<bool, String> {
        let metrics = match self.answer {
            // It will load them when it starts.
            None if self.url.is_none() => return Ok(true),
            None => return Err("not probed yet".to_owned()),
            Some(Err(why)) => return Err(why.to_owned()),
            Some(Ok(metrics)) => metrics,
        };
        let has = only(metrics, CONFIG_HASH).ok_or_else(|| lacks(CONFIG_HASH))?;
        Ok(has as u64 == hash)
    }

    /// What an ingester has not uploaded.
    ///
    /// # Errors
    /// The reason if that is unknown.
    pub fn upload_state(&self) -> Result<UploadState, String> {
        let metrics = match self.answer {
            None => return Err("not probed yet".to_owned()),
            Some(Err(why)) => return Err(format!("probe failed: {why}")),
            Some(Ok(metrics)) => metrics,
        };
        let Totals { started, sums } = Totals::of(metrics)?;
        let [series, syncs, uploads] = sums.map(|sum| sum.ceil() as u64);
        Ok(UploadState {
            started: started as i64,
            series,
            failures: syncs.saturating_add(uploads),
        })
    }
}

#[cfg(test)]
mod tests;
