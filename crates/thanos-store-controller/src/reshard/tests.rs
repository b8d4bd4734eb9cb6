use super::*;
use crate::generation::Naming;
use operator_runtime::owned_objects::Counts;
use thanos_controller_common::facts::SetFacts;
use thanos_controller_common::listing::Querier;

/// Resharding from one shard, `thanos-store-x`, to three shards of one pod each.
struct World {
    sets: BTreeMap<String, ShardFacts>,
    addresses: Addresses,
    /// Former addresses by which they may still be listed.
    former: Addresses,
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
    /// State in which all new shards are complete.
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
            former: Addresses::new(),
            listing: Listing { queriers },
        }
    }

    fn decide(&self) -> Option<Reshard> {
        let mut listed = self.addresses.clone();
        for (name, former) in &self.former {
            listed
                .entry(name.clone())
                .or_default()
                .extend_from_slice(former);
        }
        reshard(&ReshardInputs {
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
fn single_generation_is_not_resharded() {
    let mut world = World::new(Vec::new());
    world.sets.remove("thanos-store-x");
    assert_eq!(world.decide(), None);
    world.sets.clear();
    assert_eq!(world.decide(), None);
}

#[test]
fn resharding_starts_the_new_shards_first() {
    let mut world = World::new(vec![querier("n/q", Some(&all()), false)]);
    world.sets.remove("thanos-store-x-shard-2");
    world
        .sets
        .insert("thanos-store-x-shard-1".to_owned(), set(3, 0));
    let (step, message) = world.step();
    assert_eq!(step, Step::Starting);
    assert_eq!(
        message,
        "1 of 3 new shards are available; waiting for StatefulSet thanos-store-x-shard-1 (0 available pods)"
    );
}

/// Every kind of incomplete shard.
#[test]
fn shard_is_complete_when_every_pod_is_updated_and_available() {
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
fn queriers_of_the_old_shards_must_list_every_new_shard() {
    let world = World::new(vec![
        querier("n/a", Some(&all()), false),
        querier("n/b", Some(&[OLD, NEW[0], NEW[1]]), false),
    ]);
    let (step, message) = world.step();
    assert_eq!(step, Step::Joining);
    assert_eq!(
        message,
        "waiting for querier n/b to list every pod of the new shards"
    );
}

/// Two pods of a new shard are two addresses unless they are a group.
#[test]
fn every_pod_of_a_new_shard_must_be_listed() {
    let mut world = World::new(vec![querier("n/q", Some(&all()), false)]);
    assert_eq!(world.step().0, Step::Withdrawing);
    let pods = world.addresses.get_mut("thanos-store-x-shard-0").unwrap();
    pods.push("n0b:1".to_owned());
    assert_eq!(world.step().0, Step::Joining);
}

#[test]
fn old_shards_are_removed_after_the_last_querier_dropped_them() {
    let world = World::new(vec![
        querier("n/a", Some(&NEW), false),
        querier("n/b", Some(&all()), false),
    ]);
    let (step, message) = world.step();
    assert_eq!(step, Step::Withdrawing);
    assert_eq!(message, "waiting for querier n/b to drop the old shards");
    let world = World::new(vec![querier("n/a", Some(&NEW), false)]);
    let (step, message) = world.step();
    assert_eq!(step, Step::Removing);
    assert_eq!(message, "no querier uses the old shards");
}

/// Queriers may list a shard by a former address, as a group or as pods: they use it, but do not
/// list its current address.
#[test]
fn former_addresses_count_as_listed() {
    const FORMER: &str = "thanos:///dns+former:1";
    let world = |shard: &str, listed: &[&str]| {
        let mut world = World::new(vec![querier("n/q", Some(listed), false)]);
        let former = vec![FORMER.to_owned()];
        world.former.insert(shard.to_owned(), former);
        world
    };
    let old = |listed: &[&str]| world("thanos-store-x", listed).step().0;
    assert_eq!(old(&[FORMER]), Step::Joining);
    assert_eq!(old(&[&[FORMER], &NEW[..]].concat()), Step::Withdrawing);
    assert_eq!(old(&NEW), Step::Removing);
    let new = world("thanos-store-x-shard-0", &[OLD, FORMER, NEW[1], NEW[2]]);
    assert_eq!(new.step().0, Step::Joining);
}

/// Queriers of another namespace, or of other stores, do not delay resharding.
#[test]
fn unrelated_queriers_are_ignored() {
    let world = World::new(vec![querier("n/q", Some(&["else:1"]), false)]);
    assert_eq!(world.step().0, Step::Removing);
    assert_eq!(World::new(Vec::new()).step().0, Step::Removing);
}

#[test]
fn unresponsive_querier_delays_resharding_until_the_timeout() {
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
        "waiting up to 150s for querier n/b to list every pod of the new shards; it does not respond to this controller: connection refused"
    );
    assert_eq!(silent(true).step().0, Step::Removing);
}

#[test]
fn lost_new_pod_reverts_the_step() {
    let mut world = World::new(vec![querier("n/q", Some(&all()), false)]);
    assert_eq!(world.step().0, Step::Withdrawing);
    world
        .sets
        .insert("thanos-store-x-shard-1".to_owned(), set(3, 0));
    assert_eq!(world.step().0, Step::Starting);
    // It is available again, with another address.
    world
        .sets
        .insert("thanos-store-x-shard-1".to_owned(), set(3, 1));
    world.addresses.insert(
        "thanos-store-x-shard-1".to_owned(),
        vec!["elsewhere:1".to_owned()],
    );
    assert_eq!(world.step().0, Step::Joining);
}

/// After two changes in a row, both earlier generations are old.
#[test]
fn all_generations_but_the_desired_one_are_old() {
    let mut world = World::new(vec![querier("n/q", Some(&NEW), false)]);
    let half = "thanos-store-x-shard-0-of-2".to_owned();
    world.sets.insert(half.clone(), set(2, 1));
    world.addresses.insert(half.clone(), vec!["h:1".to_owned()]);
    let reshard = world.decide().unwrap();
    assert_eq!(reshard.old, ["thanos-store-x".to_owned(), half]);
    assert_eq!(
        (reshard.from, reshard.to),
        (2, 3),
        "the larger one is reported"
    );
    world.listing.queriers.push(querier(
        "n/r",
        Some(&["h:1", NEW[0], NEW[1], NEW[2]]),
        false,
    ));
    assert_eq!(world.decide().unwrap().step, Step::Withdrawing);
}
