//! Queries on stores that several controllers need.

use std::collections::{BTreeMap, BTreeSet};

use kube::{Resource, ResourceExt};
use kube_facts::Key;
use operator_runtime::Store;

use crate::facts::{DeploymentFacts, MountFacts, QuerierFacts, ReplicaSetFacts};

/// Whether an object is in the namespace of this custom resource.
#[must_use]
pub fn is_at_home<K: Resource>(it: &K, key: &Key) -> bool {
    it.namespace().as_ref() == Some(&key.namespace)
}

/// Whether `owner`, the value of a label, is this custom resource.
#[must_use]
pub fn is_of<K: Resource>(it: &K, owner: &str) -> bool {
    thanos_workload::names::label_value(&it.name_any()) == owner
}

/// Objects of one namespace.
pub fn of<'a, F: PartialEq>(
    store: &'a Store<F>,
    namespace: &'a str,
) -> impl Iterator<Item = (&'a Key, &'a F)> {
    let all = store.items().range(Key::new(namespace, "")..);
    all.take_while(move |(key, _)| key.namespace == namespace)
}

/// Pods of queriers that may be probed: a Deployment of the query controller controls them by a
/// ReplicaSet in their namespace. A pod that only has the labels is not a querier: it neither
/// receives probes nor delays changes.
///
/// Pods of other namespaces are included, since a ThanosQuery can select stores of any namespace.
pub fn queriers<'a>(
    pods: &'a Store<QuerierFacts>,
    replica_sets: &Store<ReplicaSetFacts>,
    deployments: &Store<DeploymentFacts>,
) -> impl Iterator<Item = (&'a Key, &'a QuerierFacts)> {
    let deployments = deployments.items().iter().filter(|(_, it)| it.is_of_query);
    let deployments = deployments.map(|(key, it)| (key.namespace.clone(), it.uid.clone()));
    let replica_sets = controlled_by(replica_sets, &deployments.collect());
    pods.items().iter().filter(move |(key, pod)| {
        replica_sets.contains(&(key.namespace.clone(), pod.controller.clone()))
    })
}

/// ReplicaSets controlled by one of these Deployments, by namespace and UID.
#[must_use]
pub fn controlled_by(
    replica_sets: &Store<ReplicaSetFacts>,
    deployments: &BTreeSet<(String, String)>,
) -> BTreeSet<(String, String)> {
    let all = replica_sets.items().iter();
    all.filter(|(_, it)| !it.uid.is_empty() && !it.controller.is_empty())
        .map(|(key, it)| (key.namespace.clone(), it))
        .filter(|(namespace, it)| deployments.contains(&(namespace.clone(), it.controller.clone())))
        .map(|(namespace, it)| (namespace, it.uid.clone()))
        .collect()
}

/// FailedMount messages of a namespace, by UID of the pod.
#[must_use]
pub fn unmounted<'a>(
    store: &'a Store<MountFacts>,
    namespace: &'a str,
) -> BTreeMap<&'a str, &'a str> {
    let failures = of(store, namespace).filter_map(|(_, failure)| failure.as_ref());
    failures
        .map(|f| (f.pod.as_str(), f.message.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{DeploymentObject, QuerierObject, ReplicaSetObject};
    use kube_facts::extract::Extract;
    use serde_json::{Value, json};

    fn store<S: Extract>(object: &Value) -> Store<S::Facts> {
        let (meta, facts) = S::read(object).into_parts();
        let mut store = Store::default();
        let key = Key::new(meta.namespace.unwrap(), meta.name.unwrap());
        store.change(&key, Some(facts));
        store
    }

    fn object(name: &str, owner: (&str, &str, &str)) -> Value {
        let (version, kind, uid) = owner;
        json!({
            "metadata": {
                "name": name, "namespace": "n", "uid": format!("uid of {name}"),
                "labels": {"operator.thanos.io/controller": "thanos-query-controller"},
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Other", "name": "o", "uid": "o"},
                    {"apiVersion": version, "kind": kind, "name": "x", "uid": uid, "controller": true},
                ],
            },
            "spec": {"containers": []},
        })
    }

    /// Whether a pod is a querier after a change of its Deployment, ReplicaSet or itself.
    fn is_querier(change: impl Fn(&mut [Value; 3])) -> bool {
        let mut all = [
            object(
                "deployment",
                ("monitoring.thanos.io/v1alpha1", "ThanosQuery", "q"),
            ),
            object("set", ("apps/v1", "Deployment", "uid of deployment")),
            object("pod", ("apps/v1", "ReplicaSet", "uid of set")),
        ];
        change(&mut all);
        let [deployment, set, pod] = all;
        let pods = store::<QuerierObject>(&pod);
        let sets = store::<ReplicaSetObject>(&set);
        let deployments = store::<DeploymentObject>(&deployment);
        queriers(&pods, &sets, &deployments).count() == 1
    }

    #[test]
    fn a_querier_is_a_pod_of_a_deployment_of_the_query_controller() {
        assert!(is_querier(|_| {}));
        let uid = |object: &mut Value| object["metadata"]["ownerReferences"][1]["uid"] = json!("");
        assert!(!is_querier(|all| uid(&mut all[2])), "no ReplicaSet");
        assert!(!is_querier(|all| uid(&mut all[1])), "no Deployment");
        for i in 0..3 {
            let none = |all: &mut [Value; 3]| all[i]["metadata"]["ownerReferences"] = json!([]);
            assert!(!is_querier(none), "{i}");
            let no_controller = |all: &mut [Value; 3]| {
                all[i]["metadata"]["ownerReferences"][1]["controller"] = json!(false);
            };
            assert!(!is_querier(no_controller), "{i}");
            let elsewhere = |all: &mut [Value; 3]| all[i]["metadata"]["namespace"] = json!("m");
            assert!(!is_querier(elsewhere), "{i}");
        }
        // A different object with the same name.
        assert!(!is_querier(|all| all[0]["metadata"]["uid"] = json!("other")));
        assert!(!is_querier(|all| all[1]["metadata"]["uid"] = json!("other")));
        // Missing UIDs are not equal.
        assert!(!is_querier(|all| {
            all[1]["metadata"]["uid"] = json!(null);
            uid(&mut all[2]);
        }));
        let labels = |all: &mut [Value; 3]| all[0]["metadata"]["labels"] = json!({});
        assert!(!is_querier(labels), "a Deployment of another controller");
        for (field, value) in [("kind", "ThanosStore"), ("apiVersion", "example.com/v1")] {
            let other = |all: &mut [Value; 3]| {
                all[0]["metadata"]["ownerReferences"][1][field] = json!(value);
            };
            assert!(!is_querier(other), "{field}");
        }
    }
}
