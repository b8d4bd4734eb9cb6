//! What is asked of pods over HTTP, on the pod network. Inquiries and answers do no IO, the
//! [`Inquirer`] does.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::Body;
use tokio::time::Instant;

/// How many inquiries of one pass are under way at a time.
const AT_ONCE: usize = 16;

/// How long an answer may take, with everything that comes before it.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a body may be.
const LIMIT: usize = 8 * 1024 * 1024;

/// After how long nobody wants an answer any more, counted from when it should have been wanted.
const FORGET: Duration = Duration::from_secs(15 * 60);

/// Something that is asked of a pod over HTTP.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// What is got. It names the answer: whoever gives the same wants the same to be kept.
    pub url: String,
    /// How old an answer may be. The resource is looked at again after this time.
    pub every: Duration,
    /// What of the body is kept.
    pub keep: fn(&str) -> String,
}

/// The answers so far.
#[derive(Debug, Default)]
pub struct Answers(BTreeMap<String, Asked>);

#[derive(Debug)]
struct Asked {
    answer: Result<String, String>,
    at: Instant,
    /// When the first inquiry was made that nobody answered, nor any since.
    unheard: Option<Instant>,
    wanted: Instant,
    every: Duration,
}

impl Answers {
    /// The newest answer; `None` if it was not asked yet. `Err` says why there was none.
    #[must_use]
    pub fn answer(&self, url: &str) -> Option<Result<&str, &str>> {
        let asked = self.0.get(url)?;
        Some(asked.answer.as_deref().map_err(String::as_str))
    }

    /// How long nobody has answered; zero if somebody does, or if it was not asked yet.
    #[must_use]
    pub fn unheard(&self, url: &str) -> Duration {
        let since = self.0.get(url).and_then(|asked| asked.unheard);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Remembers an answer that came just now.
    pub fn remember(&mut self, url: &str, answer: Result<String, String>) {
        self.enter(url, Duration::ZERO, Instant::now(), answer);
    }

    /// Takes in the answer to an inquiry that was made at this time.
    pub(crate) fn take_in(
        &mut self,
        inquiry: &Inquiry,
        at: Instant,
        answer: Result<String, String>,
    ) {
        self.enter(&inquiry.url, inquiry.every, at, answer);
    }

    fn enter(&mut self, url: &str, every: Duration, at: Instant, answer: Result<String, String>) {
        let before = self.0.get(url).and_then(|asked| asked.unheard);
        let unheard = answer.is_err().then(|| before.unwrap_or(at));
        let asked = Asked {
            answer,
            at,
            unheard,
            wanted: Instant::now(),
            every,
        };
        self.0.insert(url.to_owned(), asked);
    }

    /// The inquiries that must be made, again or for the first time. Answers that nobody has wanted
    /// for long are forgotten.
    pub(crate) fn due(&mut self, inquiries: &[Inquiry]) -> Vec<Inquiry> {
        let mut due = BTreeMap::new();
        for inquiry in inquiries {
            match self.0.get_mut(&inquiry.url) {
                Some(asked) => {
                    asked.wanted = Instant::now();
                    asked.every = inquiry.every;
                    if asked.at.elapsed() >= inquiry.every {
                        due.insert(&inquiry.url, inquiry);
                    }
                }
                None => {
                    due.insert(&inquiry.url, inquiry);
                }
            }
        }
        let due = due.into_values().cloned().collect();
        self.0
            .retain(|_, asked| asked.wanted.elapsed() < asked.every.saturating_add(FORGET));
        due
    }

    /// How long until one of these must be made.
    pub(crate) fn next(&self, inquiries: &[Inquiry]) -> Option<Duration> {
        let waits = inquiries.iter().map(|inquiry| {
            let asked = self.0.get(&inquiry.url);
            asked.map_or(Duration::ZERO, |asked| {
                inquiry.every.saturating_sub(asked.at.elapsed())
            })
        });
        waits.min()
    }
}

/// Asks.
pub(crate) struct Inquirer(legacy::Client<HttpConnector, Body>);

impl Default for Inquirer {
    fn default() -> Self {
        // A connection would mostly stand idle until the next inquiry, at both ends.
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(0);
        Self(builder.build_http())
    }
}

impl Inquirer {
    /// Makes inquiries, some of them at the same time.
    pub async fn ask(&self, due: Vec<Inquiry>) -> Vec<(Inquiry, Result<String, String>)> {
        let answers = futures::stream::iter(due).map(|inquiry| async move {
            let answer = self.get(&inquiry.url);
            let answer = match tokio::time::timeout(PATIENCE, answer).await {
                Ok(answer) => answer.map(|body| (inquiry.keep)(&body)),
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            };
            (inquiry, answer)
        });
        answers.buffer_unordered(AT_ONCE).collect().await
    }

    async fn get(&self, url: &str) -> Result<String, String> {
        let request = Request::get(url).body(Body::empty());
        let request = request.map_err(|error| format!("invalid URL: {error}"))?;
        let response = self.0.request(request).await.map_err(|e| chain(&e))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("HTTP status {}", status.as_u16()));
        }
        let body = Limited::new(response.into_body(), LIMIT).collect().await;
        let body = body.map_err(|error| chain(&*error))?.to_bytes();
        String::from_utf8(body.into()).map_err(|_| "the answer is no text".to_owned())
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
