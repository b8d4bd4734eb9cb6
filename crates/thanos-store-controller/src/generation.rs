//! Generations: the sets of StatefulSets that divide the blocks in one way. Pure.
//!
//! The number of shards is the modulus of a hash, so another number moves blocks between all of
//! them. A change is therefore never made in place: a complete new generation is made beside the old
//! one, under names of its own.

use std::collections::BTreeMap;

use crate::facts::ShardFacts;
use crate::plan::names;

/// One way to divide the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Number of shards.
    pub shards: i32,
    /// How they are named.
    pub naming: Naming,
}

/// How the shards of a generation are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As the Go operator does: with the number of the shard, if there are several.
    Plain,
    /// With the number of shards as well: beside a generation that has the plain names.
    Counted,
}

impl Generation {
    /// The name of a shard, from 0.
    #[must_use]
    pub fn name(&self, cr: &str, shard: i32) -> String {
        match (self.shards, self.naming) {
            (1, _) => names::store(cr),
            (_, Naming::Plain) => names::shard(cr, shard),
            (shards, Naming::Counted) => names::counted_shard(cr, shard, shards),
        }
    }

    /// The names of all shards, in their order.
    #[must_use]
    pub fn names(&self, cr: &str) -> Vec<String> {
        (0..self.shards).map(|shard| self.name(cr, shard)).collect()
    }

    /// The generation that `cr` is to have, given its StatefulSets by name.
    #[must_use]
    pub fn desired(cr: &str, shards: i32, sets: &BTreeMap<String, ShardFacts>) -> Self {
        // What a former operator left is taken over as it is first: only what we apply can be
        // removed in order.
        let legacy = sets.values().find(|set| !set.applied);
        let shards = legacy.map_or(shards, |set| set.shards);
        let named = |naming| Self { shards, naming };
        let is_there = |generation: Self| {
            let mut names = generation.names(cr).into_iter();
            names.any(|name| sets.get(&name).is_some_and(|set| set.shards == shards))
        };
        let is_taken = |generation: Self| {
            // Names of shards that this generation does not have are taken as well: they would be
            // left over in the middle of it.
            let plain = sets.iter().filter(|(_, set)| set.shards != shards);
            plain.into_iter().any(|(name, set)| {
                let other = Self {
                    shards: set.shards,
                    ..generation
                };
                set.shards > 1 && other.names(cr).contains(name)
            })
        };
        let (plain, counted) = (named(Naming::Plain), named(Naming::Counted));
        if is_there(plain) || (!is_there(counted) && !is_taken(plain)) {
            plain
        } else {
            counted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(names: &[(&str, i32)]) -> BTreeMap<String, ShardFacts> {
        let facts = |shards| ShardFacts {
            shards,
            applied: true,
            ..Default::default()
        };
        names
            .iter()
            .map(|(name, shards)| ((*name).to_owned(), facts(*shards)))
            .collect()
    }

    fn desired(shards: i32, there: &[(&str, i32)]) -> Vec<String> {
        Generation::desired("x", shards, &sets(there)).names("x")
    }

    #[test]
    fn the_first_generation_has_the_names_of_the_go_operator() {
        assert_eq!(desired(1, &[]), ["thanos-store-x"]);
        assert_eq!(
            desired(2, &[]),
            ["thanos-store-x-shard-0", "thanos-store-x-shard-1"]
        );
        assert_eq!(
            desired(2, &[("thanos-store-x", 1)]),
            ["thanos-store-x-shard-0", "thanos-store-x-shard-1"]
        );
    }

    #[test]
    fn a_generation_beside_another_has_names_of_its_own() {
        let three = [
            ("thanos-store-x-shard-0", 3),
            ("thanos-store-x-shard-1", 3),
            ("thanos-store-x-shard-2", 3),
        ];
        let two = ["thanos-store-x-shard-0-of-2", "thanos-store-x-shard-1-of-2"];
        assert_eq!(desired(2, &three), two);
        assert_eq!(desired(1, &three), ["thanos-store-x"]);
        let both = [&three[..], &[(two[0], 2)]].concat();
        assert_eq!(desired(2, &both), two, "it stays while it is made");
        assert_eq!(
            desired(2, &[(two[0], 2)]),
            two,
            "and when the other one is gone"
        );
        assert_eq!(
            desired(3, &both),
            [
                "thanos-store-x-shard-0",
                "thanos-store-x-shard-1",
                "thanos-store-x-shard-2"
            ]
        );
        assert_eq!(
            desired(3, &[(two[0], 2), (two[1], 2)]),
            [
                "thanos-store-x-shard-0",
                "thanos-store-x-shard-1",
                "thanos-store-x-shard-2"
            ]
        );
        assert_eq!(
            desired(2, &[("thanos-store-x-shard-2", 3)]),
            two,
            "one shard that is left over takes the names"
        );
    }

    /// However the number of shards changes, no StatefulSet ever gets another modulus, at any point
    /// of the way.
    #[test]
    fn no_name_is_used_with_two_numbers_of_shards() {
        for first in 1..5 {
            for second in 1..5 {
                for third in 1..5 {
                    walk(&[first, second, third]);
                }
            }
        }
    }

    fn walk(counts: &[i32]) {
        let mut there: BTreeMap<String, ShardFacts> = BTreeMap::new();
        for &shards in counts {
            // Made one after another; the way may be left after any of them.
            let mut made = there.clone();
            for _ in 0..shards {
                let names = Generation::desired("x", shards, &made).names("x");
                let name = names.iter().find(|name| {
                    let known = made.get(*name);
                    assert!(
                        known.is_none_or(|set| set.shards == shards),
                        "{counts:?}: {name}"
                    );
                    known.is_none()
                });
                let facts = ShardFacts {
                    shards,
                    applied: true,
                    ..Default::default()
                };
                if let Some(name) = name {
                    made.insert(name.clone(), facts);
                }
            }
            let names = Generation::desired("x", shards, &made).names("x");
            assert!(
                names.iter().all(|name| made.contains_key(name)),
                "{counts:?}: {made:?}"
            );
            made.retain(|name, _| names.contains(name));
            there = made;
        }
    }

    #[test]
    fn what_a_former_operator_left_is_taken_over_first() {
        let mut there = sets(&[("thanos-store-x-shard-0", 2), ("thanos-store-x-shard-1", 2)]);
        for set in there.values_mut() {
            set.applied = false;
        }
        assert_eq!(Generation::desired("x", 3, &there).shards, 2);
    }
}
