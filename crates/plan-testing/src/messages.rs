//! All messages of conditions and events in one golden file: the first message of any case for each
//! reason of each condition, and for each event.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use operator_runtime::{ObjectKey, Outcome, Reconciler, Verdict};

use crate::case::ObservedCase;
use crate::goldens::{MESSAGES, assert_golden};
use crate::observe::outcome;

/// The case for outcomes that do not depend on the observed state.
const ANY: &str = "minimal";

/// Compares all messages of a controller with the file `tests/golden/messages.snap`.
pub fn check<C: ObservedCase>() {
    let mut messages = BTreeMap::new();
    for (name, case) in C::all() {
        let seen = case.observed();
        let mut verdicts = vec![outcome(case.plan()).verdict];
        if name == ANY {
            verdicts.extend(failures());
        }
        for verdict in verdicts {
            add::<C::Controller>(&mut messages, &C::controller(), &seen, verdict);
        }
    }
    let mut text = String::new();
    for (title, message) in messages {
        writeln!(text, "{title}\n    {}", message.replace('\n', "\n    ")).unwrap();
    }
    assert_golden::<C>(MESSAGES, &text);
}

/// Adds the messages of a reconcile, under sortable titles.
fn add<R: Reconciler>(
    messages: &mut BTreeMap<String, String>,
    reconciler: &R,
    seen: &R::Observed,
    verdict: Verdict,
) {
    let outcome = Outcome {
        verdict,
        applied_hash: None,
        workloads: BTreeMap::new(),
    };
    let before = R::Status::default();
    let status = reconciler.status(seen, &outcome, &before);
    for condition in R::status_fields(&status).conditions {
        let (kind, reason) = (&condition.type_, &condition.reason);
        let title = format!("{kind} {} {reason}", condition.status);
        let message = || condition.message.clone();
        messages.entry(title).or_insert_with(message);
    }
    for event in R::normal_events(&before, &status) {
        let title = format!("event Normal {}", event.reason);
        messages.entry(title).or_insert(event.note);
    }
    for event in R::warning_events(seen, &before, &status) {
        let title = format!("event Warning {}", event.reason);
        messages.entry(title).or_insert(event.note);
    }
}

fn failures() -> [Verdict; 4] {
    let object = || ObjectKey {
        group: String::new(),
        kind: "Service".to_owned(),
        name: "thanos-main".to_owned(),
    };
    let message = || "the message of the API server".to_owned();
    [
        Verdict::Paused,
        Verdict::Rejected {
            object: object(),
            message: message(),
            immutable: false,
        },
        Verdict::NotOwned {
            object: object(),
            holder: "Deployment other".to_owned(),
        },
        Verdict::Failed {
            object: object(),
            message: message(),
        },
    ]
}
