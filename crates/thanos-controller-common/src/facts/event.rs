//! Events about volumes that a node cannot mount: the only place that says which Secret is missing.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;

use super::Meta;

/// How the names of pods of Thanos start.
const OURS: &str = "thanos-";

/// An Event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MountEvent {
    metadata: Meta,
    involved_object: Involved,
    message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Involved {
    name: String,
    uid: String,
}

/// What decisions need to know of such an Event; `None` if it is about no pod of Thanos.
pub type MountFacts = Option<Failure>;

/// A volume that a node cannot mount.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// UID of the pod.
    pub pod: String,
    /// What the node says.
    pub message: String,
}

impl Extract for MountEvent {
    type Facts = MountFacts;

    fn into_parts(self) -> (ObjectMeta, MountFacts) {
        let about = self.involved_object;
        let facts = about.name.starts_with(OURS).then_some(Failure {
            pod: about.uid,
            message: self.message,
        });
        (self.metadata.identity(), facts)
    }
}
