//! Stores of a ThanosStore, and which change affects which ThanosStore.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;
use kube::core::ApiResource;
use kube_facts::NamespaceFacts;
use operator_runtime::{Related, RelatedOf, Spec, Store};
use promop_compat::model::PrometheusFacts;
use thanos_api::v1alpha1::ThanosStore;
use thanos_controller_common::facts::{
    ClassFacts, DeploymentFacts, MountFacts, PodFacts, PvcFacts, QuerierFacts, ReplicaSetFacts,
    SecretFacts,
};
use thanos_controller_common::related::{self, QUERIERS};
use thanos_controller_common::stores::{is_at_home, of};
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
pub fn related() -> Vec<RelatedOf<StoreController>> {
    vec![
        Related::new::<ShardObject>(
            ApiResource::erase::<StatefulSet>(&()),
            Spec {
                store: |v: &Stores| &v.sets,
                store_mut: |v: &mut Stores| &mut v.sets,
                is_affected_by: |_, store: &ThanosStore, key, old, new| {
                    let uid = store.metadata.uid.as_ref();
                    let is_own = |shard: &ShardFacts| Some(&shard.set.owner) == uid;
                    related::affects_at_home(store, key, (old, new), is_own)
                },
            },
        )
        .labelled(STORES)
        .debounced(),
        related::pods(STORES, |v: &Stores| &v.pods, |v: &mut Stores| &mut v.pods),
        related::queriers(
            |v: &Stores| &v.queriers,
            |v: &mut Stores| &mut v.queriers,
            // Probed repeatedly while a decision depends on them.
            |_, _, _, _, _| false,
        ),
        related::replica_sets(
            QUERIERS,
            |v: &Stores| &v.replica_sets,
            |v: &mut Stores| &mut v.replica_sets,
            |_, _, _, _, _| false,
        ),
        related::querier_deployments(
            |v: &Stores| &v.querier_deployments,
            |v: &mut Stores| &mut v.querier_deployments,
            |_, _, _, _, _| false,
        ),
        related::mounts(
            |v: &Stores| &v.mounts,
            |v: &mut Stores| &mut v.mounts,
            |stores: &Stores, store, key, _, new| {
                let pods = of(&stores.pods, &key.namespace).map(|(_, pod)| pod);
                related::is_about(store, key, new, pods)
            },
        ),
        related::pvcs(STORES, |v: &Stores| &v.pvcs, |v: &mut Stores| &mut v.pvcs),
        related::classes(|v: &Stores| &v.classes, |v: &mut Stores| &mut v.classes),
        related::secrets(
            |v: &Stores| &v.secrets,
            |v: &mut Stores| &mut v.secrets,
            |_, store: &ThanosStore, key, _, _| {
                let mut read = secrets::keys(&store.spec);
                is_at_home(store, key) && read.any(|(_, it)| it.name == key.name)
            },
        ),
        related::prometheuses(
            |v: &Stores| &v.prometheuses,
            |v: &mut Stores| &mut v.prometheuses,
            |_, store: &ThanosStore, _, _, _| {
                integration::resource_gate(&store.spec.integration) != Some(false)
            },
        ),
        related::namespaces(
            |v: &Stores| &v.namespaces,
            |v: &mut Stores| &mut v.namespaces,
            |_, store: &ThanosStore, key, _, _| store.namespace().as_ref() == Some(&key.name),
        ),
    ]
}
