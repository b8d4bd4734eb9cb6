//! A controller for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::detect::Need;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::CustomResource;
use kube::core::ApiResource;
use kube_facts::extract::{Extract, Metadata, NamespaceSpec, Thin};
use kube_facts::tolerant_decode::{Lenient, Object};
use kube_facts::{Key, Labels, NamespaceFacts};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::AccessCheck;
use crate::conditions::Conditions;
use crate::error::Invalid;
use crate::plan::{ForeignDelete, ForeignPatch, ObjectKey, Plan, Precondition};
use crate::probe::{Probe, Read};
use crate::reconciler::{
    Cluster, EventRule, Outcome, OwnedKind, Reconciler, RelatedOf, StatusFields,
};
use crate::related::{Related, Spec};
use crate::store::Store;

/// Owns a ConfigMap for each name.
#[derive(CustomResource, Clone, Debug, Serialize, Deserialize)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Toy",
    namespaced,
    status = "ToyStatus",
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct ToySpec {
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    paused: bool,
    /// Has a pod for each ConfigMap.
    #[serde(default)]
    runs: bool,
    /// Reviews a permission of a ServiceAccount.
    #[serde(default)]
    checks_access: bool,
    /// URLs to probe; owns a ConfigMap for each result, too.
    #[serde(default)]
    urls: Vec<String>,
    /// Probe interval in seconds.
    #[serde(default)]
    every: u64,
    /// Requeue interval in seconds.
    requeue_after: Option<u64>,
    /// Patches of PVCs, by name.
    #[serde(default)]
    patches: Vec<(String, Value)>,
    /// Names of PVCs to delete.
    #[serde(default)]
    removes: Vec<String>,
    /// Content of every ConfigMap.
    content: Option<String>,
    /// Resource version that ConfigMaps must have; empty if they must not exist.
    onto: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToyStatus {
    #[serde(default)]
    hash: Option<String>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

/// Decoded part of an event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EventText {
    metadata: Lenient<Object<Metadata>>,
    message: Lenient<String>,
}

impl Extract for EventText {
    type Facts = String;

    fn into_parts(self) -> (ObjectMeta, String) {
        let identity = self.metadata.fields().identity();
        (identity, self.message.or_default())
    }
}

/// A pod, of which only the labels are stored.
#[derive(Clone, Debug, Default, Deserialize)]
struct ToyPod {}

impl kube_facts::extract::Spec for ToyPod {
    type Facts = Labels;

    fn into_facts(self, labels: Labels) -> Labels {
        labels
    }
}

#[derive(Default)]
pub struct ToyStores {
    pub pods: Store<Labels>,
    pub nodes: Store<NamespaceFacts>,
    pub mounts: Store<String>,
    pub attachments: Store<String>,
}

pub struct ObservedToy {
    toy: Arc<Toy>,
    answers: Vec<String>,
}

pub struct ToyController;

impl Reconciler for ToyController {
    type Resource = Toy;
    type Status = ToyStatus;
    type Stores = ToyStores;
    type Observed = ObservedToy;
    const NAME: &'static str = "toy";
    const LABEL: &'static str = "example.com/controller";
    const REFRESH: Option<&'static str> = Some("example.com/refresh");
    const EVENT_CONDITIONS: &'static [EventRule] = &[EventRule {
        condition: "Reconciled",
        good: "True",
        at_first: true,
    }];

    fn owned_kinds() -> Vec<OwnedKind> {
        vec![OwnedKind::builtin::<ConfigMap>()]
    }
    fn patched_foreign_kinds() -> Vec<ApiResource> {
        vec![pvcs()]
    }
    fn deleted_foreign_kinds() -> Vec<ApiResource> {
        vec![pvcs()]
    }
    fn needs() -> Vec<Need> {
        Vec::new()
    }
    fn related() -> Vec<RelatedOf<Self>> {
        vec![
            Related::new::<Thin<ToyPod>>(
                ApiResource::erase::<Pod>(&()),
                Spec {
                    store: |v: &ToyStores| &v.pods,
                    store_mut: |v: &mut ToyStores| &mut v.pods,
                    is_affected_by: |_, _, _, _, _| false,
                },
            ),
            Related::new::<Thin<NamespaceSpec>>(
                ApiResource::erase::<Node>(&()),
                Spec {
                    store: |v: &ToyStores| &v.nodes,
                    store_mut: |v: &mut ToyStores| &mut v.nodes,
                    is_affected_by: |_, _, _, _, _| false,
                },
            )
            .cluster_scoped()
            .granted_apart(),
            Related::new::<EventText>(
                ApiResource::erase::<Event>(&()),
                Spec {
                    store: |v: &ToyStores| &v.mounts,
                    store_mut: |v: &mut ToyStores| &mut v.mounts,
                    is_affected_by: |_, _, _, _, _| false,
                },
            )
            .fields("involvedObject.kind=Pod,reason=FailedMount")
            .granted_apart(),
            Related::new::<EventText>(
                ApiResource::erase::<Event>(&()),
                Spec {
                    store: |v: &ToyStores| &v.attachments,
                    store_mut: |v: &mut ToyStores| &mut v.attachments,
                    is_affected_by: |_, _, _, _, _| false,
                },
            )
            .fields("reason==FailedAttachVolume,type!=Normal")
            .granted_apart(),
        ]
    }
    fn observe(&self, _: &ToyStores, cluster: Cluster<'_>, it: &Arc<Toy>) -> ObservedToy {
        let urls = it.spec.urls.iter();
        let answers = urls.filter_map(|url| cluster.answers.answer(url)?.ok());
        ObservedToy {
            toy: it.clone(),
            answers: answers.map(str::to_owned).collect(),
        }
    }
    fn probes(seen: &ObservedToy) -> Vec<Probe> {
        let urls = seen.toy.spec.urls.iter();
        urls.map(|url| Probe {
            url: url.clone(),
            every: Duration::from_secs(seen.toy.spec.every),
            read: Read::Document {
                keep: |body| Ok(body.trim().to_owned()),
            },
        })
        .collect()
    }
    fn requeue_after(seen: &ObservedToy) -> Option<Duration> {
        seen.toy.spec.requeue_after.map(Duration::from_secs)
    }
    fn plan(&self, seen: &ObservedToy) -> Result<Plan, Invalid> {
        let spec = &seen.toy.spec;
        if spec.names.iter().any(String::is_empty) {
            return Err(Invalid::new("spec.names", "must not be empty"));
        }
        let mut plan = Plan::new(&*seen.toy, Self::LABEL, Self::NAME);
        for name in spec.names.iter().chain(&seen.answers) {
            let onto = match spec.onto.as_deref() {
                None => Precondition::Any,
                Some("") => Precondition::Nothing,
                Some(version) => Precondition::Version(version.to_owned()),
            };
            let content = spec.content.iter().cloned();
            let data: BTreeMap<String, String> =
                content.map(|c| ("content".to_owned(), c)).collect();
            let config_map = ConfigMap {
                data: (!data.is_empty()).then_some(data),
                metadata: ObjectMeta {
                    name: Some(name.clone()),
                    ..Default::default()
                },
                ..Default::default()
            };
            plan.push_onto(onto, config_map);
        }
        for (name, patch) in &spec.patches {
            plan.patch_foreign(ForeignPatch {
                resource: pvcs(),
                key: pvc(name),
                uid: format!("uid-of-{name}"),
                patch: patch.clone(),
            });
        }
        for name in &spec.removes {
            plan.remove(ForeignDelete {
                resource: pvcs(),
                key: pvc(name),
                uid: format!("uid-of-{name}"),
            });
        }
        Ok(plan)
    }
    fn status(&self, seen: &ObservedToy, outcome: &Outcome, previous: &ToyStatus) -> ToyStatus {
        let generation = seen.toy.metadata.generation;
        let mut conditions = Conditions::new(&previous.conditions, generation);
        conditions.set_standard(outcome, &[]);
        ToyStatus {
            hash: outcome.applied_hash.clone(),
            conditions: conditions.finish(),
        }
    }
    fn access_checks(seen: &ObservedToy) -> Vec<AccessCheck> {
        match seen.toy.spec.checks_access {
            true => vec![access_check()],
            false => Vec::new(),
        }
    }
    fn status_fields(status: &ToyStatus) -> StatusFields<'_> {
        StatusFields {
            conditions: &status.conditions,
            applied_hash: status.hash.as_deref(),
        }
    }
    fn paused(it: &Toy) -> bool {
        it.spec.paused
    }
    fn pods_mounting(&self, _: &ToyStores, it: &Toy, object: &ObjectKey) -> Vec<String> {
        let name = it.metadata.name.as_deref().unwrap_or_default();
        let pod = format!("pod-of-{name}-{}", object.name);
        it.spec.runs.then_some(pod).into_iter().collect()
    }
}

fn pvcs() -> ApiResource {
    ApiResource::erase::<PersistentVolumeClaim>(&())
}

fn pvc(name: &str) -> ObjectKey {
    ObjectKey::of(&pvcs(), name)
}

/// The permission that a toy reviews.
pub fn access_check() -> AccessCheck {
    AccessCheck {
        account: Key::new("monitoring", "prometheus"),
        namespace: "ns".to_owned(),
        group: "",
        resource: "pods",
        verb: "list",
    }
}
