//! HTTP probes of pods, over the pod network, and a cache of their results. Only the [`Prober`] does
//! IO.
//!
//! Bodies are parsed while they arrive, within a memory limit for all responses together. A response
//! over a limit is an error and is never truncated.

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

/// Timeout of a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout of the headers of a metrics response, and again of its body: that of a Prometheus scrape,
/// since the pod collects the metrics of all tenants first.
const METRICS_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of the headers of any other response, and again of its body.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Memory for all bodies of this process together, in KiB: a quarter of its memory limit.
const BUDGET: usize = 32 * KIB;

/// Buffer of a connection, in bytes.
const BUFFER: usize = 64 * KIB;

/// Time after which an unused result is dropped, counted from when it was due.
const FORGET: Duration = Duration::from_secs(15 * 60);

/// An HTTP probe of a pod.
#[derive(Clone, Debug)]
pub struct Probe {
    /// URL, which is also the key of the result: equal URLs must have equal `read`.
    pub url: String,
    /// Maximum age of the result, and the requeue interval.
    pub every: Duration,
    /// How the body is parsed.
    pub read: Read,
}

/// How the body of a response is parsed.
#[derive(Clone, Debug)]
pub enum Read {
    /// Metrics in the Prometheus text format, of any length.
    Metrics {
        /// Names of the metrics to read. Lines of other metrics are dropped.
        names: &'static [&'static str],
        /// Extracts the relevant part of a line; `None` drops the line.
        line: fn(&str) -> Option<String>,
        /// Extracts the result from all these lines. A missing metric is not an error, since the pod
        /// did respond.
        keep: fn(&str) -> String,
    },
    /// A document that is parsed as a whole.
    Document {
        /// Extracts the result. `Err` is the reason why the response is invalid.
        keep: fn(&str) -> Result<String, String>,
    },
}

impl Read {
    /// Parses a complete body.
    ///
    /// # Errors
    /// The body is over a limit or invalid.
    pub fn text(&self, text: &str) -> Result<String, String> {
        let mut body = Body::new(self);
        body.push(text.as_bytes())?;
        body.finish()
    }

    const fn timeout(&self) -> Duration {
        match self {
            Self::Metrics { .. } => METRICS_TIMEOUT,
            Self::Document { .. } => TIMEOUT,
        }
    }
}

/// Results of probes, by URL.
#[derive(Debug, Default)]
pub struct ProbeResults(BTreeMap<String, ProbeResult>);

#[derive(Debug)]
struct ProbeResult {
    answer: Result<String, String>,
    at: Instant,
    /// Time of the first of the consecutive failed probes.
    unreachable_since: Option<Instant>,
    last_used: Instant,
    every: Duration,
}

impl ProbeResults {
    /// The latest result; `None` before the first probe. `Err` is the reason of the failure.
    #[must_use]
    pub fn answer(&self, url: &str) -> Option<Result<&str, &str>> {
        let result = self.0.get(url)?;
        Some(result.answer.as_deref().map_err(String::as_str))
    }

    /// Time since the first of the consecutive failed probes; zero if the last one succeeded, and
    /// before the first one.
    #[must_use]
    pub fn unreachable_for(&self, url: &str) -> Duration {
        let since = self.0.get(url).and_then(|result| result.unreachable_since);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Stores a result of this moment.
    pub fn remember(&mut self, url: &str, answer: Result<String, String>) {
        self.store(url, Duration::ZERO, Instant::now(), answer);
    }

    /// Stores the result of a probe that started at this time.
    pub(crate) fn record(&mut self, probe: &Probe, at: Instant, answer: Result<String, String>) {
        self.store(&probe.url, probe.every, at, answer);
    }

    fn store(&mut self, url: &str, every: Duration, at: Instant, answer: Result<String, String>) {
        let before = self.0.get(url).and_then(|result| result.unreachable_since);
        let unreachable_since = answer.is_err().then(|| before.unwrap_or(at));
        let result = ProbeResult {
            answer,
            at,
            unreachable_since,
            last_used: Instant::now(),
            every,
        };
        self.0.insert(url.to_owned(), result);
    }

    /// The probes without a current result. Drops results that are no longer used.
    pub(crate) fn due(&mut self, probes: &[Probe]) -> Vec<Probe> {
        let mut due = BTreeMap::new();
        for probe in probes {
            match self.0.get_mut(&probe.url) {
                Some(result) => {
                    result.last_used = Instant::now();
                    result.every = probe.every;
                    if result.at.elapsed() >= probe.every {
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
            .retain(|_, result| result.last_used.elapsed() < result.every.saturating_add(FORGET));
        due
    }

    /// Time until the first of these probes is due.
    pub(crate) fn next(&self, probes: &[Probe]) -> Option<Duration> {
        let waits = probes.iter().map(|probe| {
            let result = self.0.get(&probe.url);
            result.map_or(Duration::ZERO, |result| {
                probe.every.saturating_sub(result.at.elapsed())
            })
        });
        waits.min()
    }
}

/// Sends probes. A process has one, with one memory budget.
pub(crate) struct Prober {
    client: legacy::Client<HttpConnector, RequestBody>,
    /// Free memory for bodies, in KiB.
    budget: Semaphore,
}

impl Default for Prober {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // Connections are not reused, since they would be idle until the next probe.
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0).http1_max_buf_size(BUFFER);
        Self {
            client: builder.build(connector),
            budget: Semaphore::new(BUDGET),
        }
    }
}

impl Prober {
    /// Sends probes, up to `AT_ONCE` concurrently.
    pub async fn probe(&self, due: Vec<Probe>) -> Vec<(Probe, Result<String, String>)> {
        let answers = futures::stream::iter(due).map(|probe| async move {
            let answer = self.get(&probe).await;
            (probe, answer)
        });
        answers.buffer_unordered(AT_ONCE).collect().await
    }

    async fn get(&self, probe: &Probe) -> Result<String, String> {
        let request = Request::get(&probe.url).body(RequestBody::empty());
        let request = request.map_err(|error| format!("invalid URL: {error}"))?;
        let limit = probe.read.timeout();
        let late = |_| format!("no response within {} s", limit.as_secs());
        let response = timeout(limit, self.client.request(request)).await;
        let response = response.map_err(late)?.map_err(|e| chain(&e))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("HTTP status {}", status.as_u16()));
        }
        // Other probes release their budget within their timeout, so this wait ends.
        let needed = Body::limit(&probe.read).div_ceil(KIB);
        let needed = u32::try_from(needed).unwrap_or(u32::MAX);
        let permit = self.budget.acquire_many(needed).await;
        let _permit = permit.map_err(|error| error.to_string())?;
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
        timeout(limit, read).await.map_err(late)?
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
