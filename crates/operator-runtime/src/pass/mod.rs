//! One pass over one custom resource: observe, inquire, plan, apply, amend, prune, status.

mod converge;
mod status;
mod unfit;

use std::sync::Arc;
use std::time::Duration;

use kube::core::ObjectMeta;
use kube::core::object::HasStatus;
use kube::runtime::controller::Action;
use kube::{Client, Resource};
use tokio::time::Instant;

use converge::converge;
use status::write_status;

use crate::access;
use crate::component::{Component, Outcome, Verdict};
use crate::error::{Error, Invalid};
use crate::events::Events;
use crate::hub::{Guarded, Hub, owner};
use crate::inquiry::Inquirer;
use crate::ledger::Owner;
use crate::metrics::{Metrics, PassResult};
use crate::plan::Plan;
use crate::refresh::Refresher;

/// How long until a name that is taken is tried again: no watch of ours sees the holder go.
const TAKEN_RETRY: Duration = Duration::from_secs(60);

/// How long until an object that the API server refused is tried again.
const REJECTED_RETRY: Duration = Duration::from_secs(300);

/// The soonest that a resource is looked at again for no other reason than the time.
const SOONEST: Duration = Duration::from_secs(1);

/// How long until a list is asked for again that has not brought what a decision needs. What it
/// brings wakes the resource sooner.
const LISTED: Duration = Duration::from_secs(10);

/// How often an optional kind may be refused before it is told: by then it is detected as gone, or
/// something else is wrong.
const DOUBTS: u32 = 3;

/// What every pass needs.
pub struct Cx<C: Component> {
    /// The controller.
    pub component: C,
    /// Client.
    pub client: Client,
    /// State.
    pub hub: Arc<Hub<C>>,
    /// Asks pods.
    pub inquirer: Inquirer,
    /// Makes kubelets refresh mounted files.
    pub refresher: Refresher,
    /// Events.
    pub events: Events,
    /// Metrics.
    pub metrics: Metrics,
}

/// Looks at one custom resource. Never fails: a failure is a result with a delay.
pub async fn pass<C: Component>(it: Arc<Guarded<C>>, cx: Arc<Cx<C>>) -> Action {
    let started = Instant::now();
    let meta = it.meta();
    let uid = meta.uid.clone().unwrap_or_default();
    if meta.deletion_timestamp.is_some() {
        // The children go by garbage collection.
        cx.hub.backoff.forget(&uid);
        return Action::await_change();
    }
    let (action, result) = match &it.0 {
        Ok(resource) => run(&cx, resource, meta).await,
        Err(invalid) => {
            tracing::warn!(name = meta.name, error = %invalid, "stored resource does not fit its schema");
            let owner = owner(&*it);
            let told = unfit::tell(&cx, &owner, meta, &invalid.to_string()).await;
            let verdict = Verdict::Invalid(Invalid::new("spec", invalid.to_string()));
            let (wait, result) = conclude(&cx, &owner, &verdict, told.err(), false);
            (action(wait), result)
        }
    };
    cx.hub.forget_if_deleted(&owner(&*it));
    cx.metrics.passed(result, started.elapsed());
    action
}

async fn run<C: Component>(
    cx: &Cx<C>,
    resource: &C::Resource,
    meta: &ObjectMeta,
) -> (Action, PassResult) {
    let owner = owner(resource);
    let previous = resource.status().cloned().unwrap_or_default();
    let paused = C::paused(resource);

    let seen = observe(cx, resource).await;
    if !paused && C::is_incomplete(&seen) {
        cx.hub.list_again();
        return (Action::requeue(LISTED), PassResult::Requeue);
    }
    let seen = inquire(cx, resource, seen).await;
    let plan = plan(cx, &seen, paused);
    let applied = C::applied_hash(&previous);
    let converged = match &plan {
        Ok(plan) => converge(cx, resource, &owner, plan, applied).await,
        Err(verdict) => verdict.clone().into(),
    };
    // Detection knows in a moment. A kind that is just going is no news of this resource.
    if converged.doubtful && cx.hub.backoff.failures(&owner.uid) < DOUBTS {
        let delay = cx.hub.backoff.next(&owner.uid);
        return (Action::requeue(delay), PassResult::Requeue);
    }
    let outcome = outcome(cx, &owner, converged.verdict, plan.as_ref().ok(), applied);
    let next = cx.component.status(&seen, &outcome, &previous);
    let written = write_status(cx, &owner, meta, &seen, &previous, next).await;

    let failure = converged.failure.or(written.err());
    let (wait, result) = conclude(cx, &owner, &outcome.verdict, failure, converged.overwritten);
    let waits = [wait, retry_access(cx, &seen), look_again(cx, &seen, paused)];
    (action(waits.into_iter().flatten().min()), result)
}

/// What the status is made of, besides what was observed.
fn outcome<C: Component>(
    cx: &Cx<C>,
    owner: &Owner,
    verdict: Verdict,
    plan: Option<&Plan>,
    applied: Option<&str>,
) -> Outcome {
    let ledger = &cx.hub.state().ledger;
    Outcome {
        applied_hash: match plan {
            Some(plan) if verdict == Verdict::Applied => ledger.applied_hash(owner, plan),
            _ => applied.map(str::to_owned),
        },
        workloads: ledger.counts(owner),
        verdict,
    }
}

