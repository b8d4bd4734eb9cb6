//! Stores of a ThanosStore, and which change affects which ThanosStore.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Namespace, PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::core::ApiResource;
use kube_facts::NamespaceFacts;
use kube_facts::extract::{NamespaceSpec, Thin};
use operator_runtime::{Related, Spec, Store};
use promop_compat::extract::PrometheusSpec;
use promop_compat::kind;
use promop_compat::model::PrometheusFacts;
use thanos_api::v1alpha1::ThanosStore;
use thanos_controller_common::facts::{
    ClassFacts, ClassObject, DeploymentFacts, DeploymentObject, MountEvent, MountFacts, PodFacts,
    PodObject, PvcFacts, PvcObject, QuerierFacts, QuerierObject, ReplicaSetFacts, ReplicaSetObject,
    SecretFacts, SecretObject,
};
use thanos_controller_common::stores::{MOUNTS, QUERIERS, is_at_home, is_of, of};
use thanos_workload::integration;

use crate::StoreController;
use crate::facts::{ShardFacts, ShardObject};
use crate::secrets;

/// Labels of pods, StatefulSets and PVCs of stores.
const STORES: &str =
    "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-store,operator.thanos.io/owner";

/// Stores of all related kinds.
#[derive(Default)]
pub struct Stores {
    /// StatefulSets of stores.
    pub sets: Store<ShardFacts>,
    /// Pods of stores.
    pub pods: Store<PodFacts>,
    /// Pods of queriers.
    pub queriers: Store<QuerierFacts>,
    /// ReplicaSets of queriers.
    pub replica_sets: Store<ReplicaSetFacts>,
    /// Deployments of queriers.
    pub querier_deployments: Store<DeploymentFacts>,
    /// Events about volumes that cannot be mounted.
    pub mounts: Store<MountFacts>,
    /// PVCs of stores.
    pub pvcs: Store<PvcFacts>,
    /// StorageClasses.
    pub classes: Store<ClassFacts>,
    /// Secrets.
    pub secrets: Store<SecretFacts>,
    /// Prometheuses.
    pub prometheuses: Store<PrometheusFacts>,
    /// Namespaces.
    pub namespaces: Store<NamespaceFacts>,
}

/// All related kinds and their stores.
#[must_use]
pub fn related() -> Vec<Related<StoreController>> {
    vec![
        Related::new::<ShardObject>(
            ApiResource::erase::<StatefulSet>(&()),
            Spec {
                store: |v: &Stores| &v.sets,
                store_mut: |v: &mut Stores| &mut v.sets,
                is_affected_by: |_, store: &ThanosStore, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(store, key)
                        && either.any(|shard| Some(&shard.set.owner) == store.metadata.uid.as_ref())
                },
            },
        )
        .labelled(STORES)
        .debounced(),
        Related::new::<PodObject>(
            ApiResource::erase::<Pod>(&()),
            Spec {
                store: |v: &Stores| &v.pods,
                store_mut: |v: &mut Stores| &mut v.pods,
                is_affected_by: |_, store, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(store, key) && either.any(|pod| is_of(store, &pod.owner))
                },
            },
        )
        .labelled(STORES)
        .debounced(),
        Related::new::<QuerierObject>(
            ApiResource::erase::<Pod>(&()),
            Spec {
                store: |v: &Stores| &v.queriers,
                store_mut: |v: &mut Stores| &mut v.queriers,
                // Probed repeatedly while a decision depends on them.
                is_affected_by: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIERS),
        Related::new::<ReplicaSetObject>(
            ApiResource::erase::<ReplicaSet>(&()),
            Spec {
                store: |v: &Stores| &v.replica_sets,
                store_mut: |v: &mut Stores| &mut v.replica_sets,
                is_affected_by: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIERS)
        .debounced(),
        Related::new::<DeploymentObject>(
            ApiResource::erase::<Deployment>(&()),
            Spec {
                store: |v: &Stores| &v.querier_deployments,
                store_mut: |v: &mut Stores| &mut v.querier_deployments,
                is_affected_by: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIERS)
        .debounced(),
        Related::new::<MountEvent>(
            ApiResource::erase::<Event>(&()),
            Spec {
                store: |v: &Stores| &v.mounts,
                store_mut: |v: &mut Stores| &mut v.mounts,
                // The Event does not name the owner of its pod.
                is_affected_by: |stores: &Stores, store, key, _, new| {
                    let failure = new.and_then(Option::as_ref);
                    is_at_home(store, key)
                        && failure.is_some_and(|failure| {
                            let mut pods = of(&stores.pods, &key.namespace);
                            pods.any(|(_, pod)| pod.uid == failure.pod && is_of(store, &pod.owner))
                        })
                },
            },
        )
        .fields(MOUNTS),
        Related::new::<PvcObject>(
            ApiResource::erase::<PersistentVolumeClaim>(&()),
            Spec {
                store: |v: &Stores| &v.pvcs,
                store_mut: |v: &mut Stores| &mut v.pvcs,
                is_affected_by: |_, store, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(store, key) && either.any(|pvc| is_of(store, &pvc.owner))
                },
            },
        )
        .labelled(STORES)
        .debounced(),
        Related::new::<ClassObject>(
            ApiResource::erase::<StorageClass>(&()),
            Spec {
                store: |v: &Stores| &v.classes,
                store_mut: |v: &mut Stores| &mut v.classes,
                is_affected_by: |_, _, _, _, _| true,
            },
        )
        .cluster_scoped()
        .dispensable(),
        Related::new::<SecretObject>(
            ApiResource::erase::<Secret>(&()),
            Spec {
                store: |v: &Stores| &v.secrets,
                store_mut: |v: &mut Stores| &mut v.secrets,
                is_affected_by: |_, store: &ThanosStore, key, _, _| {
                    let mut read = secrets::keys(&store.spec);
                    is_at_home(store, key) && read.any(|(_, it)| it.name == key.name)
                },
            },
        )
        .granted_apart(),
        Related::optional::<Thin<PrometheusSpec>>(
            kind::PROMETHEUS,
            Spec {
                store: |v: &Stores| &v.prometheuses,
                store_mut: |v: &mut Stores| &mut v.prometheuses,
                is_affected_by: |_, store: &ThanosStore, _, _, _| {
                    integration::resource_gate(&store.spec.integration) != Some(false)
                },
            },
        ),
        Related::new::<Thin<NamespaceSpec>>(
            ApiResource::erase::<Namespace>(&()),
            Spec {
                store: |v: &Stores| &v.namespaces,
                store_mut: |v: &mut Stores| &mut v.namespaces,
                is_affected_by: |_, store: &ThanosStore, key, _, _| {
                    store.namespace().as_ref() == Some(&key.name)
                },
            },
        )
        .cluster_scoped()
        .dispensable(),
    ]
}
