//! Pods of routers and ingesters, and what they say of themselves.

use std::net::SocketAddr;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use operator_runtime::{Answers, Inquiry};
use promop_compat::extract::Extract;
use serde::Deserialize;
use thanos_api::names::label;
use thanos_controller::facts::{PodFacts, PodObject, PodState};
use thanos_workload::{duration, ports};

use crate::hashring::Held;

/// How often routers are asked for their hashrings, and ingesters for what they hold, while
/// something depends on it.
const EVERY: Duration = Duration::from_secs(3);

/// What an ingester keeps that has no such flag, in milliseconds: Thanos' own default.
const DEFAULT_RETENTION: u64 = 15 * 24 * 3_600_000;

/// The metrics that are read.
const METRICS: [&str; 5] = [
    "prometheus_tsdb_head_series",
    "process_start_time_seconds",
    "thanos_receive_config_hash",
    "thanos_shipper_dir_sync_failures_total",
    "thanos_shipper_upload_failures_total",
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
pub fn inquiry(pod: &PodFacts) -> Option<Inquiry> {
    Some(Inquiry {
        url: url(pod)?,
        every: EVERY,
        keep,
    })
}

fn url(pod: &PodFacts) -> Option<String> {
    let port = u16::try_from(ports::HTTP_NUMBER_STORE).ok()?;
    let address = SocketAddr::new(pod.ip?, port);
    let runs = matches!(pod.state, PodState::Running | PodState::Going);
    runs.then(|| format!("http://{address}/metrics"))
}

fn keep(body: &str) -> String {
    let is_read = |line: &&str| {
        let name = line.split(['{', ' ']).next();
        name.is_some_and(|name| METRICS.contains(&name))
    };
    let lines: Vec<&str> = body.lines().filter(is_read).collect();
    lines.join("\n")
}

/// What a pod said.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// How it is asked; `None` if it does not run.
    pub url: Option<&'a str>,
    answer: Option<Result<&'a str, &'a str>>,
    /// How long it has not answered.
    pub unheard: Duration,
}

/// What a pod said, if it was asked.
pub fn asked<'a>(inquiry: Option<&'a Inquiry>, answers: &'a Answers) -> Asked<'a> {
    let url = inquiry.map(|i| i.url.as_str());
    Asked {
        url,
        answer: url.and_then(|url| answers.answer(url)),
        unheard: url.map_or(Duration::ZERO, |url| answers.unheard(url)),
    }
}

impl Asked<'_> {
    /// Whether a router has the hashrings of this hash.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn has_rings(&self, hash: u64) -> Result<bool, String> {
        let metrics = match self.answer {
            // It reads them when it starts.
            None if self.url.is_none() => return Ok(true),
            None => return Err("it was not asked yet".to_owned()),
            Some(Err(why)) => return Err(why.to_owned()),
            Some(Ok(metrics)) => metrics,
        };
        let all = values(metrics, "thanos_receive_config_hash");
        Ok(all.last().is_some_and(|it| it as u64 == hash))
    }

    /// What an ingester holds that is not uploaded; `None` if it does not say.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        let metrics = self.answer?.ok()?;
        let sum = |name| values(metrics, name).sum::<f64>() as u64;
        Some(Held {
            started: values(metrics, "process_start_time_seconds").next()? as i64,
            series: sum("prometheus_tsdb_head_series"),
            failures: sum("thanos_shipper_upload_failures_total")
                + sum("thanos_shipper_dir_sync_failures_total"),
        })
    }
}

/// The values of a metric, of all its series.
fn values<'a>(metrics: &'a str, name: &'a str) -> impl Iterator<Item = f64> {
    let series = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    let of_name = series.filter(move |(it, _)| it.split('{').next() == Some(name));
    of_name.filter_map(|(_, value)| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const METRICS: &str = r#"# HELP x
process_start_time_seconds 1.76400061234e+09
prometheus_tsdb_head_series{tenant="a"} 40
prometheus_tsdb_head_series{tenant="b"} 2
prometheus_tsdb_head_series_created_total{tenant="b"} 9
thanos_receive_config_hash 2.7427405534394e+14
thanos_shipper_upload_failures_total{tenant="a"} 1
thanos_shipper_dir_sync_failures_total{tenant="a"} 2
"#;

    fn pod(component: &str, args: &[&str]) -> ReceiverFacts {
        let object = json!({
            "metadata": {
                "name": "x-0", "namespace": "n",
                "labels": {"app.kubernetes.io/component": component, "app.kubernetes.io/name": "thanos-receive"},
            },
            "spec": {"containers": [{"name": component, "args": args}]},
            "status": {"podIP": "10.0.0.1", "containerStatuses": [{"name": component, "state": {"running": {}}}]},
        });
        ReceiverObject::read(&object).into_parts().1
    }

    fn answered(answer: Result<&str, &str>) -> (Option<Inquiry>, Answers) {
        let pod = pod("thanos-receive-router", &[]);
        let inquiry = inquiry(&pod.pod);
        let mut answers = Answers::default();
        let answer = answer.map(keep).map_err(str::to_owned);
        answers.remember(&inquiry.as_ref().unwrap().url, answer);
        (inquiry, answers)
    }

    #[test]
    fn what_pods_are_is_in_their_flags() {
        let router = pod(
            "thanos-receive-router",
            &["receive", "--receive.replication-factor=3"],
        );
        assert_eq!(
            router.role,
            Role::Router {
                replication_factor: 3
            }
        );
        let args = [
            "receive",
            "--objstore.config-file=/x",
            "--tsdb.retention=1d",
        ];
        let ingester = pod("thanos-receive-ingester", &args);
        assert_eq!(
            ingester.role,
            Role::Ingester {
                uploads: true,
                retention: 86_400
            }
        );
        let bare = pod("thanos-receive-ingester", &[]);
        assert_eq!(
            bare.role,
            Role::Ingester {
                uploads: false,
                retention: 1_296_000
            }
        );
    }

    #[test]
    fn metrics_are_read_of_all_tenants() {
        let (inquiry, answers) = answered(Ok(METRICS));
        let asked = asked(inquiry.as_ref(), &answers);
        let held = Held {
            started: 1_764_000_612,
            series: 42,
            failures: 3,
        };
        assert_eq!(asked.held(), Some(held));
        assert_eq!(asked.has_rings(274_274_055_343_940), Ok(true));
        assert_eq!(asked.has_rings(274_274_055_343_941), Ok(false));
    }

    #[test]
    fn who_does_not_answer_has_nothing_for_sure() {
        let (inquiry, answers) = answered(Err("refused"));
        let silent = asked(inquiry.as_ref(), &answers);
        assert_eq!(silent.has_rings(1), Err("refused".to_owned()));
        assert_eq!(silent.held(), None);
        let nobody = Answers::default();
        assert!(asked(inquiry.as_ref(), &nobody).has_rings(1).is_err());
        assert_eq!(
            asked(None, &nobody).has_rings(1),
            Ok(true),
            "it does not run"
        );
        let (inquiry, answers) = answered(Ok("something else\n"));
        let odd = asked(inquiry.as_ref(), &answers);
        assert_eq!((odd.has_rings(1), odd.held()), (Ok(false), None));
    }
}
