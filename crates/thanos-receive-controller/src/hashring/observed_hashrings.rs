//! What decisions about the hashrings are made of.

use std::collections::BTreeMap;

use super::draining::MAX_RESTARTS;
use super::record::{Draining, Record, Ring};

/// What the spec asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Copies of each sample.
    pub replication_factor: usize,
    /// Whether members leave while they are away.
    pub dynamic: bool,
    /// Whether members may go without proof.
    pub allow_data_loss: bool,
    /// Whether the volumes of members that went are deleted.
    pub delete_claims: bool,
    /// How long stores take to find what was uploaded, in seconds.
    pub store_sync: i64,
    /// The hashrings, in the order in which tenants are matched.
    pub rings: Vec<DesiredHashring>,
}

/// A hashring as the spec asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredHashring {
    /// What it is, apart from its members.
    pub ring: Ring,
    /// The number of its members.
    pub replicas: i32,
    /// Whether the zones of members matter.
    pub zones: bool,
}

/// A StatefulSet of ingesters, and its pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// How many pods it is to have.
    pub replicas: i32,
    /// The pods that there are, by number.
    pub pods: BTreeMap<i32, Pod>,
    /// The numbers of the pods that there are volumes of.
    pub claims: Vec<i32>,
    /// That a querier is waited for, which asks members and does not know every pod that is ready.
    pub unknown: Option<String>,
}

/// An ingester.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// UID.
    pub uid: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Since when it is ready, or is not.
    pub changed: Option<i64>,
    /// The zone of its node.
    pub zone: Option<String>,
    /// Whether it uploads what it holds.
    pub uploads: bool,
    /// How long it keeps samples, in seconds.
    pub retention: i64,
    /// What it says that it holds; `None` if it was not asked, or does not answer.
    pub held: Option<NotUploaded>,
}

/// What an ingester holds that is not in the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotUploaded {
    /// When it was started, in seconds since the epoch.
    pub started: i64,
    /// Series in memory, of all tenants.
    pub series: u64,
    /// Uploads that failed since it started.
    pub failures: u64,
}

/// A router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Name of the pod.
    pub pod: String,
    /// Its replication factor.
    pub replication_factor: usize,
    /// Whether it has the hashrings as recorded. `Err` says why that is not known.
    pub has_rings: Result<bool, String>,
    /// It has not answered for so long that it is waited for no more.
    pub given_up: bool,
}

/// Everything.
#[derive(Clone, Copy, Debug)]
pub struct ObservedHashrings<'a> {
    /// What is recorded, if anything is.
    pub record: Option<&'a Record>,
    /// What the spec asks for.
    pub desired: &'a Desired,
    /// The ingesters, by hashring; also those of hashrings that the spec asks for no more.
    pub ingester_sets: &'a BTreeMap<String, Hosts>,
    /// The routers that run.
    pub routers: &'a [Router],
    /// How many routers there are to be, once there is something that they could read.
    pub routers_wanted: usize,
    /// The replication factor of routers that may be started.
    pub router_template: Option<usize>,
    /// Whether no router of another template runs or may be started.
    pub routers_are_current: bool,
    /// The time, in seconds since the epoch.
    pub now: i64,
}

/// How long a member that may go without proof may take for the next step towards one, in seconds: to
/// become ready, or to say what it holds.
const UPLOADING_OR_LOST: i64 = 600;

/// How long a member is away before it leaves a dynamic hashring, in seconds.
pub(super) const AWAY: i64 = 60;

impl ObservedHashrings<'_> {
    /// Whether every router has the hashrings as recorded.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let published = self.record.is_some_and(|r| !r.rings.is_empty());
        // One that is not seen yet may have read what was published before.
        !published || self.routers.len() >= self.routers_wanted && self.late_router().is_none()
    }

    /// The router that is waited for: it may not have the hashrings as recorded.
    #[must_use]
    pub fn late_router(&self) -> Option<&Router> {
        self.routers.iter().find(|router| match &router.has_rings {
            Ok(has) => !has,
            Err(_) => !router.given_up,
        })
    }

    /// The hashring as the spec asks for it.
    #[must_use]
    pub fn wanted_ring(&self, name: &str) -> Option<&DesiredHashring> {
        self.desired.rings.iter().find(|w| w.ring.name == name)
    }

    /// Whether the spec asks for a member.
    pub(super) fn wants(&self, ring: &str, member: i32) -> bool {
        self.wanted_ring(ring)
            .is_some_and(|desired| member < desired.replicas)
    }

    pub(super) fn pod(&self, ring: &str, member: i32) -> Option<&Pod> {
        self.ingester_sets.get(ring)?.pods.get(&member)
    }

    /// Whether a pod is ready, and is to stay.
    pub(super) fn is_ready(&self, ring: &str, member: i32) -> bool {
        let stays = self
            .ingester_sets
            .get(ring)
            .is_some_and(|h| member < h.replicas);
        stays && self.pod(ring, member).is_some_and(|pod| pod.ready)
    }

    /// Whether a member is away for so long that it leaves.
    pub(super) fn is_away(&self, ring: &str, member: i32) -> bool {
        self.desired.dynamic
            && self.pod(ring, member).is_some_and(|pod| {
                let since = pod.changed.filter(|_| !pod.ready);
                since.is_some_and(|since| self.now >= since + AWAY)
            })
    }

    /// The most copies that a router that runs, or may be started, makes.
    pub(super) fn factor_in_use(&self) -> usize {
        let recorded = self.record.map_or(0, |r| r.replication_factor);
        let running = self.routers.iter().map(|r| r.replication_factor).max();
        let started = self.router_template;
        recorded.max(running.max(started).unwrap_or(0))
    }

    /// Whether a member that left may go.
    pub(super) fn is_done(&self, ring: &str, member: i32, draining: &Draining) -> bool {
        if let Some(drained_at) = draining.drained_at {
            return self.now >= drained_at + self.desired.store_sync;
        }
        if draining.unproven {
            return true;
        }
        let pod = self.pod(ring, member);
        if self.desired.allow_data_loss {
            let uploads = pod.is_some_and(|pod| pod.uploads);
            let since = pod.and_then(|pod| pod.changed).unwrap_or_default();
            let waited = self.now >= since.max(draining.since) + UPLOADING_OR_LOST;
            return pod.is_some() && !uploads || waited || draining.restarts >= MAX_RESTARTS;
        }
        // Without uploads, it may go when it would have forgotten everything anyway.
        pod.is_some_and(|pod| !pod.uploads && self.now >= draining.since + pod.retention)
    }

    /// When a member that left may go for the time alone.
    pub(super) fn done_at(&self, ring: &str, member: i32, draining: &Draining) -> Option<i64> {
        if let Some(drained_at) = draining.drained_at {
            return Some(drained_at + self.desired.store_sync);
        }
        let pod = self.pod(ring, member);
        if self.desired.allow_data_loss {
            let since = pod.and_then(|pod| pod.changed).unwrap_or_default();
            return Some(since.max(draining.since) + UPLOADING_OR_LOST);
        }
        Some(draining.since + pod.filter(|pod| !pod.uploads)?.retention)
    }
}
