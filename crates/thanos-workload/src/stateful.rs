//! StatefulSets and the volumes of their pods.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PodTemplateSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use thanos_api::v1alpha1::{
    ClaimRetention, CommonFields, DEFAULT_STORAGE_SIZE, StatefulSetFields, StorageConfig,
};

use crate::labels::Identity;
use crate::{FieldError, quantity, workload};

/// Name of the data volume of each pod, and prefix of its PVC's name.
pub const DATA_VOLUME: &str = "data";

/// Replicas and partition of a StatefulSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Number of pods.
    pub replicas: i32,
    /// Pods with a lower ordinal keep their template.
    pub partition: i32,
}

/// Immutable fields of an existing StatefulSet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixed {
    /// `spec.podManagementPolicy`.
    pub pod_management_policy: String,
    /// `spec.volumeClaimTemplates`, as stored.
    pub claim_templates: Value,
}

/// Inputs of a StatefulSet.
#[derive(Clone, Debug)]
pub struct StatefulSetInputs<'a> {
    /// Metadata of the custom resource.
    pub owner: &'a ObjectMeta,
    /// Identity of the workload.
    pub identity: &'a Identity,
    /// Fields of every component.
    pub common: &'a CommonFields,
    /// Fields of every StatefulSet.
    pub fields: &'a StatefulSetFields,
    /// Storage of each pod.
    pub storage: Option<&'a StorageConfig>,
    /// Default PVC retention.
    pub retention: ClaimRetention,
    /// Default of minReadySeconds.
    pub min_ready_seconds: i32,
    /// Pods.
    pub scale: Scale,
    /// Immutable fields of the existing StatefulSet.
    pub fixed: Option<&'a Fixed>,
    /// Pod template.
    pub template: PodTemplateSpec,
}

