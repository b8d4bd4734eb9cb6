//! One test per rule. `tests/resolution.rs` compares random clusters with an oracle.

mod absent;
mod backends;
mod chains;
mod endpoints;
mod rejected;
mod selection;
mod services;
mod skipped;
mod unselected;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::*;
use crate::model::{
    BackendFacts, PodFacts, PrometheusAgentFacts, PrometheusFacts, ServiceFacts,
    ServiceMonitorFacts, SidecarFacts, StatefulSetFacts, TargetNamespaces,
};
use crate::names;
use kube_facts::Key;
use kube_facts::namespaces::{NamespaceScope, Namespaces};
use kube_facts::testing::{key, labels, namespaces, parse, selector};
use kube_facts::{Labels, NamespaceFacts, PortFacts};

/// A `ClusterFacts` that owns its stores.
struct Cluster {
    service_monitors: BTreeMap<Key, ServiceMonitorFacts>,
    services: BTreeMap<Key, ServiceFacts>,
    pods: BTreeMap<Key, PodFacts>,
    backends: BTreeMap<Key, BackendFacts>,
    stateful_sets: BTreeMap<Key, StatefulSetFacts>,
    prometheuses: Option<BTreeMap<Key, PrometheusFacts>>,
    prometheus_agents: Option<BTreeMap<Key, PrometheusAgentFacts>>,
    namespaces: Option<BTreeMap<Key, NamespaceFacts>>,
}

impl Cluster {
    /// Prometheus `monitoring/k8s` of kube-prometheus, with two replicas and no sidecar.
    fn kube_prometheus() -> Self {
        let mut cluster = Self {
            service_monitors: BTreeMap::new(),
            services: BTreeMap::new(),
            pods: BTreeMap::new(),
            backends: BTreeMap::new(),
            stateful_sets: BTreeMap::new(),
            prometheuses: Some(BTreeMap::new()),
            prometheus_agents: None,
            namespaces: Some(namespaces(&[
                ("apps", &[("team", "apps")]),
                ("monitoring", &[("team", "ops")]),
            ])),
        };
        cluster.prometheus("k8s", prometheus(2));
        cluster.start("k8s", false);
        cluster.service(
            "prometheus-k8s",
            &[("name", "prometheus")],
            &[(names::INSTANCE, "k8s")],
        );
        cluster.monitor(
            "monitoring/prometheus-k8s",
            &[("app", "prometheus")],
            &[("name", "prometheus")],
        );
        cluster
    }

    fn prometheus(&mut self, name: &str, facts: PrometheusFacts) {
        self.prometheuses
            .as_mut()
            .unwrap()
            .insert(key("monitoring", name), facts);
    }

    fn edit(&mut self, name: &str) -> &mut PrometheusFacts {
        self.prometheuses
            .as_mut()
            .unwrap()
            .get_mut(&key("monitoring", name))
            .unwrap()
    }

    /// Creates the pods of a Prometheus.
    fn start(&mut self, name: &str, sidecar: bool) {
        let resource = key("monitoring", name);
        let facts = self.prometheuses.as_ref().unwrap()[&resource].clone();
        for (shard, i) in (0..facts.shards).flat_map(|s| (0..facts.replicas).map(move |i| (s, i))) {
            let pod = names::pod_name(name, shard, i);
            let facts = PodFacts {
                labels: names::pod_labels(&resource, &facts, shard, i),
                hostname: Some(pod.clone()),
                subdomain: Some("prometheus-operated".to_owned()),
                sidecar: sidecar.then(sidecar_facts),
                ports: vec![port(Some("web"), 9090)],
            };
            self.pods.insert(key("monitoring", &pod), facts);
        }
    }

    fn service(
        &mut self,
        name: &str,
        own: &[(&str, &str)],
        selector: &[(&str, &str)],
    ) -> &mut ServiceFacts {
        let facts = ServiceFacts {
            labels: labels(own),
            selector: labels(selector),
            ports: vec![port(Some("web"), 9090)],
            headless: true,
            ..Default::default()
        };
        self.services
            .entry(key("monitoring", name))
            .insert_entry(facts)
            .into_mut()
    }

