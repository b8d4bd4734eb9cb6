//! From views to what a plan and a status are made of. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use operator_runtime::{Cluster, Inquiry, Monitored, Monitoring};
use promop_compat::caps::{Gate, Kind};
use promop_compat::namespaces::Namespaces;
use thanos_api::v1alpha1::ThanosReceive;
use thanos_controller::listing;
use thanos_controller::secrets::{Content, content};
use thanos_controller::views::unmounted;
use thanos_controller::volumes::{Answer, Remedies, Volumes, classes};
use thanos_workload::integration;

use crate::hashring::{Progress, advance, asks_routers, permits, progress};
use crate::health::{self, Signs};
use crate::observed::Observed;
use crate::own::Own;
use crate::plan::{self, names};
use crate::tenants::{Unreachable, unreachable};
use crate::views::Views;
use crate::wanted::{hashrings, object_storage};
use crate::{ReceiveController, Seen};

/// What else a user can do about volumes of ingesters.
const REMEDIES: Remedies = Remedies {
    no_class: "add a hashring that names one in storage.storageClass",
    no_growth: "give the hashring another name together with the new size: a new one is made beside it, \
                and this one goes when everything it holds is uploaded",
};

/// What the status tells, besides what the plan is made of.
#[derive(Clone, Debug)]
pub struct Report {
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
    pub object_storage: Answer,
    /// What the scheduler says of pods without a node.
    pub unscheduled: Option<String>,
    /// Whether Secrets may be watched; `None` if none is read.
    pub secrets_watched: Option<bool>,
    /// Whether a Prometheus scrapes what runs here.
    pub monitored: Monitored,
    /// What must be asked of pods.
    pub inquiries: Vec<Inquiry>,
    /// When to look again for the time alone.
    pub again: Option<Duration>,
    /// When this was.
    pub now: jiff::Timestamp,
}

/// Reads the views for one ThanosReceive.
pub(crate) fn observe(
    controller: &ReceiveController,
    views: &Views,
    cluster: Cluster<'_>,
    it: &Arc<ThanosReceive>,
) -> Seen {
    let gate = |kind| {
        let integration = &it.spec.integration;
        integration::gate(controller.operator_gate, integration, cluster.caps, kind)
    };
    let (monitors, prometheuses) = (gate(Kind::ServiceMonitor), gate(Kind::Prometheus));
    let (cr, namespace) = (it.name_any(), it.namespace().unwrap_or_default());
    let own = Own::of(views, it);
    let rings = own.rings(views, cluster);
    let situation = rings.situation();
    let asks_routers = asks_routers(&situation);
    let pod = |ring: &str, member: i32| format!("{}-{member}", names::ingester(&cr, ring));

    let spec_rings = hashrings(&it.spec);
    let mut secrets = BTreeMap::new();
    let (mut missing, mut watched) = (None, None);
    let mut volumes = BTreeMap::new();
    for (i, ring) in spec_rings.iter().enumerate() {
        if let Some(key) = object_storage(&it.spec, ring, i) {
            let content = content([key], &namespace, views.secrets.readable());
            watched = Some(content != Content::Unwatched);
            match content {
                Content::Digest(digest) => drop(secrets.insert(ring.name.clone(), digest)),
                Content::Missing(what) => drop(missing.get_or_insert(what)),
                Content::Unwatched => {}
            }
        }
        let of_ring = Volumes {
            claims: own.claims_of(&ring.name),
            classes: classes(&views.classes),
            remedies: REMEDIES,
        };
        volumes.insert(ring.name.clone(), of_ring);
    }
    let namespaces = Namespaces {
        listed: views.namespaces.readable(),
        watched: controller.watched.as_ref(),
    };
    let monitored = Monitoring {
        gate: monitors,
        wanted: integration::wants_monitors(&it.spec.integration),
        monitors: &plan::monitors(it),
        namespace: &namespace,
        prometheuses: prometheuses.is_open().then(|| views.prometheuses.items()),
        namespaces,
        access: cluster.access,
    };
    let next = advance(&situation);
    let permitted = permits(&situation, &next);
    let asked = rings.queriers.iter().map(|url| listing::inquiry(url));
    let report = Report {
        gates: vec![
            (Kind::ServiceMonitor, monitors),
            (Kind::Prometheus, prometheuses),
        ],
        progress: progress(&situation, &pod),
        unreachable: unreachable(&rings.wanted.rings),
        config_hash: rings.hash,
        replication_factor: rings.record.as_ref().map_or(0, |r| r.replication_factor),
        object_storage: health::verdict(&Signs {
            pods: &own.pods,
            unmounted: &unmounted(&views.mounts, &namespace),
            missing: missing.as_deref(),
            configured: watched.is_some(),
        }),
        unscheduled: own.unscheduled(),
        secrets_watched: watched,
        monitored: monitored.decide(),
        inquiries: own
            .inquiries(&rings, asks_routers)
            .into_iter()
            .chain(asked)
            .collect(),
        again: permitted
            .again
            .and_then(|s| u64::try_from(s).ok())
            .map(Duration::from_secs),
        now: cluster.now,
    };
    let observed = Observed {
        receive: it.clone(),
        settings: controller.settings.clone(),
        service_monitors: monitors.is_open(),
        router_image: own
            .routers
            .map(|r| r.image.clone())
            .filter(|i| !i.is_empty()),
        secrets,
        volumes,
        version: own.rings.map(|r| r.version.clone()),
        next,
        permits: permitted,
        claims: own.claims,
        sets: own.sets,
    };
    Seen { observed, report }
}
