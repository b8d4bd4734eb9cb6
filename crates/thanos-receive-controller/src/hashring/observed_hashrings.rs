//! Inputs of the state machine of the hashrings, and predicates over them. Pure, no IO.

use std::collections::BTreeMap;

use super::record::{Draining, MAX_RESTARTS, Record, Ring};

/// The hashrings of the spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredHashrings {
    /// Number of copies of each sample.
    pub replication_factor: usize,
    /// Whether members that are not ready leave their hashring.
    pub dynamic: bool,
    /// Whether members may be removed without proof that all their samples are uploaded.
    pub allow_data_loss: bool,
    /// Whether the PVCs of removed members are deleted.
    pub delete_pvcs: bool,
    /// Time that stores take to sync uploaded blocks, in seconds.
    pub store_sync: i64,
    /// The hashrings, in the order in which tenants are matched.
    pub rings: Vec<DesiredHashring>,
}

/// One hashring of the spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesiredHashring {
    /// The hashring without members.
    pub ring: Ring,
    /// Number of members.
    pub replicas: i32,
    /// Whether the hashring is zone-aware.
    pub zones: bool,
}

/// The StatefulSet of a hashring with its pods and PVCs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngesterSet {
    /// Replicas of the StatefulSet.
    pub replicas: i32,
    /// Existing pods, by ordinal.
    pub pods: BTreeMap<i32, Pod>,
    /// Ordinals of the pods that have a PVC.
    pub pvcs: Vec<i32>,
    /// Message about a querier that queries members of the hashring and does not list every ready pod
    /// yet; `None` if there is no such querier.
    pub unknown: Option<String>,
}

/// An ingester pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// UID.
    pub uid: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Last transition of its readiness, in seconds since the epoch.
    pub changed: Option<i64>,
    /// Zone of its node.
    pub zone: Option<String>,
    /// Whether it uploads its samples.
    pub uploads: bool,
    /// Retention, in seconds.
    pub retention: i64,
    /// Result of its probe; `None` without an answer.
    pub upload_state: Option<UploadState>,
}

/// What an ingester has not uploaded, from its metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadState {
    /// Start of the process, in seconds since the epoch.
    pub started: i64,
    /// Head series of all tenants.
    pub series: u64,
    /// Failed uploads since the start.
    pub failures: u64,
}

/// A router pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Name of the pod.
    pub pod: String,
    /// Replication factor in its arguments.
    pub replication_factor: usize,
    /// Whether it has loaded the recorded hashrings; `Err` contains the reason if that is unknown.
    pub has_rings: Result<bool, String>,
    /// Whether it has been unreachable for longer than the timeout.
    pub given_up: bool,
}

/// All inputs.
#[derive(Clone, Copy, Debug)]
pub struct ObservedHashrings<'a> {
    /// The stored record; `None` before the first one.
    pub record: Option<&'a Record>,
    /// The hashrings of the spec.
    pub desired: &'a DesiredHashrings,
    /// The ingesters by hashring, including hashrings that the spec no longer has.
    pub ingester_sets: &'a BTreeMap<String, IngesterSet>,
    /// Existing routers.
    pub routers: &'a [Router],
    /// Number of routers to expect once there is a hashring.
    pub desired_routers: usize,
    /// Replication factor in the template of the Deployment.
    pub router_template: Option<usize>,
    /// Whether no router of a previous template runs or may start.
    pub routers_are_current: bool,
    /// Current time, in seconds since the epoch.
    pub now: i64,
}

/// Seconds that a member may take for the next step of its drain (to become ready, or to answer its
/// probe) where data loss is allowed.
const DRAIN_STEP_TIMEOUT: i64 = 600;

/// Seconds after which a member that is not ready leaves a dynamic hashring.
pub(super) const UNAVAILABLE_FOR: i64 = 60;

