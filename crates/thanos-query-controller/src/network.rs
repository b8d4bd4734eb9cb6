//! Evaluates NetworkPolicies for connections from queriers and bridges to Prometheus pods. No IO.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube_facts::namespaces::Namespaces;
use kube_facts::policy::{Connectivity, Peer, PolicyFacts, connectivity, opening_policy};
use kube_facts::{Key, Labels};
use promop_compat::model::{PodFacts, StatefulSetFacts};
use promop_compat::resolve::{Endpoint, Via};
use thanos_api::v1alpha1::{OpenDiscovered, ThanosQuery};
use thanos_workload::names::child_of_many;

use crate::names::{self, bridge_labels, querier_identity};
use crate::spec_inputs::namespace;
use crate::status_inputs::Blocked;
use crate::stores::Stores;

/// Labels of a Prometheus pod that are equal for all versions and replicas.
const STABLE: [&str; 3] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
];

/// NetworkPolicies from the perspective of one ThanosQuery.
pub(crate) struct Network<'a> {
    query: &'a ThanosQuery,
    own: String,
    pods: &'a BTreeMap<Key, PodFacts>,
    stateful_sets: &'a BTreeMap<Key, StatefulSetFacts>,
    policies: &'a BTreeMap<Key, PolicyFacts>,
    /// Policies without those of this controller: whether one of those is needed must not depend on
    /// itself.
    foreign: BTreeMap<Key, PolicyFacts>,
    namespaces: &'a Namespaces<'a>,
    open: bool,
    querier: Labels,
    bridge: Labels,
}

/// Required connection.
struct Connection<'a> {
    from: &'a Labels,
    to: &'a PodFacts,
    pod: &'a Key,
    port: u16,
}

impl<'a> Network<'a> {
    pub fn new(query: &'a ThanosQuery, stores: &'a Stores, namespaces: &'a Namespaces<'a>) -> Self {
        let network = query.spec.integration.network_policy.as_ref();
        let open = network.and_then(|n| n.open_discovered) == Some(OpenDiscovered::SameNamespace);
        let own = namespace(query);
        let policies = stores.policies.items();
        let prefix = names::openings(&query.name_any());
        let is_ours = |key: &Key| key.namespace == own && key.name.starts_with(&prefix);
        let foreign = match open {
            true => policies
                .iter()
                .filter(|(key, _)| !is_ours(key))
                .map(|(k, p)| (k.clone(), p.clone()))
                .collect(),
            false => BTreeMap::new(),
        };
        Self {
            query,
            pods: stores.pods.items(),
            stateful_sets: stores.stateful_sets.items(),
            policies,
            foreign,
            namespaces,
            open,
            querier: querier_identity(&query.name_any()).selector_labels(),
            bridge: bridge_labels(&query.name_any()),
            own,
        }
    }

    /// Another replica, which differs only in its name. It stands in for a pod that is absent while
    /// it restarts, so that policies do not change during restarts.
    fn sibling(&self, pod: &Key) -> Option<&'a PodFacts> {
        let (workload, _) = pod.name.rsplit_once('-')?;
        let start = Key::new(pod.namespace.as_str(), workload);
        let mut near = self.pods.range(start..);
        let (key, facts) = near.find(|(key, _)| key.name != workload)?;
        let same = key.namespace == pod.namespace
            && key
                .name
                .rsplit_once('-')
                .is_some_and(|(w, _)| w == workload);
        same.then_some(facts)
    }

    /// Pod template of the StatefulSet, for a replica without a sibling.
    fn template(&self, pod: &Key) -> Option<&'a PodFacts> {
        let (workload, _) = pod.name.rsplit_once('-')?;
        let set = Key::new(pod.namespace.as_str(), workload);
        self.stateful_sets.get(&set).map(|set| &set.pod)
    }

    /// Connection to an endpoint; `None` if neither a replica nor its StatefulSet exists.
    fn connection<'w>(&'w self, endpoint: &'w Endpoint) -> Option<Connection<'w>> {
        let pod = endpoint.pod.as_ref()?;
        let found = self.pods.get(pod).or_else(|| self.sibling(pod));
        let to = found.or_else(|| self.template(pod))?;
        let (from, port) = match endpoint.via {
            Via::Sidecar => (&self.querier, to.sidecar.as_ref()?.grpc_port),
            Via::Bridge => (&self.bridge, port_of(&endpoint.bridge.as_ref()?.url)?),
            Via::Service => return None,
        };
        Some(Connection {
            from,
            to,
            pod,
            port,
        })
    }

    fn evaluate(
        &self,
        policies: &BTreeMap<Key, PolicyFacts>,
        connection: &Connection<'_>,
    ) -> Connectivity {
        let from = Peer {
            namespace: &self.own,
            labels: connection.from,
            ports: &[],
        };
        let to = Peer {
            namespace: &connection.pod.namespace,
            labels: &connection.to.labels,
            ports: &connection.to.ports,
        };
        connectivity(policies, self.namespaces, &from, &to, connection.port)
    }

    /// NetworkPolicies that block the connection to an endpoint.
    pub fn blocked(&self, endpoint: &Endpoint) -> Option<Blocked> {
        let connection = self.connection(endpoint)?;
        let Connectivity::Blocked {
            ingress_by,
            egress_by,
        } = self.evaluate(self.policies, &connection)
        else {
            return None;
        };
        let here = connection.pod.namespace == self.own;
        let program = connection.from.get(STABLE[0]).map_or("", String::as_str);
        let mut open_with = Vec::new();
        if !ingress_by.is_empty() {
            let alternative = match here {
                true => ", or set spec.networkPolicy.openDiscovered: SameNamespace",
                false => "",
            };
            open_with.push(format!(
                "in namespace {}, admit pods with {}={program} of namespace {} to port {}{alternative}",
                connection.pod.namespace, STABLE[0], self.own, connection.port
            ));
        }
        if !egress_by.is_empty() {
            open_with.push(format!(
                "in namespace {}, let pods with {}={program} out to port {} of namespace {}",
                self.own, STABLE[0], connection.port, connection.pod.namespace
            ));
        }
        Some(Blocked {
            by: ingress_by.into_iter().chain(egress_by).collect(),
            open_with: open_with.join("; "),
        })
    }

    /// Policy that allows the connection, if openDiscovered is set, a policy blocks it, and the pod
    /// is in this namespace.
    pub fn opening(&self, endpoint: &Endpoint) -> Option<NetworkPolicy> {
        let connection = self.connection(endpoint)?;
        if !self.open || connection.pod.namespace != self.own {
            return None;
        }
        match self.evaluate(&self.foreign, &connection) {
            Connectivity::Blocked { ingress_by, .. } if !ingress_by.is_empty() => {}
            _ => return None,
        }
        let labels: Labels = STABLE
            .iter()
            .filter_map(|key| connection.to.labels.get_key_value(*key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        // One policy for all replicas of a Prometheus, which share these labels.
        let identity = format!("{labels:?} {}", connection.port);
        let name = child_of_many(&[&names::openings(&self.query.name_any())], &identity);
        let from = Peer {
            namespace: &self.own,
            labels: connection.from,
            ports: &[],
        };
        let to = Peer {
            namespace: &self.own,
            labels: &labels,
            ports: &[],
        };
        Some(opening_policy(&name, &from, &to, connection.port))
    }
}

/// The port of a URL.
fn port_of(url: &str) -> Option<u16> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    host.rsplit_once(':')?.1.parse().ok()
}
