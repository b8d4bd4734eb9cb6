//! Time ranges at a fixed time.

use std::time::Duration;

use thanos_api::v1alpha1::TimeRangeConfig;

use super::{MAX, MIN, Verdict, verdict};

const NOW: &str = "2026-06-01T00:00:00Z";
const HOUR: Duration = Duration::from_millis(3_600_001);
const TOMORROW: Duration = Duration::from_millis(86_400_001);

fn judged_at(now: &str, min: &str, max: &str) -> Verdict {
    let range = TimeRangeConfig {
        min_time: Some(min.to_owned()),
        max_time: Some(max.to_owned()),
    };
    verdict(Some(&range), now.parse().unwrap())
}

fn judged(min: &str, max: &str) -> Verdict {
    judged_at(NOW, min, max)
}

fn refused(min: &str, max: &str, field: &str, termination_message: &str) {
    let fault = judged(min, max).fault;
    let fault = fault.unwrap_or_else(|| panic!("{min} to {max} was accepted"));
    assert_eq!(fault.field, field, "{min} to {max}: {}", fault.message);
    assert!(
        fault.message.contains(termination_message),
        "{min} to {max}: {}",
        fault.message
    );
}

#[test]
fn ranges_that_hold_something_whatever_the_time_is() {
    assert_eq!(verdict(None, NOW.parse().unwrap()), Verdict::default());
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
        assert_eq!(judged(min, max), Verdict::default(), "{min} to {max}");
    }
}

#[test]
fn a_forgotten_minus_sign_is_told() {
    for text in ["30d", "1ms", "1y", "0d1s"] {
        refused(text, "", MIN, &format!("write -{text} for"));
        refused("", text, MAX, &format!("write -{text} for"));
    }
    for text in ["0", "0d", "-0", "-0h0s"] {
        refused(text, "", MIN, "is now");
    }
}

#[test]
fn wrong_units_are_named() {
    for (text, termination_message) in [
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
        ("-", "is no time"),
        ("-d", "is no time"),
        ("yesterday", "is no time"),
        (" -1d", "is no time"),
        ("-293y", "292 years"),
        ("-99999999999999999999999999999999999999999ms", "292 years"),
    ] {
        refused(text, "", MIN, termination_message);
        refused("", text, MAX, termination_message);
        refused(text, "", MIN, "such as -30d");
    }
}

/// Thanos ends at once with any of them.
#[test]
fn what_go_takes_for_no_timestamp_is_none() {
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
        refused(text, "", MIN, "is no time");
    }
}

#[test]
fn reversed_and_empty_ranges_are_told() {
    for (min, max) in [
        ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00+01:00"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:01"),
        ("-1w", "-2w"),
        ("-1d", "-25h"),
    ] {
        refused(min, max, MAX, "exchange them");
        assert_eq!(judged(min, max).changes_in, None);
    }
    for (min, max) in [
        ("-7d", "-1w"),
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"),
    ] {
        refused(min, max, MAX, "the same time");
        assert_eq!(judged(min, max).changes_in, None);
    }
}

/// From the last 30 days up to a fixed time: for a while, and then never again.
#[test]
fn a_range_that_becomes_empty_is_judged_anew_then() {
    let max = "2026-06-15T00:00:00Z";
    assert_eq!(
        judged("-30d", max),
        Verdict {
            fault: None,
            changes_in: Some(TOMORROW)
        }
    );
    let soon = judged_at("2026-07-14T23:00:00Z", "-30d", max);
    assert_eq!(
        soon,
        Verdict {
            fault: None,
            changes_in: Some(HOUR)
        }
    );
    let over = judged_at("2026-07-15T00:00:00Z", "-30d", max);
    assert!(
        over.fault.clone().unwrap().message.contains("any more"),
        "{over:?}"
    );
    assert_eq!(over.changes_in, None);
    // Its message never changes.
    assert_eq!(judged_at("2027-01-01T00:00:00Z", "-30d", max), over);
}

/// From a fixed time until a week ago: not for a while, and then for ever.
#[test]
fn a_range_that_is_still_empty_is_judged_anew_then() {
    let early = judged("2026-05-31T00:00:00Z", "-1w");
    let fault = early.fault.clone().unwrap();
    assert_eq!(fault.field, MAX);
    assert!(fault.message.contains("yet"), "{fault:?}");
    assert_eq!(early.changes_in, Some(TOMORROW));
    let soon = judged_at("2026-06-06T23:00:00Z", "2026-05-31T00:00:00Z", "-1w");
    assert_eq!((soon.fault, soon.changes_in), (early.fault, Some(HOUR)));
    let later = judged_at("2026-06-07T00:00:00.001Z", "2026-05-31T00:00:00Z", "-1w");
    assert_eq!(later, Verdict::default());
}

#[test]
fn a_range_that_begins_in_the_future_is_judged_anew_then() {
    for max in ["", "2100-01-01T00:00:00Z"] {
        let min = "2026-06-01T01:00:00Z";
        refused(min, max, MIN, "in the future");
        assert_eq!(judged(min, max).changes_in, Some(HOUR));
        let then = judged_at("2026-06-01T01:00:00.001Z", min, max);
        assert_eq!(then, Verdict::default());
    }
}

/// Whenever the verdict of a range changes, an earlier one said so.
#[test]
fn no_change_comes_unannounced() {
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
        let mut before = judged_at(&now.to_string(), min, max);
        let mut due = before.changes_in;
        for _ in 0..600 {
            now += Duration::from_secs(60);
            due = due.map(|due| due.saturating_sub(Duration::from_secs(60)));
            let verdict = judged_at(&now.to_string(), min, max);
            if verdict.fault != before.fault {
                assert!(
                    due.is_some_and(|due| due.as_secs() < 60),
                    "{min} to {max} at {now}"
                );
            }
            due = verdict.changes_in;
            before = verdict;
        }
    }
}
