//! Reports a stored custom resource that does not decode. Its objects stay unchanged; the status names
//! the fields that do not match the CRD, never their values. Does IO.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, ObjectMeta};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::status::send;
use super::{Context, reference};
use crate::conditions::decode_error;
use crate::error::Error;
use crate::fit;
use crate::owned_objects::Owner;
use crate::reconciler::Reconciler;

/// Reports the fields in an event and in the conditions. The rest of the status stays unchanged.
pub(super) async fn report<C: Reconciler>(
    cx: &Context<C>,
    owner: &Owner,
    meta: &ObjectMeta,
) -> Result<(), Error> {
    let failed = |source| Error::Status {
        source: Box::new(source),
    };
    let resource = ApiResource::erase::<C::Resource>(&());
    let api: Api<DynamicObject> =
        Api::namespaced_with(cx.client.clone(), &owner.namespace, &resource);
    let object = api.get(&owner.name).await.map_err(failed)?;
    let object = serde_json::to_value(object).map_err(|e| failed(kube::Error::SerdeError(e)))?;
    // Corrected in the meantime; the watch delivers it.
    let Err(error) = C::Resource::deserialize(&object) else {
        return Ok(());
    };
    let problem = &fit::problem::<C::Resource>(&object, &error);
    let (namespace, name) = (&owner.namespace, &owner.name);
    tracing::warn!(
        namespace,
        name,
        problem,
        "custom resource does not match its CRD"
    );

    let mut status = match &object["status"] {
        status @ Value::Object(_) => status.clone(),
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
