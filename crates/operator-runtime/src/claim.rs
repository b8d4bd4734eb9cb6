//! Whose an object is that has the name of a planned one. Pure.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::digest::owned_digest;

/// Whose an object is that has the name of a planned one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Its controller is our custom resource, and we applied it.
    Ours,
    /// Its controller is our custom resource, and a former operator wrote it.
    Former,
    /// It belongs to somebody else, who is named.
    Theirs(String),
}

/// Whose an object is, for the custom resource with this uid and the controller `manager`.
pub(crate) fn claim(metadata: &ObjectMeta, owner_uid: &str, manager: &str) -> Claim {
    let mut owners = metadata.owner_references.iter().flatten();
    match owners.find(|r| r.controller == Some(true)) {
        Some(controller) if controller.uid != owner_uid => {
            Claim::Theirs(format!("{} {}", controller.kind, controller.name))
        }
        None => Claim::Theirs(managers(metadata)),
        Some(_) => match owned_digest(metadata.managed_fields.as_ref(), manager) {
            Some(_) => Claim::Ours,
            None => Claim::Former,
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

    fn of(owner: Value, manager: &str) -> Claim {
        let metadata = serde_json::from_value(json!({
            "ownerReferences": owner,
            "managedFields": [{
                "manager": manager, "operation": "Apply", "apiVersion": "v1",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}},
            }],
        }))
        .unwrap();
        claim(&metadata, "1", "us")
    }

    #[test]
    fn the_controller_decides_and_then_the_manager() {
        let owner = |uid: &str| {
            json!([{
                "apiVersion": "v1", "kind": "Toy", "name": "a", "uid": uid, "controller": true,
            }])
        };
        assert_eq!(of(owner("1"), "us"), Claim::Ours);
        assert_eq!(of(owner("1"), "manager"), Claim::Former);
        assert_eq!(of(owner("2"), "us"), Claim::Theirs("Toy a".to_owned()));
        let nobody = Claim::Theirs("no owner, written by us".to_owned());
        assert_eq!(of(json!([]), "us"), nobody);
        let nameless = claim(&ObjectMeta::default(), "1", "us");
        assert_eq!(nameless, Claim::Theirs("no owner".to_owned()));
    }
}
