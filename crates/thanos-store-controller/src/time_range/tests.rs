//! Time ranges at a fixed time.

use std::time::Duration;

use thanos_api::v1alpha1::TimeRangeConfig;

use super::{Evaluation, MAX, MIN, evaluate};

const NOW: &str = "2026-06-01T00:00:00Z";
const HOUR: Duration = Duration::from_millis(3_600_001);
const TOMORROW: Duration = Duration::from_millis(86_400_001);

fn evaluate_at(now: &str, min: &str, max: &str) -> Evaluation {
    let range = TimeRangeConfig {
        min_time: Some(min.to_owned()),
        max_time: Some(max.to_owned()),
    };
    evaluate(Some(&range), now.parse().unwrap())
}

fn evaluated(min: &str, max: &str) -> Evaluation {
    evaluate_at(NOW, min, max)
}

fn refused(min: &str, max: &str, field: &str, expected: &str) {
    let fault = evaluated(min, max).fault;
    let fault = fault.unwrap_or_else(|| panic!("{min} to {max} was accepted"));
    assert_eq!(fault.field, field, "{min} to {max}: {}", fault.message);
    assert!(
        fault.message.contains(expected),
        "{min} to {max}: {}",
        fault.message
    );
}

#[test]
fn valid_ranges_are_accepted_at_any_time() {
    assert_eq!(evaluate(None, NOW.parse().unwrap()), Evaluation::default());
    for (min, max) in [
        ("", ""),
        ("-30d", ""),
        ("", "-29d"),
        ("", "0"),
        ("", "0d"),
        ("-2w", "-1w"),
        ("-1y2w3d4h5m6s7ms", "-0s"),
        ("2026-01-31T00:00:00Z", ""),
        (
            "2026-01-31T00:00:00.5+01:00",
            "2026-02-28T23:59:59.999999999-23:59",
        ),
        ("", "2100-01-01T00:00:00Z"),
        ("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ("-292y", ""),
    ] {
        assert_eq!(evaluated(min, max), Evaluation::default(), "{min} to {max}");
    }
}

#[test]
fn duration_without_minus_sign_is_rejected() {
    for text in ["30d", "1ms", "1y", "0d1s"] {
        refused(text, "", MIN, &format!("use -{text} for"));
        refused("", text, MAX, &format!("use -{text} for"));
    }
    for text in ["0", "0d", "-0", "-0h0s"] {
        refused(text, "", MIN, "is the current time");
    }
}

#[test]
fn wrong_units_are_reported() {
    for (text, expected) in [
        ("-1a", "unknown unit `a`"),
        ("-30D", "unknown unit `D`"),
        ("-1mo", "unknown unit `mo`"),
        ("-5days", "unknown unit `days`"),
        ("-1.5h", "unknown unit `.`"),
        ("-1µs", "unknown unit `µs`"),
        ("-30", "no unit after 30"),
        ("-1d30", "no unit after 30"),
        ("-5d1w", "`w` in the wrong place"),
        ("-1d1d", "`d` in the wrong place"),
        ("-", "is not a valid time"),
        ("-d", "is not a valid time"),
        ("yesterday", "is not a valid time"),
        (" -1d", "is not a valid time"),
        ("-293y", "292 years"),
        ("-99999999999999999999999999999999999999999ms", "292 years"),
    ] {
        refused(text, "", MIN, expected);
        refused("", text, MAX, expected);
        refused(text, "", MIN, "such as -30d");
    }
}

/// Thanos exits at startup with any of them.
#[test]
fn timestamps_that_go_rejects_are_rejected() {
    for text in [
        "2026-01-31",
        "2026-01-31T00:00:00",
        "2026-01-31 00:00:00Z",
        "2026-01-31t00:00:00z",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-12-31T23:59:60Z",
        "2026-01-31T00:00:00.Z",
        "2026-01-31T00:00:00.1234567890Z",
        "2026-01-31T00:00:00+25:00",
        "2026-01-31T00:00:00+0100",
        "2026-01-31T00:00Z",
        "-2026-01-31T00:00:00Z",
        "--30d",
    ] {
        refused(text, "", MIN, "is not a valid time");
    }
}

#[test]
fn reversed_and_empty_ranges_are_rejected() {
    for (min, max) in [
        ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00+01:00"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:01"),
        ("-1w", "-2w"),
        ("-1d", "-25h"),
    ] {
        refused(min, max, MAX, "swap them");
        assert_eq!(evaluated(min, max).changes_in, None);
    }
    for (min, max) in [
        ("-7d", "-1w"),
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"),
    ] {
        refused(min, max, MAX, "equals minTime");
        assert_eq!(evaluated(min, max).changes_in, None);
    }
}

