//! Everything that the plan of a ThanosStore depends on. Facts only: no clock, no client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thanos_api::v1alpha1::ThanosStore;
pub use thanos_controller_common::Settings;
use thanos_controller_common::volumes::Volumes;
use thanos_workload::FieldError;

use crate::facts::ShardFacts;
use crate::generation::Generation;
use crate::reshard::Reshard;

/// What one pass saw.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The custom resource.
    pub store: Arc<ThanosStore>,
    /// What the controller was started with.
    pub settings: Settings,
    /// Whether ServiceMonitors may be written: both gates are open and the kind is there.
    pub service_monitors: bool,
    /// The StatefulSets by name, those of a former operator included.
    pub sets: BTreeMap<String, ShardFacts>,
    /// Why the time range holds nothing at the moment, with the field that must be changed. The plan
    /// itself knows no time.
    pub time_range: Option<FieldError>,
    /// How the blocks are to be divided.
    pub generation: Generation,
    /// The change of the number of shards that is under way.
    pub reshard: Option<Reshard>,
    /// The StatefulSets with a ready pod that some querier, which asks others of them, does not know;
    /// with that querier.
    pub unknown: BTreeMap<String, String>,
    /// The names of the pods that are ready.
    pub ready: BTreeSet<String>,
    /// Digest of the configuration in the Secrets; `None` if they may not be read, or are missing.
    pub secrets: Option<String>,
    /// The volumes.
    pub volumes: Volumes,
}
