//! All messages of conditions and events in one golden file: the first message of any case for each
//! reason of each condition, and for each event.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use operator_runtime::owned_objects::{Counts, Workload};
use operator_runtime::{ObjectKey, Outcome, Plan, Reconciler, Verdict};

use crate::case::{Case, ObservedCase};
use crate::goldens::{MESSAGES, assert_golden};
use crate::observe::outcome;

/// The case whose messages come first, and that has the outcomes that do not depend on the observed state.
const ANY: &str = "minimal";

/// Compares all messages of a controller with the file `tests/golden/messages.snap`.
pub fn check<C: ObservedCase>() {
    let cases = C::all().into_iter();
    let observed = cases.map(|(name, case)| (name, case.observed()));
    check_observed::<C, _>(&C::controller(), observed.collect());
}

/// The same for a controller whose cases are not observed from objects. One state has the name
/// `minimal`.
pub fn check_observed<C: Case, R: Reconciler>(
    reconciler: &R,
    observed: Vec<(String, R::Observed)>,
) {
    let mut messages = BTreeMap::new();
    let (any, others): (Vec<_>, Vec<_>) = observed.into_iter().partition(|(name, _)| name == ANY);
    assert_eq!(any.len(), 1, "states named {ANY}");
    for (name, seen) in any.into_iter().chain(others) {
        let plan = reconciler.plan(&seen);
        let mut outcomes: Vec<Outcome> = match &plan {
            Ok(plan) => ROLLOUTS.map(|rollout| rolled_out(plan, rollout)).into(),
            Err(_) => Vec::new(),
        };
        outcomes.insert(0, outcome(plan));
        if name == ANY {
            outcomes.extend(failures().map(|verdict| Outcome {
                verdict,
                applied_hash: None,
                workloads: BTreeMap::new(),
            }));
        }
        for outcome in outcomes {
            add(&mut messages, reconciler, &seen, &outcome);
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
    outcome: &Outcome,
) {
    let before = R::Status::default();
    let status = reconciler.status(seen, outcome, &before);
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

/// How far the pods of every workload are.
#[derive(Clone, Copy)]
enum Rollout {
    Complete,
    Updating,
    OneMissing,
}

const ROLLOUTS: [Rollout; 3] = [Rollout::Complete, Rollout::Updating, Rollout::OneMissing];

/// The outcome of a reconcile of this plan whose workloads have pods.
fn rolled_out(plan: &Plan, rollout: Rollout) -> Outcome {
    let is_workload = |kind: &str| matches!(kind, "Deployment" | "StatefulSet");
    let sets = plan.objects().iter().filter(|o| is_workload(&o.key.kind));
    let workloads = sets.map(|object| {
        let replicas = object.body["spec"]["replicas"].as_i64().unwrap_or(1);
        let replicas = i32::try_from(replicas).unwrap();
        let available = match rollout {
            Rollout::OneMissing => replicas - 1,
            Rollout::Complete | Rollout::Updating => replicas,
        };
        let updated = match rollout {
            Rollout::Updating => replicas - 1,
            Rollout::Complete | Rollout::OneMissing => replicas,
        };
        let counts = Counts {
            replicas,
            updated_replicas: updated,
            ready_replicas: available,
            available_replicas: available,
            ..Counts::default()
        };
        let current = true;
        (object.key.clone(), Workload { counts, current })
    });
    Outcome {
        verdict: Verdict::Applied,
        applied_hash: None,
        workloads: workloads.collect(),
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
            holder: "owner: Deployment other".to_owned(),
        },
        Verdict::Failed {
            object: object(),
            message: message(),
        },
    ]
}
