//! Facts of PVCs and StorageClasses.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use std::collections::BTreeMap;
use thanos_workload::quantity;

use super::meta::{Condition, Meta};

/// Annotation of the default StorageClass.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PvcObject {
    metadata: Meta,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    storage_class_name: Option<String>,
    resources: Resources,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    requests: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: String,
    capacity: BTreeMap<String, String>,
    conditions: Vec<Condition>,
}

/// Facts of a PVC.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PvcFacts {
    /// Name of the custom resource.
    pub owner: String,
    /// UID.
    pub uid: String,
    /// Requested bytes.
    pub requested: Option<u64>,
    /// Bytes of the bound volume; `None` before it is bound.
    pub capacity: Option<u64>,
    /// StorageClass.
    pub class: Option<String>,
    /// Whether a volume is bound.
    pub bound: bool,
    /// Message of the driver about a failed expansion.
    pub pod_failures: Option<String>,
}

impl Extract for PvcObject {
    type Facts = PvcFacts;

    fn into_parts(self) -> (ObjectMeta, PvcFacts) {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        let bytes = |sizes: &BTreeMap<String, String>| {
            sizes.get("storage").and_then(|size| quantity::bytes(size))
        };
        let failed = ["ControllerResizeError", "NodeResizeError"];
        let mut failures = failed.iter().copied();
        let pod_failures = failures
            .find_map(|type_| Condition::find(&status.conditions, type_, "True"))
            .map(|c| c.message.clone());
        let facts = PvcFacts {
            owner: metadata.owner(),
            uid: metadata.uid.clone().unwrap_or_default(),
            requested: bytes(&spec.resources.requests),
            capacity: bytes(&status.capacity),
            class: spec.storage_class_name.filter(|c| !c.is_empty()),
            bound: status.phase == "Bound",
            pod_failures,
        };
        (metadata.identity(), facts)
    }
}

/// A StorageClass.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClassObject {
    metadata: Meta,
    allow_volume_expansion: bool,
}

/// Facts of a StorageClass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassFacts {
    /// Whether it is the default.
    pub default: bool,
    /// Whether its volumes can be expanded.
    pub grows: bool,
}

impl Extract for ClassObject {
    type Facts = ClassFacts;

    fn into_parts(self) -> (ObjectMeta, ClassFacts) {
        let annotations = &self.metadata.annotations;
        let facts = ClassFacts {
            default: annotations.get(DEFAULT_CLASS).is_some_and(|v| v == "true"),
            grows: self.allow_volume_expansion,
        };
        (self.metadata.identity(), facts)
    }
}
