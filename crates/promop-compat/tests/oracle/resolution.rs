//! What a request should resolve to.

use std::collections::{BTreeMap, BTreeSet};

use promop_compat::model::{
    Key, Labels, PodFacts, PrometheusFacts, ServiceFacts, SidecarFacts, TargetNamespaces,
};
use promop_compat::resolve::{Reason, Request, Subject, Via, WithoutSidecar, World};

use super::{contains_all, in_scope, is_well_formed, key, missing, scope, selects};

/// What is expected of one endpoint.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    pub via: Via,
    pub address: String,
    pub url: Option<(String, bool)>,
    pub prometheus: Option<Key>,
    /// All pairs of a ServiceMonitor and the Service it goes by.
    pub chains: BTreeSet<(Key, Option<Key>)>,
}

impl Expected {
    /// The chain to name: one by a Service if there is any, of equals the least.
    pub fn named(&self) -> Option<&(Key, Option<Key>)> {
        let mut by_service = self.chains.iter().filter(|(_, service)| service.is_some());
        by_service.next().or(self.chains.first())
    }
}

/// Endpoints are told apart by what is behind them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    Pod(Key),
    Service(Key),
}

#[derive(Debug, Default)]
pub struct Resolution {
    pub endpoints: BTreeMap<Behind, Expected>,
    pub skipped: BTreeSet<(Reason, Subject)>,
    pub notes: BTreeSet<(Reason, Subject)>,
    pub selected: BTreeSet<Key>,
    pub prometheuses: BTreeSet<Key>,
    pub replica_labels: BTreeSet<String>,
    /// ServiceMonitors that nothing selects, by how near they come.
    pub nearest: Vec<Key>,
}

struct Replica {
    pod: Key,
    labels: Labels,
    found: Option<PodFacts>,
    agent: bool,
    resource: Option<(Key, PrometheusFacts)>,
}

