//! Inputs of the plan of a ThanosReceive and of its hashring decisions. No IO.

use std::collections::BTreeMap;
use std::sync::Arc;

use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller_common::Settings;
use thanos_controller_common::facts::{PvcFacts, SetFacts};
use thanos_controller_common::volumes::Volumes;

use crate::hashring::{
    AllowedActions, DesiredHashrings, IngesterSet, ObservedHashrings, Record, Router,
};

/// Inputs of the plan.
#[derive(Clone, Debug)]
pub struct PlanInputs {
    /// The custom resource.
    pub receive: Arc<ThanosReceive>,
    /// Settings from the command line.
    pub settings: Settings,
    /// Whether ServiceMonitors can be created.
    pub service_monitors: bool,
    /// The StatefulSets, by hashring.
    pub sets: BTreeMap<String, SetFacts>,
    /// Image of the running routers; `None` if there are none.
    pub router_image: Option<String>,
    /// Digests of the Secrets of each hashring, where they are readable.
    pub secrets: BTreeMap<String, String>,
    /// Volumes of each hashring.
    pub volumes: BTreeMap<String, Volumes>,
    /// PVCs of ingesters, by name.
    pub pvcs: BTreeMap<String, PvcFacts>,
    /// Resource version of the ConfigMap with the record; `None` before the first one.
    pub version: Option<String>,
    /// The next record.
    pub next: Record,
    /// The actions that are allowed now.
    pub allowed_actions: AllowedActions,
}

/// Inputs of the state machine of the hashrings, owned.
#[derive(Clone, Debug)]
pub struct Rings {
    /// The stored record; `None` before the first one.
    pub record: Option<Record>,
    /// Config hash of routers that have loaded the recorded hashrings.
    pub hash: u64,
    /// URLs of the endpoint lists of the queriers that must know new members.
    pub queriers: Vec<String>,
    /// The hashrings of the spec.
    pub desired: DesiredHashrings,
    /// Ingesters by hashring.
    pub ingester_sets: BTreeMap<String, IngesterSet>,
    /// Existing routers.
    pub routers: Vec<Router>,
    /// Number of routers to expect.
    pub desired_routers: usize,
    /// Replication factor in the template of the Deployment.
    pub router_template: Option<usize>,
    /// Whether no router of a previous template is left.
    pub routers_are_current: bool,
    /// Current time, in seconds since the epoch.
    pub now: i64,
}

impl Rings {
    /// Borrowed form of the inputs.
    #[must_use]
    pub fn observed_hashrings(&self) -> ObservedHashrings<'_> {
        ObservedHashrings {
            record: self.record.as_ref(),
            desired: &self.desired,
            ingester_sets: &self.ingester_sets,
            routers: &self.routers,
            desired_routers: self.desired_routers,
            router_template: self.router_template,
            routers_are_current: self.routers_are_current,
            now: self.now,
        }
    }
}
