use super::*;
use crate::generation::Naming;
use operator_runtime::owned_objects::Counts;
use thanos_controller_common::facts::SetFacts;
use thanos_controller_common::listing::Querier;

/// From one shard, `thanos-store-x`, to three of one pod each.
struct World {
    sets: BTreeMap<String, ShardFacts>,
    addresses: Addresses,
    /// By which addresses they may be listed besides.
    legacy: Addresses,
    listing: Listing,
}

const OLD: &str = "o:1";
const NEW: [&str; 3] = ["n0:1", "n1:1", "n2:1"];

fn set(shards: i32, available: i32) -> ShardFacts {
    ShardFacts {
        shards,
        applied: true,
        set: SetFacts {
            current: true,
            replicas: 1,
            counts: Counts {
                replicas: 1,
                updated_replicas: 1,
                available_replicas: available,
                ready_replicas: available,
                ..Default::default()
            },
            ..Default::default()
        },
        ..Default::default()
    }
}

fn querier(pod: &str, listed: Option<&[&str]>, given_up: bool) -> Querier {
    Querier {
        pod: pod.to_owned(),
        listed: listed
            .map(|all| all.iter().map(|a| (*a).to_owned()).collect())
            .ok_or_else(|| "connection refused".to_owned()),
        given_up,
    }
}

impl World {
    /// All new shards are complete.
    fn new(queriers: Vec<Querier>) -> Self {
        let mut sets = BTreeMap::from([("thanos-store-x".to_owned(), set(1, 1))]);
        let mut addresses = Addresses::from([("thanos-store-x".to_owned(), vec![OLD.to_owned()])]);
        for (i, address) in NEW.iter().enumerate() {
            let name = format!("thanos-store-x-shard-{i}");
            sets.insert(name.clone(), set(3, 1));
            addresses.insert(name, vec![(*address).to_owned()]);
        }
        Self {
            sets,
            addresses,
            legacy: Addresses::new(),
            listing: Listing { queriers },
        }
    }

    fn decide(&self) -> Option<Reshard> {
        let mut listed = self.addresses.clone();
        for (name, legacy) in &self.legacy {
            listed
                .entry(name.clone())
                .or_default()
                .extend_from_slice(legacy);
        }
        reshard(&Situation {
            cr: "x",
            sets: &self.sets,
            desired: Generation {
                shards: 3,
                naming: Naming::Plain,
            },
            addresses: &self.addresses,
            listed: &listed,
            listing: &self.listing,
        })
    }

    fn step(&self) -> (Step, String) {
        let reshard = self.decide().unwrap();
        assert_eq!((reshard.from, reshard.to), (1, 3));
        assert_eq!(reshard.old, ["thanos-store-x"]);
        (reshard.step, reshard.message)
    }
}

fn all() -> Vec<&'static str> {
    [&[OLD][..], &NEW].concat()
}

#[test]
fn one_generation_needs_no_change() {
    let mut world = World::new(Vec::new());
    world.sets.remove("thanos-store-x");
    assert_eq!(world.decide(), None);
    world.sets.clear();
    assert_eq!(world.decide(), None);
}

#[test]
fn new_shards_start_first() {
    let mut world = World::new(vec![querier("n/q", Some(&all()), false)]);
    world.sets.remove("thanos-store-x-shard-2");
    world
        .sets
        .insert("thanos-store-x-shard-1".to_owned(), set(3, 0));
    let (step, message) = world.step();
    assert_eq!(step, Step::Starting);
    assert_eq!(
        message,
        "1 of 3 new shards are available; waits for StatefulSet thanos-store-x-shard-1, which has 0 available pods"
    );
}

/// Each way in which a shard can be there and not be complete.
#[test]
fn a_shard_is_complete_when_every_pod_is_as_it_should_be() {
    let changes: [fn(&mut SetFacts); 4] = [
        |set| set.current = false,
        |set| set.counts.available_replicas = 0,
        |set| set.counts.updated_replicas = 0,
        |set| set.replicas = 2,
    ];
    for change in changes {
        let mut world = World::new(vec![querier("n/q", Some(&NEW), false)]);
        assert_eq!(world.step().0, Step::Removing);
        change(&mut world.sets.get_mut("thanos-store-x-shard-0").unwrap().set);
        assert_eq!(world.step().0, Step::Starting);
    }
}

#[test]
fn queriers_of_the_old_shards_must_know_every_new_one() {
    let world = World::new(vec![
        querier("n/a", Some(&all()), false),
        querier("n/b", Some(&[OLD, NEW[0], NEW[1]]), false),
    ]);
    let (step, message) = world.step();
    assert_eq!(step, Step::Joining);
    assert_eq!(
        message,
        "waits for querier n/b to know every pod of the new shards"
    );
}

