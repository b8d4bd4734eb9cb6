//! The watched kinds, and which ThanosReceives a change of each affects. No IO.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Namespace, Node, PersistentVolumeClaim, Pod, Secret,
};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::core::ApiResource;
use kube_facts::NamespaceFacts;
use kube_facts::extract::{NamespaceSpec, Thin};
use operator_runtime::{Related, Spec, Store};
use promop_compat::extract::PrometheusSpec;
use promop_compat::kind;
use promop_compat::model::PrometheusFacts;
use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller_common::facts::{
    ClassFacts, ClassObject, DeploymentFacts, DeploymentObject, MountEvent, MountFacts, PvcFacts,
    PvcObject, QuerierFacts, QuerierObject, ReplicaSetFacts, ReplicaSetObject, SecretFacts,
    SecretObject,
};
use thanos_controller_common::stores::{MOUNTS, QUERIERS, THANOS, is_at_home, is_of, of};
use thanos_workload::integration;

use crate::ReceiveController;
use crate::desired::{hashrings, object_storage};
use crate::facts::{
    IngesterSetFacts, IngesterSetObject, NodeFacts, NodeObject, ReceiverFacts, ReceiverObject,
    RingsFacts, RingsObject, RoutersFacts, RoutersObject,
};

/// Label selector of the objects of routers and ingesters.
const RECEIVERS: &str = "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-receive,operator.thanos.io/owner";

/// Stores of the watched kinds.
#[derive(Default)]
pub struct Stores {
    /// StatefulSets of ingesters.
    pub sets: Store<IngesterSetFacts>,
    /// Deployments of routers.
    pub deployments: Store<RoutersFacts>,
    /// ConfigMaps with hashrings.
    pub rings: Store<RingsFacts>,
    /// Pods of routers and ingesters.
    pub pods: Store<ReceiverFacts>,
    /// Pods of queriers.
    pub queriers: Store<QuerierFacts>,
    /// ReplicaSets of routers and queriers.
    pub replica_sets: Store<ReplicaSetFacts>,
    /// Deployments of queriers.
    pub querier_deployments: Store<DeploymentFacts>,
    /// Nodes.
    pub nodes: Store<NodeFacts>,
    /// Mount failures, from Events.
    pub mounts: Store<MountFacts>,
    /// PVCs of ingesters.
    pub pvcs: Store<PvcFacts>,
    /// StorageClasses.
    pub classes: Store<ClassFacts>,
    /// Secrets.
    pub secrets: Store<SecretFacts>,
    /// Prometheus resources.
    pub prometheuses: Store<PrometheusFacts>,
    /// Namespaces.
    pub namespaces: Store<NamespaceFacts>,
}

/// Every watched kind besides ThanosReceive.
#[must_use]
pub fn related() -> Vec<Related<ReceiveController>> {
    [owned(), external()].into_iter().flatten().collect()
}

