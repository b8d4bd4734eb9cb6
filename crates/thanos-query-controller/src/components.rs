//! Discovers Thanos components by the labels of their Services. No IO.

use std::collections::BTreeMap;

use kube_facts::namespaces::{Membership, NamespaceScope, Namespaces};
use kube_facts::selector;
use kube_facts::{Key, PortFacts};
use promop_compat::model::ServiceFacts;
use promop_compat::resolve::{
    Backing, ClusterFacts, Reason as SkipReason, backing, external_address, no_pods, unserved,
};
use thanos_api::names::label;
use thanos_api::v1alpha1::ThanosQuery;
use thanos_workload::{ports, store_api};

use crate::spec_inputs::namespace;

/// Labelled Service of a Thanos component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentService {
    /// Serves the StoreAPI.
    Endpoint {
        /// The Service.
        service: Key,
        /// Address in the syntax of Thanos.
        address: String,
        /// The pods hold the same data, so one of them answers each query.
        group: bool,
        /// The Service requests strict mode (queried even while its health check fails), which
        /// Thanos rejects for addresses that need DNS.
        strict: bool,
    },
    /// Labelled, but without a port named `grpc`.
    WithoutPort {
        /// The Service.
        service: Key,
        /// Existing ports, and the remedy.
        message: String,
    },
    /// Labelled, but no pod serves the port.
    Unserved {
        /// The Service.
        service: Key,
        /// Reason in the status.
        reason: SkipReason,
        /// Fault and remedy.
        message: String,
    },
}

impl ComponentService {
    /// The Service of the component.
    #[must_use]
    pub const fn service(&self) -> &Key {
        match self {
            Self::Endpoint { service, .. }
            | Self::WithoutPort { service, .. }
            | Self::Unserved { service, .. } => service,
        }
    }
}

/// Namespaces in which `query` discovers components.
#[must_use]
pub fn store_scope(query: &ThanosQuery) -> NamespaceScope {
    NamespaceScope::from_selector(query.spec.store_namespace_selector.as_ref())
}

/// Whether `query` discovers components in the namespace `candidate`.
#[must_use]
pub fn may_hold_components(
    query: &ThanosQuery,
    candidate: &str,
    namespaces: &Namespaces<'_>,
) -> bool {
    let scope = store_scope(query);
    namespaces.membership(&scope, &namespace(query), candidate) != Membership::Out
}

/// The components that `query` selects, by namespace and name.
#[must_use]
pub fn components(
    query: &ThanosQuery,
    services: &BTreeMap<Key, ServiceFacts>,
    namespaces: &Namespaces<'_>,
) -> Vec<ComponentService> {
    let own = namespace(query);
    let scope = store_scope(query);
    let candidates: Box<dyn Iterator<Item = (&Key, &ServiceFacts)>> = match scope {
        // Most ThanosQueries select only their own namespace, which has few Services.
        NamespaceScope::Own => Box::new(
            services
                .range(Key::new(own.as_str(), "")..)
                .take_while(|(key, _)| key.namespace == own),
        ),
        _ => Box::new(services.iter()),
    };
    let custom = query.spec.custom_store_label_selector.as_ref();
    candidates
        .filter(|(_, facts)| store_api::is_offered(&facts.labels))
        .filter(|(_, facts)| custom.is_none_or(|s| selector::matches(s, &facts.labels)))
        .filter(|(key, _)| namespaces.membership(&scope, &own, &key.namespace) == Membership::In)
        .map(|(key, facts)| component(key, facts))
        .collect()
}

