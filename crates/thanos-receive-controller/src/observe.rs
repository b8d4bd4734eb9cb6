//! Computes the inputs of plan and status from the stores. Pure, no IO.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use operator_runtime::{Cluster, Probe};
use promop_compat::kind;
use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller_common::listing;
use thanos_controller_common::scope::CommonInputs;
use thanos_controller_common::secrets::{Content, content};
use thanos_controller_common::stores::unmounted;
use thanos_controller_common::volumes::{ConditionState, Remedies, Volumes, classes};

use crate::children::Children;
use crate::desired::{hashrings, object_storage};
use crate::hashring::{Progress, advance, allowed_actions, needs_router_probes, progress};
use crate::health::{self, Inputs};
use crate::names;
use crate::plan;
use crate::plan_inputs::PlanInputs;
use crate::stores::Stores;
use crate::tenants::{Unreachable, unreachable};
use crate::{Observed, ReceiveController};

/// Remedies in messages about PVCs of ingesters.
const REMEDIES: Remedies = Remedies {
    no_class: "add a hashring that names one in storage.storageClass",
    no_growth: "rename the hashring together with the new size: a new hashring is created beside this one, \
                which is removed once all its samples are uploaded",
};

/// Inputs of the status, besides those of the plan.
#[derive(Clone, Debug)]
pub struct StatusInputs {
    /// Inputs of every kind.
    pub common: CommonInputs,
    /// Progress of each hashring.
    pub progress: Vec<Progress>,
    /// Unreachable tenants, by hashring.
    pub unreachable: BTreeMap<String, Vec<Unreachable>>,
    /// Config hash of routers that have loaded the recorded hashrings.
    pub config_hash: u64,
    /// Replication factor in effect.
    pub replication_factor: usize,
    /// The condition `ObjectStorageReady`.
    pub object_storage: ConditionState,
    /// Message of the scheduler about pods without a node.
    pub unscheduled: Option<String>,
    /// Whether Secrets are watched; `None` if none is used.
    pub secrets_watched: Option<bool>,
    /// Probes of pods.
    pub probes: Vec<Probe>,
    /// Time of the next reconcile, if nothing changes.
    pub requeue_after: Option<Duration>,
    /// Time of this reconcile.
    pub now: jiff::Timestamp,
}

/// Computes the observed state of one ThanosReceive.
pub(crate) fn observe(
    controller: &ReceiveController,
    stores: &Stores,
    cluster: Cluster<'_>,
    receive: &Arc<ThanosReceive>,
) -> Observed {
    let gates = controller.scope.gates(&receive.spec.integration, cluster);
    let (cr, namespace) = (receive.name_any(), receive.namespace().unwrap_or_default());
    let children = Children::of(stores, receive);
    let rings = children.rings(stores, cluster);
    let observed_hashrings = rings.observed_hashrings();
    let needs_router_probes = needs_router_probes(&observed_hashrings);
    let pod = |ring: &str, member: i32| format!("{}-{member}", names::ingester(&cr, ring));

    let spec_rings = hashrings(&receive.spec);
    let mut secrets = BTreeMap::new();
    let (mut missing, mut watched) = (None, None);
    let mut volumes = BTreeMap::new();
    for (i, ring) in spec_rings.iter().enumerate() {
        if let Some(key) = object_storage(&receive.spec, ring, i) {
            let content = content([key], &namespace, stores.secrets.readable());
            watched = Some(content != Content::Unwatched);
            match content {
                Content::Digest(digest) => drop(secrets.insert(ring.name.clone(), digest)),
                Content::Missing(what) => drop(missing.get_or_insert(what)),
                Content::Unwatched => {}
            }
        }
        let of_ring = Volumes {
            pvcs: children.pvcs_of(&ring.name),
            classes: classes(&stores.classes),
            remedies: REMEDIES,
        };
        volumes.insert(ring.name.clone(), of_ring);
    }
    let common = gates.inputs(
        &namespace,
        &plan::monitors(receive),
        &stores.prometheuses,
        &stores.namespaces,
    );
    let next = advance(&observed_hashrings);
    let allowed_actions = allowed_actions(&observed_hashrings, &next);
    let queriers = rings.queriers.iter().map(|url| listing::probe(url));
    let status_inputs = StatusInputs {
        common,
        progress: progress(&observed_hashrings, &pod),
        unreachable: unreachable(&rings.desired.rings),
        config_hash: rings.hash,
        replication_factor: rings.record.as_ref().map_or(0, |r| r.replication_factor),
        object_storage: health::object_storage(&Inputs {
            pods: &children.pods,
            unmounted: &unmounted(&stores.mounts, &namespace),
            missing: missing.as_deref(),
            configured: watched.is_some(),
        }),
        unscheduled: children.unscheduled(),
        secrets_watched: watched,
        probes: children
            .probes(&rings, needs_router_probes)
            .into_iter()
            .chain(queriers)
            .collect(),
        requeue_after: allowed_actions
            .requeue_after
            .and_then(|s| u64::try_from(s).ok())
            .map(Duration::from_secs),
        now: cluster.now,
    };
    let plan_inputs = PlanInputs {
        receive: receive.clone(),
        settings: controller.settings.clone(),
        service_monitors: gates.of(kind::SERVICE_MONITOR).is_open(),
        router_image: children
            .routers
            .map(|r| r.image.clone())
            .filter(|i| !i.is_empty()),
        secrets,
        volumes,
        version: children.rings.map(|r| r.version.clone()),
        next,
        allowed_actions,
        pvcs: children.pvcs,
        sets: children.sets,
    };
    Observed {
        plan_inputs,
        status_inputs,
    }
}
