//! Each block is served by exactly one shard, as Thanos evaluates the relabeling.

use md5::{Digest, Md5};
use plan_testing::Case as _;
use proptest::prelude::{ProptestConfig, any, proptest};
use serde::Deserialize;
use serde_json::json;

use crate::case::Case;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    action: String,
    source_labels: Vec<String>,
    target_label: Option<String>,
    modulus: Option<u64>,
    regex: Option<String>,
}

/// The relabeling of each shard, of a ThanosStore with so many.
fn shards(shards: usize) -> Vec<Option<Vec<Rule>>> {
    let case = Case::of(json!({"shardingStrategy": {"shards": shards}}));
    let sets = case
        .bodies()
        .into_iter()
        .filter(|o| o["kind"] == "StatefulSet");
    sets.map(|set| {
        let args = &set["spec"]["template"]["spec"]["containers"][0]["args"];
        let mut args = args.as_array().unwrap().iter();
        let config = args.find_map(|a| a.as_str()?.strip_prefix("--selector.relabel-config="))?;
        Some(serde_saphyr::from_str(config).unwrap())
    })
    .collect()
}

/// The remainder that Prometheus computes: of the last eight bytes of the MD5 sum.
fn hashmod(value: &str, modulus: u64) -> u64 {
    let sum: [u8; 16] = Md5::digest(value.as_bytes()).into();
    let (_, last) = sum.split_at(8);
    u64::from_be_bytes(last.try_into().unwrap()) % modulus
}

/// Whether a block stays; its only label is its ID.
fn keeps(rules: &[Rule], block: &str) -> bool {
    let mut labels = vec![("__block_id".to_owned(), block.to_owned())];
    for rule in rules {
        let sources = rule.source_labels.iter().map(|source| {
            let mut all = labels.iter().rev();
            let found = all.find(|(name, _)| name == source);
            found.map_or("", |(_, value)| value)
        });
        let value = sources.collect::<Vec<_>>().join(";");
        match rule.action.as_str() {
            "hashmod" => {
                let hash = hashmod(&value, rule.modulus.unwrap());
                labels.push((rule.target_label.clone().unwrap(), hash.to_string()));
            }
            // A plain number as a regular expression matches itself.
            "keep" => {
                let number: u64 = rule.regex.as_ref().unwrap().parse().unwrap();
                if value != number.to_string() {
                    return false;
                }
            }
            other => panic!("{other}"),
        }
    }
    true
}

/// A ULID, as Thanos names its blocks.
fn ulid(number: u128) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digit = |i: u32| LETTERS[usize::try_from(number >> (5 * i) & 31).unwrap()];
    (0..26).rev().map(|i| char::from(digit(i))).collect()
}

proptest! {
    // Making the plan takes longer than looking at a block.
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn each_block_is_in_one_shard(number in 1..=16_usize, blocks in proptest::collection::vec(any::<u128>(), 32)) {
        let shards = shards(number);
        assert_eq!(shards.len(), number);
        for block in blocks.into_iter().map(ulid) {
            let serving = shards.iter().filter(|rules| rules.as_ref().is_none_or(|r| keeps(r, &block)));
            assert_eq!(serving.count(), 1, "{block} of {number} shards");
        }
    }
}

/// A number from Prometheus' own tests.
#[test]
fn the_hash_is_that_of_prometheus() {
    assert_eq!(hashmod("baz", 1000), 976);
    assert_eq!(ulid(0), "0".repeat(26));
}

/// A store that is not divided has no relabeling of ours, so that users may give one.
#[test]
fn one_shard_selects_nothing() {
    assert!(shards(1)[0].is_none());
    assert!(shards(2).iter().all(Option::is_some));
}
