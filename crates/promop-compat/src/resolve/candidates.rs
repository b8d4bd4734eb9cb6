//! Classifies Services: those with a Prometheus behind them, those that serve the StoreAPI, and
//! applications. Most Services of a cluster are applications, so most facts are computed only for
//! the others. No IO.

use std::cell::OnceCell;

use super::backends::{Backing, backing};
use super::model::ClusterFacts;
use super::replicas::{Replicas, agent, range_of};
use super::report::{Finding, Reason, Subject};
use crate::model::{ExternalFacts, ServiceFacts};
use crate::names;
use kube_facts::{Key, Labels, PortFacts};

/// Service that is not a plain application.
pub(super) struct Service<'a> {
    pub(super) key: &'a Key,
    facts: &'a ServiceFacts,
    leads_to: Purported,
    /// Computed when a ServiceMonitor selects the Service, since evaluating pods is expensive.
    proven: OnceCell<LeadsTo>,
}

/// Target of a Service according to the Service itself.
pub(super) enum Purported {
    /// These replicas, by index.
    Pods(Vec<usize>),
    /// A StoreAPI at the port with this index, if a pod serves it.
    Port(usize),
    /// An external StoreAPI.
    External(String),
    /// Nothing, though it is intended for a Prometheus.
    Nothing,
}

/// Target of a Service.
pub(super) enum LeadsTo {
    /// These replicas, by index.
    Pods(Vec<usize>),
    /// Its StoreAPI.
    StoreApi(StoreApi),
    /// An application.
    Application,
    /// Nothing, though it is intended for a Prometheus or a StoreAPI.
    Nothing(Finding),
}

/// StoreAPI of a Service.
pub(super) struct StoreApi {
    /// Address in the syntax of Thanos.
    pub(super) address: String,
    /// Whether the address resolves to each pod behind the Service.
    pub(super) headless: bool,
}

/// Service of an application.
pub(super) struct Application<'a> {
    pub(super) key: &'a Key,
    pub(super) labels: &'a Labels,
}

/// All Services with a target, by key.
pub(super) struct Candidates<'a> {
    services: Vec<Service<'a>>,
    applications: Vec<Application<'a>>,
}

impl<'a> Candidates<'a> {
    pub(super) fn of(world: &ClusterFacts<'a>, replicas: &Replicas<'_>) -> Self {
        let mut namespace = "";
        let mut places = 0..0;
        let mut services = Vec::new();
        let mut applications = Vec::with_capacity(world.services.len());
        for (key, facts) in world.services {
            // Stores are sorted, so the places of a namespace are looked up once.
            if key.namespace != namespace {
                namespace = &key.namespace;
                places = replicas.in_namespace(namespace);
            }
            let pods = replicas.behind(places.clone(), &facts.selector);
            match purported(world, pods, facts) {
                Some(leads_to) => services.push(Service {
                    key,
                    facts,
                    leads_to,
                    proven: OnceCell::new(),
                }),
                // A Service of type ExternalName has no endpoints to scrape.
                None if facts.external.is_some() => {}
                None => applications.push(Application {
                    key,
                    labels: &facts.labels,
                }),
            }
        }
        Self {
            services,
            applications,
        }
    }

    /// Services that are not plain applications.
    pub(super) fn services(&self) -> &[Service<'a>] {
        &self.services
    }

    /// Services of one namespace that are not plain applications.
    pub(super) fn services_within(&self, namespace: &str) -> &[Service<'a>] {
        &self.services[range_of(&self.services, namespace, |service| service.key)]
    }

    /// Applications.
    pub(super) fn applications(&self) -> &[Application<'a>] {
        &self.applications
    }

    /// Applications of one namespace.
    pub(super) fn applications_within(&self, namespace: &str) -> &[Application<'a>] {
        &self.applications[range_of(&self.applications, namespace, |it| it.key)]
    }
}

