//! What the plan of a ThanosReceive is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller_common::Settings;
use thanos_controller_common::facts::{PvcFacts, SetFacts};
use thanos_controller_common::volumes::Volumes;

use crate::hashring::{AllowedActions, Desired, Hosts, ObservedHashrings, Record, Router};

/// Everything that a plan depends on.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The custom resource.
    pub receive: Arc<ThanosReceive>,
    /// What the controller was started with.
    pub settings: Settings,
    /// Whether ServiceMonitors are created.
    pub service_monitors: bool,
    /// The StatefulSets, by hashring.
    pub sets: BTreeMap<String, SetFacts>,
    /// Image of the routers that run; `None` without any.
    pub router_image: Option<String>,
    /// Digests of what the Secrets of each hashring hold, where they may be read.
    pub secrets: BTreeMap<String, String>,
    /// The volumes of each hashring.
    pub volumes: BTreeMap<String, Volumes>,
    /// UIDs of the claims, by name.
    pub claims: BTreeMap<String, PvcFacts>,
    /// Resource version of what is recorded; `None` if nothing is.
    pub version: Option<String>,
    /// What is to be recorded.
    pub next: Record,
    /// What may be done.
    pub allowed_actions: AllowedActions,
}

/// What decisions about hashrings are made of, as it was observed.
#[derive(Clone, Debug)]
pub struct Rings {
    /// What is recorded.
    pub record: Option<Record>,
    /// What routers report once they have the hashrings that are recorded.
    pub hash: u64,
    /// Where queriers list their endpoints that must know new members.
    pub queriers: Vec<String>,
    /// What the spec asks for.
    pub desired: Desired,
    /// The ingesters, by hashring.
    pub ingester_sets: BTreeMap<String, Hosts>,
    /// The routers that run.
    pub routers: Vec<Router>,
    /// How many there are to be.
    pub routers_wanted: usize,
    /// The replication factor of those that may be started.
    pub router_template: Option<usize>,
    /// Whether no other template's are left.
    pub routers_are_current: bool,
    /// The time, in seconds since the epoch.
    pub now: i64,
}

impl Rings {
    /// As the decisions take it.
    #[must_use]
    pub fn observed_hashrings(&self) -> ObservedHashrings<'_> {
        ObservedHashrings {
            record: self.record.as_ref(),
            desired: &self.desired,
            ingester_sets: &self.ingester_sets,
            routers: &self.routers,
            routers_wanted: self.routers_wanted,
            router_template: self.router_template,
            routers_are_current: self.routers_are_current,
            now: self.now,
        }
    }
}