impl ObservedHashrings<'_> {
    /// Whether every router has loaded the recorded hashrings.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        if self.record.is_none_or(|r| r.rings.is_empty()) {
            return true;
        }
        // A router that is not in the cache yet may have loaded the previous hashrings.
        if self.routers.len() < self.desired_routers {
            return false;
        }
        self.late_router().is_none()
    }

    /// A router that may not have loaded the recorded hashrings.
    #[must_use]
    pub fn late_router(&self) -> Option<&Router> {
        self.routers.iter().find(|router| match &router.has_rings {
            Ok(has) => !has,
            Err(_) => !router.given_up,
        })
    }

    /// The hashring of that name in the spec.
    #[must_use]
    pub fn desired_ring(&self, name: &str) -> Option<&DesiredHashring> {
        self.desired.rings.iter().find(|w| w.ring.name == name)
    }

    /// Whether the spec has a member.
    pub(super) fn is_desired(&self, ring: &str, member: i32) -> bool {
        self.desired_ring(ring)
            .is_some_and(|desired| member < desired.replicas)
    }

    pub(super) fn pod(&self, ring: &str, member: i32) -> Option<&Pod> {
        self.ingester_sets.get(ring)?.pods.get(&member)
    }

    /// Whether a pod is ready, and its StatefulSet does not remove it.
    pub(super) fn is_ready(&self, ring: &str, member: i32) -> bool {
        let set = self.ingester_sets.get(ring);
        let stays = set.is_some_and(|set| member < set.replicas);
        stays && self.pod(ring, member).is_some_and(|pod| pod.ready)
    }

    /// Whether a member of a dynamic hashring has not been ready for so long that it leaves.
    pub(super) fn is_unavailable(&self, ring: &str, member: i32) -> bool {
        self.desired.dynamic
            && self.pod(ring, member).is_some_and(|pod| {
                let since = pod.changed.filter(|_| !pod.ready);
                since.is_some_and(|since| self.now >= since + UNAVAILABLE_FOR)
            })
    }

    /// The highest replication factor of a router that runs or may start.
    pub(super) fn factor_in_use(&self) -> usize {
        let recorded = self.record.map_or(0, |r| r.replication_factor);
        let running = self.routers.iter().map(|r| r.replication_factor).max();
        let template = self.router_template;
        recorded.max(running.max(template).unwrap_or(0))
    }

    /// Whether a member that left may be removed.
    pub(super) fn may_be_removed(&self, ring: &str, member: i32, draining: &Draining) -> bool {
        // Its samples are uploaded, and stores have synced them.
        if let Some(drained_at) = draining.drained_at {
            return self.now >= drained_at + self.desired.store_sync;
        }
        // That was decided before, from a pod that may be deleted by now.
        if draining.unproven {
            return true;
        }
        let pod = self.pod(ring, member);
        if self.desired.allow_data_loss {
            return self.may_lose_samples(pod, draining);
        }
        // Without uploads, all of its samples are past the retention.
        pod.is_some_and(|pod| !pod.uploads && self.now >= draining.since + pod.retention)
    }

    /// Whether a member may be removed with samples that are not uploaded, where data loss is allowed.
    fn may_lose_samples(&self, pod: Option<&Pod>, draining: &Draining) -> bool {
        // It has no object storage to upload to.
        if pod.is_some_and(|pod| !pod.uploads) {
            return true;
        }
        // Restarts do not drain it.
        if draining.restarts >= MAX_RESTARTS {
            return true;
        }
        // It does not start, or its probe fails.
        let since = pod.and_then(|pod| pod.changed).unwrap_or_default();
        self.now >= since.max(draining.since) + DRAIN_STEP_TIMEOUT
    }

    /// When a member that left may be removed if nothing else changes, in seconds since the epoch.
    pub(super) fn removable_at(&self, ring: &str, member: i32, draining: &Draining) -> Option<i64> {
        if let Some(drained_at) = draining.drained_at {
            return Some(drained_at + self.desired.store_sync);
        }
        let pod = self.pod(ring, member);
        if self.desired.allow_data_loss {
            let since = pod.and_then(|pod| pod.changed).unwrap_or_default();
            return Some(since.max(draining.since) + DRAIN_STEP_TIMEOUT);
        }
        Some(draining.since + pod.filter(|pod| !pod.uploads)?.retention)
    }
}
