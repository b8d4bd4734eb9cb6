//! The Services that can lead anywhere: those with a Prometheus behind them, and those that serve
//! the StoreAPI themselves. Few of a cluster's Services do, so a ServiceMonitor is held against
//! these and never against all.

use super::World;
use super::replicas::{Replicas, range_of};
use super::report::{Finding, Reason, Subject};
use crate::model::{Key, Labels, PortFacts, ServiceFacts};
use crate::names;

/// A Service that leads somewhere.
pub(super) struct Service<'a> {
    pub(super) key: &'a Key,
    pub(super) labels: &'a Labels,
    pub(super) leads_to: LeadsTo,
}

/// Where a Service leads.
pub(super) enum LeadsTo {
    /// To these replicas, by index.
    Pods(Vec<usize>),
    /// To a StoreAPI of its own.
    StoreApi(StoreApi),
    /// To nothing, though it is meant for a Prometheus.
    Nothing(Finding),
}

/// The StoreAPI of a Service.
pub(super) struct StoreApi {
    /// As Thanos takes it.
    pub(super) address: String,
    /// Whether the address leads to each pod behind the Service.
    pub(super) headless: bool,
}

/// All Services that lead somewhere, by key.
pub(super) struct Candidates<'a>(Vec<Service<'a>>);

impl<'a> Candidates<'a> {
    pub(super) fn of(world: &World<'a>, replicas: &Replicas<'_>) -> Self {
        let mut namespace = "";
        let mut places = 0..0;
        let services = world.services.iter();
        let leading = services.filter_map(|(key, facts)| {
            // Views are sorted, so the places of a namespace are looked up once.
            if key.namespace != namespace {
                namespace = &key.namespace;
                places = replicas.in_namespace(namespace);
            }
            let pods = replicas.behind(places.clone(), &facts.selector);
            let leads_to = leads_to(world, pods, key, facts)?;
            Some(Service {
                key,
                labels: &facts.labels,
                leads_to,
            })
        });
        Self(leading.collect())
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Service<'a>] {
        &self.0
    }

    /// Those of one namespace.
    pub(super) fn within(&self, namespace: &str) -> &[Service<'a>] {
        &self.0[range_of(&self.0, namespace, |service| service.key)]
    }
}

/// Where a Service leads that has these replicas behind it; `None` if it is an application's or
/// our own.
pub(super) fn leads_to(
    world: &World<'_>,
    pods: Vec<usize>,
    key: &Key,
    facts: &ServiceFacts,
) -> Option<LeadsTo> {
    let leads_to = if pods.is_empty() {
        match (purpose(facts), store_api_port(world, facts)) {
            (Purpose::Prometheus | Purpose::Other, Some(port)) => LeadsTo::StoreApi(StoreApi {
                address: store_api_address(key, port),
                headless: facts.headless,
            }),
            (Purpose::Other, None) => return None,
            (Purpose::Operated | Purpose::Prometheus, _) => {
                LeadsTo::Nothing(no_prometheus_behind(world, key))
            }
        }
    } else {
        LeadsTo::Pods(pods)
    };
    // Asked last: almost every Service has dropped out by now.
    (!facts.labels.contains_key(world.own_label)).then_some(leads_to)
}

/// What a Service is for, as its selector tells.
enum Purpose {
    /// For pods of Prometheus Operator and for no others.
    Operated,
    /// For some Prometheus.
    Prometheus,
    /// For anything else.
    Other,
}

fn purpose(facts: &ServiceFacts) -> Purpose {
    let mut purpose = Purpose::Other;
    for (key, value) in &facts.selector {
        match (key.as_str(), value.as_str()) {
            (names::RESOURCE | names::SHARD, _)
            | (names::MANAGED_BY, names::PROMETHEUS_OPERATOR) => return Purpose::Operated,
            (names::NAME, names::PROMETHEUS) => purpose = Purpose::Prometheus,
            _ => {}
        }
    }
    match purpose {
        Purpose::Prometheus if facts.labels.contains_key(names::OPERATED) => Purpose::Operated,
        purpose => purpose,
    }
}

/// The port by which a Service exposes the StoreAPI, if it does. The number is Thanos' own; the
/// name is everybody's (Loki and Tempo have such a port), so it counts on Services of Thanos only.
fn store_api_port<'f>(world: &World<'_>, facts: &'f ServiceFacts) -> Option<&'f PortFacts> {
    let is_numbered = |port: &&PortFacts| port.port == names::GRPC_PORT;
    let is_named = |port: &&PortFacts| {
        port.name.as_deref() == Some(names::GRPC_PORT_NAME)
            && (is_numbered(port) || is_thanos(world, &facts.labels))
    };
    let mut ports = facts.ports.iter();
    ports
        .clone()
        .find(is_named)
        .or_else(|| ports.find(is_numbered))
}

/// Whether labels tell that a Service belongs to Thanos: by the name that its installations give,
/// or by the label that announces a StoreAPI.
fn is_thanos(world: &World<'_>, labels: &Labels) -> bool {
    let label = |key: &str| labels.get(key).map(String::as_str);
    let (store, announced) = world.store_label;
    let is_named = |name: &str| {
        let component = name.strip_prefix(names::THANOS);
        component.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    label(names::PART_OF) == Some(names::THANOS)
        || label(names::NAME).is_some_and(is_named)
        || label(store) == Some(announced)
}

/// The address of the StoreAPI behind `port`. A named port has an SRV record, so the port number
/// may differ from pod to pod; an unnamed one has none.
fn store_api_address(Key { namespace, name }: &Key, port: &PortFacts) -> String {
    match &port.name {
        Some(port) => format!("dnssrv+_{port}._tcp.{name}.{namespace}.svc"),
        None => format!("dns+{name}.{namespace}.svc:{}", port.port),
    }
}

fn no_prometheus_behind(world: &World<'_>, key: &Key) -> Finding {
    let subject = Subject::Service(key.clone());
    if world.prometheuses.is_none() {
        return Finding {
            reason: Reason::PrometheusUnreadable,
            subject,
            message: "no Prometheus pod is behind it at this moment, and Prometheus resources \
                      cannot be read to tell which should be; permit reading them"
                .to_owned(),
        };
    }
    Finding {
        reason: Reason::PrometheusGone,
        subject,
        message: "no replica of a Prometheus of Prometheus Operator is behind it; create the \
                  Prometheus again or give it replicas, correct the selector of the Service, or \
                  delete the Service and its ServiceMonitor"
            .to_owned(),
    }
}
