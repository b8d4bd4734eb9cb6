//! Oracle of resolution.

use std::collections::{BTreeMap, BTreeSet};

use kube_facts::{Key, Labels, PortFacts};
use promop_compat::model::{
    PodFacts, PrometheusFacts, ServiceFacts, SidecarFacts, TargetNamespaces, TargetPort,
};
use promop_compat::resolve::{ClusterFacts, Reason, Request, Subject, Via, WithoutSidecar};

use super::{contains_all, in_scope, is_well_formed, key, missing, scope, selects};

/// Expected endpoint.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    pub via: Via,
    pub address: String,
    pub url: Option<(String, bool)>,
    pub prometheus: Option<Key>,
    /// All pairs of a ServiceMonitor and its Service.
    pub chains: BTreeSet<(Key, Option<Key>)>,
}

impl Expected {
    /// Chain to list: one with a Service if any; of equal ones the first.
    pub fn named(&self) -> Option<&(Key, Option<Key>)> {
        let mut by_service = self.chains.iter().filter(|(_, service)| service.is_some());
        by_service.next().or(self.chains.first())
    }
}

/// Endpoints are distinguished by their backends.
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
    /// ServiceMonitors that no selector selects, by distance.
    pub nearest: Vec<Key>,
}

struct Replica {
    pod: Key,
    labels: Labels,
    found: Option<PodFacts>,
    /// Name of its agent.
    agent: Option<String>,
    resource: Option<(Key, PrometheusFacts)>,
}

