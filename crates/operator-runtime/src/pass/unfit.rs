//! A stored resource that does not fit its schema. Nothing of it can be planned, and what runs goes
//! on; the user is told in the status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, ObjectMeta};
use serde_json::{Value, json};

use super::{Cx, reference};
use crate::component::Component;
use crate::conditions::unfit;
use crate::error::Error;

/// Tells of `problem` by an event and in the conditions, and leaves the rest of the status as it is.
pub(super) async fn tell<C: Component>(
    cx: &Cx<C>,
    meta: &ObjectMeta,
    problem: &str,
) -> Result<(), Error> {
    let failed = |source| Error::Status {
        source: Box::new(source),
    };
    let name = meta.name.clone().unwrap_or_default();
    let namespace = meta.namespace.clone().unwrap_or_default();
    let resource = ApiResource::erase::<C::Resource>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(cx.client.clone(), &namespace, &resource);
    let object = api.get(&name).await.map_err(failed)?;

    let mut status = match object.data.get("status") {
        Some(status @ Value::Object(_)) => status.clone(),
        _ => json!({}),
    };
    let previous: Vec<Condition> =
        serde_json::from_value(status["conditions"].clone()).unwrap_or_default();
    let conditions = unfit(&previous, meta.generation, problem);
    if conditions == previous {
        return Ok(());
    }
    status["conditions"] = json!(conditions);
    let body = json!({
        "apiVersion": C::Resource::api_version(&()),
        "kind": C::Resource::kind(&()),
        "metadata": {"name": name, "uid": meta.uid},
        "status": status,
    });
    let params = PatchParams::apply(C::NAME).force();
    api.patch_status(&name, &params, &Patch::Apply(&body))
        .await
        .map_err(failed)?;
    let reference = reference::<C>(meta);
    cx.events.warn(&reference, "InvalidSpec", problem).await;
    Ok(())
}
