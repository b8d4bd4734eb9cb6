//! The existing objects of one ThanosReceive, as inputs of its hashring decisions. Pure, no IO.

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
use crate::facts::{ProbeResult, ReceiverFacts, RingsFacts, Role, RoutersFacts, probe};
use crate::hashring::{IngesterSet, Pod, Record, Router, config_hash};
use crate::names;
use crate::plan::hashrings_file;
use crate::plan_inputs::Rings;
use crate::stores::Stores;

/// The existing objects of one ThanosReceive.
pub(crate) struct Children<'a> {
    receive: &'a ThanosReceive,
    /// ConfigMap with the record and the published hashrings.
    pub rings: Option<&'a RingsFacts>,
    /// Deployment of the routers.
    pub routers: Option<&'a RoutersFacts>,
    /// StatefulSets, by hashring.
    pub sets: BTreeMap<String, SetFacts>,
    /// Hashrings by the name of their StatefulSet, including deleted StatefulSets.
    by_set: BTreeMap<String, String>,
    /// Pods, by name.
    pub pods: BTreeMap<String, &'a ReceiverFacts>,
    /// PVCs, by name.
    pub pvcs: BTreeMap<String, PvcFacts>,
}

impl<'a> Children<'a> {
    pub fn of(stores: &'a Stores, receive: &'a ThanosReceive) -> Self {
        let namespace = receive.metadata.namespace.as_deref().unwrap_or_default();
        let cr = receive.name_any();
        let uid = receive.metadata.uid.as_deref().unwrap_or_default();
        let router = Key::new(namespace, names::router(&cr));
        let rings = stores.rings.items().get(&router).filter(|r| r.owner == uid);
        let routers = stores
            .deployments
            .items()
            .get(&router)
            .filter(|r| r.owner == uid);
        let mut by_set = BTreeMap::new();
        let mut sets = BTreeMap::new();
        for (key, facts) in of(&stores.sets, namespace).filter(|(_, f)| f.set.owner == uid) {
            by_set.insert(key.name.clone(), facts.ring.clone());
            sets.insert(facts.ring.clone(), facts.set.clone());
        }
        let record = rings.and_then(|r| r.record.as_ref());
        let recorded = record
            .iter()
            .flat_map(|r| r.held.keys().chain(r.draining.keys()));
        let desired = crate::desired::hashrings(&receive.spec);
        let named = recorded.chain(desired.iter().map(|ring| &ring.name));
        for ring in named {
            by_set
                .entry(names::ingester(&cr, ring))
                .or_insert_with(|| ring.clone());
        }
        let deployment = routers.map(|r| (namespace.to_owned(), r.uid.clone()));
        let replica_sets = controlled_by(&stores.replica_sets, &deployment.into_iter().collect());
        // Any user can set labels, so the controlling owner decides.
        let is_ours = |pod: &ReceiverFacts| match pod.role {
            Role::Ingester { .. } => sets.values().any(|set| pod.pod.is_of(set)),
            Role::Router { .. } => {
                replica_sets.contains(&(namespace.to_owned(), pod.pod.controller.clone()))
            }
        };
        let pods = of(&stores.pods, namespace).filter(|(_, p)| is_ours(p));
        let pvcs = of(&stores.pvcs, namespace).filter(|(_, pvc)| is_of(receive, &pvc.owner));
        let pods = pods.map(|(key, pod)| (key.name.clone(), pod)).collect();
        let pvcs = pvcs
            .map(|(key, pvc)| (key.name.clone(), pvc.clone()))
            .collect();
        Self {
            pods,
            pvcs,
            receive,
            rings,
            routers,
            sets,
            by_set,
        }
    }