/// Objects of a ThanosReceive.
fn owned() -> Vec<Related<ReceiveController>> {
    vec![
        Related::new::<IngesterSetObject>(
            ApiResource::erase::<StatefulSet>(&()),
            Spec {
                store: |v: &Stores| &v.sets,
                store_mut: |v: &mut Stores| &mut v.sets,
                is_affected_by: |_, receive: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    let uid = receive.metadata.uid.as_ref();
                    is_at_home(receive, key) && either.any(|facts| Some(&facts.set.owner) == uid)
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
        Related::new::<RoutersObject>(
            ApiResource::erase::<Deployment>(&()),
            Spec {
                store: |v: &Stores| &v.deployments,
                store_mut: |v: &mut Stores| &mut v.deployments,
                is_affected_by: |_, receive: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    let uid = receive.metadata.uid.as_ref();
                    is_at_home(receive, key) && either.any(|routers| Some(&routers.owner) == uid)
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
        Related::new::<RingsObject>(
            ApiResource::erase::<ConfigMap>(&()),
            Spec {
                store: |v: &Stores| &v.rings,
                store_mut: |v: &mut Stores| &mut v.rings,
                is_affected_by: |_, receive: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    let uid = receive.metadata.uid.as_ref();
                    is_at_home(receive, key) && either.any(|rings| Some(&rings.owner) == uid)
                },
            },
        )
        .labelled(RECEIVERS),
        Related::new::<ReceiverObject>(
            ApiResource::erase::<Pod>(&()),
            Spec {
                store: |v: &Stores| &v.pods,
                store_mut: |v: &mut Stores| &mut v.pods,
                is_affected_by: |_, receive: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(receive, key) && either.any(|pod| is_of(receive, &pod.pod.owner))
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
        Related::new::<MountEvent>(
            ApiResource::erase::<Event>(&()),
            Spec {
                store: |v: &Stores| &v.mounts,
                store_mut: |v: &mut Stores| &mut v.mounts,
                // An Event does not contain the owner of its pod.
                is_affected_by: |stores: &Stores, receive: &ThanosReceive, key, _, new| {
                    let failure = new.and_then(Option::as_ref);
                    is_at_home(receive, key)
                        && failure.is_some_and(|failure| {
                            let mut pods = of(&stores.pods, &key.namespace);
                            pods.any(|(_, p)| {
                                p.pod.uid == failure.pod && is_of(receive, &p.pod.owner)
                            })
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
                is_affected_by: |_, receive: &ThanosReceive, key, old, new| {
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(receive, key) && either.any(|pvc| is_of(receive, &pvc.owner))
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
    ]
}

/// Objects that a ThanosReceive depends on.
fn external() -> Vec<Related<ReceiveController>> {
    vec![
        Related::new::<ReplicaSetObject>(
            ApiResource::erase::<ReplicaSet>(&()),
            Spec {
                store: |v: &Stores| &v.replica_sets,
                store_mut: |v: &mut Stores| &mut v.replica_sets,
                is_affected_by: |stores: &Stores, receive: &ThanosReceive, key, old, new| {
                    let is_router = |set: &ReplicaSetFacts| {
                        let mut routers = of(&stores.deployments, &key.namespace);
                        routers.any(|(_, d)| {
                            d.uid == set.controller
                                && Some(&d.owner) == receive.metadata.uid.as_ref()
                        })
                    };
                    let mut either = [old, new].into_iter().flatten();
                    is_at_home(receive, key) && either.any(is_router)
                },
            },
        )
        .labelled(THANOS)
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
        Related::new::<QuerierObject>(
            ApiResource::erase::<Pod>(&()),
            Spec {
                store: |v: &Stores| &v.queriers,
                store_mut: |v: &mut Stores| &mut v.queriers,
                // Queriers are probed periodically while a decision depends on them.
                is_affected_by: |_, _, _, _, _| false,
            },
        )
        .labelled(QUERIERS),
        Related::new::<NodeObject>(
            ApiResource::erase::<Node>(&()),
            Spec {
                store: |v: &Stores| &v.nodes,
                store_mut: |v: &mut Stores| &mut v.nodes,
                is_affected_by: |_, receive: &ThanosReceive, _, _, _| {
                    let rings = hashrings(&receive.spec);
                    rings.iter().any(|ring| ring.zone_awareness == Some(true))
                },
            },
        )
        .cluster_scoped()
        .dispensable(),
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
                is_affected_by: |_, receive: &ThanosReceive, key, _, _| {
                    let rings = hashrings(&receive.spec);
                    let mut keys = rings
                        .iter()
                        .filter_map(|ring| object_storage(&receive.spec, ring, 0));
                    is_at_home(receive, key) && keys.any(|(_, read)| read.name == key.name)
                },
            },
        )
        .granted_apart(),
        Related::optional::<Thin<PrometheusSpec>>(
            kind::PROMETHEUS,
            Spec {
                store: |v: &Stores| &v.prometheuses,
                store_mut: |v: &mut Stores| &mut v.prometheuses,
                is_affected_by: |_, receive: &ThanosReceive, _, _, _| {
                    integration::resource_gate(&receive.spec.integration) != Some(false)
                },
            },
        ),
        Related::new::<Thin<NamespaceSpec>>(
            ApiResource::erase::<Namespace>(&()),
            Spec {
                store: |v: &Stores| &v.namespaces,
                store_mut: |v: &mut Stores| &mut v.namespaces,
                is_affected_by: |_, receive: &ThanosReceive, key, _, _| {
                    receive.namespace().as_ref() == Some(&key.name)
                },
            },
        )
        .cluster_scoped()
        .dispensable(),
    ]
}