pub fn resolve(world: &World<'_>, request: &Request<'_>) -> Resolution {
    let mut out = Resolution::default();
    let replicas = replicas(world);
    let mut usable = Vec::new();
    for (i, selection) in request.selections.iter().enumerate() {
        let namespaces_well_formed = match &selection.scope {
            promop_compat::namespaces::NamespaceScope::Matching(s) => is_well_formed(s),
            _ => true,
        };
        if !is_well_formed(&selection.selector) || !namespaces_well_formed {
            out.skipped
                .insert((Reason::InvalidSelector, Subject::Selection(i)));
        } else if world.namespaces.listed.is_none() && {
            // Whether any namespace can be told apart.
            let limitless = promop_compat::namespaces::Namespaces {
                listed: None,
                watched: None,
            };
            in_scope(&limitless, &selection.scope, request.namespace, "x").is_none()
        } {
            out.skipped
                .insert((Reason::UnevaluableNamespaceSelector, Subject::Selection(i)));
        } else {
            usable.push(selection);
        }
    }

    let mut ranks = Vec::new();
    for (name, monitor) in world.service_monitors {
        let mut rank = None;
        for selection in &usable {
            let inside = in_scope(
                &world.namespaces,
                &selection.scope,
                request.namespace,
                &name.namespace,
            ) == Some(true);
            let missing = missing(&selection.selector, &monitor.labels);
            if inside && missing == 0 {
                out.selected.insert(name.clone());
            }
            if inside || missing == 0 {
                let this = (inside, missing);
                rank = Some(rank.map_or(this, |best: (bool, usize)| best.min(this)));
            }
        }
        ranks.extend(rank.map(|rank| (rank, name.clone())));
    }
    if out.selected.is_empty() {
        ranks.sort();
        out.nearest = ranks.into_iter().map(|(_, name)| name).take(3).collect();
        return out;
    }

    let mut reached: BTreeMap<Behind, BTreeSet<(Key, Option<Key>)>> = BTreeMap::new();
    for name in out.selected.clone() {
        let monitor = &world.service_monitors[&name];
        if !is_well_formed(&monitor.selector) {
            out.skipped
                .insert((Reason::InvalidSelector, Subject::ServiceMonitor(name)));
            continue;
        }
        let mut points_at_data = false;
        for (service_name, service) in world.services {
            let in_namespaces = match &monitor.namespaces {
                TargetNamespaces::Own => service_name.namespace == name.namespace,
                TargetNamespaces::Any => true,
                TargetNamespaces::Names(names) => names.contains(&service_name.namespace),
            };
            let ours = service.labels.keys().any(|label| label == world.own_label);
            if ours || !in_namespaces || !selects(&monitor.selector, &service.labels) {
                continue;
            }
            let mut any_behind = false;
            for replica in &replicas {
                if !is_behind(replica, service_name, service) {
                    continue;
                }
                any_behind = true;
                if replica.agent {
                    out.skipped
                        .insert((Reason::PrometheusAgent, Subject::Pod(replica.pod.clone())));
                } else {
                    points_at_data = true;
                    let chains = reached.entry(Behind::Pod(replica.pod.clone())).or_default();
                    chains.insert((name.clone(), Some(service_name.clone())));
                }
            }
            if any_behind {
                continue;
            }
            if store_api(service_name, service).is_some() {
                points_at_data = true;
                let chains = reached
                    .entry(Behind::Service(service_name.clone()))
                    .or_default();
                chains.insert((name.clone(), Some(service_name.clone())));
            } else if is_for_prometheus(service) {
                let reason = match world.prometheuses {
                    Some(_) => Reason::PrometheusGone,
                    None => Reason::PrometheusUnreadable,
                };
                out.skipped
                    .insert((reason, Subject::Service(service_name.clone())));
            }
        }
        if !points_at_data {
            follow_scrapers(world, &replicas, &name, &mut reached, &mut out);
        }
    }
    for replica in &replicas {
        let behind = Behind::Pod(replica.pod.clone());
        if let Some(chains) = reached.remove(&behind) {
            let readable = world.prometheuses.is_some();
            pod_endpoint(
                readable,
                replica,
                request.without_sidecar,
                behind,
                chains,
                &mut out,
            );
        }
    }
    for (name, service) in world.services {
        let behind = Behind::Service(name.clone());
        if let (Some(chains), Some(address)) = (reached.remove(&behind), store_api(name, service)) {
            if !service.headless {
                let subject = Subject::Service(name.clone());
                out.notes.insert((Reason::NotHeadless, subject));
            }
            let (via, url, prometheus) = (Via::Service, None, None);
            let expected = Expected {
                via,
                address,
                url,
                prometheus,
                chains,
            };
            out.endpoints.insert(behind, expected);
        }
    }
    assert!(reached.is_empty());
    out
}

fn follow_scrapers(
    world: &World<'_>,
    replicas: &[Replica],
    name: &Key,
    reached: &mut BTreeMap<Behind, BTreeSet<(Key, Option<Key>)>>,
    out: &mut Resolution,
) {
    let Some(prometheuses) = world.prometheuses else {
        out.skipped.insert((
            Reason::PrometheusUnreadable,
            Subject::ServiceMonitor(name.clone()),
        ));
        return;
    };
    let labels = &world.service_monitors[name].labels;
    let (mut scraped, mut doubtful) = (false, false);
    for (prometheus, facts) in prometheuses {
        let wanted = &facts.service_monitor_selector;
        let namespaces = &facts.service_monitor_namespace_selector;
        if ![wanted, namespaces]
            .into_iter()
            .flatten()
            .all(is_well_formed)
        {
            out.skipped.insert((
                Reason::InvalidSelector,
                Subject::Prometheus(prometheus.clone()),
            ));
            continue;
        }
        if !wanted
            .as_ref()
            .is_some_and(|wanted| selects(wanted, labels))
        {
            continue;
        }
        match in_scope(
            &world.namespaces,
            &scope(namespaces),
            &prometheus.namespace,
            &name.namespace,
        ) {
            Some(false) => {}
            None => {
                doubtful = true;
                let subject = Subject::Prometheus(prometheus.clone());
                out.skipped
                    .insert((Reason::UnevaluableNamespaceSelector, subject));
            }
            Some(true) => {
                scraped = true;
                for replica in replicas {
                    if replica
                        .resource
                        .as_ref()
                        .is_some_and(|(key, _)| key == prometheus)
                    {
                        let chains = reached.entry(Behind::Pod(replica.pod.clone())).or_default();
                        chains.insert((name.clone(), None));
                    }
                }
            }
        }
    }
    if !scraped && !doubtful {
        out.skipped
            .insert((Reason::NotScraped, Subject::ServiceMonitor(name.clone())));
    }
}

