//! Validation of the tenants of hashrings: entries that Thanos cannot read, and tenants that an
//! earlier hashring matches. The first hashring that matches a tenant receives all of its samples.
//! Pure, no IO.

use std::collections::BTreeMap;

use thanos_api::v1alpha1::{HashringSpec, TenantMatcherType};
use thanos_workload::FieldError;

use crate::glob::Pattern;
use crate::hashring::DesiredHashring;

/// Field path of a hashring.
#[must_use]
pub fn path(index: usize) -> String {
    format!("spec.ingesterSpec.hashrings[{index}]")
}

/// Tenants of a hashring, as names or patterns.
pub(crate) fn tenants(ring: &HashringSpec) -> &[String] {
    let tenancy = ring.tenancy_config.as_ref();
    tenancy
        .and_then(|t| t.tenants.as_deref())
        .unwrap_or_default()
}

/// Entry for an unreachable hashring without tenants, which would match every tenant.
pub const EVERY: &str = "*";

/// Limit of character comparisons for one spec, so that it does not delay the reconcile of other
/// resources. Hundreds of patterns with thousands of tenants need less.
const BUDGET: usize = 5_000_000;

/// A tenant or pattern whose samples another hashring receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Entry of the spec, or [`EVERY`].
    pub tenant: String,
    /// Hashring that receives the samples.
    pub by: String,
    /// Matching pattern of that hashring.
    pub pattern: String,
}

/// Validates the tenants of hashrings.
///
/// # Errors
/// The invalid entry: a malformed pattern, a duplicate, or an entry after a hashring that matches
/// every tenant.
pub fn check(rings: &[HashringSpec]) -> Result<(), FieldError> {
    let mut owners: BTreeMap<(bool, String), &str> = BTreeMap::new();
    let mut takes_all: Option<&str> = None;
    for (i, ring) in rings.iter().enumerate() {
        let tenancy = ring.tenancy_config.as_ref();
        let is_glob = tenancy.and_then(|t| t.tenant_matcher_type) == Some(TenantMatcherType::Glob);
        let mut takes_all_here = false;
        for (t, tenant) in tenants(ring).iter().enumerate() {
            let wrong = |message: String| {
                let field = format!("{}.tenancyConfig.tenants[{t}]", path(i));
                Err(FieldError::new(field, message))
            };
            if tenant.is_empty() {
                return wrong(
                    "an empty name is not a tenant; remove it, or leave tenants empty to receive \
                     every tenant that no other hashring matches"
                        .to_owned(),
                );
            }
            if tenant.contains('/') {
                return wrong(format!(
                    "`{tenant}` is not a tenant, since Thanos rejects names with slashes; remove the \
                     slash here and in the senders"
                ));
            }
            let mut key = (false, tenant.clone());
            match is_glob.then(|| Pattern::parse(tenant)) {
                Some(Err(why)) => {
                    return wrong(format!(
                        "`{tenant}` of hashring {} is a malformed pattern: {why}; put a backslash \
                         before each literal special character, or set tenantMatcherType to exact",
                        ring.name
                    ));
                }
                Some(Ok(pattern)) => {
                    key = pattern
                        .literal()
                        .map_or((true, tenant.clone()), |name| (false, name));
                    takes_all_here |= pattern.covers(&Pattern::every_tenant());
                }
                None => {}
            }
            if let Some(other) = owners.insert(key, &ring.name) {
                return wrong(format!(
                    "`{tenant}` is in hashring {other} already, which receives all of its samples; \
                     remove it from one of them"
                ));
            }
            if let Some(other) = takes_all {
                return wrong(format!(
                    "`{tenant}` is unreachable: hashring {other} is matched before and takes every \
                     tenant; put {} first",
                    ring.name
                ));
            }
        }
        if takes_all_here {
            takes_all.get_or_insert(&ring.name);
        }
    }
    Ok(())
}

/// Unreachable tenants, by hashring. `rings` are in the order in which tenants are matched.
#[must_use]
pub fn unreachable(rings: &[DesiredHashring]) -> BTreeMap<String, Vec<Unreachable>> {
    within(BUDGET, rings)
}

