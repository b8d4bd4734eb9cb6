//! Which Alertmanagers take no alerts, as the metrics of rulers say. Pure.
//!
//! Counters only ever grow, so one scrape does not say whether sends fail now. The status keeps what
//! the counters were when they last grew; it is written only when another send has failed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use operator_runtime::{ProbeResults, Sample};
use thanos_api::v1alpha1::{FailedSends, MAX_FAILED_SENDS};
use thanos_controller_common::facts::PodFacts;
use thanos_controller_common::status::whole_seconds;

use crate::addresses::Target;
use crate::rules::loaded::said_of_sends;

/// Sends that failed, by address of the Alertmanager.
pub(crate) const FAILED: &str = "thanos_alert_sender_errors_total";

/// Alerts that were sent, likewise.
pub(crate) const SENT: &str = "thanos_alert_sender_alerts_sent_total";

/// Requests by HTTP status, to all Alertmanagers together.
pub(crate) const REQUESTS: &str = "http_client_request_total";

/// What begins the line of an HTTP status. No address does.
const CODE: &str = "=";

/// The answers of an Alertmanager that wants credentials.
const DENIED: [&str; 2] = ["401", "403"];

/// For how many seconds a failed send counts if no other follows. Rulers send alerts that are
/// resolved for as long.
const COUNTS_FOR: i64 = 15 * 60;

/// What rulers say of sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Failed sends and sent alerts of all rulers, by address; where any failed.
    addresses: BTreeMap<String, (i64, i64)>,
    /// Requests that were denied, by HTTP status.
    denied: BTreeMap<i32, i64>,
}

/// Of a sample about sends as much as [`summary`] needs.
pub(crate) fn shorten(sample: &Sample<'_>) -> Option<String> {
    let value = sample.value;
    if sample.name == REQUESTS {
        let is_alertmanager = sample.label("client").as_deref() == Some("alertmanager");
        let code = sample
            .label("code")
            .filter(|c| DENIED.contains(&c.as_str()));
        return code
            .filter(|_| is_alertmanager)
            .map(|code| format!("{CODE} {code} {value:.0}"));
    }
    let is_of_address = sample.name == FAILED || sample.name == SENT;
    let address = sample.label("alertmanager").filter(|_| is_of_address)?;
    let is_word = !address.contains(char::is_whitespace);
    is_word.then(|| format!("{} {address} {value:.0}", sample.name))
}

/// A line for each address that a send to failed: the address, failed sends and sent alerts; and one for
/// each HTTP status that denies access.
pub(crate) fn summary<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let (mut failed, mut sent) = (BTreeMap::new(), BTreeMap::new());
    let mut denied = String::new();
    for line in lines {
        let mut termination_message = line.split(' ');
        let (Some(what), Some(of), Some(count)) = (
            termination_message.next(),
            termination_message.next(),
            termination_message.next(),
        ) else {
            continue;
        };
        match what {
            FAILED if count != "0" => _ = failed.insert(of, count),
            SENT => _ = sent.insert(of, count),
            CODE => denied += &format!("\n{line}"),
            _ => {}
        }
    }
    let line = |(address, count): (&str, &str)| {
        let sent = sent.get(address).copied().unwrap_or("0");
        format!("\n{address} {count} {sent}")
    };
    failed.into_iter().map(line).collect::<String>() + &denied
}

/// What all rulers together say; `None` unless each of them that is ready says something.
#[must_use]
pub fn said<'a>(
    pods: impl IntoIterator<Item = &'a PodFacts>,
    answers: &ProbeResults,
) -> Option<Said> {
    let mut said: Option<Said> = None;
    for pod in pods.into_iter().filter(|pod| pod.ready) {
        let said = said.get_or_insert_default();
        for line in said_of_sends(pod, answers)? {
            let mut termination_message = line.split(' ');
            let (Some(first), Some(a), Some(b)) = (
                termination_message.next(),
                termination_message.next(),
                termination_message.next(),
            ) else {
                continue;
            };
            let (Ok(a), Ok(b)) = (a.parse::<i64>(), b.parse::<i64>()) else {
                continue;
            };
            match first {
                CODE => {
                    *said
                        .denied
                        .entry(i32::try_from(a).unwrap_or(0))
                        .or_default() += b
                }
                address => {
                    let (failed, sent) = said.addresses.entry(address.to_owned()).or_default();
                    *failed += a;
                    *sent += b;
                }
            }
        }
    }
    said
}

/// What is to be remembered of sends, after what was remembered before.
#[must_use]
pub fn follow(previous: &[FailedSends], said: Option<&Said>, now: Timestamp) -> Vec<FailedSends> {
    let counts = |since: &Timestamp| now.as_second() - since.as_second() < COUNTS_FOR;
    let Some(said) = said else {
        let kept = previous.iter().cloned().map(|mut sends| {
            sends.last_failure = sends.last_failure.filter(|last| counts(&last.0));
            sends
        });
        return kept.collect();
    };
    let all: i64 = said.addresses.values().map(|(failed, _)| failed).sum();
    let denied: i64 = said.denied.values().sum();
    let code = said.denied.iter().max_by_key(|(_, count)| **count);
    let code = code.map(|(code, _)| *code).filter(|_| denied >= all);
    let next = |(address, (failed, sent)): (&String, &(i64, i64))| {
        let before = previous.iter().find(|p| p.address == *address);
        let (had_failed, had_sent) = before.map_or((0, 0), |p| (p.failed, p.sent));
        let last = before.and_then(|p| p.last_failure.clone());
        let (sent_then, last_failure) = match failed - had_failed {
            // None failed; and if one succeeded, it works again.
            0 => (
                had_sent,
                last.filter(|last| *sent == had_sent && counts(&last.0)),
            ),
            // All failed, since then or since the rulers started.
            _ if *sent == had_sent || *sent == 0 => (*sent, Some(whole_seconds(now))),
            _ => (*sent, None),
        };
        FailedSends {
            address: address.clone(),
            failed: *failed,
            sent: sent_then,
            status_code: code.filter(|_| last_failure.is_some()),
            last_failure,
        }
    };
    said.addresses
        .iter()
        .map(next)
        .take(MAX_FAILED_SENDS)
        .collect()
}

/// What the condition says of Alertmanagers that take no alerts; `None` if there is none. `log` is the
/// command that shows the log of rulers.
#[must_use]
pub fn describe(sends: &[FailedSends], targets: &[Target], log: &str) -> Option<String> {
    let mut failing = sends.iter().filter(|s| s.last_failure.is_some());
    let first = failing.next()?;
    let name = name(&first.address, targets);
    let who = match failing.count() {
        0 => format!("Alertmanager {name}"),
        more => format!("{} Alertmanagers, such as {name}", more + 1),
    };
    Some(match first.status_code {
        Some(code) => format!(
            "rulers cannot send alerts to {who}: it answers with HTTP status {code}, and rulers have no \
             credentials; give the URL of a port that needs none in spec.alertmanagers.urls"
        ),
        None => format!(
            "rulers cannot send alerts to {who}; {log} | grep 'sending alerts failed' shows why. With \
             HTTP status 401 or 403 it wants credentials, which rulers do not have"
        ),
    })
}

/// The Alertmanager at an address that rulers may have resolved themselves.
fn name(address: &str, targets: &[Target]) -> String {
    if let Some(target) = targets.iter().find(|t| t.address == address) {
        return target.url();
    }
    let mut resolved = targets.iter().filter(|t| t.address.contains('+'));
    match (resolved.next(), resolved.next()) {
        (Some(target), None) => format!("{} at {address}", target.url()),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests;
