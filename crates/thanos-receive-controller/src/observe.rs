//! From views to what a plan and a status are made of. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube_facts::namespaces::Namespaces;
use operator_runtime::{Cluster, Monitored, Monitoring, Probe};
use promop_compat::caps::{Gate, Kind};
use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller_common::listing;
use thanos_controller_common::secrets::{Content, content};
use thanos_controller_common::stores::unmounted;
use thanos_controller_common::volumes::{ConditionState, Remedies, Volumes, classes};
use thanos_workload::integration;

use crate::children::Own;
use crate::desired::{hashrings, object_storage};
use crate::hashring::{Progress, advance, allowed_actions, asks_routers, progress};
use crate::health::{self, Signs};
use crate::observed::Observed;
use crate::plan::{self, names};
use crate::stores::Stores;
use crate::tenants::{Unreachable, unreachable};
use crate::{ReceiveController, Seen};

/// What else a user can do about volumes of ingesters.
const REMEDIES: Remedies = Remedies {
    no_class: "add a hashring that names one in storage.storageClass",
    no_growth: "give the hashring another name together with the new size: a new one is made beside it, \
                and this one goes when everything it holds is uploaded",
};

/// Inputs of the status besides those of the plan.
#[derive(Clone, Debug)]
pub struct StatusInputs {
    /// The gate of each kind in use.
    pub gates: Vec<(Kind, Gate)>,
    /// What is done with each hashring.
    pub progress: Vec<Progress>,
    /// The tenants that do not reach their hashring, by its name.
    pub unreachable: BTreeMap<String, Vec<Unreachable>>,
    /// What routers report once they have the recorded hashrings.
    pub config_hash: u64,
    /// The replication factor in effect.
    pub replication_factor: usize,
    /// Whether the ingesters run with their object storage.
    pub object_storage: ConditionState,
    /// What the scheduler says of pods without a node.
    pub unscheduled: Option<String>,
    /// Whether Secrets may be watched; `None` if none is read.
    pub secrets_watched: Option<bool>,
    /// Whether a Prometheus scrapes what runs here.
    pub monitored: Monitored,
    /// What must be asked of pods.
    pub probes: Vec<Probe>,
    /// When to look again for the time alone.
    pub requeue_after: Option<Duration>,
    /// When this was.
    pub now: jiff::Timestamp,
}

/// Reads the views for one ThanosReceive.
pub(crate) fn observe(
    controller: &ReceiveController,
    stores: &Stores,
    cluster: Cluster<'_>,
    it: &Arc<ThanosReceive>,
) -> Seen {
    let gate = |kind| {
        let integration = &it.spec.integration;
        integration::gate(controller.operator_gate, integration, cluster.caps, kind)
    };
    let (monitors, prometheuses) = (gate(Kind::ServiceMonitor), gate(Kind::Prometheus));
    let (cr, namespace) = (it.name_any(), it.namespace().unwrap_or_default());
    let children = Own::of(stores, it);
    let rings = children.rings(stores, cluster);
    let observed_hashrings = rings.observed_hashrings();
    let asks_routers = asks_routers(&observed_hashrings);
    let pod = |ring: &str, member: i32| format!("{}-{member}", names::ingester(&cr, ring));

    let spec_rings = hashrings(&it.spec);
    let mut secrets = BTreeMap::new();
    let (mut missing, mut watched) = (None, None);
    let mut volumes = BTreeMap::new();
    for (i, ring) in spec_rings.iter().enumerate() {
        if let Some(key) = object_storage(&it.spec, ring, i) {
            let content = content([key], &namespace, stores.secrets.readable());
            watched = Some(content != Content::Unwatched);
            match content {
                Content::Digest(digest) => drop(secrets.insert(ring.name.clone(), digest)),
                Content::Missing(what) => drop(missing.get_or_insert(what)),
                Content::Unwatched => {}
            }
        }
        let of_ring = Volumes {
            pvcs: children.claims_of(&ring.name),
            classes: classes(&stores.classes),
            remedies: REMEDIES,
        };
        volumes.insert(ring.name.clone(), of_ring);
    }
    let namespaces = Namespaces {
        listed: stores.namespaces.readable(),
        watched: controller.watched.as_ref(),
    };
    let monitored = Monitoring {
        gate: monitors,
        desired: integration::wants_monitors(&it.spec.integration),
        monitors: &plan::monitors(it),
        namespace: &namespace,
        prometheuses: prometheuses.is_open().then(|| stores.prometheuses.items()),
        namespaces,
        access: cluster.access,
    };
    let next = advance(&observed_hashrings);
    let permitted = allowed_actions(&observed_hashrings, &next);
    let asked = rings.queriers.iter().map(|url| listing::probe(url));
    let status_inputs = StatusInputs {
        gates: vec![
            (Kind::ServiceMonitor, monitors),
            (Kind::Prometheus, prometheuses),
        ],
        progress: progress(&observed_hashrings, &pod),
        unreachable: unreachable(&rings.desired.rings),
        config_hash: rings.hash,
        replication_factor: rings.record.as_ref().map_or(0, |r| r.replication_factor),
        object_storage: health::verdict(&Signs {
            pods: &children.pods,
            unmounted: &unmounted(&stores.mounts, &namespace),
            missing: missing.as_deref(),
            configured: watched.is_some(),
        }),
        unscheduled: children.unscheduled(),
        secrets_watched: watched,
        monitored: monitored.decide(),
        probes: children
            .probes(&rings, asks_routers)
            .into_iter()
            .chain(asked)
            .collect(),
        requeue_after: permitted
            .requeue_after
            .and_then(|s| u64::try_from(s).ok())
            .map(Duration::from_secs),
        now: cluster.now,
    };
    let observed = Observed {
        receive: it.clone(),
        settings: controller.settings.clone(),
        service_monitors: monitors.is_open(),
        router_image: children
            .routers
            .map(|r| r.image.clone())
            .filter(|i| !i.is_empty()),
        secrets,
        volumes,
        version: children.rings.map(|r| r.version.clone()),
        next,
        allowed_actions: permitted,
        claims: children.claims,
        sets: children.sets,
    };
    Seen {
        observed,
        status_inputs,
    }
}
