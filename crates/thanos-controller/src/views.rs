//! What every controller asks of its views.

use std::collections::BTreeMap;

use kube::{Resource, ResourceExt};
use operator_runtime::View;
use promop_compat::model::Key;

use crate::facts::MountFacts;

/// Pods of queriers carry these labels.
pub const QUERIERS: &str = "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-query";

/// Fields of the Events in which nodes tell of volumes that they cannot mount.
pub const MOUNTS: &str = "involvedObject.kind=Pod,reason=FailedMount";

/// Whether an object is in the namespace of this custom resource.
#[must_use]
pub fn is_at_home<K: Resource>(it: &K, key: &Key) -> bool {
    it.namespace().as_ref() == Some(&key.namespace)
}

/// Whether `owner`, which a label says, is this custom resource.
#[must_use]
pub fn is_of<K: Resource>(it: &K, owner: &str) -> bool {
    thanos_workload::names::label_value(&it.name_any()) == owner
}

/// The objects of one namespace.
pub fn of<'a, F: PartialEq>(
    view: &'a View<F>,
    namespace: &'a str,
) -> impl Iterator<Item = (&'a Key, &'a F)> {
    let all = view.items().range(Key::new(namespace, "")..);
    all.take_while(move |(key, _)| key.namespace == namespace)
}

/// What nodes say of volumes that they cannot mount in a namespace, by UID of the pod.
#[must_use]
pub fn unmounted<'a>(view: &'a View<MountFacts>, namespace: &'a str) -> BTreeMap<&'a str, &'a str> {
    let failures = of(view, namespace).filter_map(|(_, failure)| failure.as_ref());
    failures
        .map(|f| (f.pod.as_str(), f.message.as_str()))
        .collect()
}