fn pod_endpoint(
    readable: bool,
    replica: &Replica,
    without_sidecar: WithoutSidecar,
    behind: Behind,
    chains: BTreeSet<(Key, Option<Key>)>,
    out: &mut Resolution,
) {
    let pod = Subject::Pod(replica.pod.clone());
    let resource = replica.resource.as_ref();
    if let Some((key, facts)) = resource {
        out.prometheuses.insert(key.clone());
        out.replica_labels.extend(facts.replica_label.clone());
    }
    let sidecar: Option<SidecarFacts> = match (&replica.found, resource) {
        (Some(found), _) => found.sidecar.clone(),
        (None, Some((_, facts))) => facts.sidecar.clone(),
        (None, None) => None,
    };
    let found = replica.found.clone().unwrap_or_default();
    let hostname = found.hostname.unwrap_or(replica.pod.name.clone());
    let governing = resource.and_then(|(_, facts)| facts.service_name.clone());
    let subdomain = found
        .subdomain
        .or(governing)
        .unwrap_or("prometheus-operated".to_owned());
    let host = format!("{hostname}.{subdomain}.{}.svc", replica.pod.namespace);
    let prometheus = resource.map(|(key, _)| key.clone());

    if let Some(sidecar) = sidecar {
        if sidecar.listen_local {
            out.skipped.insert((Reason::SidecarListenLocal, pod));
        } else if sidecar.tls {
            out.skipped.insert((Reason::SidecarTls, pod));
        } else {
            if let Some((key, facts)) = resource
                && !facts.has_external_labels
            {
                out.notes
                    .insert((Reason::NoExternalLabels, Subject::Prometheus(key.clone())));
            }
            let address = format!("dns+{host}:{}", sidecar.grpc_port);
            let expected = Expected {
                via: Via::Sidecar,
                address,
                url: None,
                prometheus,
                chains,
            };
            out.endpoints.insert(behind, expected);
        }
        return;
    }
    let Some((key, facts)) = resource else {
        out.skipped.insert((
            if readable {
                Reason::PrometheusGone
            } else {
                Reason::PrometheusUnreadable
            },
            pod,
        ));
        return;
    };
    let subject = Subject::Prometheus(key.clone());
    let obstacle = if without_sidecar == WithoutSidecar::Report {
        Some((Reason::NoSidecar, pod))
    } else if facts.listen_local {
        Some((Reason::ListenLocal, subject))
    } else if facts.web_client_cert {
        Some((Reason::ClientCertificateRequired, subject))
    } else if !facts.has_external_labels {
        Some((Reason::NoExternalLabels, subject))
    } else {
        None
    };
    if let Some(obstacle) = obstacle {
        out.skipped.insert(obstacle);
        return;
    }
    let port_name = if facts.port_name.is_empty() {
        "web"
    } else {
        &facts.port_name
    };
    let port = found
        .ports
        .iter()
        .find(|p| p.name.as_deref() == Some(port_name))
        .map_or(9090, |p| p.port);
    let scheme = if facts.web_tls { "https" } else { "http" };
    let url = format!("{scheme}://{host}:{port}{}", facts.route_prefix);
    let expected = Expected {
        via: Via::Bridge,
        address: String::new(),
        url: Some((url, facts.web_tls)),
        prometheus,
        chains,
    };
    out.endpoints.insert(behind, expected);
}

fn is_behind(replica: &Replica, service: &Key, facts: &ServiceFacts) -> bool {
    replica.pod.namespace == service.namespace
        && !facts.selector.is_empty()
        && contains_all(&replica.labels, &facts.selector)
}

