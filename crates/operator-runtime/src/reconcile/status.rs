//! Writes the status of a custom resource and emits its events. Does IO.

use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta};
use serde::Serialize;
use serde_json::json;

use super::{Context, reference};
use crate::error::Error;
use crate::events::transitions;
use crate::owned_objects::Owner;
use crate::reconciler::Reconciler;

/// Writes the status if it differs, and emits the events of the change.
pub(super) async fn write_status<C: Reconciler>(
    cx: &Context<C>,
    owner: &Owner,
    meta: &ObjectMeta,
    seen: &C::Observed,
    previous: &C::Status,
    next: C::Status,
) -> Result<(), Error> {
    if next == *previous {
        return Ok(());
    }
    cx.cache.enter_status(owner, next.clone());
    if let Err(error) = send(cx, owner, &next).await {
        cx.cache.enter_status(owner, previous.clone());
        return Err(error);
    }
    let reference = reference::<C>(meta);
    for event in &C::normal_events(previous, &next) {
        cx.events.normal(&reference, event).await;
    }
    for event in &C::warning_events(seen, previous, &next) {
        cx.events.warning(event).await;
    }
    let transitions = transitions(
        C::status_fields(previous).conditions,
        C::status_fields(&next).conditions,
        C::EVENT_CONDITIONS,
    );
    for (condition, good) in transitions {
        cx.events.condition(&reference, condition, good).await;
    }
    Ok(())
}

/// Applies the complete status.
pub(super) async fn send<C: Reconciler>(
    cx: &Context<C>,
    owner: &Owner,
    status: &impl Serialize,
) -> Result<PartialObjectMeta<C::Resource>, Error> {
    let api: Api<PartialObjectMeta<C::Resource>> =
        Api::namespaced(cx.client.clone(), &owner.namespace);
    let body = json!({
        "apiVersion": C::Resource::api_version(&()),
        "kind": C::Resource::kind(&()),
        "metadata": {"name": owner.name, "uid": owner.uid},
        "status": status,
    });
    let params = PatchParams::apply(C::NAME).force();
    api.patch_status(&owner.name, &params, &Patch::Apply(&body))
        .await
        .map_err(|source| Error::Status {
            source: Box::new(source),
        })
}