impl StatefulSetInputs<'_> {
    /// The StatefulSet.
    ///
    /// # Errors
    /// An invalid size.
    pub fn stateful_set(self) -> Result<StatefulSet, FieldError> {
        let policy = self.policy();
        let retention = self
            .fields
            .persistent_volume_claim_retention_policy
            .as_ref();
        let keep = |choice: Option<ClaimRetention>| {
            Some(choice.unwrap_or(self.retention).as_str().to_owned())
        };
        let pvcs = self.pvc_templates()?;
        Ok(StatefulSet {
            metadata: workload::metadata(
                self.owner,
                self.identity,
                self.common,
                &self.identity.name,
            ),
            spec: Some(StatefulSetSpec {
                service_name: Some(self.identity.name.clone()),
                replicas: Some(self.scale.replicas),
                selector: self.identity.selector(),
                pod_management_policy: Some(policy),
                min_ready_seconds: Some(
                    self.fields
                        .min_ready_seconds
                        .unwrap_or(self.min_ready_seconds),
                ),
                persistent_volume_claim_retention_policy: Some(
                    StatefulSetPersistentVolumeClaimRetentionPolicy {
                        when_deleted: keep(retention.and_then(|r| r.when_deleted)),
                        when_scaled: keep(retention.and_then(|r| r.when_scaled)),
                    },
                ),
                update_strategy: Some(StatefulSetUpdateStrategy {
                    type_: Some("RollingUpdate".to_owned()),
                    rolling_update: Some(RollingUpdateStatefulSetStrategy {
                        partition: Some(self.scale.partition),
                        ..Default::default()
                    }),
                }),
                volume_claim_templates: Some(pvcs),
                template: self.template,
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    fn policy(&self) -> String {
        let stored = self.fixed.map(|f| f.pod_management_policy.as_str());
        let desired = desired_policy(self.fields);
        stored
            .filter(|p| !p.is_empty())
            .unwrap_or(desired)
            .to_owned()
    }

    /// The stored templates, if they differ: they are immutable. Volumes grow by patching their PVCs.
    fn pvc_templates(&self) -> Result<Vec<PersistentVolumeClaim>, FieldError> {
        let desired = pvc(self.storage)?;
        let stored = self.fixed.map(|f| &f.claim_templates);
        let stored: Option<Vec<PersistentVolumeClaim>> =
            stored.and_then(|s| serde_json::from_value(s.clone()).ok());
        Ok(match stored {
            Some(stored) if stored.len() != 1 || !is_equivalent(&stored[0], &desired) => stored,
            _ => vec![desired],
        })
    }
}

/// Message about a field of the spec that an existing StatefulSet cannot change to, with the remedy;
/// `None` if there is none.
#[must_use]
pub fn immutable_field(
    name: &str,
    namespace: &str,
    fields: &StatefulSetFields,
    fixed: &Fixed,
) -> Option<String> {
    let (stored, desired) = (&fixed.pod_management_policy, desired_policy(fields));
    let is_set = fields.pod_management_policy.is_some();
    (is_set && !stored.is_empty() && stored != desired).then(|| {
        format!(
            "spec.podManagementPolicy is {desired}, but StatefulSet {name} has {stored}, which is \
             immutable; run kubectl -n {namespace} delete statefulset {name} --cascade=orphan, which \
             keeps its pods running for the new StatefulSet to adopt"
        )
    })
}

fn desired_policy(fields: &StatefulSetFields) -> &'static str {
    fields.pod_management_policy.unwrap_or_default().as_str()
}

/// Size of each volume, in bytes.
///
/// # Errors
/// An invalid size.
pub fn size(storage: Option<&StorageConfig>) -> Result<u64, FieldError> {
    let size = size_text(storage);
    let bytes = quantity::bytes(size).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| {
        FieldError::new(
            "spec.storage.size",
            format!("`{size}` is not an amount of bytes; write one such as 10Gi"),
        )
    })
}

/// Size of each volume, as in the spec.
#[must_use]
pub fn size_text(storage: Option<&StorageConfig>) -> &str {
    let size = storage.and_then(|s| s.size.as_deref());
    size.unwrap_or(DEFAULT_STORAGE_SIZE)
}

fn pvc(storage: Option<&StorageConfig>) -> Result<PersistentVolumeClaim, FieldError> {
    size(storage)?;
    let class = storage.and_then(|s| s.storage_class.clone());
    Ok(PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(DATA_VOLUME.to_owned()),
            ..Default::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: class.filter(|c| !c.is_empty()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    Quantity(size_text(storage).to_owned()),
                )])),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// Whether a stored PVC template differs from `desired` only in defaults of the API server.
fn is_equivalent(stored: &PersistentVolumeClaim, desired: &PersistentVolumeClaim) -> bool {
    let bytes = |pvc: &PersistentVolumeClaim| {
        let requests = pvc.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
        quantity::bytes(&requests.get("storage")?.0)
    };
    let class =
        |c: &PersistentVolumeClaim| c.spec.as_ref().and_then(|s| s.storage_class_name.clone());
    let modes = |c: &PersistentVolumeClaim| c.spec.as_ref().and_then(|s| s.access_modes.clone());
    let bare = |m: &Option<BTreeMap<String, String>>| m.as_ref().is_none_or(BTreeMap::is_empty);
    stored.metadata.name == desired.metadata.name
        && bare(&stored.metadata.labels)
        && bare(&stored.metadata.annotations)
        && bytes(stored) == bytes(desired)
        && class(stored) == class(desired)
        && modes(stored) == modes(desired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use thanos_api::v1alpha1::PodManagementPolicy;

    fn storage(size: &str) -> StorageConfig {
        StorageConfig {
            size: Some(size.to_owned()),
            storage_class: None,
        }
    }

    fn templates(storage: Option<&StorageConfig>, stored: Option<Value>) -> Value {
        let identity = Identity {
            name: "s".into(),
            program: "thanos-store",
            component: "object-storage-gateway",
            owner: "x".into(),
            extra: Vec::new(),
        };
        let fixed = stored.map(|claim_templates| Fixed {
            pod_management_policy: "OrderedReady".into(),
            claim_templates,
        });
        let desired = StatefulSetInputs {
            owner: &ObjectMeta::default(),
            identity: &identity,
            common: &CommonFields::default(),
            fields: &StatefulSetFields::default(),
            storage,
            retention: ClaimRetention::Retain,
            min_ready_seconds: 0,
            scale: Scale {
                replicas: 1,
                partition: 0,
            },
            fixed: fixed.as_ref(),
            template: PodTemplateSpec::default(),
        };
        let set = desired.stateful_set().unwrap();
        serde_json::to_value(set).unwrap()["spec"]["volumeClaimTemplates"].clone()
    }

    fn stored(size: &str, labels: Value) -> Value {
        json!([{
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "labels": labels},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, "volumeMode": "Filesystem"},
            "status": {"phase": "Pending"},
        }])
    }

    #[test]
    fn stored_pvc_template_is_kept_unless_equivalent() {
        let requested = storage("10240Mi");
        let plain = templates(Some(&requested), None);
        assert_eq!(
            plain[0]["spec"]["resources"]["requests"]["storage"],
            "10240Mi"
        );
        assert_eq!(
            templates(Some(&requested), Some(stored("10Gi", json!({})))),
            plain
        );
        for (size, labels) in [("5Gi", json!({})), ("10Gi", json!({"a": "b"}))] {
            let kept = templates(Some(&requested), Some(stored(size, labels)));
            assert_eq!(kept[0]["spec"]["resources"]["requests"]["storage"], size);
            assert_eq!(kept[0]["spec"]["volumeMode"], "Filesystem");
        }
    }

    #[test]
    fn immutable_policy_is_reported_only_if_set() {
        let fixed = Fixed {
            pod_management_policy: "OrderedReady".into(),
            claim_templates: Value::Null,
        };
        let fields = |policy| StatefulSetFields {
            pod_management_policy: policy,
            ..Default::default()
        };
        let message = immutable_field(
            "s",
            "n",
            &fields(Some(PodManagementPolicy::Parallel)),
            &fixed,
        )
        .unwrap();
        assert!(message.contains("--cascade=orphan"), "{message}");
        assert_eq!(
            immutable_field(
                "s",
                "n",
                &fields(Some(PodManagementPolicy::OrderedReady)),
                &fixed
            ),
            None
        );
        assert_eq!(immutable_field("s", "n", &fields(None), &fixed), None);
    }
}