    /// Inputs of the state machine of the hashrings.
    pub fn rings(&self, stores: &Stores, cluster: Cluster<'_>) -> Rings {
        let record = self.record();
        let file = record
            .as_ref()
            .map(|record| hashrings_file(self.receive, record));
        let hash = config_hash(file.as_deref().unwrap_or_default());
        let all: Vec<(Router, bool)> = self
            .pods
            .iter()
            .filter_map(|(name, receiver)| {
                Some((
                    self.router(name, receiver, hash, cluster)?,
                    receiver.pod.state == PodState::Terminating,
                ))
            })
            .collect();
        let terminating = all.iter().filter(|(_, terminating)| *terminating).count();
        let replicas = usize::try_from(self.receive.spec.router_spec.replicas).unwrap_or(1);
        let mut rings = Rings {
            record,
            hash,
            queriers: Vec::new(),
            desired: desired(&self.receive.spec),
            ingester_sets: self.ingester_sets(stores, cluster),
            routers: all.into_iter().map(|(router, _)| router).collect(),
            // A terminating router does not replace one that has not started yet.
            desired_routers: replicas + terminating,
            router_template: self.routers.map(|r| r.replication_factor),
            routers_are_current: self.routers.is_none_or(|r| r.current),
            now: cluster.now.as_second(),
        };
        let queriers = self.queriers(stores, &rings);
        for (ring, message) in self.unknown(&queriers, &rings, cluster) {
            rings.ingester_sets.entry(ring).or_default().unknown = Some(message);
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
            let desired = usize::try_from(self.receive.spec.router_spec.replication_factor).ok();
            record.replication_factor = factors.max().or(desired).unwrap_or(1);
            // Members that left before are unknown, so any existing ingester may hold samples.
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
        receiver: &ReceiverFacts,
        hash: u64,
        cluster: Cluster<'_>,
    ) -> Option<Router> {
        let Role::Router { replication_factor } = receiver.role else {
            return None;
        };
        let probe = probe(&receiver.pod);
        let result = ProbeResult::of(probe.as_ref(), cluster.answers);
        Some(Router {
            pod: name.to_owned(),
            replication_factor,
            has_rings: result.has_rings(hash),
            given_up: result.unreachable_for >= TIMEOUT,
        })
    }

    fn ingester_sets(
        &self,
        stores: &Stores,
        cluster: Cluster<'_>,
    ) -> BTreeMap<String, IngesterSet> {
        let mut all: BTreeMap<String, IngesterSet> = BTreeMap::new();
        for (ring, set) in &self.sets {
            all.entry(ring.clone()).or_default().replicas = set.replicas;
        }
        for (name, receiver) in &self.pods {
            let Some((ring, member)) = self.member(name) else {
                continue;
            };
            let Role::Ingester { uploads, retention } = receiver.role else {
                continue;
            };
            let probe = probe(&receiver.pod);
            let result = ProbeResult::of(probe.as_ref(), cluster.answers);
            let node = receiver.pod.node.as_ref();
            let node = node.and_then(|node| stores.nodes.items().get(&Key::new("", node.as_str())));
            let pod = Pod {
                uid: receiver.pod.uid.clone(),
                ready: receiver.pod.ready,
                changed: receiver.pod.changed.map(jiff::Timestamp::as_second),
                zone: node.cloned().flatten(),
                uploads,
                retention,
                upload_state: result.upload_state().ok(),
            };
            all.entry(ring.clone())
                .or_default()
                .pods
                .insert(member, pod);
        }
        for name in self.pvcs.keys() {
            if let Some((ring, member)) = self.member_of_pvc(name) {
                all.entry(ring.clone()).or_default().pvcs.push(member);
            }
        }
        all
    }

    /// Hashring and ordinal of a pod.
    fn member(&self, pod: &str) -> Option<(&String, i32)> {
        let (set, number) = pod.rsplit_once('-')?;
        Some((self.by_set.get(set)?, number.parse().ok()?))
    }

    fn member_of_pvc(&self, pvc: &str) -> Option<(&String, i32)> {
        let (_, pod) = pvc.split_once('-')?;
        let (ring, number) = self.member(pod)?;
        (names::pvc(&names::ingester(&self.receive.name_any(), ring), number) == pvc)
            .then_some((ring, number))
    }

    /// PVCs of a hashring, by name.
    pub fn pvcs_of(&self, ring: &str) -> BTreeMap<String, PvcFacts> {
        let pvcs = self.pvcs.iter();
        let of_ring =
            pvcs.filter(|(name, _)| self.member_of_pvc(name).is_some_and(|(r, _)| r == ring));
        of_ring
            .map(|(name, pvc)| (name.clone(), pvc.clone()))
            .collect()
    }

    /// Addresses of the ready pods of a hashring: of its members, and of all.
    fn addresses(&self, ring: &str, record: &Record) -> (Vec<String>, Vec<String>) {
        let (mut members, mut all) = (Vec::new(), Vec::new());
        for (name, receiver) in self.pods.iter().filter(|(_, p)| p.pod.ready) {
            let Some((_, member)) = self.member(name).filter(|(r, _)| *r == ring) else {
                continue;
            };
            let address = receiver.pod.ip.map(listing::address);
            if record.has(ring, member) {
                members.extend(address.clone());
            }
            all.extend(address);
        }
        (members, all)
    }

    /// Queriers with the URL of their endpoint list, while members are about to join.
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

    /// Message about a querier that does not know the new members, for each hashring with members that
    /// are about to join.
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

    /// Probes of routers and ingesters.
    pub fn probes(&self, rings: &Rings, needs_router_probes: bool) -> Vec<Probe> {
        let is_draining = |name: &str| {
            let (ring, member) = self.member(name)?;
            let draining = rings.record.as_ref()?.draining(ring, member)?;
            Some(draining.drained_at.is_none() && !draining.unproven)
        };
        let pods = self
            .pods
            .iter()
            .filter(|(name, receiver)| match receiver.role {
                Role::Router { .. } => needs_router_probes,
                Role::Ingester { uploads, .. } => uploads && is_draining(name).unwrap_or(false),
            });
        pods.filter_map(|(_, receiver)| probe(&receiver.pod))
            .collect()
    }

    pub fn unscheduled(&self) -> Option<String> {
        unscheduled(
            self.pods
                .iter()
                .map(|(name, receiver)| (name, &receiver.pod)),
        )
    }

    /// Names of the running routers.
    pub fn running_routers(&self) -> Vec<String> {
        let routers = self.pods.iter().filter(|(_, receiver)| {
            matches!(receiver.role, Role::Router { .. }) && receiver.pod.state == PodState::Running
        });
        routers.map(|(name, _)| name.clone()).collect()
    }

    /// Whether routers mount the ConfigMap `name`.
    pub fn is_mounted(&self, name: &str) -> bool {
        name == names::router(&self.receive.name_any())
    }
}

/// Published hashrings with new members, all of which are ready.
fn joining(rings: &Rings) -> impl Iterator<Item = &str> {
    let record = rings.record.as_ref();
    let desired = rings.desired.rings.iter().filter(move |w| {
        let ring = record.and_then(|r| r.ring(&w.ring.name));
        ring.is_some_and(|ring| {
            let mut new = (0..w.replicas)
                .filter(|m| !ring.members.contains_key(m))
                .peekable();
            let set = rings.ingester_sets.get(&w.ring.name);
            let ready = |m: i32| set.is_some_and(|set| set.pods.get(&m).is_some_and(|p| p.ready));
            new.peek().is_some() && new.all(ready)
        })
    });
    desired.map(|w| w.ring.name.as_str())
}
