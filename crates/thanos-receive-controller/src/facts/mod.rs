//! What is read of the objects of a ThanosReceive, besides what is read of any.

mod receiver;
mod rings;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use operator_runtime::owned_objects::Counts;
use serde::Deserialize;
use thanos_api::names::{annotation, label};
use thanos_controller_common::facts::{Meta, SetFacts, SetObject};

pub use receiver::{Asked, ReceiverFacts, ReceiverObject, Role, asked, inquiry};
pub use rings::{RingsFacts, RingsObject};

/// The label of nodes that names their zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// The StatefulSet of a hashring.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct HostsObject(SetObject);

/// What decisions need to know of the StatefulSet of a hashring.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostsFacts {
    /// What is known of any StatefulSet.
    pub set: SetFacts,
    /// Name of the hashring.
    pub ring: String,
}

impl Extract for HostsObject {
    type Facts = HostsFacts;

    fn into_parts(self) -> (ObjectMeta, HostsFacts) {
        let Self(object) = self;
        // A long name is no label value. The Go operator has no annotation.
        let reported = object.annotations().get(annotation::HASHRING);
        let ring = reported.or_else(|| object.labels().get(label::HASHRING));
        let ring = ring.cloned().unwrap_or_default();
        let (identity, set) = object.into_parts();
        (identity, HostsFacts { set, ring })
    }
}

/// The Deployment of routers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RoutersObject {
    metadata: Meta,
    spec: Spec,
    status: Counts,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
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

/// What decisions need to know of the Deployment of routers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoutersFacts {
    /// UID.
    pub uid: String,
    /// UID of the custom resource that controls it.
    pub owner: String,
    /// Image of the routers.
    pub image: String,
    /// Copies that they make of each sample.
    pub replication_factor: usize,
    /// Whether every pod is what the template says.
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
        let router = containers.find(|c| c.name == crate::plan::ROUTER);
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

/// What decisions need to know of a node: its zone.
pub type NodeFacts = Option<String>;

impl Extract for NodeObject {
    type Facts = NodeFacts;

    fn into_parts(self) -> (ObjectMeta, NodeFacts) {
        let zone = self.metadata.labels.get(ZONE).cloned();
        (self.metadata.identity(), zone)
    }
}
