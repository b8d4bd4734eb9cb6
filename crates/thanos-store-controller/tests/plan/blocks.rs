//! Each block is served by exactly one shard according to the relabeling of Thanos.

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

/// Relabeling of each shard of a ThanosStore with this number of shards.
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

/// Remainder computed by Prometheus, from the last eight bytes of the MD5 sum.
fn hashmod(value: &str, modulus: u64) -> u64 {
    let sum: [u8; 16] = Md5::digest(value.as_bytes()).into();
    let (_, last) = sum.split_at(8);
    u64::from_be_bytes(last.try_into().unwrap()) % modulus
}

/// Whether a block is kept; its only label is its ID.
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

/// A ULID, the block ID of Thanos.
fn ulid(number: u128) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digit = |i: u32| LETTERS[usize::try_from(number >> (5 * i) & 31).unwrap()];
    (0..26).rev().map(|i| char::from(digit(i))).collect()
}

proptest! {
    // Rendering the plan is slower than evaluating a block.
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

/// A number from the tests of Prometheus.
#[test]
fn hash_equals_that_of_prometheus() {
    assert_eq!(hashmod("baz", 1000), 976);
    assert_eq!(ulid(0), "0".repeat(26));
}

/// A store with one shard has no relabeling from the controller, so users may set one.
#[test]
fn single_shard_has_no_relabeling() {
    assert!(shards(1)[0].is_none());
    assert!(shards(2).iter().all(Option::is_some));
}
