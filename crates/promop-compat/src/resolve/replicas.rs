//! Replicas of all Prometheuses: existing pods and expected pods. No IO.
//!
//! An absent pod is described by its StatefulSet, otherwise by its custom resource, so a restart
//! changes no endpoint. For a PrometheusAgent, either is used.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::model::ClusterFacts;
use super::report::{Finding, Reason, Subject};
use crate::model::{PodFacts, PrometheusAgentFacts, PrometheusFacts, StatefulSetFacts};
use crate::names;
use crate::selection::in_namespace;
use kube_facts::selector;
use kube_facts::{Key, Labels};

/// Maximum number of expected pods of one custom resource: spec.replicas may be set to billions.
const EXPECTED_MAX: usize = 1000;

/// Replica of a Prometheus.
pub(super) struct Replica<'a> {
    /// Pod of the replica.
    pub(super) pod: Cow<'a, Key>,
    labels: Cow<'a, Labels>,
    /// Facts of the pod, or, while it is absent, of the template of its StatefulSet; `None` if
    /// neither is known.
    pub(super) found: Option<&'a PodFacts>,
    /// Owning custom resource.
    pub(super) owner: Owner<'a>,
}

/// Custom resource that owns a replica.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// This Prometheus.
    Prometheus(&'a Key, &'a PrometheusFacts),
    /// A Prometheus that does not exist.
    Missing,
    /// Some Prometheus; the CRD is not readable.
    Unreadable,
    /// The PrometheusAgent with this name, if labels contain it.
    Agent(Option<&'a str>),
}

impl<'a> Owner<'a> {
    /// The Prometheus resource, if it exists.
    pub(super) fn resource(self) -> Option<(&'a Key, &'a PrometheusFacts)> {
        match self {
            Self::Prometheus(key, facts) => Some((key, facts)),
            Self::Missing | Self::Unreadable | Self::Agent(_) => None,
        }
    }
}

/// All replicas, by pod.
pub(super) struct Replicas<'a>(Vec<Replica<'a>>);

impl<'a> Replicas<'a> {
    /// Replicas in all namespaces.
    pub(super) fn of(world: &ClusterFacts<'a>) -> Self {
        let existing = world
            .pods
            .iter()
            .filter_map(|(key, pod)| existing(world, key, pod));
        let prometheuses = world.prometheuses.into_iter().flatten();
        let expected = prometheuses.flat_map(|(key, facts)| expected(world, key, facts));
        let sets = world.stateful_sets.iter();
        let of_sets = sets.flat_map(|(key, set)| agents_of_set(world, key, set));
        let agents = world.prometheus_agents.into_iter().flatten();
        let agents = agents.flat_map(|(key, facts)| expected_agents(world, key, facts));
        let expected = expected.chain(of_sets).chain(agents);
        Self::sorted(existing.chain(expected).collect())
    }

    /// Replicas in one namespace.
    pub(super) fn within(world: &ClusterFacts<'a>, namespace: &str) -> Self {
        let pods = in_namespace(world.pods, namespace);
        let existing = pods.filter_map(|(key, pod)| existing(world, key, pod));
        let prometheuses = world.prometheuses.map(|all| in_namespace(all, namespace));
        let prometheuses = prometheuses.into_iter().flatten();
        let expected = prometheuses.flat_map(|(key, facts)| expected(world, key, facts));
        let sets = in_namespace(world.stateful_sets, namespace);
        let of_sets = sets.flat_map(|(key, set)| agents_of_set(world, key, set));
        let agents = world
            .prometheus_agents
            .map(|all| in_namespace(all, namespace));
        let agents = agents.into_iter().flatten();
        let agents = agents.flat_map(|(key, facts)| expected_agents(world, key, facts));
        let expected = expected.chain(of_sets).chain(agents);
        Self::sorted(existing.chain(expected).collect())
    }

    fn sorted(mut replicas: Vec<Replica<'a>>) -> Self {
        replicas.sort_by(|a, b| a.pod.cmp(&b.pod));
        Self(replicas)
    }