impl<'a> Service<'a> {
    pub(super) fn labels(&self) -> &'a Labels {
        &self.facts.labels
    }

    /// Where it leads, given what is behind it.
    pub(super) fn leads_to(&self, world: &ClusterFacts<'_>) -> &LeadsTo {
        self.proven.get_or_init(|| match &self.leads_to {
            Purported::Pods(pods) => LeadsTo::Pods(pods.clone()),
            Purported::Port(port) => store_api(world, self.key, self.facts, *port),
            Purported::External(address) => LeadsTo::StoreApi(StoreApi {
                address: address.clone(),
                headless: true,
            }),
            Purported::Nothing => LeadsTo::Nothing(nothing_behind(world, self.key, self.facts)),
        })
    }
}

/// Target of a Service that has these replicas behind it; `None` for applications and for Services
/// of Thanos controllers.
pub(super) fn purported(
    world: &ClusterFacts<'_>,
    pods: Vec<usize>,
    facts: &ServiceFacts,
) -> Option<Purported> {
    let leads_to = if let Some(external) = &facts.external {
        if !is_announced(world, &facts.labels) {
            return None;
        }
        Purported::External(external_address(external)?)
    } else if pods.is_empty() {
        match (purpose(facts), store_api_port(world, facts)) {
            (Purpose::Prometheus | Purpose::Other, Some(port)) => Purported::Port(port),
            (Purpose::Other, None) => return None,
            (Purpose::Operated | Purpose::Prometheus, _) => Purported::Nothing,
        }
    } else {
        Purported::Pods(pods)
    };
    // Checked last: almost every Service is excluded by now.
    (!facts.labels.contains_key(world.own_label)).then_some(leads_to)
}

/// Target of a Service that probably serves the StoreAPI at a port.
fn store_api(world: &ClusterFacts<'_>, key: &Key, facts: &ServiceFacts, port: usize) -> LeadsTo {
    let of_thanos = is_thanos(world, &facts.labels);
    // Without labels of Thanos, the number is weak evidence: an application may use it as well.
    let found = backing(world, key, facts, port, !of_thanos);
    match (found, facts.ports.get(port)) {
        (Backing::Served, Some(port)) => LeadsTo::StoreApi(StoreApi {
            address: store_api_address(key, port),
            headless: facts.headless,
        }),
        (Backing::NotServed, Some(_)) if of_thanos => LeadsTo::Nothing(Finding {
            reason: Reason::PortNotServed,
            subject: Subject::Service(key.clone()),
            message: unserved(facts, port),
        }),
        (Backing::NoPods, _) => LeadsTo::Nothing(Finding {
            reason: Reason::NoPods,
            subject: Subject::Service(key.clone()),
            message: no_pods(facts),
        }),
        _ => LeadsTo::Application,
    }
}

/// Message about a Service whose selector matches no pod.
#[must_use]
pub fn no_pods(facts: &ServiceFacts) -> String {
    let labels: Vec<String> = facts
        .selector
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    format!(
        "its selector {} matches no pod; correct spec.selector of the Service or the labels of the pods",
        labels.join(",")
    )
}

/// Message about a Service without a pod that serves its port.
#[must_use]
pub fn unserved(facts: &ServiceFacts, port: usize) -> String {
    let target = match facts.targets.get(port) {
        Some(crate::model::TargetPort::Name(name)) => format!("named {name}"),
        Some(crate::model::TargetPort::Number(number)) => number.to_string(),
        None => facts
            .ports
            .get(port)
            .map_or_else(String::new, |p| p.port.to_string()),
    };
    format!(
        "no container of its pods declares the target port {target} of the StoreAPI port; correct targetPort of the Service or the ports of the containers"
    )
}

/// Address of the StoreAPI of a Service of type ExternalName. It has no SRV records, so port names
/// are irrelevant to the address: the StoreAPI port is selected by name, then by number.
#[must_use]
pub fn external_address(external: &ExternalFacts) -> Option<String> {
    let ports = &external.ports;
    let named = ports
        .iter()
        .find(|p| p.name.as_deref() == Some(names::GRPC_PORT_NAME));
    let numbered = || ports.iter().find(|p| p.port == names::GRPC_PORT);
    let only = || ports.first().filter(|_| ports.len() == 1);
    let port = named.or_else(numbered).or_else(only)?;
    (!external.name.is_empty()).then(|| format!("dns+{}:{}", external.name, port.port))
}

