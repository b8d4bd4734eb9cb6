//! A plan: the ordered list of objects that a custom resource owns.
//!
//! In: typed Kubernetes objects. Out: untyped bodies with the owner reference and the label by which
//! the controller watches its objects. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::ApiResource;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};

/// Identifies an object within a namespace: API group, kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, as in `Deployment`.
    pub kind: String,
    /// Object name.
    pub name: String,
}

impl ObjectKey {
    /// The object of this kind and name.
    #[must_use]
    pub fn of(resource: &ApiResource, name: impl Into<String>) -> Self {
        Self {
            group: resource.group.clone(),
            kind: resource.kind.clone(),
            name: name.into(),
        }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// One desired object, as the body of a server-side apply.
#[derive(Clone, Debug)]
pub struct Planned {
    /// API resource of the kind.
    pub resource: ApiResource,
    /// Group, kind and name.
    pub key: ObjectKey,
    /// Complete body. Keys are sorted, so equal plans are equal bytes.
    pub body: Value,
    /// Precondition of the apply.
    pub onto: Precondition,
}

/// Precondition of an apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// None.
    #[default]
    Any,
    /// The object does not exist, as when the plan was made.
    Nothing,
    /// The resource version that the plan was made from. For objects that store state of the
    /// controller: two reconciles never decide from the same state.
    Version(String),
}

/// A patch of an object of another owner, such as the size of a PVC. Planned only while the object
/// differs.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignPatch {
    /// API resource of the kind.
    pub resource: ApiResource,
    /// Group, kind and name.
    pub key: ObjectKey,
    /// UID, the precondition of the patch.
    pub uid: String,
    /// A merge patch.
    pub patch: Value,
}

/// The deletion of an object of another owner: a pod to replace, or a PVC.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignDelete {
    /// API resource of the kind.
    pub resource: ApiResource,
    /// Group, kind and name.
    pub key: ObjectKey,
    /// UID, the precondition of the delete.
    pub uid: String,
}

/// The objects of one custom resource, in apply order.
#[derive(Clone, Debug)]
pub struct Plan {
    namespace: String,
    owner: OwnerReference,
    stamp: BTreeMap<&'static str, &'static str>,
    objects: Vec<Planned>,
    retained: Vec<Retained>,
    foreign_patches: Vec<ForeignPatch>,
    foreign_deletes: Vec<ForeignDelete>,
}

/// Owned objects that are neither applied nor deleted.
#[derive(Clone, Debug)]
enum Retained {
    Name(String),
    Prefix(String),
}

impl Plan {
    /// An empty plan for the children of `owner`; every object gets `label` set to `value`.
    pub fn new<K: Resource<DynamicType = ()>>(
        owner: &K,
        label: &'static str,
        value: &'static str,
    ) -> Self {
        Self {
            namespace: owner.namespace().unwrap_or_default(),
            owner: OwnerReference {
                api_version: K::api_version(&()).into_owned(),
                kind: K::kind(&()).into_owned(),
                name: owner.name_any(),
                uid: owner.uid().unwrap_or_default(),
                controller: Some(true),
                block_owner_deletion: Some(true),
            },
            stamp: BTreeMap::from([(label, value)]),
            objects: Vec::new(),
            retained: Vec::new(),
            foreign_patches: Vec::new(),
            foreign_deletes: Vec::new(),
        }
    }

    /// Adds an object. Sets namespace, owner reference and the label of the controller.
    pub fn push<T>(&mut self, object: T)
    where
        T: Resource<DynamicType = ()> + Serialize,
    {
        self.push_onto(Precondition::Any, object);
    }

    /// Adds an object with a precondition. If the precondition fails, the reconcile ends and is
    /// retried with the current state.
    pub fn push_onto<T>(&mut self, onto: Precondition, object: T)
    where
        T: Resource<DynamicType = ()> + Serialize,
    {
        let resource = ApiResource::erase::<T>(&());
        let name = object.name_any();
        let mut body =
            serde_json::to_value(object).expect("Kubernetes objects have string keys only");
        body["apiVersion"] = json!(resource.api_version);
        body["kind"] = json!(resource.kind);
        let meta = &mut body["metadata"];
        meta["namespace"] = json!(self.namespace);
        meta["ownerReferences"] = json!([self.owner]);
        for (label, value) in &self.stamp {
            meta["labels"][*label] = json!(value);
        }
        drop_nulls(&mut body);
        self.objects.push(Planned {
            key: ObjectKey::of(&resource, name),
            resource,
            body,
            onto,
        });
    }

    /// Patches an object of another owner in the same namespace, after all objects of the plan are
    /// applied.
    pub fn patch_foreign(&mut self, patch: ForeignPatch) {
        self.foreign_patches.push(patch);
    }

    /// The patches of objects of other owners, in order.
    #[must_use]
    pub fn foreign_patches(&self) -> &[ForeignPatch] {
        &self.foreign_patches
    }

    /// Deletes an object of another owner in the same namespace, after all applies and patches.
    pub fn remove(&mut self, delete: ForeignDelete) {
        self.foreign_deletes.push(delete);
    }

    /// The deletions of objects of other owners, in order.
    #[must_use]
    pub fn foreign_deletes(&self) -> &[ForeignDelete] {
        &self.foreign_deletes
    }

    /// Keeps existing owned objects with this name unchanged.
    pub fn leave(&mut self, name: String) {
        self.retained.push(Retained::Name(name));
    }

    /// Keeps existing owned objects whose names start with `prefix` unchanged, because their inputs
    /// are unknown.
    pub fn leave_all(&mut self, prefix: String) {
        self.retained.push(Retained::Prefix(prefix));
    }

    /// Whether an owned object that is not in the plan is kept.
    #[must_use]
    pub fn leaves(&self, key: &ObjectKey) -> bool {
        self.retained.iter().any(|retained| match retained {
            Retained::Name(name) => key.name == *name,
            Retained::Prefix(prefix) => key.name.starts_with(prefix),
        })
    }

    /// The objects in apply order.
    #[must_use]
    pub fn objects(&self) -> &[Planned] {
        &self.objects
    }

    /// The namespace of every object of this plan.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Finds an object by kind and name.
    #[must_use]
    pub fn find(&self, kind: &str, name: &str) -> Option<&Planned> {
        self.objects
            .iter()
            .find(|o| o.key.kind == kind && o.key.name == name)
    }
}

/// Removes nulls: in a server-side apply a null takes ownership of the field.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