    pub(super) fn get(&self, i: usize) -> &Replica<'a> {
        &self.0[i]
    }

    /// Replicas at `places` that a Service with this selector selects.
    pub(super) fn behind(&self, places: Range<usize>, selector: &Labels) -> Vec<usize> {
        let is_behind = |i: &usize| selector::service_selects(selector, &self.0[*i].labels);
        places.filter(is_behind).collect()
    }

    /// Replicas of one Prometheus, by index.
    pub(super) fn of_prometheus(&self, prometheus: &Key) -> impl Iterator<Item = usize> {
        let owner = |i: usize| self.0[i].owner.resource().map(|(key, _)| key);
        let places = self.in_namespace(&prometheus.namespace);
        places.filter(move |i| owner(*i) == Some(prometheus))
    }

    /// Finding about a replica of a PrometheusAgent. Its subject is the custom resource: one
    /// finding for all pods, unchanged while they restart.
    pub(super) fn agent(&self, i: usize) -> Option<Finding> {
        let replica = self.get(i);
        let Owner::Agent(name) = replica.owner else {
            return None;
        };
        let pod = &replica.pod;
        Some(agent(match name {
            Some(name) => Subject::PrometheusAgent(Key::new(pod.namespace.as_str(), name)),
            None => Subject::Pod(pod.clone().into_owned()),
        }))
    }

    /// Indices of the replicas in one namespace.
    pub(super) fn in_namespace(&self, namespace: &str) -> Range<usize> {
        range_of(&self.0, namespace, |replica| &replica.pod)
    }
}

/// Range of one namespace in a slice that is sorted by key.
pub(super) fn range_of<T>(sorted: &[T], namespace: &str, key: impl Fn(&T) -> &Key) -> Range<usize> {
    let start = sorted.partition_point(|item| key(item).namespace.as_str() < namespace);
    let end = sorted.partition_point(|item| key(item).namespace.as_str() <= namespace);
    start..end
}

/// Finding about a PrometheusAgent.
pub(super) fn agent(subject: Subject) -> Finding {
    Finding {
        reason: Reason::PrometheusAgent,
        subject,
        message: "a PrometheusAgent forwards its samples and stores none; select the \
                  ServiceMonitor of their receiver"
            .to_owned(),
    }
}

/// Program in pods of Prometheus Operator.
#[derive(PartialEq)]
enum Role {
    Prometheus,
    Agent,
}

fn role(pod: &PodFacts) -> Option<Role> {
    let label = |name: &str| pod.labels.get(name).map(String::as_str);
    if label(names::MANAGED_BY) != Some(names::PROMETHEUS_OPERATOR) {
        return None;
    }
    match label(names::NAME) {
        Some(names::PROMETHEUS) => Some(Role::Prometheus),
        Some(names::PROMETHEUS_AGENT) => Some(Role::Agent),
        _ => None,
    }
}

/// Whether a pod is a replica of a Prometheus or PrometheusAgent.
pub(super) fn is_replica(pod: &PodFacts) -> bool {
    role(pod).is_some()
}

/// Name of the custom resource of a pod.
fn resource(pod: &PodFacts) -> Option<&str> {
    pod.labels.get(names::RESOURCE).map(String::as_str)
}

/// Shard of a pod.
fn shard(pod: &PodFacts) -> Option<u32> {
    pod.labels.get(names::SHARD)?.parse().ok()
}

/// The pod as a replica, if it is one.
fn existing<'a>(world: &ClusterFacts<'a>, key: &'a Key, pod: &'a PodFacts) -> Option<Replica<'a>> {
    let owner = match (role(pod)?, world.prometheuses) {
        (Role::Agent, _) => Owner::Agent(resource(pod)),
        (Role::Prometheus, None) => Owner::Unreadable,
        (Role::Prometheus, Some(prometheuses)) => {
            let name = resource(pod).unwrap_or_default();
            match prometheuses.get_key_value(&Key::new(key.namespace.as_str(), name)) {
                Some((key, facts)) => Owner::Prometheus(key, facts),
                None => Owner::Missing,
            }
        }
    };
    Some(Replica {
        pod: Cow::Borrowed(key),
        labels: Cow::Borrowed(&pod.labels),
        found: Some(pod),
        owner,
    })
}

