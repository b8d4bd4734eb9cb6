//! Metadata, for types that need more than labels. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use crate::Labels;
use crate::tolerant_decode::{Lenient, Object};

/// Metadata of an object, for a field of type `Lenient<Object<Metadata>>`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Name.
    pub name: Lenient<String>,
    /// Namespace; unset for cluster-scoped kinds.
    pub namespace: Lenient<String>,
    /// UID.
    pub uid: Lenient<String>,
    /// Resource version.
    pub resource_version: Lenient<String>,
    /// Time of the delete request, in RFC 3339.
    pub deletion_timestamp: Lenient<String>,
    /// Labels.
    pub labels: Lenient<Labels>,
    /// Annotations.
    pub annotations: Lenient<Labels>,
    /// Owner references.
    pub owner_references: Lenient<Vec<Object<OwnerRef>>>,
}

/// An owner reference.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerRef {
    /// Group and version, as in `apps/v1`.
    pub api_version: Lenient<String>,
    /// Kind.
    pub kind: Lenient<String>,
    /// Name.
    pub name: Lenient<String>,
    /// UID.
    pub uid: Lenient<String>,
    /// Whether the owner is the controller of the object.
    pub controller: Lenient<bool>,
}

impl Metadata {
    /// Name, namespace, UID and resource version.
    #[must_use]
    pub fn identity(&self) -> ObjectMeta {
        ObjectMeta {
            name: self.name.clone().get(),
            namespace: self.namespace.clone().get(),
            uid: self.uid.clone().get(),
            resource_version: self.resource_version.clone().get(),
            ..ObjectMeta::default()
        }
    }
}
