//! What a plan is made of.

use std::collections::BTreeSet;
use std::sync::Arc;

use thanos_api::v1alpha1::ThanosRuler;
use thanos_controller_common::volumes::Volumes;

use crate::RulerSettings;
use crate::addresses::{Target, Transport, blocks};
use crate::facts::RulerSetFacts;
use crate::queriers::Queriers;
use crate::rules::pack::Packed;

/// What a plan is made of.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The custom resource.
    pub ruler: Arc<ThanosRuler>,
    /// What the controller was started with.
    pub settings: RulerSettings,
    /// Whether ServiceMonitors may be created.
    pub service_monitors: bool,
    /// The StatefulSet, if it exists.
    pub set: Option<RulerSetFacts>,
    /// The rule files of PrometheusRules; `None` if nobody knows all of them, and those that are
    /// mounted stay.
    pub rules: Option<Packed>,
    /// The rule files of ConfigMaps; `None` if these may not be read, and those that are mounted stay.
    pub files: Option<Packed>,
    /// The queriers.
    pub queriers: Queriers,
    /// The Alertmanagers; `None` if nobody knows all of them, and those that are told stay.
    pub alertmanagers: Option<Vec<Target>>,
    /// The remote write URLs of routers, for rulers that keep nothing.
    pub remote_write: Vec<String>,
    /// The tenants of rules, if there are any.
    pub tenants: BTreeSet<String>,
    /// The label that holds the tenant.
    pub tenant_label: String,
    /// Digest of the Secrets that pods read when they start; `None` if it is not known.
    pub secrets: Option<String>,
    /// The volumes.
    pub volumes: Volumes,
}

impl Observed {
    /// How queriers are reached, also those that are gone.
    #[must_use]
    pub fn querier_blocks(&self) -> BTreeSet<Transport> {
        let before = self.set.as_ref().map(|set| &set.queriers);
        blocks(&self.queriers.targets, before.unwrap_or(&BTreeSet::new()))
    }

    /// How Alertmanagers are reached, also those that are gone.
    #[must_use]
    pub fn alertmanager_blocks(&self) -> BTreeSet<Transport> {
        let before = self.set.as_ref().map(|set| &set.alertmanagers);
        let targets = self.alertmanagers.as_deref().unwrap_or_default();
        blocks(targets, before.unwrap_or(&BTreeSet::new()))
    }
}
