//! Pods of routers and ingesters, and what they say of themselves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use operator_runtime::{Probe, ProbeResults, Read, Sample};
use serde::Deserialize;
use thanos_api::names::label;
use thanos_controller_common::facts::{PodFacts, PodObject, PodState};
use thanos_workload::{duration, ports};

use crate::hashring::NotUploaded;

/// How often routers are asked for their hashrings, and ingesters for what they hold, while
/// something depends on it.
const EVERY: Duration = Duration::from_secs(3);

/// What an ingester keeps that has no such flag, in milliseconds: Thanos' own default.
const DEFAULT_RETENTION: u64 = 15 * 24 * 3_600_000;

/// When a pod was started.
const STARTED: &str = "process_start_time_seconds";

/// The hash of the hashrings that a router or an ingester has.
const CONFIG_HASH: &str = "thanos_receive_config_hash";

/// What is read of each tenant of an ingester that uploads: all of them are exported as soon as its
/// TSDB is open, which it is before the ingester is ready. There is one at least, since Thanos opens
/// the TSDB of the default tenant at each start, also of an ingester that never got a sample.
const OF_TENANTS: [&str; 3] = [
    "prometheus_tsdb_head_series",
    "thanos_shipper_dir_sync_failures_total",
    "thanos_shipper_upload_failures_total",
];

/// The metrics that are read.
const METRICS: &[&str] = &[
    STARTED,
    CONFIG_HASH,
    OF_TENANTS[0],
    OF_TENANTS[1],
    OF_TENANTS[2],
];

/// A pod of a router or an ingester.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ReceiverObject(PodObject);

/// What decisions need to know of such a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceiverFacts {
    /// What is known of any pod.
    pub pod: PodFacts,
    /// What it is for.
    pub role: Role,
}

/// What a pod is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// It takes samples.
    Router {
        /// Copies of each.
        replication_factor: usize,
    },
    /// It keeps samples.
    Ingester {
        /// Whether it uploads them.
        uploads: bool,
        /// For how long, in seconds.
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
        let role = if component.is_some_and(|c| c == crate::plan::ROUTER) {
            let factor = object.flag("receive.replication-factor");
            Role::Router {
                replication_factor: factor.and_then(|f| f.parse().ok()).unwrap_or(1),
            }
        } else {
            let uploads = ["objstore.config", "objstore.config-file"];
            let retention = object
                .flag("tsdb.retention")
                .and_then(duration::milliseconds);
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

/// How a pod is asked; `None` if it does not run.
#[must_use]
pub fn inquiry(pod: &PodFacts) -> Option<Probe> {
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

/// The same metrics, of all tenants together. A tenant of which one is missing makes it unknown what
/// the ingester holds, which a comment says.
fn summary(metrics: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    if let Some(hash) = only(metrics, CONFIG_HASH) {
        lines.push(format!("{CONFIG_HASH} {hash}"));
    }
    match Totals::of(metrics) {
        Ok(totals) => {
            lines.push(format!("{STARTED} {}", totals.started));
            let sums = OF_TENANTS.iter().zip(totals.sums);
            lines.extend(sums.map(|(name, sum)| format!("{name} {sum}")));
        }
        Err(why) => lines.push(format!("{UNKNOWN}{why}")),
    }
    lines.join("\n")
}

/// How the comment begins.
const UNKNOWN: &str = "# ";

/// What the metrics of an ingester come to.
struct Totals {
    started: f64,
    /// In the order of [`OF_TENANTS`].
    sums: [f64; OF_TENANTS.len()],
}

impl Totals {
    /// `Err` says what is missing: that there is no number is not the number zero.
    fn of(metrics: &str) -> Result<Self, String> {
        if let Some(why) = metrics.lines().find_map(|l| l.strip_prefix(UNKNOWN)) {
            return Err(why.to_owned());
        }
        let started = only(metrics, STARTED).ok_or_else(|| lacks(STARTED))?;
        let mut tenants: BTreeMap<String, [Option<f64>; OF_TENANTS.len()]> = BTreeMap::new();
        for sample in metrics.lines().filter_map(Sample::parse) {
            let Some(i) = OF_TENANTS.iter().position(|name| *name == sample.name) else {
                continue;
            };
            let tenant = sample.label("tenant").unwrap_or_default();
            let known = &mut tenants.entry(tenant).or_default()[i];
            // No number is less than zero, and none is not a number.
            let is_count = sample.value.is_finite() && sample.value >= 0.0;
            *known = is_count.then_some(known.unwrap_or_default() + sample.value);
        }
        if tenants.is_empty() {
            return Err(lacks(OF_TENANTS[0]));
        }
        let mut sums = [0.0; OF_TENANTS.len()];
        for (tenant, values) in tenants {
            for ((name, value), sum) in OF_TENANTS.iter().zip(values).zip(&mut sums) {
                *sum += value.ok_or_else(|| format!("{} of tenant {tenant}", lacks(name)))?;
            }
        }
        Ok(Self { started, sums })
    }
}

fn lacks(metric: &str) -> String {
    format!("its metrics lack {metric}")
}

/// The value of a metric of which there is one sample.
fn only(metrics: &str, name: &str) -> Option<f64> {
    let samples = metrics.lines().filter_map(Sample::parse);
    let mut of_name = samples.filter(|sample| sample.name == name);
    let value = of_name.next()?.value;
    (of_name.next().is_none() && value.is_finite()).then_some(value)
}

/// What a pod said.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// How it is asked; `None` if it does not run.
    pub url: Option<&'a str>,
    answer: Option<Result<&'a str, &'a str>>,
    /// How long it has not answered.
    pub unreachable_for: Duration,
}

/// What a pod said, if it was asked.
pub fn asked<'a>(inquiry: Option<&'a Probe>, answers: &'a ProbeResults) -> Asked<'a> {
    let url = inquiry.map(|i| i.url.as_str());
    Asked {
        url,
        answer: url.and_then(|url| answers.answer(url)),
        unreachable_for: url.map_or(Duration::ZERO, |url| answers.unreachable_for(url)),
    }
}

impl Asked<'_> {
    /// Whether a router has the hashrings of this hash.
    ///
    /// # Errors
    /// Why that is not known. A router that answers is waited for in any case.
    pub fn has_rings(&self, hash: u64) -> Result<bool, String> {
        let metrics = match self.answer {
            // It reads them when it starts.
            None if self.url.is_none() => return Ok(true),
            None => return Err("it was not asked yet".to_owned()),
            Some(Err(why)) => return Err(why.to_owned()),
            Some(Ok(metrics)) => metrics,
        };
        let has = only(metrics, CONFIG_HASH).ok_or_else(|| lacks(CONFIG_HASH))?;
        Ok(has as u64 == hash)
    }

    /// What an ingester holds that is not uploaded.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn held(&self) -> Result<NotUploaded, String> {
        let metrics = match self.answer {
            None => return Err("it was not asked yet".to_owned()),
            Some(Err(why)) => return Err(format!("this controller cannot ask it: {why}")),
            Some(Ok(metrics)) => metrics,
        };
        let Totals { started, sums } = Totals::of(metrics)?;
        let [series, syncs, uploads] = sums.map(|sum| sum.ceil() as u64);
        Ok(NotUploaded {
            started: started as i64,
            series,
            failures: syncs.saturating_add(uploads),
        })
    }
}

#[cfg(test)]
mod tests;