/// The plan; or why there is none.
fn plan<C: Component>(cx: &Cx<C>, seen: &C::Observed, paused: bool) -> Result<Plan, Verdict> {
    if paused {
        return Err(Verdict::Paused);
    }
    cx.component.plan(seen).map_err(Verdict::Invalid)
}

/// Reads the views, once all work is done that takes long. What the next reconcile needs of what was
/// seen is kept.
async fn observe<C: Component>(cx: &Cx<C>, resource: &C::Resource) -> C::Observed {
    let it = &Arc::new(resource.clone());
    let look = || {
        let mut state = cx.hub.state();
        let seen = cx.component.observe(&state.views, state.cluster(), it);
        let work = C::work(&seen);
        if work.is_none() {
            C::remember(&mut state.views, it, &seen);
        }
        (seen, work)
    };
    loop {
        let (seen, work) = look();
        let Some(work) = work else {
            return seen;
        };
        drop(seen);
        let Ok(_turn) = cx.hub.working.try_lock() else {
            // Another custom resource often needs the same: its result is read first.
            drop(cx.hub.working.lock().await);
            continue;
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(enter) => enter(&mut cx.hub.state().views),
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

/// Asks the pods and the API server what is not known yet, and observes again if there was anything.
/// Pods are left alone while the resource is paused.
async fn inquire<C: Component>(
    cx: &Cx<C>,
    resource: &C::Resource,
    seen: C::Observed,
) -> C::Observed {
    let due = match C::paused(resource) {
        true => Vec::new(),
        false => cx.hub.state().answers.due(&C::inquiries(&seen)),
    };
    let open = cx.hub.state().access.open(&C::questions(&seen));
    if due.is_empty() && open.is_empty() {
        return seen;
    }
    // One time for all of them, so that they are due together the next time, too.
    let at = Instant::now();
    for (inquiry, answer) in cx.inquirer.ask(due).await {
        cx.hub.state().answers.take_in(&inquiry, at, answer);
    }
    for question in open {
        let answer = access::ask(&cx.client, &question).await;
        cx.hub.state().access.remember(question, answer);
    }
    observe(cx, resource).await
}

/// When a resource must be looked at again for the time alone. Rounded up: an answer must be due
/// by then.
fn look_again<C: Component>(cx: &Cx<C>, seen: &C::Observed, paused: bool) -> Option<Duration> {
    if paused {
        return None;
    }
    let next = cx.hub.state().answers.next(&C::inquiries(seen));
    let wait = next.into_iter().chain(C::again(seen)).min()?;
    let started = u64::from(wait.subsec_nanos() > 0);
    let whole = Duration::from_secs(wait.as_secs().saturating_add(started));
    Some(whole.max(SOONEST))
}

/// When to ask again for permissions of others that were refused: no watch says that one is granted.
fn retry_access<C: Component>(cx: &Cx<C>, seen: &C::Observed) -> Option<Duration> {
    let refused = cx.hub.state().access.is_refused(&C::questions(seen));
    refused.then_some(access::FRESH)
}

fn action(wait: Option<Duration>) -> Action {
    wait.map_or_else(Action::await_change, Action::requeue)
}

/// Which result it is, and how long to wait if nothing changes.
fn conclude<C: Component>(
    cx: &Cx<C>,
    owner: &Owner,
    verdict: &Verdict,
    failure: Option<Error>,
    overwritten: bool,
) -> (Option<Duration>, PassResult) {
    if let Some(error) = failure {
        let delay = cx.hub.backoff.next(&owner.uid);
        let (namespace, name) = (&owner.namespace, &owner.name);
        if error.is_transient() {
            tracing::debug!(namespace, name, error = error.line(), ?delay, "tried again");
            return (Some(delay), PassResult::Requeue);
        }
        tracing::warn!(namespace, name, error = error.line(), ?delay, "pass failed");
        return (Some(delay), PassResult::Error);
    }
    if overwritten {
        // Whoever changed an object while it was applied may do so each time.
        let delay = cx.hub.backoff.next(&owner.uid);
        return (Some(delay), PassResult::Requeue);
    }
    cx.hub.backoff.forget(&owner.uid);
    match verdict {
        Verdict::NameTaken { .. } => (Some(TAKEN_RETRY), PassResult::Invalid),
        // An admission policy or webhook may think otherwise later.
        Verdict::Rejected { .. } => (Some(REJECTED_RETRY), PassResult::Invalid),
        Verdict::Invalid(_) => (None, PassResult::Invalid),
        _ => (None, PassResult::Success),
    }
}

fn reference<C: Component>(meta: &ObjectMeta) -> k8s_openapi::api::core::v1::ObjectReference {
    k8s_openapi::api::core::v1::ObjectReference {
        api_version: Some(C::Resource::api_version(&()).into_owned()),
        kind: Some(C::Resource::kind(&()).into_owned()),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        ..Default::default()
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod toy;
