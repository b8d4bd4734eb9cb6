//! Facts extracted from the objects of a ThanosReceive, besides those of every kind. No IO.

mod receiver;
mod rings;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use operator_runtime::owned_objects::Counts;
use serde::Deserialize;
use thanos_api::names::{annotation, label};
use thanos_controller_common::facts::{Meta, SetFacts, SetObject};

pub use receiver::{ProbeResult, ReceiverFacts, ReceiverObject, Role, probe};
pub use rings::{RingsFacts, RingsObject};

/// Node label with the zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// The StatefulSet of a hashring.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct IngesterSetObject(SetObject);

/// Facts about the StatefulSet of a hashring.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IngesterSetFacts {
    /// Facts common to all StatefulSets.
    pub set: SetFacts,
    /// Name of the hashring.
    pub ring: String,
}

impl Extract for IngesterSetObject {
    type Facts = IngesterSetFacts;

    fn into_parts(self) -> (ObjectMeta, IngesterSetFacts) {
        let Self(object) = self;
        // A long name is not a valid label value. The Go operator sets no annotation.
        let ring = object.annotations().get(annotation::HASHRING);
        let ring = ring.or_else(|| object.labels().get(label::HASHRING));
        let ring = ring.cloned().unwrap_or_default();
        let (identity, set) = object.into_parts();
        (identity, IngesterSetFacts { set, ring })
    }
}

/// The Deployment of routers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RoutersObject {
    metadata: Meta,
    spec: RoutersSpec,
    status: Counts,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct RoutersSpec {
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    image: String,
    args: Vec<String>,
}

/// Facts about the Deployment of routers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoutersFacts {
    /// UID.
    pub uid: String,
    /// UID of the custom resource that controls it.
    pub owner: String,
    /// Image of the routers.
    pub image: String,
    /// Replication factor in the arguments of the template.
    pub replication_factor: usize,
    /// Whether every pod is of the current template.
    pub current: bool,
}

impl Extract for RoutersObject {
    type Facts = RoutersFacts;

    fn into_parts(self) -> (ObjectMeta, RoutersFacts) {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        let mut containers = spec.template.spec.containers.into_iter();
        let router = containers.find(|c| c.name == crate::names::ROUTER);
        let is_seen = status.observed_generation >= metadata.generation;
        let mut args = router.iter().flat_map(|c| &c.args);
        let factor = args.find_map(|a| {
            a.strip_prefix("--receive.replication-factor=")?
                .parse()
                .ok()
        });
        let facts = RoutersFacts {
            uid: metadata.uid.clone().unwrap_or_default(),
            owner: metadata.controlled_by(),
            replication_factor: factor.unwrap_or(1),
            image: router.map(|c| c.image).unwrap_or_default(),
            current: is_seen && status.updated_replicas == status.replicas,
        };
        (metadata.identity(), facts)
    }
}

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeObject {
    metadata: Meta,
}

/// Zone of a node.
pub type NodeFacts = Option<String>;

impl Extract for NodeObject {
    type Facts = NodeFacts;

    fn into_parts(self) -> (ObjectMeta, NodeFacts) {
        let zone = self.metadata.labels.get(ZONE).cloned();
        (self.metadata.identity(), zone)
    }
}