/// From the last 30 days up to a fixed time: non-empty for a while, and then never again.
#[test]
fn range_that_becomes_empty_is_evaluated_again_then() {
    let max = "2026-06-15T00:00:00Z";
    assert_eq!(
        evaluated("-30d", max),
        Evaluation {
            fault: None,
            changes_in: Some(TOMORROW)
        }
    );
    let soon = evaluate_at("2026-07-14T23:00:00Z", "-30d", max);
    assert_eq!(
        soon,
        Evaluation {
            fault: None,
            changes_in: Some(HOUR)
        }
    );
    let over = evaluate_at("2026-07-15T00:00:00Z", "-30d", max);
    assert!(
        over.fault.clone().unwrap().message.contains("no longer"),
        "{over:?}"
    );
    assert_eq!(over.changes_in, None);
    // The message never changes.
    assert_eq!(evaluate_at("2027-01-01T00:00:00Z", "-30d", max), over);
}

/// From a fixed time until a week ago: empty for a while, and then never again.
#[test]
fn range_that_is_still_empty_is_evaluated_again_then() {
    let early = evaluated("2026-05-31T00:00:00Z", "-1w");
    let fault = early.fault.clone().unwrap();
    assert_eq!(fault.field, MAX);
    assert!(fault.message.contains("yet"), "{fault:?}");
    assert_eq!(early.changes_in, Some(TOMORROW));
    let soon = evaluate_at("2026-06-06T23:00:00Z", "2026-05-31T00:00:00Z", "-1w");
    assert_eq!((soon.fault, soon.changes_in), (early.fault, Some(HOUR)));
    let later = evaluate_at("2026-06-07T00:00:00.001Z", "2026-05-31T00:00:00Z", "-1w");
    assert_eq!(later, Evaluation::default());
}

#[test]
fn range_that_begins_in_the_future_is_evaluated_again_then() {
    for max in ["", "2100-01-01T00:00:00Z"] {
        let min = "2026-06-01T01:00:00Z";
        refused(min, max, MIN, "in the future");
        assert_eq!(evaluated(min, max).changes_in, Some(HOUR));
        let then = evaluate_at("2026-06-01T01:00:00.001Z", min, max);
        assert_eq!(then, Evaluation::default());
    }
}

/// Whenever the result for a range changes, an earlier result announced the time.
#[test]
fn every_change_is_announced_by_changes_in() {
    let ends = [
        "",
        "-1h",
        "-2h",
        "2026-06-01T00:30:00Z",
        "2026-06-01T02:00:00Z",
        "2026-05-31T23:00:00Z",
    ];
    for (min, max) in ends.iter().flat_map(|min| ends.map(|max| (*min, max))) {
        let mut now: jiff::Timestamp = NOW.parse().unwrap();
        let mut before = evaluate_at(&now.to_string(), min, max);
        let mut due = before.changes_in;
        for _ in 0..600 {
            now += Duration::from_secs(60);
            due = due.map(|due| due.saturating_sub(Duration::from_secs(60)));
            let evaluate = evaluate_at(&now.to_string(), min, max);
            if evaluate.fault != before.fault {
                assert!(
                    due.is_some_and(|due| due.as_secs() < 60),
                    "{min} to {max} at {now}"
                );
            }
            due = evaluate.changes_in;
            before = evaluate;
        }
    }
}
