//! The hashrings file, and which hashrings routers accept. Pure, no IO.

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

// Serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_empty(tenants: &&[String]) -> bool {
    tenants.is_empty()
}

/// The hashrings file. `address` returns the address of a member, given its hashring and ordinal.
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
    // Serializing structs of strings cannot fail.
    let mut text = serde_json::to_string_pretty(&files).unwrap_or_default();
    text.push('\n');
    text
}

/// Value of `thanos_receive_config_hash` of a router that has loaded this file: the first six bytes
/// of its SHA-256, little-endian.
#[must_use]
pub fn config_hash(file: &str) -> u64 {
    let digest = Sha256::digest(file.as_bytes());
    let bytes = digest.iter().take(6).enumerate();
    bytes.fold(0, |sum, (i, byte)| sum | u64::from(*byte) << (8 * i))
}

/// Why routers with this replication factor would exit, or loop forever, with these hashrings;
/// `None` if they accept them.
#[must_use]
pub fn rejection(rings: &[Ring], factor: usize) -> Option<String> {
    if rings.is_empty() {
        return Some("there is no hashring".to_owned());
    }
    rings.iter().find_map(|ring| {
        let members = ring.members.len();
        let name = &ring.name;
        if members < factor.max(1) {
            return Some(format!(
                "hashring {name} has {members} members for a replication factor of {factor}"
            ));
        }
        let places = places(ring);
        (places < factor).then(|| {
            format!(
                "the zones of hashring {name} have room for {places} copies of a replication factor of \
                 {factor}; spread its members more evenly"
            )
        })
    })
}

/// Number of copies of a sample that find a member. Thanos assigns at most one copy more to a zone
/// than to the zone with the fewest, and loops forever if no member is left for a copy.
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
    fn hashrings_file_has_the_format_of_thanos() {
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
    fn config_hash_equals_that_of_thanos() {
        assert_eq!(config_hash("abc"), 0x018f_bf16_78ba);
    }

    #[test]
    fn too_few_members_are_rejected() {
        assert!(rejection(&[], 1).is_some());
        assert!(rejection(&[ring("a", &[])], 1).is_some());
        assert!(rejection(&[ring("a", &[None; 2])], 2).is_none());
        let why = rejection(&[ring("a", &[None; 3]), ring("b", &[None; 2])], 3).unwrap();
        assert!(why.contains("hashring b has 2 members"), "{why}");
    }

    /// With five copies over one zone of one member and another of five, Thanos loops forever.
    #[test]
    fn zones_too_uneven_for_the_factor_are_rejected() {
        let uneven = [
            Some("a"),
            Some("b"),
            Some("b"),
            Some("b"),
            Some("b"),
            Some("b"),
        ];
        assert!(rejection(&[ring("r", &uneven)], 3).is_none());
        let why = rejection(&[ring("r", &uneven)], 5).unwrap();
        assert!(why.contains("room for 3 copies"), "{why}");
        let even = [Some("a"), Some("a"), Some("b"), Some("b"), Some("c")];
        assert!(rejection(&[ring("r", &even)], 5).is_none());
    }
}
