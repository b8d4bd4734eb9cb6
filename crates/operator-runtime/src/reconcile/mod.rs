//! Reconciles one custom resource: observe, probe, plan, apply, patch foreign objects, prune, status.
//! Does IO.

mod converge;
mod decode_error;
mod status;

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
use crate::cache::{Cache, Guarded, owner};
use crate::error::{Error, Invalid};
use crate::events::Events;
use crate::metrics::{Metrics, ReconcileResult};
use crate::owned_objects::Owner;
use crate::plan::Plan;
use crate::probe::Prober;
use crate::reconciler::{Outcome, Reconciler, Verdict};
use crate::refresh::Refresher;

/// Retry interval of an object that is not owned: its deletion is not watched.
const NOT_OWNED_RETRY: Duration = Duration::from_secs(60);

/// Retry interval of an object that the API server rejected.
const REJECTED_RETRY: Duration = Duration::from_secs(300);

/// Minimum requeue interval without a change.
const MIN_REQUEUE: Duration = Duration::from_secs(1);

/// Retry interval of a relist. Listed objects enqueue the custom resource sooner.
const RELIST_RETRY: Duration = Duration::from_secs(10);

/// Number of failures of an optional kind before they are reported: until then, detection may find it
/// deleted.
const RECHECKS: u32 = 3;

/// Dependencies of every reconcile.
pub struct Context<C: Reconciler> {
    /// The controller.
    pub reconciler: C,
    /// Client.
    pub client: Client,
    /// State.
    pub cache: Arc<Cache<C>>,
    /// Sends probes to pods.
    pub prober: Prober,
    /// Makes kubelets refresh mounted files.
    pub refresher: Refresher,
    /// Events.
    pub events: Events,
    /// Metrics.
    pub metrics: Metrics,
}

/// Reconciles one custom resource. A failure is an action with a delay.
pub async fn reconcile<C: Reconciler>(resource: Arc<Guarded<C>>, cx: Arc<Context<C>>) -> Action {
    let started = Instant::now();
    let meta = resource.meta();
    let uid = meta.uid.clone().unwrap_or_default();
    if meta.deletion_timestamp.is_some() {
        // Kubernetes garbage-collects the children.
        cx.cache.backoff.forget(&uid);
        return Action::await_change();
    }
    let (action, result) = match &resource.0 {
        Ok(resource) => run(&cx, resource, meta).await,
        Err(_) => {
            let owner = owner(&*resource);
            let reported = decode_error::report(&cx, &owner, meta).await;
            let verdict = Verdict::Invalid(Invalid::new("spec", "does not match the CRD"));
            let (wait, result) = conclude(&cx, &owner, &verdict, reported.err(), false);
            (action(wait), result)
        }
    };
    cx.cache.forget_if_deleted(&owner(&*resource));
    cx.metrics.reconciled(result, started.elapsed());
    action
}

async fn run<C: Reconciler>(
    cx: &Context<C>,
    resource: &C::Resource,
    meta: &ObjectMeta,
) -> (Action, ReconcileResult) {
    let owner = owner(resource);
    let previous = resource.status().cloned().unwrap_or_default();
    let paused = C::paused(resource);
    let shared = Arc::new(resource.clone());

    let seen = observe(cx, &shared).await;
    if !paused && C::needs_relist(&seen) {
        cx.cache.relist();
        return (Action::requeue(RELIST_RETRY), ReconcileResult::Requeue);
    }
    let seen = probe(cx, &shared, seen, paused).await;
    let plan = plan(cx, &seen, paused);
    let applied = C::status_fields(&previous).applied_hash;
    let converged = match &plan {
        Ok(plan) => converge(cx, resource, &owner, plan, applied).await,
        Err(verdict) => verdict.clone().into(),
    };
    // A kind that is being deleted is no failure of this resource; detection finds out soon.
    if converged.kind_unavailable && cx.cache.backoff.failures(&owner.uid) < RECHECKS {
        let delay = cx.cache.backoff.next(&owner.uid);
        return (Action::requeue(delay), ReconcileResult::Requeue);
    }
    let outcome = outcome(cx, &owner, converged.verdict, plan.as_ref().ok(), applied);
    let next = cx.reconciler.status(&seen, &outcome, &previous);
    let written = write_status(cx, &owner, meta, &seen, &previous, next).await;

    let failure = converged.failure.or(written.err());
    let (wait, result) = conclude(cx, &owner, &outcome.verdict, failure, converged.overwritten);
    let waits = [
        wait,
        retry_access(cx, &seen),
        requeue_after(cx, &seen, paused),
    ];
    (action(waits.into_iter().flatten().min()), result)
}

/// Input of the status, besides the observed state.
fn outcome<C: Reconciler>(
    cx: &Context<C>,
    owner: &Owner,
    verdict: Verdict,
    plan: Option<&Plan>,
    applied: Option<&str>,
) -> Outcome {
    let owned_objects = &cx.cache.state().owned_objects;
    Outcome {
        applied_hash: match plan {
            Some(plan) if verdict == Verdict::Applied => owned_objects.applied_hash(owner, plan),
            _ => applied.map(str::to_owned),
        },
        workloads: owned_objects.counts(owner),
        verdict,
    }
}

