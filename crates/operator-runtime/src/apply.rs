//! Writes: server-side apply of one object, and deletes. Does IO.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::Status;
use serde_json::{Value, json};

use crate::claim::{Claim, claim};
use crate::component::{News, Verdict};
use crate::error::Error;
use crate::events::Events;
use crate::ledger::{Owned, Owner, Surplus};
use crate::plan::{ObjectKey, Planned};

/// A resource version that no existing object has, since it was the first of the cluster's history.
/// An apply that carries it can create an object, but conflicts with one that exists: nobody
/// else's object is changed by accident, without a read before each write.
const ONLY_CREATE: &str = "1";

/// Why an object was not applied.
pub(crate) enum Refusal {
    /// The user must do something.
    Verdict(Verdict),
    /// It is tried again.
    Error(Error),
}

/// Applies objects of one owner.
pub(crate) struct Writer<'a> {
    pub client: &'a Client,
    pub events: &'a Events,
    /// The owner, as events refer to it.
    pub about: &'a ObjectReference,
    pub manager: &'static str,
    pub owner: &'a Owner,
}

impl Writer<'_> {
    fn api(&self, object: &Planned) -> Api<Owned> {
        Api::namespaced_with(self.client.clone(), &self.owner.namespace, &object.resource)
    }

    /// Applies `object`. `uid` is that of the object known under this name, if one is.
    pub async fn apply(&self, object: &Planned, uid: Option<&str>) -> Result<Owned, Refusal> {
        let precondition = match uid {
            Some(uid) => ("uid", uid),
            None => ("resourceVersion", ONLY_CREATE),
        };
        match self.send(object, precondition).await {
            Ok(applied) => Ok(applied),
            Err(kube::Error::Api(status)) if status.code == 409 && uid.is_none() => {
                self.adopt(object).await
            }
            Err(error) => Err(refusal(&object.key, error)),
        }
    }

    async fn send(
        &self,
        object: &Planned,
        (field, value): (&str, &str),
    ) -> Result<Owned, kube::Error> {
        let mut body = object.body.clone();
        body["metadata"][field] = json!(value);
        let mut params = PatchParams::apply(self.manager).force();
        // An installed ServiceMonitor definition may be older than the field that is written.
        if !object.resource.group.contains('.') || object.resource.group.ends_with(".k8s.io") {
            params = params.validation_strict();
        }
        self.api(object)
            .patch(&object.key.name, &params, &Patch::Apply(&body))
            .await
    }

    /// There is an object of this name that no watch of ours knows. If the custom resource is its
    /// controller, it is taken over; otherwise it is left alone.
    async fn adopt(&self, object: &Planned) -> Result<Owned, Refusal> {
        let api = self.api(object);
        let found = match api.get_opt(&object.key.name).await {
            Ok(Some(found)) => found,
            // It went in between.
            Ok(None) => {
                let created = self.send(object, ("resourceVersion", ONLY_CREATE)).await;
                return created.map_err(|error| refusal(&object.key, error));
            }
            Err(error) => return Err(refusal(&object.key, error)),
        };
        let claim = claim(&found.metadata, &self.owner.uid, self.manager);
        if let Claim::Theirs(holder) = claim {
            return Err(Refusal::Verdict(Verdict::NameTaken {
                object: object.key.clone(),
                holder,
            }));
        }
        if claim == Claim::Former {
            self.announce(object).await;
            let hand_over = hand_over(&found.metadata, self.manager);
            let params = PatchParams::default();
            api.patch(&object.key.name, &params, &Patch::Merge(hand_over))
                .await
                .map_err(|error| refusal(&object.key, error))?;
        }
        let uid = found.metadata.uid.unwrap_or_default();
        let applied = self.send(object, ("uid", &uid)).await;
        applied.map_err(|error| refusal(&object.key, error))
    }

    /// Told before it happens, since pods may restart.
    async fn announce(&self, object: &Planned) {
        let (owner, key) = (self.owner, &object.key);
        tracing::info!(namespace = owner.namespace, name = owner.name, object = %key, "taking over an object of a former operator");
        let restarts = match key.group.as_str() {
            "apps" => "; its pods are replaced where they differ",
            _ => "",
        };
        let news = News {
            reason: "Adopted",
            note: format!("{key} of a former operator is taken over{restarts}"),
        };
        self.events.news(self.about, &news).await;
    }

    /// Deletes an object that is no longer wanted; only the very one that is known.
    pub async fn delete(
        &self,
        resource: &kube::core::ApiResource,
        surplus: &Surplus,
    ) -> Result<(), Error> {
        let api: Api<Owned> =
            Api::namespaced_with(self.client.clone(), &self.owner.namespace, resource);
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(surplus.uid.clone()),
            resource_version: None,
        });
        match api.delete(&surplus.key.name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(source) => Err(Error::Delete {
                object: surplus.key.clone(),
                source: Box::new(source),
            }),
        }
    }
}

