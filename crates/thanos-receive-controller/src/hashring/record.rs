//! What is recorded beside the published hashrings, in the same object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a controller that starts anew must know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Record {
    /// The replication factor that routers have, or get. Zero before the first publication.
    pub replication_factor: usize,
    /// The hashrings as published, in their order.
    pub rings: Vec<Ring>,
    /// Whether every router had these hashrings.
    pub confirmed: bool,
    /// How many members of each hashring may hold samples: those that were ever published, from the
    /// first.
    pub held: BTreeMap<String, i32>,
    /// The members that left, by hashring and number.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub draining: BTreeMap<String, BTreeMap<i32, Draining>>,
}

/// A published hashring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ring {
    /// Its name.
    pub name: String,
    /// How series are divided, as Thanos spells it.
    pub algorithm: String,
    /// The tenants; empty for all that no other hashring has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// How tenants are compared, as Thanos spells it.
    pub matcher: String,
    /// Its members by number, each with its zone, if zones matter.
    pub members: BTreeMap<i32, Option<String>>,
}

/// A member that left its hashring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Draining {
    /// When every router knew that it left, in seconds since the epoch: it gets no samples since.
    pub since: i64,
    /// UID of the pod that is to be replaced by one that uploads what this one leaves behind.
    pub pod: String,
    /// How many pods were to be replaced before that one.
    #[serde(skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// When it was proven that everything is uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained_at: Option<i64>,
    /// Whether it goes without a proof. What led to that cannot be seen any more once its pod is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
}

// Serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Record {
    /// A published hashring by name.
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

    /// A member that left.
    #[must_use]
    pub fn draining(&self, ring: &str, member: i32) -> Option<&Draining> {
        self.draining.get(ring)?.get(&member)
    }
}

impl Ring {
    /// Whether both are the same but for their members.
    #[must_use]
    pub fn takes_the_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.algorithm == other.algorithm
            && self.tenants == other.tenants
            && self.matcher == other.matcher
    }
}
