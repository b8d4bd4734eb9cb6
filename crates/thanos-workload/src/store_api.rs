//! Discovery of StoreAPIs by labels of their Services. Servers and queriers use the same functions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::{Key, Labels};
use thanos_api::names::label;

use crate::labels::Map;
use crate::ports;

/// Whether a Service with these labels offers a StoreAPI.
#[must_use]
pub fn is_offered(labels: &Labels) -> bool {
    let has = |key: &str, value: &str| labels.get(key).is_some_and(|v| v == value);
    has(label::STORE_API, label::TRUE) && has(label::PART_OF, label::PART_OF_VALUE)
}

/// Labels a Service so that queriers query its pods at the port `grpc`. The pods of a `group` hold the
/// same data, and one of them answers each query; otherwise each pod is an endpoint.
pub fn offer(labels: &mut Map, group: bool) {
    labels.insert(label::STORE_API.to_owned(), label::TRUE.to_owned());
    labels.insert(label::PART_OF.to_owned(), label::PART_OF_VALUE.to_owned());
    if group {
        labels.insert(label::ENDPOINT_GROUP.to_owned(), label::TRUE.to_owned());
    }
}

/// Labels a Service whose pods hold copies of the same samples with the external label that
/// distinguishes them.
pub fn announce_replica_label(labels: &mut Map, name: &str) {
    if crate::names::is_label_value(name) {
        labels.insert(label::REPLICA_LABEL.to_owned(), name.to_owned());
    }
}

/// External label that distinguishes copies of the same samples.
#[must_use]
pub fn replica_label(labels: &Labels) -> Option<&str> {
    labels.get(label::REPLICA_LABEL).map(String::as_str)
}

/// Removes the labels, so that no querier queries the pods of the Service.
pub fn withdraw(labels: &mut Map) {
    labels.remove(label::STORE_API);
}

/// Metadata of an object of a StoreAPI other than the Service that queriers discover.
#[must_use]
pub fn withdrawn(mut metadata: ObjectMeta) -> ObjectMeta {
    withdraw(metadata.labels.get_or_insert_default());
    metadata
}

/// Address of a group, in the syntax of Thanos.
#[must_use]
pub fn group_address(service: &Key, port: u16) -> String {
    // Without the prefix, Thanos opens one connection and balances nothing.
    format!("dns+{}.{}.svc:{port}", service.name, service.namespace)
}

/// Address that resolves to every pod of a Service, in the syntax of Thanos.
#[must_use]
pub fn pods_address(service: &Key) -> String {
    let Key { name, namespace } = service;
    format!("dnssrv+_{}._tcp.{name}.{namespace}.svc", ports::GRPC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offered_service_is_discovered_until_withdrawn() {
        let mut labels = Map::new();
        assert!(!is_offered(&labels));
        offer(&mut labels, false);
        assert!(is_offered(&labels) && !labels.contains_key(label::ENDPOINT_GROUP));
        offer(&mut labels, true);
        assert!(labels.contains_key(label::ENDPOINT_GROUP));
        withdraw(&mut labels);
        assert!(!is_offered(&labels));
    }
}
