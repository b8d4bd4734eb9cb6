//! Generations: sets of StatefulSets that distribute the blocks over one number of shards. No IO.
//!
//! The number of shards is the modulus of a hash, so a different number moves blocks between all
//! shards. Resharding therefore never changes a generation: it creates a complete new one beside
//! it, under different names.

use std::collections::BTreeMap;

use crate::facts::ShardFacts;
use crate::names;

/// Set of StatefulSets for one number of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Number of shards.
    pub shards: i32,
    /// Naming of the shards.
    pub naming: Naming,
}

/// Naming of the shards of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Names of the Go operator: with the index of the shard if there are several.
    Plain,
    /// Names with index and number of shards, beside a generation with the plain names.
    Counted,
}

impl Generation {
    /// Name of the shard with this index, from 0.
    #[must_use]
    pub fn name(&self, cr: &str, shard: i32) -> String {
        match (self.shards, self.naming) {
            (1, _) => names::store(cr),
            (_, Naming::Plain) => names::shard(cr, shard),
            (shards, Naming::Counted) => names::counted_shard(cr, shard, shards),
        }
    }

    /// Names of all shards in order.
    #[must_use]
    pub fn names(&self, cr: &str) -> Vec<String> {
        (0..self.shards).map(|shard| self.name(cr, shard)).collect()
    }

    /// Desired generation of `cr`, given its StatefulSets by name.
    #[must_use]
    pub fn desired(cr: &str, shards: i32, sets: &BTreeMap<String, ShardFacts>) -> Self {
        // A generation of the Go operator is adopted first, since only applied StatefulSets can be
        // deleted in order.
        let legacy = sets.values().find(|set| !set.applied);
        let shards = legacy.map_or(shards, |set| set.shards);
        let named = |naming| Self { shards, naming };
        let is_there = |generation: Self| {
            let mut names = generation.names(cr).into_iter();
            names.any(|name| sets.get(&name).is_some_and(|set| set.shards == shards))
        };
        let is_taken = |generation: Self| {
            // Plain names that this generation does not use count as taken: they would remain in
            // the middle of it.
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
    fn first_generation_uses_the_names_of_the_go_operator() {
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
    fn second_generation_uses_different_names() {
        let three = [
            ("thanos-store-x-shard-0", 3),
            ("thanos-store-x-shard-1", 3),
            ("thanos-store-x-shard-2", 3),
        ];
        let two = ["thanos-store-x-shard-0-of-2", "thanos-store-x-shard-1-of-2"];
        assert_eq!(desired(2, &three), two);
        assert_eq!(desired(1, &three), ["thanos-store-x"]);
        let both = [&three[..], &[(two[0], 2)]].concat();
        assert_eq!(
            desired(2, &both),
            two,
            "names are stable while it is created"
        );
        assert_eq!(
            desired(2, &[(two[0], 2)]),
            two,
            "and after the other one is deleted"
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
            "one remaining shard occupies the names"
        );
    }

    /// However the number of shards changes, no StatefulSet ever gets another modulus, at any
    /// intermediate state.
    #[test]
    fn no_name_is_reused_for_another_number_of_shards() {
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
            // StatefulSets are created one after another; resharding may be interrupted after any
            // of them.
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
    fn go_operator_shards_are_adopted_before_resharding() {
        let mut there = sets(&[("thanos-store-x-shard-0", 2), ("thanos-store-x-shard-1", 2)]);
        for set in there.values_mut() {
            set.applied = false;
        }
        assert_eq!(Generation::desired("x", 3, &there).shards, 2);
    }
}
