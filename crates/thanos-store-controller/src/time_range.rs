//! Evaluates whether a time range can contain blocks. No IO; the time is an argument.
//!
//! A range with one absolute and one relative end can become empty, or non-empty, over time. The
//! result therefore contains the time of the next change, and its message does not depend on the
//! time.

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use kube_facts::duration::{self, DurationError};
use thanos_api::v1alpha1::TimeRangeConfig;
use thanos_workload::FieldError;

const MIN: &str = "spec.timeRangeConfig.minTime";
const MAX: &str = "spec.timeRangeConfig.maxTime";

const DAY: i128 = 86_400_000;

/// Maximum time until a range is evaluated again.
const LATEST: i128 = DAY;

const WRITE: &str = "use a time such as 2026-01-31T00:00:00Z, or a duration before now such as -30d (units y, w, d, h, m, s, ms in this order)";

/// Result of the evaluation of a time range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Invalid field and reason.
    pub fault: Option<FieldError>,
    /// Time until the range has to be evaluated again; `None` if the result depends only on the
    /// spec.
    pub changes_in: Option<Duration>,
}

/// Time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// Since the epoch.
    At(i128),
    /// Relative to now; negative before now.
    Relative(i128),
}

impl Point {
    fn at(self, now: i128) -> i128 {
        match self {
            Self::At(at) => at,
            Self::Relative(after) => now + after,
        }
    }

    const fn is_relative(self) -> bool {
        matches!(self, Self::Relative(_))
    }
}

/// Evaluates a time range.
#[must_use]
pub fn evaluate(range: Option<&TimeRangeConfig>, now: Timestamp) -> Evaluation {
    let now = i128::from(now.as_millisecond());
    match range.map_or(Ok(None), |range| check(range, now)) {
        Ok(changes_in) => Evaluation {
            fault: None,
            changes_in: changes_in.and_then(wait),
        },
        Err((fault, changes_in)) => Evaluation {
            fault: Some(fault),
            changes_in: changes_in.and_then(wait),
        },
    }
}

fn wait(milliseconds: i128) -> Option<Duration> {
    let wait = milliseconds.clamp(0, LATEST) + 1;
    u64::try_from(wait).ok().map(Duration::from_millis)
}

/// The error, and the milliseconds until the result changes.
fn check(range: &TimeRangeConfig, now: i128) -> Result<Option<i128>, (FieldError, Option<i128>)> {
    let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
    let never = |field: &str, message: String| (FieldError::new(field, message), None);
    let read = |text: Option<String>, field: &str| {
        let Some(text) = text else { return Ok(None) };
        match point(&text) {
            Ok(Point::Relative(after)) if after > 0 => {
                let message = format!(
                    "`{text}` is in the future, where no block exists; use -{text} for a time in the past"
                );
                Err(never(field, message))
            }
            Ok(point) => Ok(Some((point, text))),
            Err(reason) => Err(never(field, format!("`{text}` {reason}; {WRITE}"))),
        }
    };
    let min = read(given(&range.min_time), MIN)?;
    let max = read(given(&range.max_time), MAX)?;
    let Some((from, min)) = min else {
        return Ok(None);
    };
    if from == Point::Relative(0) {
        let message = format!("`{min}` is the current time, so no block would be served; {WRITE}");
        return Err(never(MIN, message));
    }
    if let Some((to, max)) = max {
        let difference = to.at(now) - from.at(now);
        let changes = from.is_relative() != to.is_relative();
        let changes_in = changes.then_some(difference.abs());
        if difference <= 0 {
            let message = match (from.is_relative(), to.is_relative()) {
                (true, false) => format!(
                    "{max} is no longer after minTime ({min}), so no block is served; set a later maxTime, or delete this ThanosStore"
                ),
                (false, true) => format!(
                    "{max} is not yet after minTime ({min}), so no block would be served; set an earlier minTime, or wait"
                ),
                _ if difference == 0 => format!(
                    "{max} equals minTime ({min}), so no block would be served; set a later maxTime"
                ),
                _ => format!(
                    "{max} is before minTime ({min}), so no block would be served; swap them"
                ),
            };
            // A range that has become empty stays empty.
            let changes_in = changes_in.filter(|_| to.is_relative());
            return Err((FieldError::new(MAX, message), changes_in));
        }
        if from.is_relative() && changes {
            return Ok(changes_in);
        }
    }
    // Blocks are uploaded after their time range has ended.
    let until = from.at(now) - now;
    if until >= 0 {
        let message = format!(
            "{min} is in the future, so no block would be served until then; set an earlier time"
        );
        return Err((FieldError::new(MIN, message), Some(until)));
    }
    Ok(None)
}

/// Parses a time of the spec.
fn point(text: &str) -> Result<Point, String> {
    let relative = text.strip_prefix('-').unwrap_or(text);
    if relative.contains(['-', ':']) {
        return timestamp(text)
            .map(Point::At)
            .ok_or_else(|| "is not a valid time".to_owned());
    }
    let length = duration::milliseconds(relative).map_err(|error| match error {
        DurationError::Malformed => "is not a valid time".to_owned(),
        _ => error.to_string(),
    })?;
    let length = i128::from(length);
    Ok(Point::Relative(match relative.len() < text.len() {
        true => -length,
        false => length,
    }))
}

/// Timestamp as parsed by Go: stricter than the library, and up to the end of the year 9999.
fn timestamp(text: &str) -> Option<i128> {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let rest = shape.strip_prefix("0000-00-00T00:00:00")?;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches('0');
            (1..=9)
                .contains(&(fraction.len() - zone.len()))
                .then_some(zone)?
        }
        None => rest,
    };
    let (local, zone) = text.split_at_checked(text.len() - zone.len())?;
    // The library accepts leap seconds.
    let local: DateTime = (local.get(17..19)? < "60").then(|| local.parse().ok())??;
    let number = |at: Range<usize>| zone.get(at)?.parse::<i128>().ok();
    let east = match (zone, zone.split_at_checked(1)?.0) {
        ("Z", _) => 0,
        (_, sign @ ("+" | "-")) if zone.len() == 6 => {
            let (hours, minutes) = (number(1..3)?, number(4..6)?);
            let length = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
            if sign == "-" { -length } else { length }
        }
        _ => return None,
    };
    let since = local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    Some(since.as_millis() - east * 60_000)
}

#[cfg(test)]
mod tests;
