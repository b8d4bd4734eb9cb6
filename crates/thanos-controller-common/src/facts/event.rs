//! Facts of Events about volumes that cannot be mounted, the only source for the name of a missing
//! Secret.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;

use super::meta::Meta;

/// Name prefix of Thanos pods.
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

/// Facts of such an Event; `None` if it is not about a Thanos pod.
pub type MountFacts = Option<Failure>;

/// Volume that cannot be mounted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// UID of the pod.
    pub pod: String,
    /// Message of the kubelet.
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
