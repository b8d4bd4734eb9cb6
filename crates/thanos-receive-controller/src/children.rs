//! What belongs to one ThanosReceive, in the words of the hashrings. Pure.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kube_facts::Key;
use operator_runtime::{Cluster, Probe};
use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller_common::facts::{PodState, PvcFacts, SetFacts};
use thanos_controller_common::listing::{self, Listing, Querier, TIMEOUT};
use thanos_controller_common::pod_failures::unscheduled;
use thanos_controller_common::stores::{controlled_by, is_of, of, queriers};

use crate::desired::desired;
use crate::facts::{ReceiverFacts, RingsFacts, Role, RoutersFacts, asked, inquiry};
use crate::hashring::{Hosts, Pod, Record, Router, config_hash};
use crate::observed::Rings;
use crate::plan::{hashrings_file, names};
use crate::stores::Stores;

/// What belongs to one ThanosReceive.
pub(crate) struct Own<'a> {
    it: &'a ThanosReceive,
    /// What is recorded.
    pub rings: Option<&'a RingsFacts>,
    /// The Deployment of routers.
    pub routers: Option<&'a RoutersFacts>,
    /// The StatefulSets, by hashring.
    pub sets: BTreeMap<String, SetFacts>,
    /// The hashrings by the name of their StatefulSet, also of those that have none any more.
    by_set: BTreeMap<String, String>,
    /// All pods, by name.
    pub pods: BTreeMap<String, &'a ReceiverFacts>,
    /// All claims, by name.
    pub claims: BTreeMap<String, PvcFacts>,
}

impl<'a> Own<'a> {
    pub fn of(stores: &'a Stores, it: &'a ThanosReceive) -> Self {
        let namespace = it.metadata.namespace.as_deref().unwrap_or_default();
        let cr = it.name_any();
        let uid = it.metadata.uid.as_deref().unwrap_or_default();
        let router = Key::new(namespace, names::router(&cr));
        let rings = stores.rings.items().get(&router).filter(|r| r.owner == uid);
        let routers = stores
            .deployments
            .items()
            .get(&router)
            .filter(|r| r.owner == uid);
        let mut by_set = BTreeMap::new();
        let mut sets = BTreeMap::new();
        for (key, ingester_sets) in of(&stores.sets, namespace).filter(|(_, h)| h.set.owner == uid)
        {
            by_set.insert(key.name.clone(), ingester_sets.ring.clone());
            sets.insert(ingester_sets.ring.clone(), ingester_sets.set.clone());
        }
        let record = rings.and_then(|r| r.record.as_ref());
        let recorded = record
            .iter()
            .flat_map(|r| r.held.keys().chain(r.draining.keys()));
        let desired = crate::desired::hashrings(&it.spec);
        let named = recorded.chain(desired.iter().map(|ring| &ring.name));
        for ring in named {
            by_set
                .entry(names::ingester(&cr, ring))
                .or_insert_with(|| ring.clone());
        }
        let deployment = routers.map(|r| (namespace.to_owned(), r.uid.clone()));
        let replica_sets = controlled_by(&stores.replica_sets, &deployment.into_iter().collect());
        // Anybody can set labels; who controls a pod says whose it is.
        let is_ours = |pod: &ReceiverFacts| match pod.role {
            Role::Ingester { .. } => sets.values().any(|set| pod.pod.is_of(set)),
            Role::Router { .. } => {
                replica_sets.contains(&(namespace.to_owned(), pod.pod.controller.clone()))
            }
        };
        let pods = of(&stores.pods, namespace).filter(|(_, p)| is_ours(p));
        let claims = of(&stores.claims, namespace).filter(|(_, claim)| is_of(it, &claim.owner));
        let pods = pods.map(|(key, pod)| (key.name.clone(), pod)).collect();
        let claims = claims
            .map(|(key, claim)| (key.name.clone(), claim.clone()))
            .collect();
        Self {
            pods,
            claims,
            it,
            rings,
            routers,
            sets,
            by_set,
        }
    }

