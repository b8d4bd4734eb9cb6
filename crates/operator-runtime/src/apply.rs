//! Writes: server-side apply of one object, and deletes. Does IO.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::Status;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::events::Events;
use crate::owned_objects::{Owned, Owner};
use crate::plan::{ForeignPatch, ObjectKey, Planned, Precondition};
use crate::reconciler::Verdict;
use crate::unknown_fields;

/// A resource version that no object has, since it is the first of the cluster's history. An apply
/// with it creates an object, but conflicts with an existing one, so objects of other owners are
/// never overwritten and no read before the write is necessary.
pub const ONLY_CREATE: &str = "1";

/// Why an object was not applied.
pub(crate) enum Refusal {
    /// The user must act.
    Verdict(Verdict),
    /// Retried.
    Error(Error),
}

/// Applies objects of one owner.
pub(crate) struct Writer<'a> {
    pub client: &'a Client,
    pub events: &'a Events,
    /// Reference to the owner, for events.
    pub about: &'a ObjectReference,
    pub manager: &'static str,
    pub owner: &'a Owner,
}

impl Writer<'_> {
    pub(crate) fn api(&self, object: &Planned) -> Api<Owned> {
        Api::namespaced_with(self.client.clone(), &self.owner.namespace, &object.resource)
    }

    /// Applies `object`. `uid` is that of the known object with this name, if any.
    pub async fn apply(&self, object: &Planned, uid: Option<&str>) -> Result<Owned, Refusal> {
        let precondition = match (uid, &object.onto) {
            (Some(_), Precondition::Version(version)) => ("resourceVersion", version.as_str()),
            (Some(uid), Precondition::Any) => ("uid", uid),
            (None, _) | (Some(_), Precondition::Nothing) => ("resourceVersion", ONLY_CREATE),
        };
        match self.send(object, precondition).await {
            Ok(applied) => Ok(applied),
            Err(kube::Error::Api(status)) if status.code == 409 && uid.is_none() => {
                self.adopt(object).await
            }
            Err(error) => Err(refusal(&object.key, error)),
        }
    }

    pub(crate) async fn send(
        &self,
        object: &Planned,
        precondition: (&str, &str),
    ) -> Result<Owned, kube::Error> {
        let api = self.api(object);
        let params = PatchParams::apply(self.manager).force();
        let (answer, unknown) = send(&api, params, object, precondition).await;
        let kind = &object.key.kind;
        for field in unknown {
            tracing::warn!(
                kind,
                field,
                "field is not in the installed CRD; applied without it"
            );
        }
        answer
    }

    /// Patches an object of another owner, if its UID still matches.
    pub async fn patch_foreign(&self, foreign: &ForeignPatch) -> Result<(), Refusal> {
        let namespace = &self.owner.namespace;
        let api: Api<Owned> =
            Api::namespaced_with(self.client.clone(), namespace, &foreign.resource);
        let patch = Patch::Merge(with_precondition(&foreign.patch, ("uid", &foreign.uid)));
        let params = PatchParams {
            field_manager: Some(self.manager.to_owned()),
            ..Default::default()
        };
        match api.patch(&foreign.key.name, &params, &patch).await {
            Ok(_) => Ok(()),
            // The watch delivers the new state.
            Err(kube::Error::Api(status)) if is_gone_or_changed(&status) => Ok(()),
            Err(error) => Err(refusal(&foreign.key, error)),
        }
    }

    /// Deletes an object, if its UID still matches.
    pub async fn delete(
        &self,
        resource: &kube::core::ApiResource,
        key: &ObjectKey,
        uid: &str,
    ) -> Result<(), Error> {
        let api: Api<Owned> =
            Api::namespaced_with(self.client.clone(), &self.owner.namespace, resource);
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        match api.delete(&key.name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(source) => Err(Error::Delete {
                object: key.clone(),
                source: Box::new(source),
            }),
        }
    }
}

