//! The file that routers read, and which rings they accept.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::record::Ring;

#[derive(Serialize)]
struct File<'a> {
    hashring: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    tenants: &'a [String],
    tenant_matcher_type: &'a str,
    endpoints: Vec<Endpoint<'a>>,
    algorithm: &'a str,
}

#[derive(Serialize)]
struct Endpoint<'a> {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    az: Option<&'a str>,
}

// Serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_empty(tenants: &&[String]) -> bool {
    tenants.is_empty()
}

/// The file of these hashrings. `address` is that of a member, given its hashring and number.
#[must_use]
pub fn render(rings: &[Ring], address: impl Fn(&str, i32) -> String) -> String {
    fn file<'a>(ring: &'a Ring, address: &impl Fn(&str, i32) -> String) -> File<'a> {
        let members = ring.members.iter();
        File {
            hashring: &ring.name,
            tenants: &ring.tenants,
            tenant_matcher_type: &ring.matcher,
            endpoints: members
                .map(|(member, zone)| Endpoint {
                    address: address(&ring.name, *member),
                    az: zone.as_deref(),
                })
                .collect(),
            algorithm: &ring.algorithm,
        }
    }
    let files: Vec<File<'_>> = rings.iter().map(|ring| file(ring, &address)).collect();
    // Structures of strings are JSON in any case.
    let mut text = serde_json::to_string_pretty(&files).unwrap_or_default();
    text.push('\n');
    text
}

/// What a router reports as `thanos_receive_config_hash` when it has read this file: the first six
/// bytes of its SHA-256, the lowest first.
#[must_use]
pub fn config_hash(file: &str) -> u64 {
    let digest = Sha256::digest(file.as_bytes());
    let bytes = digest.iter().take(6).enumerate();
    bytes.fold(0, |sum, (i, byte)| sum | u64::from(*byte) << (8 * i))
}

/// Why routers with this replication factor would end, or never come to an end, with these
/// hashrings; `None` if they accept them.
#[must_use]
pub fn refusal(rings: &[Ring], factor: usize) -> Option<String> {
    if rings.is_empty() {
        return Some("there is no hashring".to_owned());
    }
    rings.iter().find_map(|ring| {
        let members = ring.members.len();
        let name = &ring.name;
        if members < factor.max(1) {
            return Some(format!(
                "hashring {name} has {members} members, and the replication factor is {factor}"
            ));
        }
        let places = places(ring);
        (places < factor).then(|| {
            format!(
                "hashring {name} has room for {places} copies in its zones, and the replication \
                 factor is {factor}: spread its members more evenly"
            )
        })
    })
}

/// How many copies of a sample find a member. Thanos gives a zone no more copies than the one with
/// the fewest, and one; where it finds none for a copy, it searches for ever.
fn places(ring: &Ring) -> usize {
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for zone in ring.members.values().flatten() {
        *zones.entry(zone).or_default() += 1;
    }
    let Some(fewest) = zones.values().copied().min() else {
        return ring.members.len();
    };
    zones
        .values()
        .map(|members| *members.min(&(fewest + 1)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(name: &str, zones: &[Option<&str>]) -> Ring {
        Ring {
            name: name.to_owned(),
            algorithm: "ketama".to_owned(),
            matcher: "exact".to_owned(),
            members: (0..)
                .zip(zones.iter().map(|z| z.map(str::to_owned)))
                .collect(),
            ..Default::default()
        }
    }

    #[test]
    fn the_file_is_what_thanos_reads() {
        let mut first = ring("a", &[None, None]);
        first.tenants = vec!["x".to_owned()];
        let text = render(&[first, ring("b", &[Some("z1")])], |ring, member| {
            format!("{ring}-{member}:10901")
        });
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            json,
            serde_json::json!([
                {
                    "hashring": "a", "tenants": ["x"], "tenant_matcher_type": "exact",
                    "algorithm": "ketama",
                    "endpoints": [{"address": "a-0:10901"}, {"address": "a-1:10901"}],
                },
                {
                    "hashring": "b", "tenant_matcher_type": "exact", "algorithm": "ketama",
                    "endpoints": [{"address": "b-0:10901", "az": "z1"}],
                },
            ])
        );
    }

    /// Six bytes of the SHA-256 of "abc", which begins ba7816bf8f01.
    #[test]
    fn the_hash_is_that_of_thanos() {
        assert_eq!(config_hash("abc"), 0x018f_bf16_78ba);
    }

    #[test]
    fn too_few_members_are_refused() {
        assert!(refusal(&[], 1).is_some());
        assert!(refusal(&[ring("a", &[])], 1).is_some());
        assert!(refusal(&[ring("a", &[None; 2])], 2).is_none());
        let reported = refusal(&[ring("a", &[None; 3]), ring("b", &[None; 2])], 3).unwrap();
        assert!(reported.contains("hashring b has 2 members"), "{reported}");
    }

    /// Five copies over one zone with one member and another with five: Thanos never comes to an end.
    #[test]
    fn zones_that_thanos_cannot_fill_are_refused() {
        let uneven = [
            Some("a"),
            Some("b"),
            Some("b"),
            Some("b"),
            Some("b"),
            Some("b"),
        ];
        assert!(refusal(&[ring("r", &uneven)], 3).is_none());
        let reported = refusal(&[ring("r", &uneven)], 5).unwrap();
        assert!(reported.contains("room for 3 copies"), "{reported}");
        let even = [Some("a"), Some("a"), Some("b"), Some("b"), Some("c")];
        assert!(refusal(&[ring("r", &even)], 5).is_none());
    }
}