    /// What decisions about hashrings are made of.
    pub fn rings(&self, stores: &Stores, cluster: Cluster<'_>) -> Rings {
        let record = self.record();
        let file = record
            .as_ref()
            .map(|record| hashrings_file(self.it, record));
        let hash = config_hash(file.as_deref().unwrap_or_default());
        let all: Vec<(Router, bool)> = self
            .pods
            .iter()
            .filter_map(|(name, it)| {
                Some((
                    self.router(name, it, hash, cluster)?,
                    it.pod.state == PodState::Terminating,
                ))
            })
            .collect();
        let going = all.iter().filter(|(_, going)| *going).count();
        let replicas = usize::try_from(self.it.spec.router_spec.replicas).unwrap_or(1);
        let mut rings = Rings {
            record,
            hash,
            queriers: Vec::new(),
            desired: desired(&self.it.spec),
            ingester_sets: self.ingester_sets(stores, cluster),
            routers: all.into_iter().map(|(router, _)| router).collect(),
            // One that goes stands in for none that is to come.
            routers_wanted: replicas + going,
            router_template: self.routers.map(|r| r.replication_factor),
            routers_are_current: self.routers.is_none_or(|r| r.current),
            now: cluster.now.as_second(),
        };
        let queriers = self.queriers(stores, &rings);
        for (ring, waits) in self.unknown(&queriers, &rings, cluster) {
            rings.ingester_sets.entry(ring).or_default().unknown = Some(waits);
        }
        rings.queriers = queriers.into_iter().map(|(_, url)| url).collect();
        rings
    }

    fn record(&self) -> Option<Record> {
        let mut record = self.rings?.record.clone()?;
        if self.rings.is_some_and(|r| r.legacy) {
            let factors = self.pods.values().filter_map(|p| match p.role {
                Role::Router { replication_factor } => Some(replication_factor),
                Role::Ingester { .. } => None,
            });
            let desired = usize::try_from(self.it.spec.router_spec.replication_factor).ok();
            record.replication_factor = factors.max().or(desired).unwrap_or(1);
            // Who left before is not known, so any ingester that is there may hold samples.
            for (ring, set) in &self.sets {
                let held = record.held.entry(ring.clone()).or_default();
                *held = (*held).max(set.replicas);
            }
        }
        Some(record)
    }

    fn router(
        &self,
        name: &str,
        it: &ReceiverFacts,
        hash: u64,
        cluster: Cluster<'_>,
    ) -> Option<Router> {
        let Role::Router { replication_factor } = it.role else {
            return None;
        };
        let inquiry = inquiry(&it.pod);
        let asked = asked(inquiry.as_ref(), cluster.answers);
        Some(Router {
            pod: name.to_owned(),
            replication_factor,
            has_rings: asked.has_rings(hash),
            given_up: asked.unreachable_for >= TIMEOUT,
        })
    }

    fn ingester_sets(&self, stores: &Stores, cluster: Cluster<'_>) -> BTreeMap<String, Hosts> {
        let mut all: BTreeMap<String, Hosts> = BTreeMap::new();
        for (ring, set) in &self.sets {
            all.entry(ring.clone()).or_default().replicas = set.replicas;
        }
        for (name, it) in &self.pods {
            let Some((ring, member)) = self.member(name) else {
                continue;
            };
            let Role::Ingester { uploads, retention } = it.role else {
                continue;
            };
            let inquiry = inquiry(&it.pod);
            let node = it.pod.node.as_ref();
            let node = node.and_then(|node| stores.nodes.items().get(&Key::new("", node.as_str())));
            let pod = Pod {
                uid: it.pod.uid.clone(),
                ready: it.pod.ready,
                changed: it.pod.changed.map(jiff::Timestamp::as_second),
                zone: node.cloned().flatten(),
                uploads,
                retention,
                held: asked(inquiry.as_ref(), cluster.answers).held().ok(),
            };
            all.entry(ring.clone())
                .or_default()
                .pods
                .insert(member, pod);
        }
        for name in self.claims.keys() {
            if let Some((ring, member)) = self.member_of_claim(name) {
                all.entry(ring.clone()).or_default().claims.push(member);
            }
        }
        all
    }

    /// The hashring and number of a pod.
    fn member(&self, pod: &str) -> Option<(&String, i32)> {
        let (set, number) = pod.rsplit_once('-')?;
        Some((self.by_set.get(set)?, number.parse().ok()?))
    }

    fn member_of_claim(&self, claim: &str) -> Option<(&String, i32)> {
        let (_, pod) = claim.split_once('-')?;
        let (ring, number) = self.member(pod)?;
        (names::claim(&names::ingester(&self.it.name_any(), ring), number) == claim)
            .then_some((ring, number))
    }

