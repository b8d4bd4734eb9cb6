//! Related kinds that several controllers read: for each kind, the facts and the watch. The caller adds
//! its store and, where they differ, the changes that affect a custom resource. No IO.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Namespace, PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Resource;
use kube::core::ApiResource;
use kube_facts::extract::{Extract, NamespaceSpec, PolicySpec, Thin};
use kube_facts::policy::PolicyFacts;
use kube_facts::{Key, NamespaceFacts};
use operator_runtime::related::IsAffectedBy;
use operator_runtime::{Reconciler, Related, Spec, Store};
use promop_compat::extract::PrometheusSpec;
use promop_compat::kind;
use promop_compat::model::PrometheusFacts;

use crate::facts::{
    ClassFacts, ClassObject, DeploymentFacts, DeploymentObject, MountEvent, MountFacts, PodFacts,
    PodObject, PvcFacts, PvcObject, QuerierFacts, QuerierObject, ReplicaSetFacts, ReplicaSetObject,
    SecretFacts, SecretObject,
};
use crate::stores::{is_at_home, is_of};

/// Label of all objects of Thanos, including ReplicaSets of its Deployments.
pub const THANOS: &str = "app.kubernetes.io/part-of=thanos";

/// Labels of Deployments, ReplicaSets and pods of queriers.
pub const QUERIERS: &str = "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-query";

/// Field selector of Events about volumes that cannot be mounted.
const MOUNTS: &str = "involvedObject.kind=Pod,reason=FailedMount";

/// The store of a kind.
pub type Get<C, F> = fn(&<C as Reconciler>::Stores) -> &Store<F>;
/// The store of a kind, to change it.
pub type GetMut<C, F> = fn(&mut <C as Reconciler>::Stores) -> &mut Store<F>;

/// Whether an object in the namespace of the custom resource is one of these, before or after its change.
pub fn affects_at_home<K: Resource, F>(
    it: &K,
    key: &Key,
    change: (Option<&F>, Option<&F>),
    is_one: impl Fn(&F) -> bool,
) -> bool {
    let (old, new) = change;
    is_at_home(it, key) && [old, new].into_iter().flatten().any(is_one)
}

/// Whether an Event is about one of these pods of the custom resource. The Event does not name the owner
/// of its pod.
pub fn is_about<'a, K: Resource>(
    it: &K,
    key: &Key,
    event: Option<&MountFacts>,
    mut pods: impl Iterator<Item = &'a PodFacts>,
) -> bool {
    let failure = event.and_then(Option::as_ref);
    is_at_home(it, key)
        && failure.is_some_and(|f| pods.any(|pod| pod.uid == f.pod && is_of(it, &pod.owner)))
}

/// A kind that is built into Kubernetes.
fn builtin<C: Reconciler, K: Resource<DynamicType = ()>, S: Extract>(
    store: Get<C, S::Facts>,
    store_mut: GetMut<C, S::Facts>,
    is_affected_by: IsAffectedBy<C, S::Facts>,
) -> Related<C> {
    let spec = Spec {
        store,
        store_mut,
        is_affected_by,
    };
    Related::new::<S>(ApiResource::erase::<K>(&()), spec)
}

/// Pods of the kind with these labels.
pub fn pods<C: Reconciler>(
    labels: &'static str,
    store: Get<C, PodFacts>,
    store_mut: GetMut<C, PodFacts>,
) -> Related<C> {
    builtin::<C, Pod, PodObject>(store, store_mut, |_, it, key, old, new| {
        affects_at_home(it, key, (old, new), |pod| is_of(it, &pod.owner))
    })
    .labelled(labels)
    .debounced()
}

/// PVCs of the kind with these labels.
pub fn pvcs<C: Reconciler>(
    labels: &'static str,
    store: Get<C, PvcFacts>,
    store_mut: GetMut<C, PvcFacts>,
) -> Related<C> {
    builtin::<C, PersistentVolumeClaim, PvcObject>(store, store_mut, |_, it, key, old, new| {
        affects_at_home(it, key, (old, new), |pvc| is_of(it, &pvc.owner))
    })
    .labelled(labels)
    .debounced()
}

/// Pods of queriers.
pub fn queriers<C: Reconciler>(
    store: Get<C, QuerierFacts>,
    store_mut: GetMut<C, QuerierFacts>,
    is_affected_by: IsAffectedBy<C, QuerierFacts>,
) -> Related<C> {
    builtin::<C, Pod, QuerierObject>(store, store_mut, is_affected_by).labelled(QUERIERS)
}

/// ReplicaSets with these labels.
pub fn replica_sets<C: Reconciler>(
    labels: &'static str,
    store: Get<C, ReplicaSetFacts>,
    store_mut: GetMut<C, ReplicaSetFacts>,
    is_affected_by: IsAffectedBy<C, ReplicaSetFacts>,
) -> Related<C> {
    builtin::<C, ReplicaSet, ReplicaSetObject>(store, store_mut, is_affected_by)
        .labelled(labels)
        .debounced()
}