/// Turns the fields that a former operator wrote by updates into fields that we own by apply, so
/// that the apply that follows removes those we do not want. An apply alone would leave them.
///
/// The resource version makes it fail if anyone writes in between.
fn hand_over(metadata: &ObjectMeta, manager: &str) -> Value {
    let (former, kept): (Vec<_>, Vec<_>) = metadata
        .managed_fields
        .iter()
        .flatten()
        .cloned()
        .partition(is_former_operator);
    let mut fields = json!({});
    for entry in &former {
        if let Some(written) = &entry.fields_v1 {
            merge(&mut fields, &written.0);
        }
    }
    let mut entries: Vec<ManagedFieldsEntry> = kept;
    if let Some(first) = former.into_iter().next() {
        entries.push(ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            operation: Some("Apply".to_owned()),
            fields_v1: serde_json::from_value(fields).ok(),
            ..first
        });
    }
    json!({"metadata": {
        "resourceVersion": metadata.resource_version,
        "managedFields": entries,
    }})
}

/// People and the controllers of Kubernetes keep what they wrote.
fn is_former_operator(entry: &ManagedFieldsEntry) -> bool {
    let manager = entry.manager.as_deref().unwrap_or_default();
    entry.operation.as_deref() == Some("Update")
        && entry.subresource.as_deref().unwrap_or_default().is_empty()
        && manager != "kube-controller-manager"
        && !manager.starts_with("kubectl")
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert_with(|| json!({})), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// Tells what the user must change from what is tried again.
fn refusal(object: &ObjectKey, error: kube::Error) -> Refusal {
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

/// Why the API server refuses what the object says, if that is what it does. The message of a 422
/// is a dump of the whole object, its causes name the field.
pub(crate) fn rejection(status: &Status) -> Option<String> {
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
        // Errors of the schema come as internal errors, without a reason.
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

    fn metadata(entries: Value) -> ObjectMeta {
        serde_json::from_value(json!({"resourceVersion": "7", "managedFields": entries})).unwrap()
    }

    #[test]
    fn only_the_former_operators_fields_are_handed_over() {
        let entry = |manager: &str, operation: &str, subresource: &str, field: &str| {
            json!({
                "manager": manager, "operation": operation, "subresource": subresource,
                "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {field: {}}},
            })
        };
        let patch = hand_over(
            &metadata(json!([
                entry("manager", "Update", "", "f:a"),
                entry("operator", "Update", "", "f:b"),
                entry("kubectl-edit", "Update", "", "f:c"),
                entry("kube-controller-manager", "Update", "status", "f:d"),
                entry("argocd", "Apply", "", "f:e"),
            ])),
            "us",
        );
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        let entries = patch["metadata"]["managedFields"].as_array().unwrap();
        let names: Vec<_> = entries
            .iter()
            .map(|e| e["manager"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["kubectl-edit", "kube-controller-manager", "argocd", "us"]
        );
        assert_eq!(entries[3]["operation"], "Apply");
        assert_eq!(
            entries[3]["fieldsV1"],
            json!({"f:spec": {"f:a": {}, "f:b": {}}})
        );
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
