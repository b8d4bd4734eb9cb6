//! What a ThanosReceive depends on, and which change concerns which ThanosReceive.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Namespace, Node, PersistentVolumeClaim, Pod, Secret,
};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::core::ApiResource;
use operator_runtime::{Related, Spec, View};
use promop_compat::caps::Kind;
use promop_compat::extract::{NamespaceSpec, PrometheusSpec, Thin};
use promop_compat::model::{NamespaceFacts, PrometheusFacts};
use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller::facts::{
    ClaimFacts, ClaimObject, ClassFacts, ClassObject, DeploymentFacts, DeploymentObject,
    MountEvent, MountFacts, QuerierFacts, QuerierObject, ReplicaSetFacts, ReplicaSetObject,
    SecretFacts, SecretObject,
};
use thanos_controller::views::{MOUNTS, QUERIERS, THANOS, is_at_home, is_of, of};
use thanos_workload::integration;

use crate::ReceiveController;
use crate::facts::{
    HostsFacts, HostsObject, NodeFacts, NodeObject, ReceiverFacts, ReceiverObject, RingsFacts,
    RingsObject, RoutersFacts, RoutersObject,
};
use crate::wanted::{hashrings, object_storage};

/// The objects of routers and ingesters carry these labels.
const RECEIVERS: &str = "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-receive,operator.thanos.io/owner";

/// Views of everything that is read.
#[derive(Default)]
pub struct Views {
    /// StatefulSets of ingesters.
    pub sets: View<HostsFacts>,
    /// Deployments of routers.
    pub deployments: View<RoutersFacts>,
    /// ConfigMaps with hashrings.
    pub rings: View<RingsFacts>,
    /// Pods of routers and ingesters.
    pub pods: View<ReceiverFacts>,
    /// Pods of queriers.
    pub queriers: View<QuerierFacts>,
    /// ReplicaSets of routers and queriers.
    pub replica_sets: View<ReplicaSetFacts>,
    /// Deployments of queriers.
    pub querier_deployments: View<DeploymentFacts>,
    /// Nodes.
    pub nodes: View<NodeFacts>,
    /// What nodes say of volumes that they cannot mount.
    pub mounts: View<MountFacts>,
    /// Claims of ingesters.
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
pub fn related() -> Vec<Related<ReceiveController>> {
    [own(), surroundings()].into_iter().flatten().collect()
}

/// What belongs to a ThanosReceive.
fn own() -> Vec<Related<ReceiveController>> {
    vec![
        Related::new::<HostsObject>(
            ApiResource::erase::<StatefulSet>(&()),
            Spec {
                view: |v: &Views| &v.sets,
                view_mut: |v: &mut Views| &mut v.sets,
                affects: |_, it: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    let uid = it.metadata.uid.as_ref();
                    is_at_home(it, key) && either.any(|hosts| Some(&hosts.set.owner) == uid)
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
        Related::new::<RoutersObject>(
            ApiResource::erase::<Deployment>(&()),
            Spec {
                view: |v: &Views| &v.deployments,
                view_mut: |v: &mut Views| &mut v.deployments,
                affects: |_, it: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    let uid = it.metadata.uid.as_ref();
                    is_at_home(it, key) && either.any(|routers| Some(&routers.owner) == uid)
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
        Related::new::<RingsObject>(
            ApiResource::erase::<ConfigMap>(&()),
            Spec {
                view: |v: &Views| &v.rings,
                view_mut: |v: &mut Views| &mut v.rings,
                affects: |_, it: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    let uid = it.metadata.uid.as_ref();
                    is_at_home(it, key) && either.any(|rings| Some(&rings.owner) == uid)
                },
            },
        )
        .labelled(RECEIVERS),
        Related::new::<ReceiverObject>(
            ApiResource::erase::<Pod>(&()),
            Spec {
                view: |v: &Views| &v.pods,
                view_mut: |v: &mut Views| &mut v.pods,
                affects: |_, it: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(it, key) && either.any(|pod| is_of(it, &pod.pod.owner))
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
        Related::new::<MountEvent>(
            ApiResource::erase::<Event>(&()),
            Spec {
                view: |v: &Views| &v.mounts,
                view_mut: |v: &mut Views| &mut v.mounts,
                // Whose pod it is, says the pod.
                affects: |views: &Views, it: &ThanosReceive, key, _, new| {
                    let failure = new.and_then(Option::as_ref);
                    is_at_home(it, key)
                        && failure.is_some_and(|failure| {
                            let mut pods = of(&views.pods, &key.namespace);
                            pods.any(|(_, p)| p.pod.uid == failure.pod && is_of(it, &p.pod.owner))
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
                affects: |_, it: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(it, key) && either.any(|claim| is_of(it, &claim.owner))
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
    ]
}

/// What is around it.
fn surroundings() -> Vec<Related<ReceiveController>> {
    vec![
        Related::new::<ReplicaSetObject>(
            ApiResource::erase::<ReplicaSet>(&()),
            Spec {
                view: |v: &Views| &v.replica_sets,
                view_mut: |v: &mut Views| &mut v.replica_sets,
                affects: |views: &Views, it: &ThanosReceive, key, old, new| {
                    let is_router = |set: &ReplicaSetFacts| {
                        let mut routers = of(&views.deployments, &key.namespace);
                        routers.any(|(_, d)| {
                            d.uid == set.controller && Some(&d.owner) == it.metadata.uid.as_ref()
                        })
                    };
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(it, key) && either.any(is_router)
                },
            },
        )
        .labelled(THANOS)
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
        Related::new::<NodeObject>(
            ApiResource::erase::<Node>(&()),
            Spec {
                view: |v: &Views| &v.nodes,
                view_mut: |v: &mut Views| &mut v.nodes,
                affects: |_, it: &ThanosReceive, _, _, _| {
                    let rings = hashrings(&it.spec);
                    rings.iter().any(|ring| ring.zone_awareness == Some(true))
                },
            },
        )
        .cluster_scoped()
        .dispensable(),
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
                affects: |_, it: &ThanosReceive, key, _, _| {
                    let rings = hashrings(&it.spec);
                    let mut keys = rings
                        .iter()
                        .filter_map(|ring| object_storage(&it.spec, ring, 0));
                    is_at_home(it, key) && keys.any(|(_, read)| read.name == key.name)
                },
            },
        )
        .granted_apart(),
        Related::optional::<Thin<PrometheusSpec>>(
            Kind::Prometheus,
            Spec {
                view: |v: &Views| &v.prometheuses,
                view_mut: |v: &mut Views| &mut v.prometheuses,
                affects: |_, it: &ThanosReceive, _, _, _| {
                    integration::resource_gate(&it.spec.integration) != Some(false)
                },
            },
        ),
        Related::new::<Thin<NamespaceSpec>>(
            ApiResource::erase::<Namespace>(&()),
            Spec {
                view: |v: &Views| &v.namespaces,
                view_mut: |v: &mut Views| &mut v.namespaces,
                affects: |_, it: &ThanosReceive, key, _, _| {
                    it.namespace().as_ref() == Some(&key.name)
                },
            },
        )
        .cluster_scoped()
        .dispensable(),
    ]
}
