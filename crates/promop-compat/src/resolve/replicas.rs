//! The replicas of all Prometheuses: the pods there are, and the pods there should be.
//!
//! A replica whose pod is absent right now counts as its resource says, so a restart changes no
//! endpoint.

use std::borrow::Cow;
use std::ops::Range;

use super::World;
use super::report::{Finding, Reason, Subject};
use crate::model::{Key, Labels, PodFacts, PrometheusFacts};
use crate::selection::in_namespace;
use crate::{names, selector};

/// How many absent pods are expected of one Prometheus at most: its resource may claim billions.
const EXPECTED_MAX: usize = 1000;

/// One replica.
pub(super) struct Replica<'a> {
    /// The pod.
    pub(super) pod: Cow<'a, Key>,
    labels: Cow<'a, Labels>,
    /// What the pod says of itself; `None` while it is absent.
    pub(super) found: Option<&'a PodFacts>,
    /// The resource it belongs to.
    pub(super) owner: Owner<'a>,
}

/// The resource that a replica belongs to.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// This Prometheus.
    Prometheus(&'a Key, &'a PrometheusFacts),
    /// A Prometheus that is gone.
    Gone,
    /// Some Prometheus; the kind cannot be read.
    Unreadable,
    /// Some PrometheusAgent.
    Agent,
}

impl<'a> Owner<'a> {
    /// The Prometheus resource, if there is one.
    pub(super) fn resource(self) -> Option<(&'a Key, &'a PrometheusFacts)> {
        match self {
            Self::Prometheus(key, facts) => Some((key, facts)),
            Self::Gone | Self::Unreadable | Self::Agent => None,
        }
    }
}

/// All replicas, by pod.
pub(super) struct Replicas<'a>(Vec<Replica<'a>>);

impl<'a> Replicas<'a> {
    /// The replicas in all namespaces.
    pub(super) fn of(world: &World<'a>) -> Self {
        let existing = world
            .pods
            .iter()
            .filter_map(|(key, pod)| existing(world, key, pod));
        let prometheuses = world.prometheuses.into_iter().flatten();
        let expected = prometheuses.flat_map(|(key, facts)| expected(world, key, facts));
        Self::sorted(existing.chain(expected).collect())
    }

    /// The replicas in one namespace.
    pub(super) fn within(world: &World<'a>, namespace: &str) -> Self {
        let pods = in_namespace(world.pods, namespace);
        let existing = pods.filter_map(|(key, pod)| existing(world, key, pod));
        let prometheuses = world.prometheuses.map(|all| in_namespace(all, namespace));
        let prometheuses = prometheuses.into_iter().flatten();
        let expected = prometheuses.flat_map(|(key, facts)| expected(world, key, facts));
        Self::sorted(existing.chain(expected).collect())
    }

    fn sorted(mut replicas: Vec<Replica<'a>>) -> Self {
        replicas.sort_by(|a, b| a.pod.cmp(&b.pod));
        Self(replicas)
    }

    pub(super) fn get(&self, i: usize) -> &Replica<'a> {
        &self.0[i]
    }

    /// Those of `places` that a Service with this selector leads to.
    pub(super) fn behind(&self, places: Range<usize>, selector: &Labels) -> Vec<usize> {
        let is_behind = |i: &usize| selector::service_selects(selector, &self.0[*i].labels);
        places.filter(is_behind).collect()
    }

    /// The replicas of one Prometheus, by index.
    pub(super) fn of_prometheus(&self, prometheus: &Key) -> impl Iterator<Item = usize> {
        let owner = |i: usize| self.0[i].owner.resource().map(|(key, _)| key);
        let places = self.in_namespace(&prometheus.namespace);
        places.filter(move |i| owner(*i) == Some(prometheus))
    }

    /// The finding about a replica that is an agent's.
    pub(super) fn agent(&self, i: usize) -> Option<Finding> {
        let replica = self.get(i);
        matches!(replica.owner, Owner::Agent).then(|| Finding {
            reason: Reason::PrometheusAgent,
            subject: Subject::Pod(replica.pod.clone().into_owned()),
            message: "a PrometheusAgent forwards its samples and keeps none to query; select the \
                      ServiceMonitor of what receives them"
                .to_owned(),
        })
    }

    /// The indices of the replicas in one namespace.
    pub(super) fn in_namespace(&self, namespace: &str) -> Range<usize> {
        range_of(&self.0, namespace, |replica| &replica.pod)
    }
}

/// Where the items of one namespace are in a slice that is sorted by key.
pub(super) fn range_of<T>(sorted: &[T], namespace: &str, key: impl Fn(&T) -> &Key) -> Range<usize> {
    let start = sorted.partition_point(|item| key(item).namespace.as_str() < namespace);
    let end = sorted.partition_point(|item| key(item).namespace.as_str() <= namespace);
    start..end
}

/// What the pods of Prometheus Operator run, as far as it matters here.
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

/// Whether a pod is a replica of a Prometheus or of a PrometheusAgent.
pub(super) fn is_replica(pod: &PodFacts) -> bool {
    role(pod).is_some()
}

/// The replica that a pod is, if it is one at all.
fn existing<'a>(world: &World<'a>, key: &'a Key, pod: &'a PodFacts) -> Option<Replica<'a>> {
    let owner = match (role(pod)?, world.prometheuses) {
        (Role::Agent, _) => Owner::Agent,
        (Role::Prometheus, None) => Owner::Unreadable,
        (Role::Prometheus, Some(prometheuses)) => {
            let name = pod.labels.get(names::RESOURCE).map_or("", String::as_str);
            match prometheuses.get_key_value(&Key::new(key.namespace.as_str(), name)) {
                Some((key, facts)) => Owner::Prometheus(key, facts),
                None => Owner::Gone,
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

/// The replicas of a Prometheus whose pods are absent.
fn expected<'a>(
    world: &World<'a>,
    key: &'a Key,
    facts: &'a PrometheusFacts,
) -> impl Iterator<Item = Replica<'a>> {
    let places = (0..facts.shards).flat_map(|shard| (0..facts.replicas).map(move |i| (shard, i)));
    let pods = world.pods;
    places
        .take(EXPECTED_MAX)
        .filter_map(move |(shard, ordinal)| {
            let name = names::pod_name(&key.name, shard, ordinal);
            let pod = Key::new(key.namespace.as_str(), name);
            (!pods.contains_key(&pod)).then(|| Replica {
                pod: Cow::Owned(pod),
                labels: Cow::Owned(names::pod_labels(key, facts, shard, ordinal)),
                found: None,
                owner: Owner::Prometheus(key, facts),
            })
        })
}
