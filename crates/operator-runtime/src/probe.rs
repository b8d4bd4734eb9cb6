//! HTTP probes of pods, on the pod network. Probes and results do no IO, the
//! [`Prober`] does.
//!
//! A response is read as it arrives, and what is held of all responses at one time has a limit. One
//! that is over a limit is an error, never a part of a response.

mod body;
mod sample;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::Body as RequestBody;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use body::Body;
pub use sample::Sample;

const KIB: usize = 1024;

/// Concurrent probes of one reconcile.
const AT_ONCE: usize = 16;

/// How long a pod may take to accept a connection.
const CONNECTING: Duration = Duration::from_secs(3);

/// How long a pod may take until its response begins, and again until it ends. Metrics are collected
/// first, of each tenant: as long as Prometheus waits for a scrape.
const METRICS_PATIENCE: Duration = Duration::from_secs(10);

/// The same for any other response.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What this process holds of all bodies at one time, in KiB. A fourth of its memory limit.
const BUDGET: usize = 32 * KIB;

/// What is buffered of a connection, in bytes.
const BUFFER: usize = 64 * KIB;

/// How long a result is kept that no custom resource needs any more, from the time when it was due.
const FORGET: Duration = Duration::from_secs(15 * 60);

/// An HTTP request to a pod.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The URL, and the key of the result: probes of one URL share its result.
    pub url: String,
    /// Maximum age of a result. The resource is reconciled again after this time.
    pub every: Duration,
    /// What is read of the body.
    pub read: Read,
}

/// What is read of the body of a response.
#[derive(Clone, Debug)]
pub enum Read {
    /// Metrics in the text format of Prometheus. Their text may be of any length.
    Metrics {
        /// Names of the metrics that are read. Lines of others are not held.
        names: &'static [&'static str],
        /// What is held of a line of these metrics until the body ends; `None` if nothing.
        line: fn(&str) -> Option<String>,
        /// What is remembered of all these lines. That a metric is missing is for the reader of the
        /// answer to see: the pod did answer.
        keep: fn(&str) -> String,
    },
    /// A document that is read as a whole.
    Document {
        /// What is remembered of it. `Err` says why it is not an answer.
        keep: fn(&str) -> Result<String, String>,
    },
}

impl Read {
    /// What is remembered of a body that is at hand as a whole.
    ///
    /// # Errors
    /// As of a body that arrives from a pod.
    pub fn text(&self, text: &str) -> Result<String, String> {
        let mut body = Body::new(self);
        body.push(text.as_bytes())?;
        body.finish()
    }

    const fn patience(&self) -> Duration {
        match self {
            Self::Metrics { .. } => METRICS_PATIENCE,
            Self::Document { .. } => TIMEOUT,
        }
    }
}

/// The answers so far.
#[derive(Debug, Default)]
pub struct ProbeResults(BTreeMap<String, Probed>);

#[derive(Debug)]
struct Probed {
    answer: Result<String, String>,
    at: Instant,
    /// When the first of the probes failed that have all failed since.
    unreachable_for: Option<Instant>,
    needed: Instant,
    every: Duration,
}

impl ProbeResults {
    /// The newest result; `None` if it was not probed yet. `Err` is why it failed.
    #[must_use]
    pub fn answer(&self, url: &str) -> Option<Result<&str, &str>> {
        let probed = self.0.get(url)?;
        Some(probed.answer.as_deref().map_err(String::as_str))
    }

