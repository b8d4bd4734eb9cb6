//! Alertmanagers that accept no alerts, from the metrics of rulers. Pure.
//!
//! Counters only grow, so one scrape does not show whether sends fail now. The status keeps the values of
//! the counters when they last grew; it is written only when another send has failed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use operator_runtime::Sample;
use thanos_api::v1alpha1::{FailedSends, MAX_FAILED_SENDS};
use thanos_controller_common::status::whole_seconds;

use crate::addresses::Target;

/// Failed sends by address of the Alertmanager.
pub(crate) const FAILED: &str = "thanos_alert_sender_errors_total";

/// Sent alerts by address of the Alertmanager.
pub(crate) const SENT: &str = "thanos_alert_sender_alerts_sent_total";

/// Requests by HTTP status, to all Alertmanagers together.
pub(crate) const REQUESTS: &str = "http_client_request_total";

/// First field of a line about an HTTP status. No address equals it.
const CODE: &str = "=";

/// The HTTP statuses of an Alertmanager that demands credentials.
const DENIED: [&str; 2] = ["401", "403"];

/// Seconds for which a failed send counts if no other follows. Rulers send resolved alerts for the same
/// time.
const COUNTS_FOR: i64 = 15 * 60;

/// The send counters of all rulers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendCounters {
    /// Failed sends and sent alerts by address, for addresses with failed sends.
    addresses: BTreeMap<String, (i64, i64)>,
    /// Requests that were denied, by HTTP status.
    denied: BTreeMap<i32, i64>,
}

/// The parts of a sample that [`summary`] needs; `None` for other samples.
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

/// One line for each address with failed sends: the address, failed sends and sent alerts; and one for
/// each HTTP status that denies access.
pub(crate) fn summary<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let (mut failed, mut sent) = (BTreeMap::new(), BTreeMap::new());
    let mut denied = String::new();
    for line in lines {
        let mut fields = line.split(' ');
        let (Some(kind), Some(address), Some(count)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        match kind {
            FAILED if count != "0" => _ = failed.insert(address, count),
            SENT => _ = sent.insert(address, count),
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

/// The sum of the counters of all ready rulers, from the lines that each reports; `None` unless every one
/// reports them.
#[must_use]
pub fn counters<'a, L: Iterator<Item = &'a str>>(
    rulers: impl Iterator<Item = Option<L>>,
) -> Option<SendCounters> {
    let mut counters: Option<SendCounters> = None;
    for lines in rulers {
        let counters = counters.get_or_insert_default();
        for line in lines? {
            let mut fields = line.split(' ');
            let (Some(first), Some(a), Some(b)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let (Ok(a), Ok(b)) = (a.parse::<i64>(), b.parse::<i64>()) else {
                continue;
            };
            match first {
                CODE => {
                    *counters
                        .denied
                        .entry(i32::try_from(a).unwrap_or(0))
                        .or_default() += b
                }
                address => {
                    let (failed, sent) = counters.addresses.entry(address.to_owned()).or_default();
                    *failed += a;
                    *sent += b;
                }
            }
        }
    }
    counters
}

/// The next `status.failedSends`, from the previous one and the current counters.
#[must_use]
pub fn follow(
    previous: &[FailedSends],
    counters: Option<&SendCounters>,
    now: Timestamp,
) -> Vec<FailedSends> {
    let counts = |since: &Timestamp| now.as_second() - since.as_second() < COUNTS_FOR;
    let Some(counters) = counters else {
        let kept = previous.iter().cloned().map(|mut sends| {
            sends.last_failure = sends.last_failure.filter(|last| counts(&last.0));
            sends
        });
        return kept.collect();
    };
    let all: i64 = counters.addresses.values().map(|(failed, _)| failed).sum();
    let denied: i64 = counters.denied.values().sum();
    let code = counters.denied.iter().max_by_key(|(_, count)| **count);
    let code = code.map(|(code, _)| *code).filter(|_| denied >= all);
    let next = |(address, (failed, sent)): (&String, &(i64, i64))| {
        let before = previous.iter().find(|p| p.address == *address);
        let (had_failed, had_sent) = before.map_or((0, 0), |p| (p.failed, p.sent));
        let last = before.and_then(|p| p.last_failure.clone());
        let (sent_then, last_failure) = match failed - had_failed {
            // No send failed; one that succeeded ends the failure.
            0 => (
                had_sent,
                last.filter(|last| *sent == had_sent && counts(&last.0)),
            ),
            // All sends failed, since then or since the rulers started.
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
    counters
        .addresses
        .iter()
        .map(next)
        .take(MAX_FAILED_SENDS)
        .collect()
}

/// The message about Alertmanagers that accept no alerts; `None` if all accept some. `log` is the command
/// that shows the log of rulers.
#[must_use]
pub fn describe(sends: &[FailedSends], targets: &[Target], log: &str) -> Option<String> {
    let mut failing = sends.iter().filter(|s| s.last_failure.is_some());
    let first = failing.next()?;
    let name = name(&first.address, targets);
    let alertmanagers = match failing.count() {
        0 => format!("Alertmanager {name}"),
        more => format!("{} Alertmanagers, such as {name}", more + 1),
    };
    Some(match first.status_code {
        Some(code) => format!(
            "sending alerts to {alertmanagers} fails with HTTP status {code}; rulers send no \
             credentials. Set spec.alertmanagers.urls to an address that requires none"
        ),
        None => format!(
            "sending alerts to {alertmanagers} fails. To see why: {log} | grep 'sending alerts failed' \
             (HTTP status 401 or 403: it requires credentials, which rulers do not send)"
        ),
    })
}

/// The Alertmanager at an address, which rulers may have resolved from a name.
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
