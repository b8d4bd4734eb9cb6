//! Metadata, for types that read more of it than labels.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use crate::Labels;
use crate::tolerant_decode::{Lenient, Object};

/// The metadata of an object: a field of this type is a `Lenient<Object<Metadata>>`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Name.
    pub name: Lenient<String>,
    /// Namespace; unset for kinds that have none.
    pub namespace: Lenient<String>,
    /// UID.
    pub uid: Lenient<String>,
    /// Resource version.
    pub resource_version: Lenient<String>,
    /// When its deletion was asked for, as RFC 3339.
    pub deletion_timestamp: Lenient<String>,
    /// Labels.
    pub labels: Lenient<Labels>,
    /// Annotations.
    pub annotations: Lenient<Labels>,
    /// What owns it.
    pub owner_references: Lenient<Vec<Object<OwnerRef>>>,
}

/// An object that owns another.
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
    /// Whether it is the one that manages the object.
    pub controller: Lenient<bool>,
}

impl Metadata {
    /// Which object it is, and in which version.
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
