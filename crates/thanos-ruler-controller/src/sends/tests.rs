//! Counters of rulers, one scrape after another.

use super::*;

/// The summary of the metrics of a ruler.
fn keep(body: &str) -> String {
    let samples = body.lines().filter_map(Sample::parse);
    let lines: Vec<String> = samples.filter_map(|sample| shorten(&sample)).collect();
    summary(lines.iter().map(String::as_str))
}

fn body(lines: &[&str]) -> String {
    format!("# HELP x\n{}\nother 1\n", lines.join("\n"))
}

/// Counters of one address.
fn counted(failed: i64, sent: i64) -> SendCounters {
    SendCounters {
        addresses: BTreeMap::from([("am:9093".to_owned(), (failed, sent))]),
        denied: BTreeMap::new(),
    }
}

/// Minutes after the first scrape, failed sends, sent alerts, and whether sends fail then.
fn walk(scrapes: &[(i64, i64, i64, bool)]) {
    let mut sends = Vec::new();
    for (minute, failed, sent, fails) in scrapes {
        let now = Timestamp::from_second(1_767_225_600 + minute * 60).unwrap();
        let counters = counted(*failed, *sent);
        sends = follow(&sends, Some(&counters), now);
        let failing = describe(&sends, &[], "log");
        assert_eq!(failing.is_some(), *fails, "minute {minute}: {sends:?}");
        // An equal scrape, or none, changes nothing.
        let later = now + std::time::Duration::from_secs(1);
        let same = follow(&sends, Some(&counters), later);
        assert_eq!(same, sends, "minute {minute}");
        assert_eq!(follow(&sends, None, later), sends, "minute {minute}");
    }
}

#[test]
fn an_address_fails_from_the_start_until_it_accepts_an_alert() {
    walk(&[
        (0, 2, 0, true),
        (2, 4, 0, true),
        (4, 4, 0, true),
        (6, 4, 3, false),
        (8, 4, 9, false),
    ]);
}

#[test]
fn an_address_that_stops_accepting_alerts_fails() {
    walk(&[
        (0, 1, 500, false),
        (2, 1, 700, false),
        // Between the first two scrapes some sends succeeded.
        (4, 2, 710, false),
        (6, 4, 710, true),
        (8, 6, 710, true),
        (10, 6, 712, false),
    ]);
}

#[test]
fn an_address_that_accepts_some_alerts_does_not_fail() {
    walk(&[(0, 1, 5, false), (2, 2, 9, false), (4, 7, 15, false)]);
}

#[test]
fn a_single_failure_expires_after_15_minutes() {
    walk(&[
        (0, 1, 0, true),
        (2, 1, 0, true),
        (14, 1, 0, true),
        (15, 1, 0, false),
        (600, 1, 0, false),
        (602, 2, 0, true),
    ]);
}

#[test]
fn a_ruler_restart_resets_the_counters() {
    walk(&[
        (0, 40, 7, false),
        (2, 42, 7, true),
        (4, 1, 0, true),
        (6, 1, 4, false),
    ]);
    // No send has failed since.
    let before = follow(&[], Some(&counted(5, 0)), Timestamp::UNIX_EPOCH);
    assert_eq!(
        follow(
            &before,
            Some(&SendCounters::default()),
            Timestamp::UNIX_EPOCH
        ),
        []
    );
}

#[test]
fn the_summary_has_addresses_with_failures_and_denied_requests() {
    let kept = keep(&body(&[
        "thanos_alert_sender_errors_total{alertmanager=\"am-0:9093\"} 3",
        "thanos_alert_sender_errors_total{alertmanager=\"am-1:9093\"} 0",
        "thanos_alert_sender_errors_total{alertmanager=\"am-2:9093\"} 1.2e+06",
        "thanos_alert_sender_alerts_sent_total{alertmanager=\"am-0:9093\"} 7",
        "thanos_alert_sender_alerts_sent_total{alertmanager=\"am-1:9093\"} 8",
        "http_client_request_total{client=\"alertmanager\",code=\"401\",method=\"post\"} 3",
        "http_client_request_total{client=\"alertmanager\",code=\"200\",method=\"post\"} 9",
        "http_client_request_total{client=\"query\",code=\"403\",method=\"get\"} 5",
        "thanos_alert_sender_alerts_dropped_total 3",
    ]));
    assert_eq!(kept, "\nam-0:9093 3 7\nam-2:9093 1200000 0\n= 401 3");
    assert_eq!(keep(""), "");
}

fn target(url: &str) -> Target {
    Target::of_url(url, "x").unwrap()
}

#[test]
fn messages_name_the_alertmanager_and_the_status() {
    let mut counters = counted(3, 0);
    let now = Timestamp::UNIX_EPOCH;
    let unknown = follow(&[], Some(&counters), now);
    let log = "kubectl logs x-0";
    let message = describe(&unknown, &[target("https://am:9093/x")], log).unwrap();
    assert!(
        message.contains(
            "to Alertmanager https://am:9093/x fails. To see why: kubectl logs x-0 | grep"
        ),
        "{message}"
    );
    counters.denied.insert(401, 3);
    let denied = follow(&[], Some(&counters), now);
    let message = describe(&denied, &[target("dns+https://am.ns.svc:9094")], log).unwrap();
    assert!(
        message.contains(
            "Alertmanager dns+https://am.ns.svc:9094 at am:9093 fails with HTTP status 401"
        ),
        "{message}"
    );
    // Some failed for other reasons.
    counters.addresses.insert("other:9093".to_owned(), (1, 0));
    let some = follow(&[], Some(&counters), now);
    let message = describe(&some, &[], log).unwrap();
    assert!(
        message.contains("2 Alertmanagers, such as am:9093 fails. To see why"),
        "{message}"
    );
    assert_eq!(describe(&[], &[], log), None);
}