/// Applies an object without the fields that an older installed CRD does not have. Returns the paths
/// of those fields.
pub async fn send<K>(
    api: &Api<K>,
    mut params: PatchParams,
    object: &Planned,
    precondition: (&str, &str),
) -> (Result<K, kube::Error>, Vec<String>)
where
    K: Clone + DeserializeOwned + Debug,
{
    if is_built_in(object) {
        params = params.validation_strict();
    }
    let mut unknown = Vec::new();
    let mut body = Cow::Borrowed(&object.body);
    loop {
        let patch = Patch::Apply(with_precondition(&body, precondition));
        let answer = api.patch(&object.key.name, &params, &patch).await;
        let less = match &answer {
            Err(kube::Error::Api(status)) => unknown_fields::without(&body, &status.message),
            _ => None,
        };
        let Some((less, field)) = less else {
            return (answer, unknown);
        };
        unknown.push(field);
        body = Cow::Owned(less);
    }
}

/// A body that the API server rejects unless this metadata field (UID or resource version) of the stored
/// object has this value. Only the metadata are copied: bodies can be large.
fn with_precondition<'a>(
    body: &'a Value,
    (field, value): (&str, &str),
) -> BTreeMap<&'a str, Cow<'a, Value>> {
    let mut metadata = body["metadata"].as_object().cloned().unwrap_or_default();
    metadata.insert(field.to_owned(), value.into());
    let fields = body.as_object().into_iter().flatten();
    let mut body: BTreeMap<_, _> = fields
        .map(|(key, value)| (key.as_str(), Cow::Borrowed(value)))
        .collect();
    body.insert("metadata", Cow::Owned(metadata.into()));
    body
}

/// Whether a patch was rejected because its object no longer exists, was replaced, or changed. On a
/// replaced object the patch would change the immutable UID; other causes do not matter then.
fn is_gone_or_changed(status: &Status) -> bool {
    let mut causes = status.details.iter().flat_map(|d| &d.causes);
    match status.code {
        404 | 409 => true,
        422 => causes.any(|cause| cause.field == "metadata.uid"),
        _ => false,
    }
}

/// Whether the kind is built into Kubernetes. A CRD can be older than the object that is sent.
fn is_built_in(object: &Planned) -> bool {
    let group = &object.resource.group;
    !group.contains('.') || group.ends_with(".k8s.io")
}

/// Separates rejections, which the user must fix, from errors, which are retried.
pub(crate) fn refusal(object: &ObjectKey, error: kube::Error) -> Refusal {
    if let kube::Error::Api(status) = &error
        && let Some(message) = rejection(status)
    {
        let immutable = message.contains("immutable") || message.contains("Forbidden");
        return Refusal::Verdict(Verdict::Rejected {
            object: object.clone(),
            message,
            immutable,
        });
    }
    Refusal::Error(Error::Apply {
        object: object.clone(),
        source: Box::new(error),
    })
}

/// Why the API server rejects the content of the object; `None` for any other failure. The message of
/// a 422 is a dump of the whole object; its causes name the field.
pub fn rejection(status: &Status) -> Option<String> {
    match status.code {
        422 => {
            let details = status.details.as_ref();
            let causes: Vec<String> = details
                .iter()
                .flat_map(|d| &d.causes)
                .map(|c| {
                    let text: String = c.message.chars().take(200).collect();
                    format!("{}: {text}", c.field)
                })
                .collect();
            Some(causes.join("; "))
        }
        400 => Some(status.message.clone()),
        // Schema errors are reported as internal errors, without a reason.
        500 if status
            .message
            .starts_with("failed to create typed patch object") =>
        {
            Some(status.message.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn precondition_is_added_to_the_metadata_only() {
        let body = json!({"kind": "X", "metadata": {"name": "x"}, "spec": {"metadata": {"a": 1}}});
        let mut expected = body.clone();
        expected["metadata"]["uid"] = json!("u");
        let sent = serde_json::to_value(with_precondition(&body, ("uid", "u"))).unwrap();
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_rejection_names_the_field_and_not_the_object() {
        let status: Status = serde_json::from_value(json!({
            "code": 422, "reason": "Invalid", "message": "Deployment.apps \"x\" is invalid: {huge}",
            "details": {"causes": [{"field": "spec.replicas", "message": "must be positive", "reason": "FieldValueInvalid"}]},
        }))
        .unwrap();
        assert_eq!(
            rejection(&status).unwrap(),
            "spec.replicas: must be positive"
        );
        let status = |code, message: &str| Status {
            code,
            message: message.to_owned(),
            ..Default::default()
        };
        assert!(rejection(&status(500, "failed to create typed patch object (x)")).is_some());
        assert!(rejection(&status(500, "etcdserver: request timed out")).is_none());
        assert!(rejection(&status(409, "conflict")).is_none());
    }
}