fn within(mut budget: usize, rings: &[DesiredHashring]) -> BTreeMap<String, Vec<Unreachable>> {
    let mut earlier: Vec<(&str, &str, Pattern)> = Vec::new();
    let mut found: BTreeMap<String, Vec<Unreachable>> = BTreeMap::new();
    for ring in rings.iter().map(|desired| &desired.ring) {
        let is_glob = ring.matcher == TenantMatcherType::Glob.as_str();
        let every = ring.tenants.is_empty().then(Pattern::every_tenant);
        let entries: Vec<(&str, Option<Pattern>)> = ring
            .tenants
            .iter()
            .map(|tenant| {
                (
                    tenant.as_str(),
                    Pattern::parse(tenant).ok().filter(|_| is_glob),
                )
            })
            .chain(every.map(|every| (EVERY, Some(every))))
            .collect();
        for (tenant, pattern) in &entries {
            for (by, text, other) in &earlier {
                let length = pattern.as_ref().map_or(1, Pattern::len);
                let cost = other.len() * length + tenant.len();
                let Some(left) = budget.checked_sub(cost) else {
                    return found;
                };
                budget = left;
                let takes = match pattern {
                    Some(pattern) => other.covers(pattern),
                    None => other.matches(tenant),
                };
                if takes {
                    let unreachable = Unreachable {
                        tenant: (*tenant).to_owned(),
                        by: (*by).to_owned(),
                        pattern: (*text).to_owned(),
                    };
                    found
                        .entry(ring.name.clone())
                        .or_default()
                        .push(unreachable);
                    break;
                }
            }
        }
        let patterns = entries
            .into_iter()
            .filter_map(|(tenant, pattern)| Some((ring.name.as_str(), tenant, pattern?)));
        earlier.extend(patterns);
    }
    found
}

