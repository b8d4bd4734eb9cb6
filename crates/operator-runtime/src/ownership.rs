//! Ownership of an existing object with the name of a planned one. Pure.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::digest::owned_digest;

/// Ownership of an existing object with the name of a planned one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The custom resource is its controller, and we applied it.
    Ours,
    /// The custom resource is its controller, and a former operator wrote it.
    Legacy,
    /// It has another controller or none; the text describes the owner.
    Other(String),
}

/// Ownership for the custom resource with this UID and the field manager `manager`.
pub fn ownership(metadata: &ObjectMeta, owner_uid: &str, manager: &str) -> Ownership {
    let mut owners = metadata.owner_references.iter().flatten();
    match owners.find(|r| r.controller == Some(true)) {
        Some(controller) if controller.uid != owner_uid => {
            Ownership::Other(format!("owner: {} {}", controller.kind, controller.name))
        }
        None => Ownership::Other(managers(metadata)),
        Some(_) => match owned_digest(metadata.managed_fields.as_ref(), manager) {
            Some(_) => Ownership::Ours,
            None => Ownership::Legacy,
        },
    }
}

fn managers(metadata: &ObjectMeta) -> String {
    let entries = metadata.managed_fields.iter().flatten();
    let names: BTreeSet<&str> = entries.filter_map(|e| e.manager.as_deref()).collect();
    match names.is_empty() {
        true => "no owner".to_owned(),
        false => format!("no owner, written by {}", Vec::from_iter(names).join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(owner: Value, manager: &str) -> Ownership {
        let metadata = serde_json::from_value(json!({
            "ownerReferences": owner,
            "managedFields": [{
                "manager": manager, "operation": "Apply", "apiVersion": "v1",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}},
            }],
        }))
        .unwrap();
        ownership(&metadata, "1", "us")
    }

    #[test]
    fn ownership_depends_on_the_controller_reference_and_the_field_manager() {
        let owner = |uid: &str| {
            json!([{
                "apiVersion": "v1", "kind": "Toy", "name": "a", "uid": uid, "controller": true,
            }])
        };
        assert_eq!(of(owner("1"), "us"), Ownership::Ours);
        assert_eq!(of(owner("1"), "manager"), Ownership::Legacy);
        assert_eq!(
            of(owner("2"), "us"),
            Ownership::Other("owner: Toy a".to_owned())
        );
        let unowned = Ownership::Other("no owner, written by us".to_owned());
        assert_eq!(of(json!([]), "us"), unowned);
        let empty = ownership(&ObjectMeta::default(), "1", "us");
        assert_eq!(empty, Ownership::Other("no owner".to_owned()));
    }
}
