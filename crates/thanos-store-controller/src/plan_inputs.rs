//! Inputs of the plan of a ThanosStore: only facts, no clock and no client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thanos_api::v1alpha1::ThanosStore;
pub use thanos_controller_common::Settings;
use thanos_controller_common::volumes::Volumes;
use thanos_workload::FieldError;

use crate::facts::ShardFacts;
use crate::generation::Generation;
use crate::reshard::Reshard;

/// Observation of one reconcile.
#[derive(Clone, Debug)]
pub struct PlanInputs {
    /// The custom resource.
    pub store: Arc<ThanosStore>,
    /// Settings from the command line.
    pub settings: Settings,
    /// Whether ServiceMonitors are written: both gates are open and the CRD exists.
    pub service_monitors: bool,
    /// StatefulSets by name, including those of the Go operator.
    pub sets: BTreeMap<String, ShardFacts>,
    /// Field and reason if the time range is currently empty. The plan itself has no clock.
    pub time_range: Option<FieldError>,
    /// Desired generation of shards.
    pub generation: Generation,
    /// Resharding in progress.
    pub reshard: Option<Reshard>,
    /// StatefulSets with a ready pod that a querier of the shard does not list, each with that
    /// querier.
    pub unknown: BTreeMap<String, String>,
    /// Names of the ready pods.
    pub ready: BTreeSet<String>,
    /// Digest of the configuration in the Secrets; `None` if they are not watched or missing.
    pub secrets: Option<String>,
    /// PVCs and StorageClasses.
    pub volumes: Volumes,
}
