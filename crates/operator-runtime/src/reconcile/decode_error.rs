//! A stored resource that does not fit its schema. Nothing of it can be planned, and what runs goes
//! on; the user is told in the status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, ObjectMeta};
use serde_json::{Value, json};

use super::status::send;
use super::{Context, reference};
use crate::conditions::decode_error;
use crate::error::Error;
use crate::owned_objects::Owner;
use crate::reconciler::Reconciler;

/// Tells of `problem` by an event and in the conditions, and leaves the rest of the status as it is.
pub(super) async fn tell<C: Reconciler>(
    cx: &Context<C>,
    owner: &Owner,
    meta: &ObjectMeta,
    problem: &str,
) -> Result<(), Error> {
    let failed = |source| Error::Status {
        source: Box::new(source),
    };
    let resource = ApiResource::erase::<C::Resource>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(cx.client.clone(), &owner.namespace, &resource);
    let object = api.get(&owner.name).await.map_err(failed)?;

    let mut status = match object.data.get("status") {
        Some(status @ Value::Object(_)) => status.clone(),
        _ => json!({}),
    };
    let previous: Vec<Condition> =
        serde_json::from_value(status["conditions"].clone()).unwrap_or_default();
    let conditions = decode_error(&previous, meta.generation, problem);
    if conditions == previous {
        return Ok(());
    }
    status["conditions"] = json!(conditions);
    send(cx, owner, &status).await?;
    let reference = reference::<C>(meta);
    cx.events.warn(&reference, "InvalidSpec", problem).await;
    Ok(())
}
