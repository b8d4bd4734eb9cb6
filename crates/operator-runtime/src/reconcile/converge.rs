//! Brings the objects of a custom resource in line with its plan.

use std::collections::BTreeMap;

use kube::Resource;

use super::{Context, reference};
use crate::apply::{Refusal, Writer};
use crate::digest::json_digest;
use crate::error::Error;
use crate::owned_objects::Owner;
use crate::plan::{ForeignDelete, ObjectKey, Plan};
use crate::reconciler::{Reconciler, Verdict};

/// The result of applying a plan.
pub(super) struct Converged {
    pub verdict: Verdict,
    pub failure: Option<Error>,
    /// An optional kind was refused: it may be going, or the permission for it.
    pub kind_unavailable: bool,
    /// Another client changed an object while it was applied, so it must be applied again.
    pub overwritten: bool,
}

impl From<Verdict> for Converged {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            failure: None,
            kind_unavailable: false,
            overwritten: false,
        }
    }
}

/// Applies what differs, in order, then patches and deletes objects of other owners, then deletes what is not
/// planned any more. Nothing is patched unless everything was applied, and nothing is deleted unless
/// everything was patched.
pub(super) async fn converge<C: Reconciler>(
    cx: &Context<C>,
    it: &C::Resource,
    owner: &Owner,
    plan: &Plan,
    applied: Option<&str>,
) -> Converged {
    let about = reference::<C>(it.meta());
    let writer = Writer {
        client: &cx.client,
        events: &cx.events,
        about: &about,
        manager: C::NAME,
        owner,
    };
    let (mut touched, mut overwritten) = (Touched::default(), false);
    let changes = (&mut touched, &mut overwritten);
    let mut converged = send(cx, it, owner, plan, applied, &writer, changes).await;
    converged.overwritten = overwritten;
    // Also if something failed after that: what was written is to reach pods soon.
    for (pod, digest) in touched.0 {
        cx.refresher.refresh(&owner.namespace, &pod, digest).await;
    }
    converged
}

/// The pods whose files changed, each with a digest of what.
#[derive(Default)]
struct Touched(BTreeMap<String, u64>);

impl Touched {
    fn add<C: Reconciler>(
        &mut self,
        cx: &Context<C>,
        it: &C::Resource,
        object: &ObjectKey,
        digest: u64,
    ) {
        let mounting = {
            let state = cx.cache.state();
            cx.reconciler.pods_mounting(&state.stores, it, object)
        };
        for pod in mounting {
            let known = self.0.entry(pod).or_default();
            *known = known.rotate_left(1) ^ digest;
        }
    }
}

async fn send<C: Reconciler>(
    cx: &Context<C>,
    it: &C::Resource,
    owner: &Owner,
    plan: &Plan,
    applied: Option<&str>,
    writer: &Writer<'_>,
    (touched, overwritten): (&mut Touched, &mut bool),
) -> Converged {
    let unsent = cx.cache.state().owned_objects.to_send(owner, plan, applied);
    for (object, digest, uid) in unsent {
        match writer.apply(object, uid.as_deref()).await {
            Ok(answer) => {
                let is_applied = {
                    let owned_objects = &mut cx.cache.state().owned_objects;
                    owned_objects.enter_applied(&object.key, &answer, C::NAME, digest)
                };
                *overwritten |= !is_applied;
                touched.add(cx, it, &object.key, digest);
            }
            Err(Refusal::Verdict(verdict)) => return verdict.into(),
            Err(Refusal::Error(error)) => return failed(cx, &object.key, error),
        }
    }
    for patch in plan.foreign_patches() {
        match writer.patch_foreign(patch).await {
            Ok(()) => {}
            Err(Refusal::Verdict(verdict)) => return verdict.into(),
            Err(Refusal::Error(error)) => return failed(cx, &patch.key, error),
        }
    }
    for delete in plan.foreign_deletes() {
        let ForeignDelete { resource, key, uid } = delete;
        if let Err(error) = writer.delete(resource, key, uid).await {
            return failed(cx, key, error);
        }
    }
    let orphans = cx.cache.state().owned_objects.orphans(owner, plan);
    let kinds = match orphans.is_empty() {
        true => Vec::new(),
        false => C::owned_kinds(),
    };
    for object in orphans {
        let Some(kind) = kinds.iter().find(|k| k.is_of(&object.key)) else {
            continue;
        };
        let deleted = writer.delete(&kind.resource, &object.key, &object.uid);
        if let Err(error) = deleted.await {
            return failed(cx, &object.key, error);
        }
        touched.add(cx, it, &object.key, json_digest(&object.uid));
    }
    Verdict::Applied.into()
}

fn failed<C: Reconciler>(cx: &Context<C>, object: &ObjectKey, error: Error) -> Converged {
    let kinds = C::owned_kinds();
    let kind = kinds.iter().find(|k| k.is_of(object));
    let optional = kind.is_some_and(|k| k.capability.is_some());
    let kind_unavailable = optional && error.is_unavailable();
    if kind_unavailable {
        cx.cache.recheck.notify_one();
    }
    Converged {
        verdict: Verdict::Failed {
            object: object.clone(),
            message: error.line(),
        },
        failure: Some(error),
        kind_unavailable,
        overwritten: false,
    }
}
