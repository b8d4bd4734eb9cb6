//! What a ThanosStore depends on, and which change concerns which ThanosStore.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Namespace, PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::core::ApiResource;
use operator_runtime::{Related, Spec, View};
use promop_compat::caps::Kind;
use promop_compat::extract::{NamespaceSpec, PrometheusSpec, Thin};
use promop_compat::model::{NamespaceFacts, PrometheusFacts};
use thanos_api::v1alpha1::ThanosStore;
use thanos_controller::facts::{
    ClaimFacts, ClaimObject, ClassFacts, ClassObject, DeploymentFacts, DeploymentObject,
    MountEvent, MountFacts, PodFacts, PodObject, QuerierFacts, QuerierObject, ReplicaSetFacts,
    ReplicaSetObject, SecretFacts, SecretObject,
};
use thanos_controller::views::{MOUNTS, QUERIERS, is_at_home, is_of, of};
use thanos_workload::integration;

use crate::StoreController;
use crate::facts::{ShardFacts, ShardObject};
use crate::secrets;

/// Pods, StatefulSets and claims of stores carry these labels.
const STORES: &str =
    "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-store,operator.thanos.io/owner";

/// Views of everything that is read.
#[derive(Default)]
pub struct Views {
    /// StatefulSets of stores.
    pub sets: View<ShardFacts>,
    /// Pods of stores.
    pub pods: View<PodFacts>,
    /// Pods of queriers.
    pub queriers: View<QuerierFacts>,
    /// ReplicaSets of queriers.
    pub replica_sets: View<ReplicaSetFacts>,
    /// Deployments of queriers.
    pub querier_deployments: View<DeploymentFacts>,
    /// What nodes say of volumes that they cannot mount.
    pub mounts: View<MountFacts>,
    /// Claims of stores.
    pub claims: View<ClaimFacts>,
    /// StorageClasses.
    pub classes: View<ClassFacts>,
    /// Secrets.
    pub secrets: View<SecretFacts>,
    /// Prometheus resources.
    pub prometheuses: View<PrometheusFacts>,
    /// Namespaces.
    pub namespaces: View<NamespaceFacts>,
}

/// Every related kind, and how it gets into the views.
#[must_use]
pub fn related() -> Vec<Related<StoreController>> {
    vec![
        Related::new::<ShardObject>(
            ApiResource::erase::<StatefulSet>(&()),
            Spec {
                view: |v: &Views| &v.sets,
                view_mut: |v: &mut Views| &mut v.sets,
                affects: |_, store: &ThanosStore, key, old, new| {
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
                view: |v: &Views| &v.pods,
                view_mut: |v: &mut Views| &mut v.pods,
                affects: |_, store, key, old, new| {
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
                view: |v: &Views| &v.queriers,
                view_mut: |v: &mut Views| &mut v.queriers,
                // They are asked again and again while something depends on them.
                affects: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIERS),
        Related::new::<ReplicaSetObject>(
            ApiResource::erase::<ReplicaSet>(&()),
            Spec {
                view: |v: &Views| &v.replica_sets,
                view_mut: |v: &mut Views| &mut v.replica_sets,
                affects: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIERS)
        .debounced(),
        Related::new::<DeploymentObject>(
            ApiResource::erase::<Deployment>(&()),
            Spec {
                view: |v: &Views| &v.querier_deployments,
                view_mut: |v: &mut Views| &mut v.querier_deployments,
                affects: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIERS)
        .debounced(),
        Related::new::<MountEvent>(
            ApiResource::erase::<Event>(&()),
            Spec {
                view: |v: &Views| &v.mounts,
                view_mut: |v: &mut Views| &mut v.mounts,
                // Whose pod it is, says the pod.
                affects: |views: &Views, store, key, _, new| {
                    let failure = new.and_then(Option::as_ref);
                    is_at_home(store, key)
                        && failure.is_some_and(|failure| {
                            let mut pods = of(&views.pods, &key.namespace);
                            pods.any(|(_, pod)| pod.uid == failure.pod && is_of(store, &pod.owner))
                        })
                },
            },
        )
        .fields(MOUNTS),
        Related::new::<ClaimObject>(
            ApiResource::erase::<PersistentVolumeClaim>(&()),
            Spec {
                view: |v: &Views| &v.claims,
                view_mut: |v: &mut Views| &mut v.claims,
                affects: |_, store, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(store, key) && either.any(|claim| is_of(store, &claim.owner))
                },
            },
        )
        .labelled(STORES)
        .debounced(),
        Related::new::<ClassObject>(
            ApiResource::erase::<StorageClass>(&()),
            Spec {
                view: |v: &Views| &v.classes,
                view_mut: |v: &mut Views| &mut v.classes,
                affects: |_, _, _, _, _| true,
            },
        )
        .cluster_scoped()
        .dispensable(),
        Related::new::<SecretObject>(
            ApiResource::erase::<Secret>(&()),
            Spec {
                view: |v: &Views| &v.secrets,
                view_mut: |v: &mut Views| &mut v.secrets,
                affects: |_, store: &ThanosStore, key, _, _| {
                    let mut read = secrets::keys(&store.spec);
                    is_at_home(store, key) && read.any(|(_, it)| it.name == key.name)
                },
            },
        )
        .granted_apart(),
        Related::optional::<Thin<PrometheusSpec>>(
            Kind::Prometheus,
            Spec {
                view: |v: &Views| &v.prometheuses,
                view_mut: |v: &mut Views| &mut v.prometheuses,
                affects: |_, store: &ThanosStore, _, _, _| {
                    integration::resource_gate(&store.spec.integration) != Some(false)
                },
            },
        ),
        Related::new::<Thin<NamespaceSpec>>(
            ApiResource::erase::<Namespace>(&()),
            Spec {
                view: |v: &Views| &v.namespaces,
                view_mut: |v: &mut Views| &mut v.namespaces,
                affects: |_, store: &ThanosStore, key, _, _| {
                    store.namespace().as_ref() == Some(&key.name)
                },
            },
        )
        .cluster_scoped()
        .dispensable(),
    ]
}
