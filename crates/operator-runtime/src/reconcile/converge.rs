//! Executes a plan: applies, patches and deletes the objects of a custom resource. Does IO.

use std::collections::BTreeMap;

use kube::Resource;

use super::{Context, reference};
use crate::apply::{Refusal, Writer};
use crate::digest::json_digest;
use crate::error::Error;
use crate::owned_objects::Owner;
use crate::plan::{ForeignDelete, ObjectKey, Plan};
use crate::reconciler::{Reconciler, Verdict};

/// Result of executing a plan.
pub(super) struct Converged {
    pub verdict: Verdict,
    pub failure: Option<Error>,
    /// An optional kind is unavailable: its CRD or the permission for it may just be deleted.
    pub kind_unavailable: bool,
    /// Another client changed an object during the apply, so it must be applied again.
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

/// Applies the objects that differ, patches and deletes objects of other owners, and prunes orphans, in
/// this order. Each step requires the success of the previous ones.
pub(super) async fn converge<C: Reconciler>(
    cx: &Context<C>,
    resource: &C::Resource,
    owner: &Owner,
    plan: &Plan,
    applied: Option<&str>,
) -> Converged {
    let about = reference::<C>(resource.meta());
    let writer = Writer {
        client: &cx.client,
        events: &cx.events,
        about: &about,
        manager: C::NAME,
        owner,
    };
    let (mut touched, mut overwritten) = (Touched::default(), false);
    let changes = (&mut touched, &mut overwritten);
    let mut converged = send(cx, resource, owner, plan, applied, &writer, changes).await;
    converged.overwritten = overwritten;
    // Even after a failure, so that the files that were written reach the pods.
    for (pod, digest) in touched.0 {
        cx.refresher.refresh(&owner.namespace, &pod, digest).await;
    }
    converged
}

/// Pods whose mounted files changed, each with a digest of the changes.
#[derive(Default)]
struct Touched(BTreeMap<String, u64>);

impl Touched {
    fn add<C: Reconciler>(
        &mut self,
        cx: &Context<C>,
        resource: &C::Resource,
        object: &ObjectKey,
        digest: u64,
    ) {
        let mounting = {
            let state = cx.cache.state();
            cx.reconciler.pods_mounting(&state.stores, resource, object)
        };
        for pod in mounting {
            let known = self.0.entry(pod).or_default();
            *known = known.rotate_left(1) ^ digest;
        }
    }
}

async fn send<C: Reconciler>(
    cx: &Context<C>,
    resource: &C::Resource,
    owner: &Owner,
    plan: &Plan,
    applied: Option<&str>,
    writer: &Writer<'_>,
    (touched, overwritten): (&mut Touched, &mut bool),
) -> Converged {
    let unsent = cx.cache.state().owned_objects.to_send(owner, plan, applied);
    for (object, digest, uid) in unsent {
        match writer.apply(object, uid.as_deref()).await {
            Ok(applied) => {
                let is_current = {
                    let owned_objects = &mut cx.cache.state().owned_objects;
                    owned_objects.enter_applied(&object.key, &applied, C::NAME, digest)
                };
                *overwritten |= !is_current;
                touched.add(cx, resource, &object.key, digest);
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
        touched.add(cx, resource, &object.key, json_digest(&object.uid));
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
