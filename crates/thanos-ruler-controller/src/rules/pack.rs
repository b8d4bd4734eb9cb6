//! Packs rule files into ConfigMaps so that a change of one file writes one ConfigMap. Pure.
//!
//! All ConfigMaps are mounted from the start as one directory, so the number of files never restarts a
//! pod. The name of a file determines its ConfigMap; only a full ConfigMap makes other files matter.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Maximum number of ConfigMaps for PrometheusRules.
pub const RULES: usize = 16;

/// Maximum number of ConfigMaps for rule files of users.
pub const FILES: usize = 4;

/// Maximum bytes of file names and content in one ConfigMap. The API server accepts 1 MiB.
pub const CAPACITY: usize = 900 * 1024;

/// Size in bytes at which the groups of one object are split into several files.
pub const FILE: usize = 300 * 1024;

/// Files by name.
pub type Files = BTreeMap<String, String>;

/// The distribution of files over ConfigMaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The content of each ConfigMap.
    pub slots: Vec<Files>,
    /// The names of the files that fit into no ConfigMap.
    pub left: Vec<String>,
}

/// Packs files into `slots` ConfigMaps.
#[must_use]
pub fn pack(files: Files, slots: usize) -> Packed {
    let mut packed = Packed {
        slots: vec![Files::new(); slots],
        left: Vec::new(),
    };
    let mut used = vec![0; slots];
    for (name, content) in files {
        let size = name.len() + content.len();
        let fits = |slot: &usize| used[*slot] + size <= CAPACITY;
        match preferred(&name, slots).into_iter().find(fits) {
            Some(slot) => {
                used[slot] += size;
                packed.slots[slot].insert(name, content);
            }
            None => packed.left.push(name),
        }
    }
    packed
}

/// The ConfigMaps in the order of preference of a file.
fn preferred(name: &str, slots: usize) -> Vec<usize> {
    let mut slots: Vec<usize> = (0..slots).collect();
    slots.sort_by_cached_key(|slot| xxh3_64_with_seed(name.as_bytes(), *slot as u64));
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pack(files: Files) -> Packed {
        super::pack(files, RULES)
    }

    fn files(sizes: &BTreeMap<u16, usize>) -> Files {
        let file = |(name, size): (&u16, &usize)| (format!("f{name}.yaml"), "x".repeat(*size));
        sizes.iter().map(file).collect()
    }

    fn changed(a: &Packed, b: &Packed) -> usize {
        let both = a.slots.iter().zip(&b.slots);
        both.filter(|(a, b)| a != b).count()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_file_is_packed_once_and_no_config_map_is_too_large(
            sizes in proptest::collection::btree_map(any::<u16>(), 0..FILE, 0..80)
        ) {
            let all = files(&sizes);
            let packed = pack(all.clone());
            let mut found = Files::new();
            for slot in &packed.slots {
                let size: usize = slot.iter().map(|(n, c)| n.len() + c.len()).sum();
                prop_assert!(size <= CAPACITY, "{size}");
                for (name, content) in slot {
                    prop_assert!(found.insert(name.clone(), content.clone()).is_none());
                }
            }
            for name in &packed.left {
                prop_assert!(found.insert(name.clone(), all[name].clone()).is_none());
            }
            prop_assert_eq!(found, all);
        }

        #[test]
        fn a_change_of_one_file_changes_one_config_map_while_there_is_room(
            mut sizes in proptest::collection::btree_map(any::<u16>(), 0..5000_usize, 1..400),
            which in any::<proptest::sample::Index>(),
        ) {
            let before = pack(files(&sizes));
            let name = *sizes.keys().nth(which.index(sizes.len())).unwrap();
            sizes.insert(name, sizes[&name] + 1);
            prop_assert_eq!(changed(&before, &pack(files(&sizes))), 1);
            sizes.remove(&name);
            prop_assert_eq!(changed(&before, &pack(files(&sizes))), 1);
            prop_assert!(before.left.is_empty());
        }
    }

    #[test]
    fn files_that_fit_into_no_config_map_are_listed() {
        let packed = pack(Files::from([
            ("large".to_owned(), "x".repeat(CAPACITY)),
            ("small".to_owned(), String::new()),
        ]));
        assert_eq!(packed.left, ["large"]);
        let full = (0..17).map(|i| (format!("{i:02}"), "x".repeat(CAPACITY - 2)));
        assert_eq!(pack(full.collect()).left, ["16"]);
    }
}