/// Classifies a labelled Service by its labels and ports.
fn component(key: &Key, facts: &ServiceFacts) -> ComponentService {
    let service = key.clone();
    if facts.external.as_ref().is_some_and(|e| e.name.is_empty()) {
        return ComponentService::Unserved {
            service,
            reason: SkipReason::NoExternalName,
            message:
                "it is labelled as a StoreAPI and of type ExternalName without an externalName; \
                      set spec.externalName to the DNS name of the StoreAPI"
                    .to_owned(),
        };
    }
    let has = |key: &str| facts.labels.contains_key(key);
    let strict = has(label::ENDPOINT_STRICT) || has(label::ENDPOINT_GROUP_STRICT);
    let group = is_group(facts);
    let address = match &facts.external {
        Some(external) => external_address(external),
        None => grpc_port(facts).map(|(_, port)| match group {
            true => store_api::group_address(key, port.port),
            false => store_api::pods_address(key),
        }),
    };
    match address {
        Some(address) => ComponentService::Endpoint {
            service,
            address,
            group,
            strict,
        },
        None => ComponentService::WithoutPort {
            message: without_port(facts),
            service,
        },
    }
}

/// Whether the pods behind a labelled Service hold the same data.
#[must_use]
pub fn is_group(facts: &ServiceFacts) -> bool {
    let has = |key: &str| facts.labels.contains_key(key);
    has(label::ENDPOINT_GROUP) || has(label::ENDPOINT_GROUP_STRICT)
}

/// Address of a labelled Service that is a group.
#[must_use]
pub fn group_address(key: &Key, facts: &ServiceFacts) -> Option<String> {
    if !store_api::is_offered(&facts.labels) || !is_group(facts) {
        return None;
    }
    match component(key, facts) {
        ComponentService::Endpoint { address, .. } => Some(address),
        ComponentService::WithoutPort { .. } | ComponentService::Unserved { .. } => None,
    }
}

fn grpc_port(facts: &ServiceFacts) -> Option<(usize, &PortFacts)> {
    let mut ports = facts.ports.iter().enumerate();
    ports.find(|(_, port)| port.name.as_deref() == Some(ports::GRPC))
}

/// Message for a labelled Service without a port named `grpc`.
fn without_port(facts: &ServiceFacts) -> String {
    let all = facts.external.as_ref().map_or(&facts.ports, |e| &e.ports);
    let likely = |port: &&PortFacts| port.port == promop_compat::names::GRPC_PORT;
    let candidate = all.iter().find(likely).or_else(|| all.first());
    let remedy = match candidate {
        None => "add one".to_owned(),
        Some(PortFacts { name: None, port }) => format!("name its port {port} grpc"),
        Some(PortFacts {
            name: Some(name),
            port,
        }) => format!("rename its port {name} ({port}) to grpc if it is the one, or add one"),
    };
    format!("it is labelled as a StoreAPI and has no port named grpc; {remedy}")
}

/// Replaces components whose selector matches no pod, or whose pods do not serve the port, by
/// `Unserved`. Services of Thanos controllers are exempt: their pods may still start.
#[must_use]
pub fn served(
    components: Vec<ComponentService>,
    world: &ClusterFacts<'_>,
) -> Vec<ComponentService> {
    components.into_iter().map(|c| check(c, world)).collect()
}

