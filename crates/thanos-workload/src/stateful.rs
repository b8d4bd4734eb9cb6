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

/// The volume of each pod, and the name of its claim before the pod's.
pub const DATA_VOLUME: &str = "data";

/// How many pods a StatefulSet runs, and which of them it may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Pods.
    pub replicas: i32,
    /// Pods with a lower number keep the template they have.
    pub partition: i32,
}

/// What of a StatefulSet cannot be changed while it exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixed {
    /// `spec.podManagementPolicy`.
    pub pod_management_policy: String,
    /// `spec.volumeClaimTemplates`, as stored.
    pub claim_templates: Value,
}

/// A StatefulSet as a controller wants it.
#[derive(Clone, Debug)]
pub struct Desired<'a> {
    /// Metadata of the custom resource.
    pub owner: &'a ObjectMeta,
    /// Who it is.
    pub identity: &'a Identity,
    /// How the user wants its objects to look.
    pub common: &'a CommonFields,
    /// How the user wants its pods to come and go.
    pub fields: &'a StatefulSetFields,
    /// The volumes.
    pub storage: Option<&'a StorageConfig>,
    /// What becomes of volumes unless the user says.
    pub retention: ClaimRetention,
    /// Seconds that a new pod must be ready unless the user says.
    pub min_ready_seconds: i32,
    /// Pods.
    pub scale: Scale,
    /// What cannot be changed any more, if it exists.
    pub fixed: Option<&'a Fixed>,
    /// The pods.
    pub template: PodTemplateSpec,
}

impl Desired<'_> {
    /// The StatefulSet.
    ///
    /// # Errors
    /// A size that is none.
    pub fn stateful_set(self) -> Result<StatefulSet, FieldError> {
        let policy = self.policy();
        let retention = self
            .fields
            .persistent_volume_claim_retention_policy
            .as_ref();
        let keep = |choice: Option<ClaimRetention>| {
            Some(choice.unwrap_or(self.retention).as_str().to_owned())
        };
        let claims = self.claim_templates()?;
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
                volume_claim_templates: Some(claims),
                template: self.template,
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    fn policy(&self) -> String {
        let stored = self.fixed.map(|f| f.pod_management_policy.as_str());
        let desired = wanted_policy(self.fields);
        stored
            .filter(|p| !p.is_empty())
            .unwrap_or(desired)
            .to_owned()
    }

    /// Those that are stored, since nothing in them can be changed; volumes grow by their claims.
    fn claim_templates(&self) -> Result<Vec<PersistentVolumeClaim>, FieldError> {
        let desired = claim(self.storage)?;
        let stored = self.fixed.map(|f| &f.claim_templates);
        let stored: Option<Vec<PersistentVolumeClaim>> =
            stored.and_then(|s| serde_json::from_value(s.clone()).ok());
        Ok(match stored {
            Some(stored) if stored.len() != 1 || !means(&stored[0], &desired) => stored,
            _ => vec![desired],
        })
    }
}

/// What the user wants and an existing StatefulSet cannot become, with the way out; `None` if there
/// is nothing.
#[must_use]
pub fn refused(
    name: &str,
    namespace: &str,
    fields: &StatefulSetFields,
    fixed: &Fixed,
) -> Option<String> {
    let (stored, desired) = (&fixed.pod_management_policy, wanted_policy(fields));
    let asked = fields.pod_management_policy.is_some();
    (asked && !stored.is_empty() && stored != desired).then(|| {
        format!(
            "spec.podManagementPolicy is {desired}, but StatefulSet {name} was made with {stored}, \
             which cannot be changed: kubectl -n {namespace} delete statefulset {name} \
             --cascade=orphan; its pods run on, and the new one takes them over"
        )
    })
}

fn wanted_policy(fields: &StatefulSetFields) -> &'static str {
    fields.pod_management_policy.unwrap_or_default().as_str()
}

/// The size of each volume, in bytes.
///
/// # Errors
/// It is none.
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

/// The size of each volume, as the user writes it.
#[must_use]
pub fn size_text(storage: Option<&StorageConfig>) -> &str {
    let size = storage.and_then(|s| s.size.as_deref());
    size.unwrap_or(DEFAULT_STORAGE_SIZE)
}

fn claim(storage: Option<&StorageConfig>) -> Result<PersistentVolumeClaim, FieldError> {
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

/// Whether a stored claim template is what `desired` becomes when it is stored.
fn means(stored: &PersistentVolumeClaim, desired: &PersistentVolumeClaim) -> bool {
    let bytes = |claim: &PersistentVolumeClaim| {
        let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
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
        let desired = Desired {
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
    fn what_is_stored_stays_unless_it_means_the_same() {
        let asked = storage("10240Mi");
        let plain = templates(Some(&asked), None);
        assert_eq!(
            plain[0]["spec"]["resources"]["requests"]["storage"],
            "10240Mi"
        );
        assert_eq!(
            templates(Some(&asked), Some(stored("10Gi", json!({})))),
            plain
        );
        for (size, labels) in [("5Gi", json!({})), ("10Gi", json!({"a": "b"}))] {
            let kept = templates(Some(&asked), Some(stored(size, labels)));
            assert_eq!(kept[0]["spec"]["resources"]["requests"]["storage"], size);
            assert_eq!(kept[0]["spec"]["volumeMode"], "Filesystem");
        }
    }

    #[test]
    fn immutable_fields_are_reported_only_if_the_spec_changes_them() {
        let fixed = Fixed {
            pod_management_policy: "OrderedReady".into(),
            claim_templates: Value::Null,
        };
        let asked = |policy| StatefulSetFields {
            pod_management_policy: policy,
            ..Default::default()
        };
        let reported = refused(
            "s",
            "n",
            &asked(Some(PodManagementPolicy::Parallel)),
            &fixed,
        )
        .unwrap();
        assert!(reported.contains("--cascade=orphan"), "{reported}");
        assert_eq!(
            refused(
                "s",
                "n",
                &asked(Some(PodManagementPolicy::OrderedReady)),
                &fixed
            ),
            None
        );
        assert_eq!(refused("s", "n", &asked(None), &fixed), None);
    }
}