/// Message about the unreachable tenants of a hashring; `None` if there are none.
#[must_use]
pub fn describe(ring: &str, unreachable: &[Unreachable]) -> Option<String> {
    let first = unreachable.first()?;
    let Unreachable {
        tenant,
        by,
        pattern,
    } = first;
    Some(match unreachable.len() {
        _ if tenant == EVERY => format!(
            "hashring {ring} receives no samples: hashring {by} is matched before it and takes every \
             tenant (`{pattern}`); narrow that pattern, or remove hashring {ring}"
        ),
        1 => format!(
            "hashring {ring} receives no samples of tenant {tenant}: hashring {by} is matched before \
             it and takes them (`{pattern}`); put hashring {ring} first"
        ),
        more => format!(
            "hashring {ring} receives no samples of {more} tenants, such as {tenant}: hashring {by} is \
             matched before it and takes them (`{pattern}`); put hashring {ring} first"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::desired;
    use serde_json::{Value, json};
    use thanos_api::v1alpha1::ThanosReceiveSpec;

    /// Hashrings `r0`, `r1` and so on: patterns if one of them has a wildcard.
    fn spec(rings: &[&[&str]]) -> ThanosReceiveSpec {
        let ring = |(i, tenants): (usize, &&[&str])| {
            let is_glob = tenants.iter().any(|t| t.contains(['*', '?', '[', '\\']));
            let matcher = if is_glob { "glob" } else { "exact" };
            let tenancy = json!({"tenants": tenants, "tenantMatcherType": matcher});
            json!({"name": format!("r{i}"), "tenancyConfig": tenancy})
        };
        let rings: Vec<Value> = rings.iter().enumerate().map(ring).collect();
        serde_json::from_value(json!({"ingesterSpec": {"hashrings": rings}})).unwrap()
    }

    fn checked(rings: &[&[&str]]) -> Result<(), FieldError> {
        check(spec(rings).ingester_spec.hashrings.as_deref().unwrap())
    }

    /// As `hashring: tenant < hashring pattern`.
    fn found(rings: &[&[&str]]) -> Vec<String> {
        let all = unreachable(&desired(&spec(rings)).rings);
        let of_ring = |(ring, all): (String, Vec<Unreachable>)| {
            let line = move |u: Unreachable| {
                let Unreachable {
                    tenant,
                    by,
                    pattern,
                } = u;
                format!("{ring}: {tenant} < {by} {pattern}")
            };
            all.into_iter().map(line)
        };
        all.into_iter().flat_map(of_ring).collect()
    }

    #[test]
    fn malformed_patterns_are_rejected_with_the_field() {
        for bad in ["team-[a-", "team-\\", "[]", "team-[-a]"] {
            let error = checked(&[&["x"], &["good-*", bad], &[]]).unwrap_err();
            assert_eq!(
                error.field,
                "spec.ingesterSpec.hashrings[1].tenancyConfig.tenants[1]"
            );
            let expected = format!("`{bad}` of hashring r1 is a malformed pattern");
            assert!(error.message.starts_with(&expected), "{}", error.message);
        }
        for good in ["team-[z-a]", "team-[a-c]*", "team-\\*", "**", "a]"] {
            assert_eq!(checked(&[&["x"], &["good-*", good], &[]]), Ok(()), "{good}");
        }
        // Names are not parsed as patterns.
        let mut exact = spec(&[&["team-[a-"]]);
        let ring = &mut exact.ingester_spec.hashrings.as_mut().unwrap()[0];
        ring.tenancy_config.as_mut().unwrap().tenant_matcher_type = None;
        assert_eq!(
            check(exact.ingester_spec.hashrings.as_deref().unwrap()),
            Ok(())
        );
    }

    #[test]
    fn tenants_after_a_pattern_for_every_tenant_are_rejected() {
        for all in ["*", "**", "?*", "*?"] {
            for later in [["x"], ["x*"]] {
                let error = checked(&[&[all], &later, &[]]).unwrap_err();
                assert!(error.message.ends_with("put r1 first"), "{}", error.message);
            }
            assert_eq!(checked(&[&["x"], &[all], &[]]), Ok(()), "{all}");
        }
    }

    /// Patterns are compared as text, names by what they match.
    #[test]
    fn duplicate_tenants_are_rejected() {
        let error = checked(&[&["team-a"], &["team\\-a"]]).unwrap_err();
        assert!(
            error.message.contains("in hashring r0 already"),
            "{}",
            error.message
        );
        assert!(checked(&[&["a*"], &["a*"]]).is_err());
        assert_eq!(checked(&[&["a*"], &["a**"]]), Ok(()));
        let mut names = spec(&[&["team-*"], &["team-*"]]);
        let ring = &mut names.ingester_spec.hashrings.as_mut().unwrap()[0];
        ring.tenancy_config.as_mut().unwrap().tenant_matcher_type = None;
        assert_eq!(
            check(names.ingester_spec.hashrings.as_deref().unwrap()),
            Ok(())
        );
    }

    #[test]
    fn tenants_that_an_earlier_hashring_takes_are_unreachable() {
        assert_eq!(
            found(&[&["team-*"], &["team-payments", "other"], &[]]),
            ["r1: team-payments < r0 team-*"]
        );
        // A hashring without tenants is matched last.
        assert_eq!(found(&[&[], &["team-a"], &["team-*"]]), [""; 0]);
        assert_eq!(
            found(&[&["a", "te?m-*"], &["team-a*", "tea*", "b*"]]),
            ["r1: team-a* < r0 te?m-*"]
        );
        assert_eq!(
            found(&[&["[a-c]*"], &["d"], &["bx"]]),
            ["r2: bx < r0 [a-c]*"]
        );
        assert_eq!(found(&[&["a"], &["a*"], &[]]), [""; 0]);
        assert_eq!(found(&[&["a*", "aa"], &[]]), [""; 0]);
        // Malformed patterns are rejected by `check`.
        assert_eq!(found(&[&["a[", "b*"], &["b"]]), ["r1: b < r0 b*"]);
    }

    #[test]
    fn a_hashring_without_tenants_after_every_tenant_is_unreachable() {
        for all in ["*", "**", "?*"] {
            assert_eq!(found(&[&[all], &[]]), [format!("r1: * < r0 {all}")]);
        }
        assert_eq!(found(&[&["a*", "??*"], &[]]), [""; 0]);
    }

    #[test]
    fn messages_name_both_hashrings_and_the_pattern() {
        let message = |rings: &[&[&str]], ring: &str| {
            let all = unreachable(&desired(&spec(rings)).rings);
            describe(ring, &all[ring]).unwrap()
        };
        let one = message(&[&["team-*"], &["team-a"]], "r1");
        assert!(one.starts_with("hashring r1 receives no samples of tenant team-a: hashring r0"));
        assert!(
            one.ends_with("takes them (`team-*`); put hashring r1 first"),
            "{one}"
        );
        let two = message(&[&["team-*"], &["team-a", "team-b"]], "r1");
        assert!(two.contains("of 2 tenants, such as team-a"), "{two}");
        let all = message(&[&["**"], &[]], "r1");
        assert!(
            all.starts_with("hashring r1 receives no samples: hashring r0"),
            "{all}"
        );
        assert_eq!(describe("r1", &[]), None);
    }

    #[test]
    fn exhausted_budget_keeps_what_was_found() {
        let rings = desired(&spec(&[&["a*"], &["ab", "ac", "ad"]])).rings;
        let found = |budget| within(budget, &rings).values().map(Vec::len).sum::<usize>();
        assert_eq!([0, 4, 8, 12].map(found), [0, 1, 2, 3]);
        assert_eq!(found(BUDGET), 3);
    }
}