/// Purpose of a Service according to its selector.
enum Purpose {
    /// Only pods of Prometheus Operator.
    Operated,
    /// A Prometheus.
    Prometheus,
    /// Anything else.
    Other,
}

fn purpose(facts: &ServiceFacts) -> Purpose {
    let mut purpose = Purpose::Other;
    for (key, value) in &facts.selector {
        match (key.as_str(), value.as_str()) {
            (names::RESOURCE | names::SHARD, _)
            | (names::MANAGED_BY, names::PROMETHEUS_OPERATOR) => return Purpose::Operated,
            (names::NAME, names::PROMETHEUS_AGENT) => return Purpose::Operated,
            (names::NAME, names::PROMETHEUS) => purpose = Purpose::Prometheus,
            _ => {}
        }
    }
    match purpose {
        Purpose::Prometheus if facts.labels.contains_key(names::OPERATED) => Purpose::Operated,
        purpose => purpose,
    }
}

/// Index of the StoreAPI port of a Service. The number is specific to Thanos; the name is common
/// (Loki and Tempo use it), so it counts only for Services with labels of Thanos.
pub(super) fn store_api_port(world: &ClusterFacts<'_>, facts: &ServiceFacts) -> Option<usize> {
    let is_numbered = |port: &PortFacts| port.port == names::GRPC_PORT;
    let is_named = |port: &PortFacts| {
        port.name.as_deref() == Some(names::GRPC_PORT_NAME)
            && (is_numbered(port) || is_thanos(world, &facts.labels))
    };
    let mut ports = facts.ports.iter();
    let named = ports.clone().position(is_named);
    named.or_else(|| ports.position(is_numbered))
}

/// Whether labels identify a Service of Thanos: by the name in its installations, or by the
/// StoreAPI label.
fn is_thanos(world: &ClusterFacts<'_>, labels: &Labels) -> bool {
    let label = |key: &str| labels.get(key).map(String::as_str);
    let is_named = |name: &str| {
        let component = name.strip_prefix(names::THANOS);
        component.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    label(names::PART_OF) == Some(names::THANOS)
        || label(names::NAME).is_some_and(is_named)
        || is_announced(world, labels)
}

/// Whether labels announce a StoreAPI.
fn is_announced(world: &ClusterFacts<'_>, labels: &Labels) -> bool {
    let (store, announced) = world.store_label;
    labels.get(store).is_some_and(|value| value == announced)
}

/// Address of the StoreAPI at `port`. A named port has an SRV record, so the port number may differ
/// between pods; an unnamed one has none.
fn store_api_address(Key { namespace, name }: &Key, port: &PortFacts) -> String {
    match &port.name {
        Some(port) => format!("dnssrv+_{port}._tcp.{name}.{namespace}.svc"),
        None => format!("dns+{name}.{namespace}.svc:{}", port.port),
    }
}

/// Finding about a Service that is intended for pods of Prometheus Operator and has none.
fn nothing_behind(world: &ClusterFacts<'_>, key: &Key, facts: &ServiceFacts) -> Finding {
    let subject = Subject::Service(key.clone());
    let desired = |label: &str| facts.selector.get(label).map(String::as_str);
    if desired(names::NAME) == Some(names::PROMETHEUS_AGENT) {
        let name = desired(names::RESOURCE).or_else(|| desired(names::INSTANCE));
        return agent(name.map_or(subject, |name| {
            Subject::PrometheusAgent(Key::new(key.namespace.as_str(), name))
        }));
    }
    if world.prometheuses.is_none() {
        return Finding {
            reason: Reason::PrometheusUnreadable,
            subject,
            message: "it has no Prometheus pod, and Prometheus resources are not readable; grant permission to read them"
                .to_owned(),
        };
    }
    Finding {
        reason: Reason::PrometheusGone,
        subject,
        message: "it has no replica of a Prometheus of Prometheus Operator; recreate the \
                  Prometheus, scale it up, correct the selector of the Service, or \
                  delete the Service and its ServiceMonitor"
            .to_owned(),
    }
}
