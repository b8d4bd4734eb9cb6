//! Existing objects that are missing from the watches: those of a former operator are adopted, those
//! of other owners are left unchanged. Does IO.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::apply::{ONLY_CREATE, Refusal, Writer, refusal};
use crate::owned_objects::Owned;
use crate::ownership::{Ownership, ownership};
use crate::plan::Planned;
use crate::reconciler::{NormalEvent, Verdict};

impl Writer<'_> {
    /// Handles an existing object that is missing from the watches. Adopts it if the custom resource is
    /// its controller, and reports `NotOwned` otherwise.
    pub(crate) async fn adopt(&self, object: &Planned) -> Result<Owned, Refusal> {
        let api = self.api(object);
        let found = match api.get_opt(&object.key.name).await {
            Ok(Some(found)) => found,
            // Deleted between the two requests.
            Ok(None) => {
                let created = self.send(object, ("resourceVersion", ONLY_CREATE)).await;
                return created.map_err(|error| refusal(&object.key, error));
            }
            Err(error) => return Err(refusal(&object.key, error)),
        };
        let ownership = ownership(&found.metadata, &self.owner.uid, self.manager);
        if let Ownership::Other(holder) = ownership {
            return Err(Refusal::Verdict(Verdict::NotOwned {
                object: object.key.clone(),
                holder,
            }));
        }
        if ownership == Ownership::Legacy {
            self.announce(object).await;
            let hand_over = hand_over(&found.metadata, &self.owner.uid, self.manager);
            let params = PatchParams::default();
            api.patch(&object.key.name, &params, &Patch::Merge(hand_over))
                .await
                .map_err(|error| refusal(&object.key, error))?;
        }
        let uid = found.metadata.uid.unwrap_or_default();
        let applied = self.send(object, ("uid", &uid)).await;
        applied.map_err(|error| refusal(&object.key, error))
    }

    /// Emitted before the write, since pods may restart.
    async fn announce(&self, object: &Planned) {
        let (owner, key) = (self.owner, &object.key);
        tracing::info!(namespace = owner.namespace, name = owner.name, object = %key, "adopting an object of a former operator");
        let restarts = match key.group.as_str() {
            "apps" => "; pods that differ are replaced",
            _ => "",
        };
        let event = NormalEvent {
            reason: "Adopted",
            note: format!("adopting {key} of a former operator{restarts}"),
        };
        self.events.normal(self.about, &event).await;
    }
}

/// A patch of `managedFields` that moves the fields of a former operator (operation Update) to our
/// field manager (operation Apply), so that the following apply removes the undesired ones. An apply
/// alone would leave them.
///
/// The resource version makes it fail after a concurrent write.
fn hand_over(metadata: &ObjectMeta, owner_uid: &str, manager: &str) -> Value {
    let entries = || metadata.managed_fields.iter().flatten();
    // The former operator is the field manager that set our owner reference. Others keep their
    // fields: users, Kubernetes, the service CA of OpenShift.
    let legacy: BTreeSet<&str> = entries()
        .filter(|entry| is_update(entry) && sets_owner(entry, owner_uid))
        .filter_map(|entry| entry.manager.as_deref())
        .collect();
    let (legacy, mut kept): (Vec<_>, Vec<_>) = entries().cloned().partition(|entry| {
        is_update(entry) && legacy.contains(entry.manager.as_deref().unwrap_or_default())
    });
    let mut fields = json!({});
    for entry in &legacy {
        if let Some(written) = &entry.fields_v1 {
            merge(&mut fields, &written.0);
        }
    }
    if let Some(first) = legacy.into_iter().next() {
        kept.push(ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            operation: Some("Apply".to_owned()),
            fields_v1: serde_json::from_value(fields).ok(),
            ..first
        });
    }
    json!({"metadata": {
        "resourceVersion": metadata.resource_version,
        "managedFields": kept,
    }})
}

fn is_update(entry: &ManagedFieldsEntry) -> bool {
    entry.operation.as_deref() == Some("Update")
        && entry.subresource.as_deref().unwrap_or_default().is_empty()
}

fn sets_owner(entry: &ManagedFieldsEntry, uid: &str) -> bool {
    let owners = entry
        .fields_v1
        .as_ref()
        .map(|fields| &fields.0["f:metadata"]["f:ownerReferences"]);
    owners.is_some_and(|owners| owners.get(format!("k:{{\"uid\":\"{uid}\"}}")).is_some())
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
        let mut owned = entry("manager", "Update", "", "f:a");
        owned["fieldsV1"]["f:metadata"] = json!({"f:ownerReferences": {r#"k:{"uid":"1"}"#: {}}});
        let patch = hand_over(
            &metadata(json!([
                owned,
                entry("manager", "Update", "", "f:b"),
                entry("kubectl-edit", "Update", "", "f:c"),
                entry("service-ca-operator", "Update", "", "f:c"),
                entry("manager", "Update", "status", "f:d"),
                entry("argocd", "Apply", "", "f:e"),
            ])),
            "1",
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
            [
                "kubectl-edit",
                "service-ca-operator",
                "manager",
                "argocd",
                "us"
            ]
        );
        assert_eq!(entries[4]["operation"], "Apply");
        assert_eq!(
            entries[4]["fieldsV1"]["f:spec"],
            json!({"f:a": {}, "f:b": {}})
        );
    }
}