/// Replicas of a Prometheus with absent pods.
fn expected<'a>(
    world: &ClusterFacts<'a>,
    key: &'a Key,
    facts: &'a PrometheusFacts,
) -> impl Iterator<Item = Replica<'a>> {
    let retained = match facts.retains_shards {
        true => retained(world, key, facts),
        false => BTreeMap::new(),
    };
    let shards = (0..facts.shards).map(|shard| (shard, facts.replicas));
    let places = shards
        .chain(retained)
        .flat_map(|(shard, replicas)| (0..replicas).map(move |i| (shard, i)));
    let (pods, sets) = (world.pods, world.stateful_sets);
    places
        .take(EXPECTED_MAX)
        .filter_map(move |(shard, ordinal)| {
            let name = names::pod_name(&key.name, shard, ordinal);
            let pod = Key::new(key.namespace.as_str(), name);
            if pods.contains_key(&pod) {
                return None;
            }
            let set = names::stateful_set_name(&key.name, shard);
            let template = sets.get(&Key::new(key.namespace.as_str(), set));
            let template = template.filter(|set| role(&set.pod) == Some(Role::Prometheus));
            let labels = match template {
                Some(set) => names::of_stateful_set(&set.pod.labels, &pod.name, ordinal),
                None => names::pod_labels(key, facts, shard, ordinal),
            };
            Some(Replica {
                pod: Cow::Owned(pod),
                labels: Cow::Owned(labels),
                found: template.map(|set| &set.pod),
                owner: Owner::Prometheus(key, facts),
            })
        })
}

/// Shards of a Prometheus above spec.shards, and their replicas: those with an existing StatefulSet
/// or pod.
fn retained(world: &ClusterFacts<'_>, key: &Key, facts: &PrometheusFacts) -> BTreeMap<u32, u32> {
    let is_retained = |pod: &PodFacts| {
        let is_ours =
            role(pod) == Some(Role::Prometheus) && resource(pod) == Some(key.name.as_str());
        shard(pod).filter(|shard| is_ours && *shard >= facts.shards)
    };
    let pods = in_namespace(world.pods, &key.namespace);
    let pods = pods.filter_map(|(_, pod)| Some((is_retained(pod)?, facts.replicas)));
    let mut shards: BTreeMap<u32, u32> = pods.collect();
    let sets = in_namespace(world.stateful_sets, &key.namespace);
    shards.extend(sets.filter_map(|(_, set)| Some((is_retained(&set.pod)?, set.replicas))));
    shards
}

/// Replicas of the StatefulSet of a PrometheusAgent with absent pods.
fn agents_of_set<'a>(
    world: &ClusterFacts<'a>,
    key: &'a Key,
    set: &'a StatefulSetFacts,
) -> impl Iterator<Item = Replica<'a>> {
    let is_agent = role(&set.pod) == Some(Role::Agent);
    let ordinals = 0..if is_agent { set.replicas } else { 0 };
    let pods = world.pods;
    ordinals.take(EXPECTED_MAX).filter_map(move |ordinal| {
        let pod = Key::new(key.namespace.as_str(), format!("{}-{ordinal}", key.name));
        if pods.contains_key(&pod) {
            return None;
        }
        let labels = names::of_stateful_set(&set.pod.labels, &pod.name, ordinal);
        Some(Replica {
            pod: Cow::Owned(pod),
            labels: Cow::Owned(labels),
            found: Some(&set.pod),
            owner: Owner::Agent(resource(&set.pod)),
        })
    })
}

/// Replicas of a PrometheusAgent with absent pods, at least one: unlike a Prometheus, a
/// PrometheusAgent that is scaled to zero is still a target of Services.
fn expected_agents<'a>(
    world: &ClusterFacts<'a>,
    key: &'a Key,
    facts: &'a PrometheusAgentFacts,
) -> impl Iterator<Item = Replica<'a>> {
    let (shards, replicas) = match facts.daemon_set {
        true => (1, 1),
        false => (facts.shards, facts.replicas.max(1)),
    };
    let places = (0..shards).flat_map(move |shard| (0..replicas).map(move |i| (shard, i)));
    let pods = world.pods;
    places
        .take(EXPECTED_MAX)
        .filter_map(move |(shard, ordinal)| {
            let (name, labels) = names::agent_pod(key, facts, shard, ordinal);
            let pod = Key::new(key.namespace.as_str(), name);
            (!pods.contains_key(&pod)).then_some(Replica {
                pod: Cow::Owned(pod),
                labels: Cow::Owned(labels),
                found: None,
                owner: Owner::Agent(Some(&key.name)),
            })
        })
}