/// Deployments of queriers.
pub fn querier_deployments<C: Reconciler>(
    store: Get<C, DeploymentFacts>,
    store_mut: GetMut<C, DeploymentFacts>,
    is_affected_by: IsAffectedBy<C, DeploymentFacts>,
) -> Related<C> {
    builtin::<C, Deployment, DeploymentObject>(store, store_mut, is_affected_by)
        .labelled(QUERIERS)
        .debounced()
}

/// Events about volumes that cannot be mounted.
pub fn mounts<C: Reconciler>(
    store: Get<C, MountFacts>,
    store_mut: GetMut<C, MountFacts>,
    is_affected_by: IsAffectedBy<C, MountFacts>,
) -> Related<C> {
    builtin::<C, Event, MountEvent>(store, store_mut, is_affected_by).fields(MOUNTS)
}

/// StorageClasses.
pub fn classes<C: Reconciler>(
    store: Get<C, ClassFacts>,
    store_mut: GetMut<C, ClassFacts>,
) -> Related<C> {
    builtin::<C, StorageClass, ClassObject>(store, store_mut, |_, _, _, _, _| true)
        .cluster_scoped()
        .dispensable()
}

/// Secrets.
pub fn secrets<C: Reconciler>(
    store: Get<C, SecretFacts>,
    store_mut: GetMut<C, SecretFacts>,
    is_affected_by: IsAffectedBy<C, SecretFacts>,
) -> Related<C> {
    builtin::<C, Secret, SecretObject>(store, store_mut, is_affected_by).granted_apart()
}

/// Namespaces.
pub fn namespaces<C: Reconciler>(
    store: Get<C, NamespaceFacts>,
    store_mut: GetMut<C, NamespaceFacts>,
    is_affected_by: IsAffectedBy<C, NamespaceFacts>,
) -> Related<C> {
    builtin::<C, Namespace, Thin<NamespaceSpec>>(store, store_mut, is_affected_by)
        .cluster_scoped()
        .dispensable()
}

/// NetworkPolicies.
pub fn policies<C: Reconciler>(
    store: Get<C, PolicyFacts>,
    store_mut: GetMut<C, PolicyFacts>,
    is_affected_by: IsAffectedBy<C, PolicyFacts>,
) -> Related<C> {
    builtin::<C, NetworkPolicy, Thin<PolicySpec>>(store, store_mut, is_affected_by)
}

/// Prometheuses.
pub fn prometheuses<C: Reconciler>(
    store: Get<C, PrometheusFacts>,
    store_mut: GetMut<C, PrometheusFacts>,
    is_affected_by: IsAffectedBy<C, PrometheusFacts>,
) -> Related<C> {
    let spec = Spec {
        store,
        store_mut,
        is_affected_by,
    };
    Related::optional::<Thin<PrometheusSpec>>(kind::PROMETHEUS, spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Failure;
    use serde_json::json;
    use thanos_api::v1alpha1::ThanosStore;

    fn store() -> ThanosStore {
        let object = json!({
            "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosStore",
            "metadata": {"name": "main", "namespace": "n"},
            "spec": {"objectStorageConfig": {"name": "s3", "key": "thanos.yaml"}},
        });
        serde_json::from_value(object).unwrap()
    }

    fn pod(owner: &str) -> PodFacts {
        PodFacts {
            owner: owner.to_owned(),
            uid: format!("pod of {owner}"),
            ..Default::default()
        }
    }

    #[test]
    fn failed_mount_affects_the_custom_resource_that_owns_the_pod() {
        let pods = [pod("main"), pod("other")];
        let affects = |namespace: &str, uid: &str| {
            let event = Some(Failure {
                pod: uid.to_owned(),
                ..Default::default()
            });
            let key = Key::new(namespace, "event");
            is_about(&store(), &key, Some(&event), pods.iter())
        };
        assert!(affects("n", "pod of main"));
        assert!(!affects("n", "pod of other"));
        assert!(!affects("n", "unknown"));
        assert!(!affects("m", "pod of main"), "another namespace");
        let deleted = is_about(&store(), &Key::new("n", "event"), None, pods.iter());
        assert!(!deleted);
    }

    #[test]
    fn object_affects_its_custom_resource_before_and_after_a_change() {
        let affects = |namespace: &str, old: Option<&str>, new: Option<&str>| {
            let key = Key::new(namespace, "object");
            let change = (old.as_ref(), new.as_ref());
            affects_at_home(&store(), &key, change, |owner| is_of(&store(), owner))
        };
        assert!(affects("n", None, Some("main")));
        assert!(affects("n", Some("main"), Some("other")));
        assert!(affects("n", Some("main"), None));
        assert!(!affects("n", Some("other"), Some("other")));
        assert!(!affects("m", None, Some("main")), "another namespace");
    }
}
