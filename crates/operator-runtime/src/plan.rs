//! A plan: the ordered list of objects that a custom resource should own.
//!
//! In: typed Kubernetes objects. Out: type-erased bodies, stamped with the owner reference and the
//! label by which the controller finds its objects again. Does no IO.

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

/// One object that should exist, ready to be sent as a server-side apply.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Where the API server serves this kind.
    pub resource: ApiResource,
    /// Group, kind and name.
    pub key: ObjectKey,
    /// The complete body. Keys are sorted, so equal plans are equal bytes.
    pub body: Value,
    /// What it may be sent onto.
    pub onto: Precondition,
}

/// What an object may be sent onto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever is there.
    #[default]
    Any,
    /// Nothing: it was not there when the plan was made.
    Nothing,
    /// The very resource version that the plan was made from. For objects that hold a state of ours:
    /// two reconciles never decide from the same one.
    Version(String),
}

/// A patch of an object that another controller owns, such as the size of a PVC. Planned only while
/// the object differs.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignPatch {
    /// Where the API server serves this kind.
    pub resource: ApiResource,
    /// Group, kind and name.
    pub key: ObjectKey,
    /// UID of the very object that is meant.
    pub uid: String,
    /// A merge patch.
    pub patch: Value,
}

/// A delete of an object that another controller owns: a pod to be replaced, or a PVC.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignDelete {
    /// Where the API server serves this kind.
    pub resource: ApiResource,
    /// Group, kind and name.
    pub key: ObjectKey,
    /// UID of the very object that is meant.
    pub uid: String,
}

/// The objects of one custom resource, in the order in which they are applied.
#[derive(Clone, Debug)]
pub struct Plan {
    namespace: String,
    owner: OwnerReference,
    stamp: BTreeMap<&'static str, &'static str>,
    objects: Vec<Planned>,
    left: Vec<Left>,
    foreign_patches: Vec<ForeignPatch>,
    foreign_deletes: Vec<ForeignDelete>,
}

/// Objects that are left as they are.
#[derive(Clone, Debug)]
enum Left {
    Name(String),
    Prefix(String),
}

impl Plan {
    /// An empty plan for the children of `owner`; every object pushed gets `label` set to `value`.
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
            left: Vec::new(),
            foreign_patches: Vec::new(),
            foreign_deletes: Vec::new(),
        }
    }

    /// Adds an object. Namespace, owner reference and the controller's label are set here, so no
    /// builder can forget them.
    pub fn push<T>(&mut self, object: T)
    where
        T: Resource<DynamicType = ()> + Serialize,
    {
        self.push_onto(Precondition::Any, object);
    }

    /// Adds an object that is sent only onto what the plan was made from. If something else is there
    /// by then, the reconcile ends, and the next one sees it.
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

    /// Patches an object of the same namespace that another controller owns, after all objects of the
    /// plan are applied.
    pub fn patch_foreign(&mut self, patch: ForeignPatch) {
        self.foreign_patches.push(patch);
    }

    /// The changes to objects of others, in the order in which they are sent.
    #[must_use]
    pub fn foreign_patches(&self) -> &[ForeignPatch] {
        &self.foreign_patches
    }

    /// Deletes an object of the same namespace that another controller owns, after everything is applied
    /// and patched.
    pub fn remove(&mut self, delete: ForeignDelete) {
        self.foreign_deletes.push(delete);
    }

    /// The objects of others that are deleted, in their order.
    #[must_use]
    pub fn foreign_deletes(&self) -> &[ForeignDelete] {
        &self.foreign_deletes
    }

    /// Leaves owned objects of this name as they are, if they exist.
    pub fn leave(&mut self, name: String) {
        self.left.push(Left::Name(name));
    }

    /// Leaves owned objects whose names start with `prefix` as they are, if they exist: what they
    /// depend on cannot be known at this moment.
    pub fn leave_all(&mut self, prefix: String) {
        self.left.push(Left::Prefix(prefix));
    }

    /// Whether an owned object that is not in the plan stays.
    #[must_use]
    pub fn leaves(&self, key: &ObjectKey) -> bool {
        self.left.iter().any(|left| match left {
            Left::Name(name) => key.name == *name,
            Left::Prefix(prefix) => key.name.starts_with(prefix),
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

/// A null in a server-side apply claims the field with the value null; leaving it out does not.
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