/// The plan, or the reason why there is none.
fn plan<C: Reconciler>(cx: &Context<C>, seen: &C::Observed, paused: bool) -> Result<Plan, Verdict> {
    if paused {
        return Err(Verdict::Paused);
    }
    cx.reconciler.plan(seen).map_err(Verdict::Invalid)
}

/// Observes the stores, after all long-running work is done. Stores what the next reconcile needs.
async fn observe<C: Reconciler>(cx: &Context<C>, resource: &Arc<C::Resource>) -> C::Observed {
    let observe_once = || {
        let mut state = cx.cache.state();
        let cluster = state.cluster();
        let seen = cx.reconciler.observe(&state.stores, cluster, resource);
        let work = C::work(&seen);
        if work.is_none() {
            C::remember(&mut state.stores, resource, &seen);
        }
        (seen, work)
    };
    loop {
        let (seen, work) = observe_once();
        let Some(work) = work else {
            return seen;
        };
        drop(seen);
        let Ok(_turn) = cx.cache.working.try_lock() else {
            // Another custom resource often needs the same work, so wait for its result first.
            drop(cx.cache.working.lock().await);
            continue;
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(enter) => enter(&mut cx.cache.state().stores),
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

/// Sends the probes and access reviews that are due, and observes again if there were any. A paused
/// resource sends no probes.
async fn probe<C: Reconciler>(
    cx: &Context<C>,
    resource: &Arc<C::Resource>,
    seen: C::Observed,
    paused: bool,
) -> C::Observed {
    let due = match paused {
        true => Vec::new(),
        false => cx.cache.state().answers.due(&C::probes(&seen)),
    };
    let pending = cx.cache.state().access.pending(&C::access_checks(&seen));
    if due.is_empty() && pending.is_empty() {
        return seen;
    }
    // One time for all probes, so that they stay due together.
    let at = Instant::now();
    for (probe, answer) in cx.prober.probe(due).await {
        cx.cache.state().answers.record(&probe, at, answer);
    }
    for access_check in pending {
        let answer = access::review_access(&cx.client, &access_check).await;
        cx.cache.state().access.remember(access_check, answer);
    }
    observe(cx, resource).await
}

/// Requeue interval without a change. Rounded up, so that the next probe is due by then.
fn requeue_after<C: Reconciler>(
    cx: &Context<C>,
    seen: &C::Observed,
    paused: bool,
) -> Option<Duration> {
    if paused {
        return None;
    }
    let next = cx.cache.state().answers.next(&C::probes(seen));
    let wait = next.into_iter().chain(C::requeue_after(seen)).min()?;
    let started = u64::from(wait.subsec_nanos() > 0);
    let whole = Duration::from_secs(wait.as_secs().saturating_add(started));
    Some(whole.max(MIN_REQUEUE))
}

/// Requeue interval of denied permissions of other accounts: granting one is not watched.
fn retry_access<C: Reconciler>(cx: &Context<C>, seen: &C::Observed) -> Option<Duration> {
    let denied = cx.cache.state().access.is_denied(&C::access_checks(seen));
    denied.then_some(access::FRESH)
}

fn action(wait: Option<Duration>) -> Action {
    wait.map_or_else(Action::await_change, Action::requeue)
}

/// Logs and counts a failure. Returns the requeue interval and the result for metrics.
fn conclude<C: Reconciler>(
    cx: &Context<C>,
    owner: &Owner,
    verdict: &Verdict,
    failure: Option<Error>,
    overwritten: bool,
) -> (Option<Duration>, ReconcileResult) {
    if let Some(error) = failure {
        let delay = cx.cache.backoff.next(&owner.uid);
        let (namespace, name) = (&owner.namespace, &owner.name);
        if error.is_transient() {
            tracing::debug!(namespace, name, error = error.line(), ?delay, "retrying");
            return (Some(delay), ReconcileResult::Requeue);
        }
        let error = error.line();
        tracing::warn!(namespace, name, error, ?delay, "reconcile failed, retrying");
        return (Some(delay), ReconcileResult::Error);
    }
    if overwritten {
        // With backoff, since the other client may overwrite every apply.
        let delay = cx.cache.backoff.next(&owner.uid);
        return (Some(delay), ReconcileResult::Requeue);
    }
    cx.cache.backoff.forget(&owner.uid);
    match verdict {
        Verdict::NotOwned { .. } => (Some(NOT_OWNED_RETRY), ReconcileResult::Invalid),
        // An admission policy or webhook may change without a watch event.
        Verdict::Rejected { .. } => (Some(REJECTED_RETRY), ReconcileResult::Invalid),
        Verdict::Invalid(_) => (None, ReconcileResult::Invalid),
        _ => (None, ReconcileResult::Success),
    }
}

fn reference<C: Reconciler>(meta: &ObjectMeta) -> k8s_openapi::api::core::v1::ObjectReference {
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
