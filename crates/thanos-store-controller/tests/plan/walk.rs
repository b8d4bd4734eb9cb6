//! Random walks through changes of shards, replicas and pod template, with events in any order: no
//! block is ever missing from what a querier uses, and every walk ends in the desired state.

use std::collections::{BTreeMap, BTreeSet};

use operator_runtime::{ObjectKey, ProbeResults};
use plan_testing::objects::answer_stores;
use proptest::prelude::{ProptestConfig, any, proptest};
use thanos_api::v1alpha1::ReshardingStep;

use crate::cluster::{Cluster, QUERIERS, STORE_API, address, number, text};

impl Cluster {
    /// One reconcile of the controller.
    fn reconcile(&mut self) {
        let mut answers = ProbeResults::default();
        for (i, probed) in self.probed.iter().enumerate() {
            if let Some(probed) = probed {
                answer_stores(i, probed.clone(), &mut answers);
            }
        }
        let seen = self.case().seen_of(&self.objects(), &answers).plan_inputs;
        let plan = thanos_store_controller::plan::plan(&seen).unwrap();
        let desired: Vec<String> = seen.generation.names("main");
        let withdrawn = |name: &str| {
            let now = plan
                .find("Service", name)
                .map(|s| &s.body["metadata"]["labels"]);
            now.is_none_or(|labels| labels.get(STORE_API).is_none())
        };
        for (name, service) in &self.services {
            let offered = service["metadata"]["labels"].get(STORE_API).is_some();
            if offered && withdrawn(name) {
                assert!(!desired.contains(name), "{name} is new");
                self.may_withdraw(&desired);
            }
        }
        let is_kept = |kind: &str, name: &str| {
            let key = ObjectKey {
                group: String::new(),
                kind: kind.to_owned(),
                name: name.to_owned(),
            };
            plan.find(kind, name).is_some() || plan.leaves(&key)
        };
        for name in self
            .sets
            .keys()
            .filter(|name| !is_kept("StatefulSet", name))
        {
            let addresses = self.ever_resolved(name);
            for probed in self.probed.iter().flatten() {
                assert!(probed.is_disjoint(&addresses), "{probed:?} lists {name}");
            }
        }
        self.services.retain(|name, _| is_kept("Service", name));
        self.sets.retain(|name, _| {
            let kept = is_kept("StatefulSet", name);
            let step = seen.reshard.as_ref().map(|r| r.step);
            assert!(
                kept || step == Some(ReshardingStep::Removing),
                "{name} at {step:?}"
            );
            kept
        });
        let sets = &self.sets;
        self.pods.retain(|(set, _), _| sets.contains_key(set));
        for planned in plan.objects() {
            let name = planned.key.name.clone();
            match planned.key.kind.as_str() {
                "Service" => {
                    self.services.insert(name, planned.body.clone());
                }
                "StatefulSet" => self.apply(name, planned.body.clone()),
                _ => {}
            }
        }
    }

    /// Invariants before an old Service is withdrawn or removed.
    fn may_withdraw(&self, desired: &[String]) {
        let mut addresses = BTreeSet::new();
        for name in desired {
            let set = self
                .sets
                .get(name)
                .unwrap_or_else(|| panic!("{name} is not there"));
            let replicas = number(set, "/spec/replicas");
            for count in ["updatedReplicas", "availableReplicas"] {
                assert_eq!(
                    number(set, &format!("/status/{count}")),
                    replicas,
                    "{name}: {count}"
                );
            }
            addresses.extend(self.resolve(name));
        }
        let old = self.sets.keys().filter(|name| !desired.contains(*name));
        let old: BTreeSet<String> = old.flat_map(|name| self.ever_resolved(name)).collect();
        for probed in &self.probed {
            let probed = probed.as_ref().expect("every querier was probed");
            if !probed.is_disjoint(&old) {
                assert!(
                    probed.is_superset(&addresses),
                    "{probed:?} of {addresses:?}"
                );
            }
        }
    }

    /// Runs all possible events until the state is stable.
    pub fn settle(&mut self) {
        for _ in 0..200 {
            let before = self.state();
            self.reconcile();
            let names: Vec<String> = self.sets.keys().cloned().collect();
            for name in &names {
                self.run(name);
            }
            for querier in 0..QUERIERS {
                let known = self.listed[querier].keys().chain(self.services.keys());
                let known: BTreeSet<String> = known.cloned().collect();
                for service in known {
                    self.learn(querier, &service);
                }
                self.hear(querier);
            }
            if self.state() == before {
                return;
            }
        }
        panic!("it never settles: {:?}", self.sets.keys());
    }

    /// Fields that may change.
    fn state(&self) -> String {
        let Self {
            sets,
            services,
            pods,
            listed,
            probed,
            ..
        } = self;
        format!("{sets:?}{services:?}{pods:?}{listed:?}{probed:?}")
    }

    /// The desired generation is the only one, complete and used.
    fn is_settled(&self) {
        let shards = self.shards;
        assert_eq!(self.sets.len(), usize::try_from(shards).unwrap());
        assert!(self.sets.keys().eq(self.services.keys()));
        for (name, set) in &self.sets {
            assert_eq!(number(set, "/spec/replicas"), self.replicas, "{name}");
            let stored = text(set, "/metadata/annotations/operator.thanos.io~1shards");
            assert_eq!(stored, shards.to_string(), "{name}");
        }
        let pods = usize::try_from(self.replicas * shards).unwrap();
        assert_eq!(self.pods.len(), pods);
        for querier in &self.listed {
            assert!(querier.keys().eq(self.services.keys()));
        }
        self.has_no_hole();
    }