    /// Service of an application, and a ServiceMonitor of the same name that selects it.
    fn application(&mut self, path: &str, own: &[(&str, &str)]) {
        let (namespace, name) = path.split_once('/').unwrap();
        let facts = ServiceFacts {
            labels: labels(&[("app", name)]),
            selector: labels(&[("app", name)]),
            ports: vec![port(Some("metrics"), 8080)],
            ..Default::default()
        };
        self.services.insert(key(namespace, name), facts);
        self.monitor(path, own, &[("app", name)]);
    }

    /// Pod behind Services, in the namespace `monitoring`.
    fn backend(&mut self, name: &str, own: &[(&str, &str)], ports: &[PortFacts]) {
        let facts = BackendFacts {
            labels: labels(own),
            ports: ports.to_vec(),
        };
        self.backends.insert(key("monitoring", name), facts);
    }

    fn monitor(
        &mut self,
        path: &str,
        own: &[(&str, &str)],
        services: &[(&str, &str)],
    ) -> &mut ServiceMonitorFacts {
        let (namespace, name) = path.split_once('/').unwrap();
        let facts = ServiceMonitorFacts {
            labels: labels(own),
            selector: selector(services),
            ..Default::default()
        };
        self.service_monitors
            .entry(key(namespace, name))
            .insert_entry(facts)
            .into_mut()
    }

    fn world(&self) -> ClusterFacts<'_> {
        ClusterFacts {
            service_monitors: &self.service_monitors,
            services: &self.services,
            pods: &self.pods,
            backends: &self.backends,
            stateful_sets: &self.stateful_sets,
            prometheuses: self.prometheuses.as_ref(),
            prometheus_agents: self.prometheus_agents.as_ref(),
            namespaces: Namespaces {
                listed: self.namespaces.as_ref(),
                watched: None,
            },
            own_label: OWN,
            store_label: STORE,
        }
    }

    /// Resolves a selection by labels in all namespaces.
    fn select(&self, desired: &[(&str, &str)]) -> Resolution {
        self.resolve(desired, NamespaceScope::All, WithoutSidecar::Bridge)
    }

    fn resolve(
        &self,
        desired: &[(&str, &str)],
        scope: NamespaceScope,
        without_sidecar: WithoutSidecar,
    ) -> Resolution {
        let selections = [Selection {
            selector: selector(desired),
            scope,
        }];
        resolve(
            &self.world(),
            &Request {
                fields: &[],
                namespace: "monitoring",
                selections: &selections,
                without_sidecar,
            },
        )
    }
}

const OWN: &str = "operator.thanos.io/owner";
const STORE: (&str, &str) = ("operator.thanos.io/store-api", "true");

fn prometheus(replicas: u32) -> PrometheusFacts {
    PrometheusFacts {
        replicas,
        shards: 1,
        route_prefix: "/".to_owned(),
        replica_label: Some("prometheus_replica".to_owned()),
        has_external_labels: true,
        service_monitor_selector: Some(LabelSelector::default()),
        service_monitor_namespace_selector: Some(LabelSelector::default()),
        ..Default::default()
    }
}

fn sidecar_facts() -> SidecarFacts {
    SidecarFacts {
        grpc_port: 10901,
        ..Default::default()
    }
}

fn port(name: Option<&str>, port: u16) -> PortFacts {
    PortFacts {
        name: name.map(str::to_owned),
        port,
    }
}

fn addresses(resolution: &Resolution) -> Vec<&str> {
    resolution
        .endpoints
        .iter()
        .map(|e| e.address.as_str())
        .collect()
}

fn urls(resolution: &Resolution) -> Vec<&str> {
    resolution
        .endpoints
        .iter()
        .filter_map(|e| Some(e.bridge.as_ref()?.url.as_str()))
        .collect()
}

fn reasons(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|f| format!("{} {}", f.reason, f.subject))
        .collect()
}

const PROMETHEUS: &[(&str, &str)] = &[("app", "prometheus")];
