//! The inputs of the plan. Pure data.

use std::collections::BTreeSet;
use std::sync::Arc;

use thanos_api::v1alpha1::ThanosRuler;
use thanos_controller_common::volumes::Volumes;

use crate::RulerSettings;
use crate::addresses::{Target, Transport, blocks};
use crate::facts::RulerSetFacts;
use crate::queriers::Queriers;
use crate::rules::pack::Packed;

/// The inputs of the plan.
#[derive(Clone, Debug)]
pub struct PlanInputs {
    /// The custom resource.
    pub ruler: Arc<ThanosRuler>,
    /// Settings of the controller.
    pub settings: RulerSettings,
    /// Whether ServiceMonitors may be created.
    pub service_monitors: bool,
    /// The StatefulSet, if it exists.
    pub set: Option<RulerSetFacts>,
    /// The rule files of PrometheusRules; `None` while these are unreadable, and the mounted files stay.
    pub rules: Option<Packed>,
    /// The rule files of ConfigMaps; `None` while these are unreadable, and the mounted files stay.
    pub files: Option<Packed>,
    /// The queriers.
    pub queriers: Queriers,
    /// The Alertmanagers; `None` while these are unreadable, and the last addresses stay.
    pub alertmanagers: Option<Vec<Target>>,
    /// The remote write URLs of routers, for stateless rulers.
    pub remote_write: Vec<String>,
    /// The tenants of rules.
    pub tenants: BTreeSet<String>,
    /// The label that holds the tenant.
    pub tenant_label: String,
    /// Digest of the Secrets that pods read when they start; `None` if unknown.
    pub secrets: Option<String>,
    /// The volumes.
    pub volumes: Volumes,
}

impl PlanInputs {
    /// The transports of queriers, including those of deleted ones.
    #[must_use]
    pub fn querier_blocks(&self) -> BTreeSet<Transport> {
        let before = self.set.as_ref().map(|set| &set.queriers);
        blocks(&self.queriers.targets, before.unwrap_or(&BTreeSet::new()))
    }

    /// The transports of Alertmanagers, including those of deleted ones.
    #[must_use]
    pub fn alertmanager_blocks(&self) -> BTreeSet<Transport> {
        let before = self.set.as_ref().map(|set| &set.alertmanagers);
        let targets = self.alertmanagers.as_deref().unwrap_or_default();
        blocks(targets, before.unwrap_or(&BTreeSet::new()))
    }
}