pub fn resolve(world: &ClusterFacts<'_>, request: &Request<'_>) -> Resolution {
    let mut out = Resolution::default();
    let replicas = replicas(world);
    let mut usable = Vec::new();
    for (i, selection) in request.selections.iter().enumerate() {
        let namespaces_well_formed = match &selection.scope {
            kube_facts::namespaces::NamespaceScope::Matching(s) => is_well_formed(s),
            _ => true,
        };
        if !is_well_formed(&selection.selector) || !namespaces_well_formed {
            out.skipped
                .insert((Reason::InvalidSelector, Subject::Selection(i)));
        } else if world.namespaces.listed.is_none() && {
            // Whether namespaces can be distinguished.
            let limitless = kube_facts::namespaces::Namespaces {
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
        let mut selects_any = false;
        let mut applications = BTreeSet::new();
        for (service_name, service) in world.services {
            let in_namespaces = match &monitor.namespaces {
                TargetNamespaces::Own => service_name.namespace == name.namespace,
                TargetNamespaces::Any => true,
                TargetNamespaces::Names(names) => names.contains(&service_name.namespace),
            };
            if !in_namespaces || !selects(&monitor.selector, &service.labels) {
                continue;
            }
            let leads_to = destination(world, &replicas, service_name, service);
            selects_any |= !matches!(leads_to, Destination::Alias);
            match leads_to {
                Destination::Alias => {}
                Destination::Application => {
                    applications.insert(service_name.namespace.clone());
                }
                Destination::Nothing(reason, subject) => {
                    out.skipped.insert((reason, subject));
                }
                Destination::StoreApi(_) => {
                    let behind = Behind::Service(service_name.clone());
                    let chains = reached.entry(behind).or_default();
                    chains.insert((name.clone(), Some(service_name.clone())));
                }
                Destination::Pods(pods) => {
                    for replica in pods {
                        let namespace = &replica.pod.namespace;
                        if let Some(agent) = &replica.agent {
                            let subject = Subject::PrometheusAgent(key(namespace, agent));
                            out.skipped.insert((Reason::PrometheusAgent, subject));
                            continue;
                        }
                        let chains = reached.entry(Behind::Pod(replica.pod.clone())).or_default();
                        chains.insert((name.clone(), Some(service_name.clone())));
                    }
                }
            }
        }
        if !applications.is_empty() {
            follow_scrapers(
                world,
                &replicas,
                &name,
                &applications,
                &mut reached,
                &mut out,
            );
        } else if !selects_any {
            let subject = Subject::ServiceMonitor(name.clone());
            out.skipped.insert((Reason::SelectsNoService, subject));
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
        let leads_to = destination(world, &replicas, name, service);
        if let (Some(chains), Destination::StoreApi(address)) = (reached.remove(&behind), leads_to)
        {
            if !service.headless && service.external.is_none() {
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
    world: &ClusterFacts<'_>,
    replicas: &[Replica],
    name: &Key,
    applications: &BTreeSet<String>,
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
    let monitor = &world.service_monitors[name];
    let labels = &monitor.labels;
    let (mut scraped, mut unknown) = (false, false);
    let mut faults = BTreeSet::new();
    for (prometheus, facts) in prometheuses {
        let desired = &facts.service_monitor_selector;
        let namespaces = &facts.service_monitor_namespace_selector;
        if ![desired, namespaces]
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
        if !desired
            .as_ref()
            .is_some_and(|desired| selects(desired, labels))
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
                unknown = true;
                let subject = Subject::Prometheus(prometheus.clone());
                out.skipped
                    .insert((Reason::UnevaluableNamespaceSelector, subject));
            }
            Some(true) => {
                let class_is_known = match &monitor.scrape_class {
                    Some(class) => facts.scrape_classes.contains(class),
                    None => true,
                };
                if (facts.denies_files && monitor.file_field.is_some()) || !class_is_known {
                    faults.insert(Reason::ServiceMonitorRejected);
                    continue;
                }
                if facts.ignores_namespace_selectors {
                    if applications.iter().any(|it| *it != name.namespace) {
                        faults.insert(Reason::NamespaceSelectorIgnored);
                    }
                    if !applications.contains(&name.namespace) {
                        continue;
                    }
                }
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
    let subject = || Subject::ServiceMonitor(name.clone());
    if !scraped && !unknown && faults.is_empty() {
        out.skipped.insert((Reason::NotScraped, subject()));
    }
    let findings = match scraped {
        true => &mut out.notes,
        false => &mut out.skipped,
    };
    findings.extend(faults.into_iter().map(|fault| (fault, subject())));
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
    let found = replica.found.clone().unwrap_or_else(|| PodFacts {
        ports: resource.map_or(Vec::new(), |(_, facts)| facts.container_ports.clone()),
        ..Default::default()
    });
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

/// Target of a Service.
enum Destination<'r> {
    Pods(Vec<&'r Replica>),
    StoreApi(String),
    Application,
    /// A DNS alias, which has no endpoints.
    Alias,
    Nothing(Reason, Subject),
}

fn destination<'r>(
    world: &ClusterFacts<'_>,
    replicas: &'r [Replica],
    name: &Key,
    service: &ServiceFacts,
) -> Destination<'r> {
    let ours = service.labels.keys().any(|label| label == world.own_label);
    if let Some(external) = &service.external {
        let announced = pair("operator.thanos.io/store-api", "true");
        let named = external
            .ports
            .iter()
            .find(|p| p.name.as_deref() == Some("grpc"));
        let numbered = external.ports.iter().find(|p| p.port == 10901);
        let only = external.ports.iter().filter(|_| external.ports.len() == 1);
        let port = named.into_iter().chain(numbered).chain(only).next();
        return match port {
            Some(port)
                if !ours
                    && !external.name.is_empty()
                    && contains_all(&service.labels, &announced) =>
            {
                Destination::StoreApi(format!("dns+{}:{}", external.name, port.port))
            }
            _ => Destination::Alias,
        };
    }
    if ours {
        return Destination::Application;
    }
    let pods: Vec<_> = replicas
        .iter()
        .filter(|r| is_behind(r, name, service))
        .collect();
    if !pods.is_empty() {
        return Destination::Pods(pods);
    }
    let subject = Subject::Service(name.clone());
    if let Some(port) = store_api(service) {
        let of_thanos = is_of_thanos(service);
        return match behind(world, name, service, port, of_thanos) {
            Some(true) => Destination::StoreApi(address(name, &service.ports[port])),
            Some(false) if of_thanos => Destination::Nothing(Reason::PortNotServed, subject),
            Some(false) => Destination::Application,
            None => Destination::Nothing(Reason::NoPods, subject),
        };
    }
    if contains_all(
        &service.selector,
        &pair("app.kubernetes.io/name", "prometheus-agent"),
    ) {
        return Destination::Nothing(Reason::PrometheusAgent, subject);
    }
    if is_for_prometheus(service) {
        let reason = match world.prometheuses {
            Some(_) => Reason::PrometheusGone,
            None => Reason::PrometheusUnreadable,
        };
        return Destination::Nothing(reason, subject);
    }
    Destination::Application
}

/// Whether a pod behind a Service serves a port; `None` without pods.
fn behind(
    world: &ClusterFacts<'_>,
    name: &Key,
    service: &ServiceFacts,
    port: usize,
    of_thanos: bool,
) -> Option<bool> {
    if service.selector.is_empty() {
        return Some(true);
    }
    let mut pods: Vec<(Labels, Vec<PortFacts>)> = Vec::new();
    for (pod, facts) in world.backends {
        if pod.namespace == name.namespace {
            pods.push((facts.labels.clone(), facts.ports.clone()));
        }
    }
    for (set, facts) in world.stateful_sets {
        for ordinal in (0..facts.replicas).filter(|_| set.namespace == name.namespace) {
            let labels = with_ordinal(&facts.pod.labels, &set.name, ordinal);
            pods.push((labels, facts.ports.clone()));
        }
    }
    pods.retain(|(labels, _)| contains_all(labels, &service.selector));
    let number = service.ports[port].port;
    let target = service.targets.get(port).cloned();
    let serves = |ports: &Vec<PortFacts>| match target.clone().unwrap_or(TargetPort::Number(number))
    {
        TargetPort::Name(name) => ports.iter().any(|p| p.name.as_ref() == Some(&name)),
        TargetPort::Number(number) => of_thanos || ports.iter().any(|p| p.port == number),
    };
    (!pods.is_empty()).then(|| pods.iter().any(|(_, ports)| serves(ports)))
}

fn with_ordinal(template: &Labels, set: &str, ordinal: u32) -> Labels {
    let mut labels = template.clone();
    for (label, value) in [
        (
            "statefulset.kubernetes.io/pod-name",
            format!("{set}-{ordinal}"),
        ),
        ("apps.kubernetes.io/pod-index", ordinal.to_string()),
    ] {
        labels.insert(label.to_owned(), value);
    }
    labels
}

fn is_of_thanos(service: &ServiceFacts) -> bool {
    let mut of_thanos = false;
    for (label, value) in &service.labels {
        of_thanos |= match label.as_str() {
            "app.kubernetes.io/part-of" => value == "thanos",
            "app.kubernetes.io/name" => value == "thanos" || value.starts_with("thanos-"),
            "operator.thanos.io/store-api" => value == "true",
            _ => false,
        };
    }
    of_thanos
}

/// StoreAPI of a Service: a port `grpc` of Thanos or with its number, otherwise the one with its
/// number.
fn store_api(service: &ServiceFacts) -> Option<usize> {
    let agent = pair("app.kubernetes.io/name", "prometheus-agent");
    if is_operated(service) || contains_all(&service.selector, &agent) {
        return None;
    }
    let of_thanos = is_of_thanos(service);
    for (i, port) in service.ports.iter().enumerate() {
        if port.name.as_deref() == Some("grpc") && (of_thanos || port.port == 10901) {
            return Some(i);
        }
    }
    (0..service.ports.len()).find(|i| service.ports[*i].port == 10901)
}

fn address(key: &Key, port: &PortFacts) -> String {
    match &port.name {
        Some(name) => format!("dnssrv+_{name}._tcp.{}.{}.svc", key.name, key.namespace),
        None => format!("dns+{}.{}.svc:10901", key.name, key.namespace),
    }
}

fn pair(key: &str, value: &str) -> Labels {
    Labels::from([(key.to_owned(), value.to_owned())])
}

fn replicas(world: &ClusterFacts<'_>) -> Vec<Replica> {
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
            agent: agent.then(|| facts.labels["operator.prometheus.io/name"].clone()),
            resource,
        });
    }
    let operated = pair("app.kubernetes.io/managed-by", "prometheus-operator");
    let agent = pair("app.kubernetes.io/name", "prometheus-agent");
    for (set, facts) in world.stateful_sets {
        let labels = &facts.pod.labels;
        for ordinal in 0..facts.replicas {
            let pod = key(&set.namespace, &format!("{}-{ordinal}", set.name));
            let is_agent = contains_all(labels, &agent) && contains_all(labels, &operated);
            if is_agent && !world.pods.contains_key(&pod) {
                replicas.push(Replica {
                    labels: with_ordinal(labels, &set.name, ordinal),
                    pod,
                    found: Some(facts.pod.clone()),
                    agent: Some(labels["operator.prometheus.io/name"].clone()),
                    resource: None,
                });
            }
        }
    }
    for (name, facts) in world.prometheus_agents.into_iter().flatten() {
        let mut all = Vec::new();
        for shard in 0..facts.shards {
            let set = match shard {
                0 => format!("prom-agent-{}", name.name),
                _ => format!("prom-agent-{}-shard-{shard}", name.name),
            };
            let number = pair("operator.prometheus.io/shard", &shard.to_string());
            for ordinal in 0..facts.replicas.max(1) {
                let labels = with_ordinal(&number, &set, ordinal);
                all.push((format!("{set}-{ordinal}"), labels));
            }
        }
        if facts.daemon_set {
            all = vec![(format!("prom-agent-{}", name.name), Labels::new())];
        }
        for (pod, own) in all {
            let pod = key(&name.namespace, &pod);
            let mut labels = facts.pod_labels.clone();
            labels.extend(own);
            labels.extend(agent.clone());
            labels.extend(operated.clone());
            for label in ["app.kubernetes.io/instance", "operator.prometheus.io/name"] {
                labels.insert(label.to_owned(), name.name.clone());
            }
            if !world.pods.contains_key(&pod) {
                replicas.push(Replica {
                    pod,
                    labels,
                    found: None,
                    agent: Some(name.name.clone()),
                    resource: None,
                });
            }
        }
    }
    for (name, facts) in world.prometheuses.into_iter().flatten() {
        for (shard, count) in shards(world, name, facts) {
            let set = match shard {
                0 => format!("prometheus-{}", name.name),
                _ => format!("prometheus-{}-shard-{shard}", name.name),
            };
            let template = world.stateful_sets.get(&key(&name.namespace, &set));
            let template = template.filter(|t| is_server(&t.pod.labels));
            for ordinal in 0..count {
                let pod = key(&name.namespace, &format!("{set}-{ordinal}"));
                if world.pods.contains_key(&pod) {
                    continue;
                }
                let resource = Some((name.clone(), facts.clone()));
                if let Some(template) = template {
                    replicas.push(Replica {
                        labels: with_ordinal(&template.pod.labels, &set, ordinal),
                        pod,
                        found: Some(template.pod.clone()),
                        agent: None,
                        resource,
                    });
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
                replicas.push(Replica {
                    pod,
                    labels,
                    found: None,
                    agent: None,
                    resource,
                });
            }
        }
    }
    replicas
}

fn is_server(labels: &Labels) -> bool {
    contains_all(labels, &pair("app.kubernetes.io/name", "prometheus"))
        && contains_all(
            labels,
            &pair("app.kubernetes.io/managed-by", "prometheus-operator"),
        )
}

/// Shards of a Prometheus and their replicas: those of spec.shards, and retained ones.
fn shards(world: &ClusterFacts<'_>, name: &Key, facts: &PrometheusFacts) -> BTreeMap<u32, u32> {
    let mut shards: BTreeMap<u32, u32> = (0..facts.shards).map(|s| (s, facts.replicas)).collect();
    if !facts.retains_shards {
        return shards;
    }
    let retained = |namespace: &str, labels: &Labels| -> Option<u32> {
        let named = contains_all(labels, &pair("operator.prometheus.io/name", &name.name));
        let shard = labels.get("operator.prometheus.io/shard")?.parse().ok()?;
        let ours = namespace == name.namespace && named && is_server(labels);
        (ours && shard >= facts.shards).then_some(shard)
    };
    for (pod, found) in world.pods {
        if let Some(shard) = retained(&pod.namespace, &found.labels) {
            shards.insert(shard, facts.replicas);
        }
    }
    for (set, found) in world.stateful_sets {
        if let Some(shard) = retained(&set.namespace, &found.pod.labels) {
            shards.insert(shard, found.replicas);
        }
    }
    shards
}
