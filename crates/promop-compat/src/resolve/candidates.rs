//! The Services that can lead anywhere: those with a Prometheus behind them, and those that serve
//! the StoreAPI themselves. Few of a cluster's Services do, so a ServiceMonitor is held against
//! these and never against all.

use super::World;
use super::replicas::Replicas;
use super::report::{Finding, Reason, Subject};
use crate::model::{Key, Labels, ServiceFacts};
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
    /// To a StoreAPI at this address.
    StoreApi(String),
    /// To nothing, though it is meant for a Prometheus.
    Nothing(Finding),
}

/// All Services that lead somewhere, by key.
pub(super) struct Candidates<'a>(Vec<Service<'a>>);

impl<'a> Candidates<'a> {
    pub(super) fn of(world: &World<'a>, replicas: &Replicas<'_>) -> Self {
        let services = world.services.iter();
        let leading = services.filter_map(|(key, facts)| {
            let leads_to = leads_to(world, replicas, key, facts)?;
            Some(Service {
                key,
                labels: &facts.labels,
                leads_to,
            })
        });
        Self(leading.collect())
    }

    /// Visits all of them.
    pub(super) fn all<'s>(&'s self, visit: &mut impl FnMut(usize, &'s Service<'a>)) {
        self.0
            .iter()
            .enumerate()
            .for_each(|(i, service)| visit(i, service));
    }

    /// Visits those of one namespace.
    pub(super) fn within<'s>(
        &'s self,
        namespace: &str,
        visit: &mut impl FnMut(usize, &'s Service<'a>),
    ) {
        let start = self
            .0
            .partition_point(|s| s.key.namespace.as_str() < namespace);
        let rest = self.0[start..].iter();
        rest.take_while(|s| s.key.namespace == namespace)
            .zip(start..)
            .for_each(|(service, i)| visit(i, service));
    }

    /// The key and the StoreAPI address of a Service that has one.
    pub(super) fn store_api(&self, i: usize) -> Option<(&'a Key, &str)> {
        match &self.0[i] {
            Service {
                key,
                leads_to: LeadsTo::StoreApi(address),
                ..
            } => Some((key, address)),
            _ => None,
        }
    }
}

/// Where a Service leads; `None` if it is an application's or our own.
pub(super) fn leads_to(
    world: &World<'_>,
    replicas: &Replicas<'_>,
    key: &Key,
    facts: &ServiceFacts,
) -> Option<LeadsTo> {
    if facts.labels.contains_key(world.own_label) {
        return None;
    }
    let pods = replicas.behind(&key.namespace, &facts.selector);
    if !pods.is_empty() {
        return Some(LeadsTo::Pods(pods));
    }
    if !is_operated(facts)
        && let Some(address) = store_api_address(key, facts)
    {
        return Some(LeadsTo::StoreApi(address));
    }
    let meant = is_operated(facts) || has(&facts.selector, names::NAME, names::PROMETHEUS);
    meant.then(|| LeadsTo::Nothing(no_prometheus_behind(world, key)))
}

/// Whether a Service is for pods of Prometheus Operator and for no others.
fn is_operated(facts: &ServiceFacts) -> bool {
    facts.labels.contains_key(names::OPERATED)
        || facts.selector.contains_key(names::RESOURCE)
        || facts.selector.contains_key(names::SHARD)
        || has(
            &facts.selector,
            names::MANAGED_BY,
            names::PROMETHEUS_OPERATOR,
        )
}

fn has(labels: &Labels, key: &str, value: &str) -> bool {
    labels.get(key).is_some_and(|found| found == value)
}

/// The address of the StoreAPI that a Service exposes. A named port has an SRV record, so the port
/// number may differ from pod to pod; an unnamed one has none.
fn store_api_address(key: &Key, facts: &ServiceFacts) -> Option<String> {
    let is_named = |name: &Option<String>| name.as_deref() == Some(names::GRPC_PORT_NAME);
    let named = facts.ports.iter().find(|port| is_named(&port.name));
    let port = named.or_else(|| {
        facts
            .ports
            .iter()
            .find(|port| port.port == names::GRPC_PORT)
    })?;
    let Key { namespace, name } = key;
    Some(match &port.name {
        Some(port) => format!("dnssrv+_{port}._tcp.{name}.{namespace}.svc"),
        None => format!("dns+{name}.{namespace}.svc:{}", port.port),
    })
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
        message: "no Prometheus of Prometheus Operator is behind it (any more); create the \
                  Prometheus again, correct the selector of the Service, or delete the Service \
                  and its ServiceMonitor"
            .to_owned(),
    }
}
