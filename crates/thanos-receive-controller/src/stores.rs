//! The watched kinds, and which ThanosReceives a change of each affects. No IO.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::ResourceExt;
use kube::core::ApiResource;
use kube_facts::NamespaceFacts;
use operator_runtime::{Related, RelatedOf, Spec, Store};
use promop_compat::model::PrometheusFacts;
use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller_common::facts::{
    ClassFacts, DeploymentFacts, MountFacts, PvcFacts, QuerierFacts, ReplicaSetFacts, SecretFacts,
};
use thanos_controller_common::related::{self, THANOS};
use thanos_controller_common::stores::{is_at_home, is_of, of};
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
pub fn related() -> Vec<RelatedOf<ReceiveController>> {
    [owned(), external()].into_iter().flatten().collect()
}

/// Objects of a ThanosReceive.
fn owned() -> Vec<RelatedOf<ReceiveController>> {
    vec![
        Related::new::<IngesterSetObject>(
            ApiResource::erase::<StatefulSet>(&()),
            Spec {
                store: |v: &Stores| &v.sets,
                store_mut: |v: &mut Stores| &mut v.sets,
                is_affected_by: |_, receive: &ThanosReceive, key, old, new| {
                    let uid = receive.metadata.uid.as_ref();
                    let is_own = |facts: &IngesterSetFacts| Some(&facts.set.owner) == uid;
                    related::affects_at_home(receive, key, (old, new), is_own)
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
                    let uid = receive.metadata.uid.as_ref();
                    let is_own = |routers: &RoutersFacts| Some(&routers.owner) == uid;
                    related::affects_at_home(receive, key, (old, new), is_own)
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
                    let uid = receive.metadata.uid.as_ref();
                    let is_own = |rings: &RingsFacts| Some(&rings.owner) == uid;
                    related::affects_at_home(receive, key, (old, new), is_own)
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
                    let is_own = |pod: &ReceiverFacts| is_of(receive, &pod.pod.owner);
                    related::affects_at_home(receive, key, (old, new), is_own)
                },
            },
        )
        .labelled(RECEIVERS)
        .debounced(),
        related::mounts(
            |v: &Stores| &v.mounts,
            |v: &mut Stores| &mut v.mounts,
            |stores: &Stores, receive, key, _, new| {
                let pods = of(&stores.pods, &key.namespace).map(|(_, pod)| &pod.pod);
                related::is_about(receive, key, new, pods)
            },
        ),
        related::pvcs(
            RECEIVERS,
            |v: &Stores| &v.pvcs,
            |v: &mut Stores| &mut v.pvcs,
        ),
    ]
}

/// Objects that a ThanosReceive depends on.
fn external() -> Vec<RelatedOf<ReceiveController>> {
    vec![
        related::replica_sets(
            THANOS,
            |v: &Stores| &v.replica_sets,
            |v: &mut Stores| &mut v.replica_sets,
            |stores: &Stores, receive: &ThanosReceive, key, old, new| {
                let is_router = |set: &ReplicaSetFacts| {
                    let mut routers = of(&stores.deployments, &key.namespace);
                    routers.any(|(_, d)| {
                        d.uid == set.controller && Some(&d.owner) == receive.metadata.uid.as_ref()
                    })
                };
                related::affects_at_home(receive, key, (old, new), is_router)
            },
        ),
        related::querier_deployments(
            |v: &Stores| &v.querier_deployments,
            |v: &mut Stores| &mut v.querier_deployments,
            |_, _, _, _, _| false,
        ),
        related::queriers(
            |v: &Stores| &v.queriers,
            |v: &mut Stores| &mut v.queriers,
            // Queriers are probed periodically while a decision depends on them.
            |_, _, _, _, _| false,
        ),
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
        related::classes(|v: &Stores| &v.classes, |v: &mut Stores| &mut v.classes),
        related::secrets(
            |v: &Stores| &v.secrets,
            |v: &mut Stores| &mut v.secrets,
            |_, receive: &ThanosReceive, key, _, _| {
                let rings = hashrings(&receive.spec);
                let mut keys = rings
                    .iter()
                    .filter_map(|ring| object_storage(&receive.spec, ring, 0));
                is_at_home(receive, key) && keys.any(|(_, read)| read.name == key.name)
            },
        ),
        related::prometheuses(
            |v: &Stores| &v.prometheuses,
            |v: &mut Stores| &mut v.prometheuses,
            |_, receive: &ThanosReceive, _, _, _| {
                integration::resource_gate(&receive.spec.integration) != Some(false)
            },
        ),
        related::namespaces(
            |v: &Stores| &v.namespaces,
            |v: &mut Stores| &mut v.namespaces,
            |_, receive: &ThanosReceive, key, _, _| receive.namespace().as_ref() == Some(&key.name),
        ),
    ]
}