fn is_operated(service: &ServiceFacts) -> bool {
    let named = contains_all(
        &service.selector,
        &pair("app.kubernetes.io/name", "prometheus"),
    );
    (named && service.labels.contains_key("operated-prometheus"))
        || service.selector.contains_key("operator.prometheus.io/name")
        || service
            .selector
            .contains_key("operator.prometheus.io/shard")
        || contains_all(
            &service.selector,
            &pair("app.kubernetes.io/managed-by", "prometheus-operator"),
        )
}

fn is_for_prometheus(service: &ServiceFacts) -> bool {
    is_operated(service)
        || contains_all(
            &service.selector,
            &pair("app.kubernetes.io/name", "prometheus"),
        )
}

/// The address of the StoreAPI: a port `grpc` of Thanos or of its number, else the one of its
/// number.
fn store_api(key: &Key, service: &ServiceFacts) -> Option<String> {
    if is_operated(service) {
        return None;
    }
    let mut of_thanos = false;
    for (label, value) in &service.labels {
        of_thanos |= match label.as_str() {
            "app.kubernetes.io/part-of" => value == "thanos",
            "app.kubernetes.io/name" => value == "thanos" || value.starts_with("thanos-"),
            "operator.thanos.io/store-api" => value == "true",
            _ => false,
        };
    }
    for port in &service.ports {
        if port.name.as_deref() == Some("grpc") && (of_thanos || port.port == 10901) {
            return Some(format!(
                "dnssrv+_grpc._tcp.{}.{}.svc",
                key.name, key.namespace
            ));
        }
    }
    let port = service.ports.iter().find(|port| port.port == 10901)?;
    Some(match &port.name {
        Some(name) => format!("dnssrv+_{name}._tcp.{}.{}.svc", key.name, key.namespace),
        None => format!("dns+{}.{}.svc:10901", key.name, key.namespace),
    })
}

fn pair(key: &str, value: &str) -> Labels {
    Labels::from([(key.to_owned(), value.to_owned())])
}

fn replicas(world: &World<'_>) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for (pod, facts) in world.pods {
        let agent = contains_all(
            &facts.labels,
            &pair("app.kubernetes.io/name", "prometheus-agent"),
        );
        let server = contains_all(&facts.labels, &pair("app.kubernetes.io/name", "prometheus"));
        let managed = contains_all(
            &facts.labels,
            &pair("app.kubernetes.io/managed-by", "prometheus-operator"),
        );
        if !managed || !(agent || server) {
            continue;
        }
        let mut resource = None;
        for (name, prometheus) in world.prometheuses.into_iter().flatten() {
            let named = contains_all(
                &facts.labels,
                &pair("operator.prometheus.io/name", &name.name),
            );
            if server && named && name.namespace == pod.namespace {
                resource = Some((name.clone(), prometheus.clone()));
            }
        }
        replicas.push(Replica {
            pod: pod.clone(),
            labels: facts.labels.clone(),
            found: Some(facts.clone()),
            agent,
            resource,
        });
    }
    for (name, facts) in world.prometheuses.into_iter().flatten() {
        for shard in 0..facts.shards {
            for ordinal in 0..facts.replicas {
                let set = match shard {
                    0 => format!("prometheus-{}", name.name),
                    _ => format!("prometheus-{}-shard-{shard}", name.name),
                };
                let pod = key(&name.namespace, &format!("{set}-{ordinal}"));
                if world.pods.contains_key(&pod) {
                    continue;
                }
                let mut labels = facts.pod_labels.clone();
                for (label, value) in [
                    ("app.kubernetes.io/name", "prometheus"),
                    ("app.kubernetes.io/managed-by", "prometheus-operator"),
                    ("app.kubernetes.io/instance", &name.name),
                    ("operator.prometheus.io/name", &name.name),
                    ("operator.prometheus.io/shard", &shard.to_string()),
                    ("prometheus", &name.name),
                    ("statefulset.kubernetes.io/pod-name", &pod.name),
                    ("apps.kubernetes.io/pod-index", &ordinal.to_string()),
                ] {
                    labels.insert(label.to_owned(), value.to_owned());
                }
                let resource = Some((name.clone(), facts.clone()));
                replicas.push(Replica {
                    pod,
                    labels,
                    found: None,
                    agent: false,
                    resource,
                });
            }
        }
    }
    replicas
}