    /// How long probes have failed; zero if the last one succeeded, or none was sent yet.
    #[must_use]
    pub fn unreachable_for(&self, url: &str) -> Duration {
        let since = self.0.get(url).and_then(|probed| probed.unreachable_for);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Remembers an answer that came just now.
    pub fn remember(&mut self, url: &str, answer: Result<String, String>) {
        self.enter(url, Duration::ZERO, Instant::now(), answer);
    }

    /// Stores the result of a probe that was sent at this time.
    pub(crate) fn apply_event(
        &mut self,
        probe: &Probe,
        at: Instant,
        answer: Result<String, String>,
    ) {
        self.enter(&probe.url, probe.every, at, answer);
    }

    fn enter(&mut self, url: &str, every: Duration, at: Instant, answer: Result<String, String>) {
        let before = self.0.get(url).and_then(|probed| probed.unreachable_for);
        let unreachable_for = answer.is_err().then(|| before.unwrap_or(at));
        let probed = Probed {
            answer,
            at,
            unreachable_for,
            needed: Instant::now(),
            every,
        };
        self.0.insert(url.to_owned(), probed);
    }

    /// The probes that must be sent, again or for the first time. Results that no resource has needed
    /// for long are forgotten.
    pub(crate) fn due(&mut self, probes: &[Probe]) -> Vec<Probe> {
        let mut due = BTreeMap::new();
        for probe in probes {
            match self.0.get_mut(&probe.url) {
                Some(probed) => {
                    probed.needed = Instant::now();
                    probed.every = probe.every;
                    if probed.at.elapsed() >= probe.every {
                        due.insert(&probe.url, probe);
                    }
                }
                None => {
                    due.insert(&probe.url, probe);
                }
            }
        }
        let due = due.into_values().cloned().collect();
        self.0
            .retain(|_, probed| probed.needed.elapsed() < probed.every.saturating_add(FORGET));
        due
    }

    /// How long until one of these must be made.
    pub(crate) fn next(&self, probes: &[Probe]) -> Option<Duration> {
        let waits = probes.iter().map(|probe| {
            let probed = self.0.get(&probe.url);
            probed.map_or(Duration::ZERO, |probed| {
                probe.every.saturating_sub(probed.at.elapsed())
            })
        });
        waits.min()
    }
}

/// Sends probes. There is one in a process.
pub(crate) struct Prober {
    client: legacy::Client<HttpConnector, RequestBody>,
    /// KiB of bodies that may be held now.
    budget: Semaphore,
}

impl Default for Prober {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECTING));
        // A connection would be idle until the next probe, at both ends.
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0).http1_max_buf_size(BUFFER);
        Self {
            client: builder.build(connector),
            budget: Semaphore::new(BUDGET),
        }
    }
}

impl Prober {
    /// Makes inquiries, some of them at the same time.
    pub async fn send(&self, due: Vec<Probe>) -> Vec<(Probe, Result<String, String>)> {
        let answers = futures::stream::iter(due).map(|probe| async move {
            let answer = self.get(&probe).await;
            (probe, answer)
        });
        answers.buffer_unordered(AT_ONCE).collect().await
    }

    async fn get(&self, probe: &Probe) -> Result<String, String> {
        let request = Request::get(&probe.url).body(RequestBody::empty());
        let request = request.map_err(|error| format!("invalid URL: {error}"))?;
        let patience = probe.read.patience();
        let late = |_| format!("no answer within {} s", patience.as_secs());
        let response = timeout(patience, self.client.request(request)).await;
        let response = response.map_err(late)?.map_err(|e| chain(&e))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("HTTP status {}", status.as_u16()));
        }
        // Others hold what is in use for as long as they wait at most, so this ends.
        let needed = Body::limit(&probe.read).div_ceil(KIB);
        let needed = u32::try_from(needed).unwrap_or(u32::MAX);
        let partial = self.budget.acquire_many(needed).await;
        let _held = partial.map_err(|error| error.to_string())?;
        let mut arriving = response.into_body();
        let read = async {
            let mut body = Body::new(&probe.read);
            while let Some(frame) = arriving.frame().await {
                let frame = frame.map_err(|error| chain(&error))?;
                if let Some(data) = frame.data_ref() {
                    body.push(data)?;
                }
            }
            body.finish()
        };
        timeout(patience, read).await.map_err(late)?
    }
}

/// An error and its causes as one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |mut line, cause| {
        let cause = cause.to_string();
        if !line.ends_with(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
        line
    })
}

#[cfg(test)]
pub(crate) mod tests;