    /// The claims of a hashring, by name.
    pub fn claims_of(&self, ring: &str) -> BTreeMap<String, PvcFacts> {
        let claims = self.claims.iter();
        let of_ring =
            claims.filter(|(name, _)| self.member_of_claim(name).is_some_and(|(r, _)| r == ring));
        of_ring
            .map(|(name, claim)| (name.clone(), claim.clone()))
            .collect()
    }

    /// Ready pods by hashring: those of members, and all.
    fn addresses(&self, ring: &str, record: &Record) -> (Vec<String>, Vec<String>) {
        let (mut members, mut all) = (Vec::new(), Vec::new());
        for (name, it) in self.pods.iter().filter(|(_, p)| p.pod.ready) {
            let Some((_, member)) = self.member(name).filter(|(r, _)| *r == ring) else {
                continue;
            };
            let address = it.pod.ip.map(listing::address);
            if record.has(ring, member) {
                members.extend(address.clone());
            }
            all.extend(address);
        }
        (members, all)
    }

    /// The queriers that must know new members before these join: those that ask other members.
    fn queriers(&self, stores: &Stores, rings: &Rings) -> Vec<(String, String)> {
        if joining(rings).next().is_none() {
            return Vec::new();
        }
        let queriers = queriers(
            &stores.queriers,
            &stores.replica_sets,
            &stores.querier_deployments,
        );
        queriers
            .filter_map(|(key, facts)| Some((key.to_string(), facts.stores.clone()?)))
            .collect()
    }

    /// Of each hashring that is about to grow: a querier that does not know its new members.
    fn unknown(
        &self,
        queriers: &[(String, String)],
        rings: &Rings,
        cluster: Cluster<'_>,
    ) -> Vec<(String, String)> {
        let queriers = queriers.iter();
        let listing = Listing {
            queriers: queriers
                .map(|(pod, url)| Querier::of(pod.clone(), url, cluster.answers))
                .collect(),
        };
        let record = rings.record.clone().unwrap_or_default();
        joining(rings)
            .filter_map(|ring| {
                let (members, all) = self.addresses(ring, &record);
                let querier = listing.not_joined(&members, &all)?;
                Some((ring.to_owned(), querier.waited_for("know the new members")))
            })
            .collect()
    }

    /// What must be asked of routers and ingesters.
    pub fn probes(&self, rings: &Rings, asks_routers: bool) -> Vec<Probe> {
        let drains = |name: &str| {
            let (ring, member) = self.member(name)?;
            let draining = rings.record.as_ref()?.draining(ring, member)?;
            Some(draining.drained_at.is_none() && !draining.unproven)
        };
        let pods = self.pods.iter().filter(|(name, it)| match it.role {
            Role::Router { .. } => asks_routers,
            Role::Ingester { uploads, .. } => uploads && drains(name).unwrap_or(false),
        });
        pods.filter_map(|(_, it)| inquiry(&it.pod)).collect()
    }

    pub fn unscheduled(&self) -> Option<String> {
        unscheduled(self.pods.iter().map(|(name, it)| (name, &it.pod)))
    }

    /// The names of the routers that run.
    pub fn running_routers(&self) -> Vec<String> {
        let routers = self.pods.iter().filter(|(_, it)| {
            matches!(it.role, Role::Router { .. }) && it.pod.state == PodState::Running
        });
        routers.map(|(name, _)| name.clone()).collect()
    }

    /// Whether `name` is the ConfigMap that routers mount.
    pub fn is_mounted(&self, name: &str) -> bool {
        name == names::router(&self.it.name_any())
    }
}

/// Hashrings that are published and have members to come, all of which are ready.
fn joining(rings: &Rings) -> impl Iterator<Item = &str> {
    let record = rings.record.as_ref();
    let desired = rings.desired.rings.iter().filter(move |w| {
        let ring = record.and_then(|r| r.ring(&w.ring.name));
        ring.is_some_and(|ring| {
            let mut new = (0..w.replicas)
                .filter(|m| !ring.members.contains_key(m))
                .peekable();
            let ingester_sets = rings.ingester_sets.get(&w.ring.name);
            let ready =
                |m: i32| ingester_sets.is_some_and(|h| h.pods.get(&m).is_some_and(|p| p.ready));
            new.peek().is_some() && new.all(ready)
        })
    });
    desired.map(|w| w.ring.name.as_str())
}