/// Two pods of a new shard are two addresses, unless they are a group.
#[test]
fn every_pod_of_a_new_shard_counts() {
    let mut world = World::new(vec![querier("n/q", Some(&all()), false)]);
    assert_eq!(world.step().0, Step::Withdrawing);
    let pods = world.addresses.get_mut("thanos-store-x-shard-0").unwrap();
    pods.push("n0b:1".to_owned());
    assert_eq!(world.step().0, Step::Joining);
}

#[test]
fn old_shards_go_when_the_last_querier_has_forgotten_them() {
    let world = World::new(vec![
        querier("n/a", Some(&NEW), false),
        querier("n/b", Some(&all()), false),
    ]);
    let (step, message) = world.step();
    assert_eq!(step, Step::Withdrawing);
    assert_eq!(message, "waits for querier n/b to forget the old shards");
    let world = World::new(vec![querier("n/a", Some(&NEW), false)]);
    let (step, message) = world.step();
    assert_eq!(step, Step::Removing);
    assert_eq!(message, "nobody asks the old shards");
}

/// Queriers may list a shard by an address that it had, as a group or as pods: they ask it, and they
/// do not know it as it is now.
#[test]
fn a_shard_is_asked_by_the_addresses_that_it_had() {
    const FORMER: &str = "thanos:///dns+former:1";
    let world = |shard: &str, listed: &[&str]| {
        let mut world = World::new(vec![querier("n/q", Some(listed), false)]);
        let legacy = vec![FORMER.to_owned()];
        world.legacy.insert(shard.to_owned(), legacy);
        world
    };
    let old = |listed: &[&str]| world("thanos-store-x", listed).step().0;
    assert_eq!(old(&[FORMER]), Step::Joining);
    assert_eq!(old(&[&[FORMER], &NEW[..]].concat()), Step::Withdrawing);
    assert_eq!(old(&NEW), Step::Removing);
    let new = world("thanos-store-x-shard-0", &[OLD, FORMER, NEW[1], NEW[2]]);
    assert_eq!(new.step().0, Step::Joining);
}

/// Queriers of another namespace, or of other stores, hold nothing up.
#[test]
fn who_asks_neither_is_not_waited_for() {
    let world = World::new(vec![querier("n/q", Some(&["else:1"]), false)]);
    assert_eq!(world.step().0, Step::Removing);
    assert_eq!(World::new(Vec::new()).step().0, Step::Removing);
}

#[test]
fn a_querier_that_does_not_answer_is_waited_for_until_it_is_given_up() {
    let silent = |given_up| {
        World::new(vec![
            querier("n/a", Some(&NEW), false),
            querier("n/b", None, given_up),
        ])
    };
    let (step, message) = silent(false).step();
    assert_eq!(step, Step::Joining);
    assert_eq!(
        message,
        "waits for querier n/b to know every pod of the new shards, some minutes at most, since it does not answer this controller: connection refused"
    );
    assert_eq!(silent(true).step().0, Step::Removing);
}

#[test]
fn a_step_is_taken_back_when_a_new_pod_is_lost() {
    let mut world = World::new(vec![querier("n/q", Some(&all()), false)]);
    assert_eq!(world.step().0, Step::Withdrawing);
    world
        .sets
        .insert("thanos-store-x-shard-1".to_owned(), set(3, 0));
    assert_eq!(world.step().0, Step::Starting);
    // It is back, elsewhere.
    world
        .sets
        .insert("thanos-store-x-shard-1".to_owned(), set(3, 1));
    world.addresses.insert(
        "thanos-store-x-shard-1".to_owned(),
        vec!["elsewhere:1".to_owned()],
    );
    assert_eq!(world.step().0, Step::Joining);
}

/// Changed twice in a row: what is left of both earlier generations is old.
#[test]
fn everything_but_the_new_generation_is_old() {
    let mut world = World::new(vec![querier("n/q", Some(&NEW), false)]);
    let half = "thanos-store-x-shard-0-of-2".to_owned();
    world.sets.insert(half.clone(), set(2, 1));
    world.addresses.insert(half.clone(), vec!["h:1".to_owned()]);
    let reshard = world.decide().unwrap();
    assert_eq!(reshard.old, ["thanos-store-x".to_owned(), half]);
    assert_eq!((reshard.from, reshard.to), (2, 3), "the larger one is told");
    world.listing.queriers.push(querier(
        "n/r",
        Some(&["h:1", NEW[0], NEW[1], NEW[2]]),
        false,
    ));
    assert_eq!(world.decide().unwrap().step, Step::Withdrawing);
}