fn check(component: ComponentService, world: &ClusterFacts<'_>) -> ComponentService {
    let service = component.service();
    let Some(facts) = world.services.get(service) else {
        return component;
    };
    let Some((port, _)) = grpc_port(facts) else {
        return component;
    };
    if !matches!(component, ComponentService::Endpoint { .. })
        || facts.labels.contains_key(label::OWNER)
    {
        return component;
    }
    // The label is explicit, so a pod need not declare a numbered port.
    let (reason, message) = match backing(world, service, facts, port, false) {
        Backing::Served => return component,
        Backing::NotServed => (SkipReason::PortNotServed, unserved(facts, port)),
        Backing::NoPods => (SkipReason::NoPods, no_pods(facts)),
    };
    ComponentService::Unserved {
        service: service.clone(),
        reason,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube_facts::{Labels, PortFacts};
    use serde_json::json;

    fn query(spec: serde_json::Value) -> ThanosQuery {
        serde_json::from_value(json!({
            "apiVersion": "monitoring.thanos.io/v1alpha1", "kind": "ThanosQuery",
            "metadata": {"name": "q", "namespace": "here"}, "spec": spec,
        }))
        .unwrap()
    }

    fn service(
        namespace: &str,
        name: &str,
        port: Option<&str>,
        more: &[&str],
    ) -> (Key, ServiceFacts) {
        let mut labels = Labels::from([
            (label::STORE_API.to_owned(), "true".to_owned()),
            (label::PART_OF.to_owned(), "thanos".to_owned()),
        ]);
        labels.extend(more.iter().map(|l| ((*l).to_owned(), "true".to_owned())));
        let facts = ServiceFacts {
            labels,
            ports: vec![PortFacts {
                name: port.map(str::to_owned),
                port: 10901,
            }],
            headless: true,
            ..Default::default()
        };
        (Key::new(namespace, name), facts)
    }

    fn addresses(spec: serde_json::Value, services: &BTreeMap<Key, ServiceFacts>) -> Vec<String> {
        let found = components(&query(spec), services, &Namespaces::default());
        found
            .into_iter()
            .map(|c| match c {
                ComponentService::Endpoint {
                    address,
                    group,
                    strict,
                    ..
                } => {
                    format!("{address} {group} {strict}")
                }
                ComponentService::WithoutPort { service, message } => {
                    format!("{service} {message}")
                }
                ComponentService::Unserved { service, .. } => format!("{service} unserved"),
            })
            .collect()
    }

    #[test]
    fn labels_determine_address_group_and_strict() {
        let services = BTreeMap::from([
            service("here", "a", Some("grpc"), &[]),
            service("here", "b", Some("grpc"), &[label::ENDPOINT_GROUP]),
            service("here", "c", Some("grpc"), &[label::ENDPOINT_STRICT]),
            service("here", "d", Some("http"), &[]),
            service("here", "e", None, &[]),
            service("there", "a", Some("grpc"), &[]),
        ]);
        assert_eq!(
            addresses(json!({}), &services),
            [
                "dnssrv+_grpc._tcp.a.here.svc false false",
                "dns+b.here.svc:10901 true false",
                "dnssrv+_grpc._tcp.c.here.svc false true",
                "here/d it is labelled as a StoreAPI and has no port named grpc; rename its port \
                 http (10901) to grpc if it is the one, or add one",
                "here/e it is labelled as a StoreAPI and has no port named grpc; name its port \
                 10901 grpc",
            ]
        );
    }

    #[test]
    fn label_selector_narrows_and_namespace_selector_widens() {
        let services = BTreeMap::from([
            service("here", "a", Some("grpc"), &["tier"]),
            service("here", "b", Some("grpc"), &[]),
            service("there", "a", Some("grpc"), &["tier"]),
        ]);
        let custom = json!({"customStoreLabelSelector": {"matchLabels": {"tier": "true"}}});
        assert_eq!(addresses(custom, &services).len(), 1);
        assert_eq!(
            addresses(json!({"storeNamespaceSelector": {}}), &services).len(),
            3
        );
        let expressions = json!({"customStoreLabelSelector":
            {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}});
        assert_eq!(
            addresses(expressions, &services),
            ["dnssrv+_grpc._tcp.b.here.svc false false"]
        );
    }

    #[test]
    fn only_namespaces_in_scope_affect_a_query() {
        let concerns =
            |spec, candidate| may_hold_components(&query(spec), candidate, &Namespaces::default());
        assert!(concerns(json!({}), "here"));
        assert!(!concerns(json!({}), "there"));
        assert!(concerns(json!({"storeNamespaceSelector": {}}), "there"));
    }

    #[test]
    fn services_without_both_labels_are_not_discovered() {
        let (key, mut facts) = service("here", "a", Some("grpc"), &[]);
        facts.labels.remove(label::PART_OF);
        assert!(addresses(json!({}), &BTreeMap::from([(key, facts)])).is_empty());
    }
}
