//! The record that is stored beside the published hashrings, in the same ConfigMap.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Restarts after which more restarts do not help.
pub(super) const MAX_RESTARTS: u32 = 3;

/// State that a restarted controller continues from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Record {
    /// Replication factor of the routers. Zero before the first publication.
    pub replication_factor: usize,
    /// The published hashrings, in their order.
    pub rings: Vec<Ring>,
    /// Whether every router has loaded these hashrings.
    pub confirmed: bool,
    /// Number of members of each hashring that may hold samples: all that were ever published, from
    /// ordinal 0.
    pub held: BTreeMap<String, i32>,
    /// The members that left, by hashring and ordinal.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub draining: BTreeMap<String, BTreeMap<i32, Draining>>,
}

/// A published hashring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ring {
    /// Name.
    pub name: String,
    /// Hashing algorithm, as Thanos spells it.
    pub algorithm: String,
    /// Tenants; empty: all that no other hashring has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// Tenant matcher, as Thanos spells it.
    pub matcher: String,
    /// Members by ordinal, with their zones if the hashring is zone-aware.
    pub members: BTreeMap<i32, Option<String>>,
}

/// A member that left its hashring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Draining {
    /// When every router had loaded the hashring without it, in seconds since the epoch. It receives no
    /// samples after that.
    pub since: i64,
    /// UID of the pod to restart, so that it uploads its samples.
    pub pod: String,
    /// Number of restarts before that one.
    #[serde(skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// When the upload of everything was proven, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained_at: Option<i64>,
    /// Whether it is removed without proof. The reason is no longer observable once its pod is deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
}

// Serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Record {
    /// The published hashring of that name.
    #[must_use]
    pub fn ring(&self, name: &str) -> Option<&Ring> {
        self.rings.iter().find(|ring| ring.name == name)
    }

    /// Whether a member is in its published hashring.
    #[must_use]
    pub fn has(&self, ring: &str, member: i32) -> bool {
        self.ring(ring)
            .is_some_and(|r| r.members.contains_key(&member))
    }

    /// Whether a member may hold samples.
    #[must_use]
    pub fn holds(&self, ring: &str, member: i32) -> bool {
        self.held.get(ring).is_some_and(|held| member < *held)
    }

    /// Drain of a member that left.
    #[must_use]
    pub fn draining(&self, ring: &str, member: i32) -> Option<&Draining> {
        self.draining.get(ring)?.get(&member)
    }
}

impl Ring {
    /// Whether both differ in nothing but members.
    #[must_use]
    pub fn is_same_but_members(&self, other: &Self) -> bool {
        self.name == other.name
            && self.algorithm == other.algorithm
            && self.tenants == other.tenants
            && self.matcher == other.matcher
    }
}