    /// Each querier uses a ready pod of every shard of some generation.
    fn has_no_hole(&self) {
        for listed in &self.listed {
            let mut served: BTreeMap<i32, BTreeSet<i32>> = BTreeMap::new();
            for (name, set) in &self.sets {
                let used = listed.get(name).into_iter().flatten();
                let pods = self
                    .pods
                    .iter()
                    .filter(|((of, _), p)| of == name && p.ready);
                let ready: Vec<String> = pods.map(|(_, pod)| address(pod)).collect();
                let answers = |address: &String| {
                    ready.contains(address) || (address.starts_with("thanos:") && !ready.is_empty())
                };
                if used.into_iter().any(answers) {
                    let shards = text(set, "/metadata/annotations/operator.thanos.io~1shards");
                    let shard = text(
                        set,
                        "/spec/template/metadata/labels/operator.thanos.io~1shard",
                    );
                    let shards = served.entry(shards.parse().unwrap()).or_default();
                    shards.insert(shard.parse().unwrap_or(0));
                }
            }
            let whole = served
                .iter()
                .any(|(all, there)| there.len() == usize::try_from(*all).unwrap());
            assert!(whole, "{served:?} of {:?}", self.sets.keys());
        }
    }

    /// An event that can happen at any time.
    fn happen(&mut self, what: u8, which: u8) {
        let pick = |all: Vec<String>| all.get(usize::from(which) % all.len().max(1)).cloned();
        let querier = usize::from(which) % QUERIERS;
        match what % 16 {
            0..=4 => self.reconcile(),
            5..=8 => {
                if let Some(name) = pick(self.sets.keys().cloned().collect()) {
                    self.run(&name);
                }
            }
            9..=11 => {
                let known = self.listed[querier].keys().chain(self.services.keys());
                if let Some(name) = pick(known.cloned().collect()) {
                    self.learn(querier, &name);
                }
            }
            12 | 13 => self.hear(querier),
            // Another controller without probe results takes over.
            14 => self.probed = Default::default(),
            _ if which < 48 => self.shards = i32::from(which % 4) + 1,
            _ if which < 64 => self.restarted += 1,
            _ if which < 112 => self.replicas = i32::from(which % 2) + 1,
            _ => {}
        }
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_is_ever_missing(
        shards in 1..=4_i32, replicas in 1..=2_i32,
        events in proptest::collection::vec(any::<(u8, u8)>(), 0..120),
    ) {
        let mut cluster = Cluster::new(shards, replicas);
        for (what, which) in events {
            cluster.happen(what, which);
            cluster.has_no_hole();
        }
        cluster.settle();
        cluster.is_settled();
    }

    /// When pods are lost, blocks may be missing, but resharding continues as carefully.
    #[test]
    fn lost_pods_are_waited_for(
        shards in 1..=4_i32, replicas in 1..=2_i32,
        events in proptest::collection::vec(any::<(u8, u8)>(), 0..120),
    ) {
        let mut cluster = Cluster::new(shards, replicas);
        for (what, which) in events {
            cluster.happen(what, which);
            if what > 240 {
                cluster.lose(which);
            }
        }
        cluster.settle();
        cluster.is_settled();
    }
}

/// A restarted controller completes resharding from any state.
#[test]
fn restarted_controller_continues_resharding() {
    for (from, to) in [(1, 3), (3, 2), (2, 1)] {
        for stopped in (0..36).step_by(3) {
            let mut cluster = Cluster::new(from, 1);
            cluster.shards = to;
            for turn in 0..stopped {
                let turn = u8::try_from(turn).unwrap();
                // Each kind of event in turn, each for another object.
                cluster.happen([0, 5, 9, 12][usize::from(turn % 4)], turn / 4);
                cluster.has_no_hole();
            }
            cluster.probed = Default::default();
            cluster.settle();
            cluster.is_settled();
        }
    }
}

/// Runs these events in order, and then all possible ones.
fn no_hole(mut cluster: Cluster, events: &[(u8, u8)]) {
    for (what, which) in events {
        cluster.happen(*what, *which);
        cluster.has_no_hole();
    }
    cluster.settle();
    cluster.is_settled();
}

const ONE_REPLICA: (u8, u8) = (15, 64);
const ONE_SHARD: (u8, u8) = (15, 0);
const RESTART: (u8, u8) = (15, 48);
const RECONCILE: (u8, u8) = (0, 0);
const RUN: (u8, u8) = (5, 0);
const LEARN: (u8, u8) = (9, 0);

/// With fewer replicas, pods are no longer a group, but queriers use them as one until they notice.
#[test]
fn former_group_counts_as_used_until_queriers_notice() {
    // Queriers use the old shards only as groups.
    let resharded = [
        ONE_REPLICA,
        RECONCILE,
        ONE_SHARD,
        RECONCILE,
        RUN,
        RUN,
        RECONCILE,
        RECONCILE,
    ];
    no_hole(Cluster::new(4, 2), &resharded);
    // One more pod is new, and one querier lists only the other one.
    let replaced = [
        ONE_REPLICA,
        RESTART,
        RECONCILE,
        RUN,
        LEARN,
        RUN,
        RECONCILE,
        RUN,
    ];
    no_hole(Cluster::new(1, 2), &replaced);
}

/// Two pods replace each other during a rollout. The remaining one may be replaced next, or may
/// just have been.
#[test]
fn scale_down_during_replacement_loses_no_block() {
    let next = [RESTART, RECONCILE, ONE_REPLICA, RUN, RECONCILE, RUN, RUN];
    no_hole(Cluster::new(1, 2), &next);
    let rolled = [RESTART, RECONCILE, RUN, RUN, RUN];
    let requeue_after = [ONE_REPLICA, RESTART, RECONCILE, LEARN, RUN, RUN];
    no_hole(Cluster::new(1, 2), &[&rolled[..], &requeue_after].concat());
}
