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
use operator_runtime::{Related, Spec, Store};
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
pub type Get<V, F> = fn(&V) -> &Store<F>;
/// The store of a kind, to change it.
pub type GetMut<V, F> = fn(&mut V) -> &mut Store<F>;

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
fn builtin<V: 'static, R: 'static, K: Resource<DynamicType = ()>, S: Extract>(
    store: Get<V, S::Facts>,
    store_mut: GetMut<V, S::Facts>,
    is_affected_by: IsAffectedBy<V, R, S::Facts>,
) -> Related<V, R> {
    let spec = Spec {
        store,
        store_mut,
        is_affected_by,
    };
    Related::new::<S>(ApiResource::erase::<K>(&()), spec)
}

/// Pods of the kind with these labels.
pub fn pods<V: 'static, R: Resource + 'static>(
    labels: &'static str,
    store: Get<V, PodFacts>,
    store_mut: GetMut<V, PodFacts>,
) -> Related<V, R> {
    builtin::<V, R, Pod, PodObject>(store, store_mut, |_, it, key, old, new| {
        affects_at_home(it, key, (old, new), |pod| is_of(it, &pod.owner))
    })
    .labelled(labels)
    .debounced()
}

/// PVCs of the kind with these labels.
pub fn pvcs<V: 'static, R: Resource + 'static>(
    labels: &'static str,
    store: Get<V, PvcFacts>,
    store_mut: GetMut<V, PvcFacts>,
) -> Related<V, R> {
    builtin::<V, R, PersistentVolumeClaim, PvcObject>(store, store_mut, |_, it, key, old, new| {
        affects_at_home(it, key, (old, new), |pvc| is_of(it, &pvc.owner))
    })
    .labelled(labels)
    .debounced()
}

/// Pods of queriers.
pub fn queriers<V: 'static, R: 'static>(
    store: Get<V, QuerierFacts>,
    store_mut: GetMut<V, QuerierFacts>,
    is_affected_by: IsAffectedBy<V, R, QuerierFacts>,
) -> Related<V, R> {
    builtin::<V, R, Pod, QuerierObject>(store, store_mut, is_affected_by).labelled(QUERIERS)
}

/// ReplicaSets with these labels.
pub fn replica_sets<V: 'static, R: 'static>(
    labels: &'static str,
    store: Get<V, ReplicaSetFacts>,
    store_mut: GetMut<V, ReplicaSetFacts>,
    is_affected_by: IsAffectedBy<V, R, ReplicaSetFacts>,
) -> Related<V, R> {
    builtin::<V, R, ReplicaSet, ReplicaSetObject>(store, store_mut, is_affected_by)
        .labelled(labels)
        .debounced()
}

/// Deployments of queriers.
pub fn querier_deployments<V: 'static, R: 'static>(
    store: Get<V, DeploymentFacts>,
    store_mut: GetMut<V, DeploymentFacts>,
    is_affected_by: IsAffectedBy<V, R, DeploymentFacts>,
) -> Related<V, R> {
    builtin::<V, R, Deployment, DeploymentObject>(store, store_mut, is_affected_by)
        .labelled(QUERIERS)
        .debounced()
}

/// Events about volumes that cannot be mounted.
pub fn mounts<V: 'static, R: 'static>(
    store: Get<V, MountFacts>,
    store_mut: GetMut<V, MountFacts>,
    is_affected_by: IsAffectedBy<V, R, MountFacts>,
) -> Related<V, R> {
    builtin::<V, R, Event, MountEvent>(store, store_mut, is_affected_by).fields(MOUNTS)
}

/// StorageClasses.
pub fn classes<V: 'static, R: 'static>(
    store: Get<V, ClassFacts>,
    store_mut: GetMut<V, ClassFacts>,
) -> Related<V, R> {
    builtin::<V, R, StorageClass, ClassObject>(store, store_mut, |_, _, _, _, _| true)
        .cluster_scoped()
        .dispensable()
}

/// Secrets.
pub fn secrets<V: 'static, R: 'static>(
    store: Get<V, SecretFacts>,
    store_mut: GetMut<V, SecretFacts>,
    is_affected_by: IsAffectedBy<V, R, SecretFacts>,
) -> Related<V, R> {
    builtin::<V, R, Secret, SecretObject>(store, store_mut, is_affected_by).granted_apart()
}

/// Namespaces.
pub fn namespaces<V: 'static, R: 'static>(
    store: Get<V, NamespaceFacts>,
    store_mut: GetMut<V, NamespaceFacts>,
    is_affected_by: IsAffectedBy<V, R, NamespaceFacts>,
) -> Related<V, R> {
    builtin::<V, R, Namespace, Thin<NamespaceSpec>>(store, store_mut, is_affected_by)
        .cluster_scoped()
        .dispensable()
}

/// NetworkPolicies.
pub fn policies<V: 'static, R: 'static>(
    store: Get<V, PolicyFacts>,
    store_mut: GetMut<V, PolicyFacts>,
    is_affected_by: IsAffectedBy<V, R, PolicyFacts>,
) -> Related<V, R> {
    builtin::<V, R, NetworkPolicy, Thin<PolicySpec>>(store, store_mut, is_affected_by)
}

/// Prometheuses.
pub fn prometheuses<V: 'static, R: 'static>(
    store: Get<V, PrometheusFacts>,
    store_mut: GetMut<V, PrometheusFacts>,
    is_affected_by: IsAffectedBy<V, R, PrometheusFacts>,
) -> Related<V, R> {
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
