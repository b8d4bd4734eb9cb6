//! Reconciles one custom resource: observe, probe, plan, apply, patch foreign objects, prune, status.

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

/// How long until a name that is taken is tried again: no watch of ours sees the holder go.
const TAKEN_RETRY: Duration = Duration::from_secs(60);

/// How long until an object that the API server refused is tried again.
const REJECTED_RETRY: Duration = Duration::from_secs(300);

/// The shortest delay before a resource is reconciled again without an event.
const SOONEST: Duration = Duration::from_secs(1);

/// How long until a list is requested again that lacked what a decision needs. Its events enqueue the resource
/// sooner.
const LISTED: Duration = Duration::from_secs(10);

/// How often an optional kind may be refused before the status reports it: by then it is detected as deleted, or
/// something else is wrong.
const RECHECKS: u32 = 3;

/// What every reconcile needs.
pub struct Context<C: Reconciler> {
    /// The controller.
    pub reconciler: C,
    /// Client.
    pub client: Client,
    /// State.
    pub cache: Arc<Cache<C>>,
    /// Probes pods.
    pub prober: Prober,
    /// Makes kubelets refresh mounted files.
    pub refresher: Refresher,
    /// Events.
    pub events: Events,
    /// Metrics.
    pub metrics: Metrics,
}

/// Reconciles one custom resource. Never fails: a failure is a result with a delay.
pub async fn reconcile<C: Reconciler>(it: Arc<Guarded<C>>, cx: Arc<Context<C>>) -> Action {
    let started = Instant::now();
    let meta = it.meta();
    let uid = meta.uid.clone().unwrap_or_default();
    if meta.deletion_timestamp.is_some() {
        // The children are garbage collected.
        cx.cache.backoff.forget(&uid);
        return Action::await_change();
    }
    let (action, result) = match &it.0 {
        Ok(resource) => run(&cx, resource, meta).await,
        Err(_) => {
            let owner = owner(&*it);
            let reported = decode_error::report(&cx, &owner, meta).await;
            let verdict = Verdict::Invalid(Invalid::new("spec", "does not fit its CRD"));
            let (wait, result) = conclude(&cx, &owner, &verdict, reported.err(), false);
            (action(wait), result)
        }
    };
    cx.cache.forget_if_deleted(&owner(&*it));
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
        return (Action::requeue(LISTED), ReconcileResult::Requeue);
    }
    let seen = probe(cx, &shared, seen, paused).await;
    let plan = plan(cx, &seen, paused);
    let applied = C::applied_hash(&previous);
    let converged = match &plan {
        Ok(plan) => converge(cx, resource, &owner, plan, applied).await,
        Err(verdict) => verdict.clone().into(),
    };
    // Detection knows in a moment. A kind that is just going is no news of this resource.
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

/// What the status is made of, besides what was observed.
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

/// The plan; or why there is none.
fn plan<C: Reconciler>(cx: &Context<C>, seen: &C::Observed, paused: bool) -> Result<Plan, Verdict> {
    if paused {
        return Err(Verdict::Paused);
    }
    cx.reconciler.plan(seen).map_err(Verdict::Invalid)
}

/// Reads the stores, once all work that takes long is done. What the next reconcile needs is kept.
async fn observe<C: Reconciler>(cx: &Context<C>, resource: &Arc<C::Resource>) -> C::Observed {
    let look = || {
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
        let (seen, work) = look();
        let Some(work) = work else {
            return seen;
        };
        drop(seen);
        let Ok(_turn) = cx.cache.working.try_lock() else {
            // Another custom resource often needs the same: its result is read first.
            drop(cx.cache.working.lock().await);
            continue;
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(enter) => enter(&mut cx.cache.state().stores),
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }
}

/// Probes pods and checks permissions whose results are missing or old, and observes again if there were
/// any. Pods are not probed while the resource is paused.
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
    let open = cx.cache.state().access.open(&C::access_checks(&seen));
    if due.is_empty() && open.is_empty() {
        return seen;
    }
    // One time for all of them, so that they are due together the next time, too.
    let at = Instant::now();
    for (probe, answer) in cx.prober.send(due).await {
        cx.cache.state().answers.apply_event(&probe, at, answer);
    }
    for access_check in open {
        let answer = access::check(&cx.client, &access_check).await;
        cx.cache.state().access.remember(access_check, answer);
    }
    observe(cx, resource).await
}

/// When to reconcile again without an event. Rounded up: a probe must be due by then.
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
    Some(whole.max(SOONEST))
}

/// When to check refused permissions again: no watch reports that one is granted.
fn retry_access<C: Reconciler>(cx: &Context<C>, seen: &C::Observed) -> Option<Duration> {
    let refused = cx.cache.state().access.is_refused(&C::access_checks(seen));
    refused.then_some(access::FRESH)
}

fn action(wait: Option<Duration>) -> Action {
    wait.map_or_else(Action::await_change, Action::requeue)
}

/// Which result it is, and how long to wait if nothing changes.
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
            tracing::debug!(
                namespace,
                name,
                error = error.line(),
                ?delay,
                "reconcile is retried"
            );
            return (Some(delay), ReconcileResult::Requeue);
        }
        tracing::warn!(
            namespace,
            name,
            error = error.line(),
            ?delay,
            "reconcile failed"
        );
        return (Some(delay), ReconcileResult::Error);
    }
    if overwritten {
        // The client that changed an object while it was applied may do so each time.
        let delay = cx.cache.backoff.next(&owner.uid);
        return (Some(delay), ReconcileResult::Requeue);
    }
    cx.cache.backoff.forget(&owner.uid);
    match verdict {
        Verdict::NotOwned { .. } => (Some(TAKEN_RETRY), ReconcileResult::Invalid),
        // An admission policy or webhook may think otherwise later.
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
