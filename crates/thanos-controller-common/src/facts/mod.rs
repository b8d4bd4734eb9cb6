//! Facts of the built-in objects that decisions depend on.
//!
//! Their types match what the API server stores, so decoding needs no tolerance.

mod event;
mod meta;
mod pod;
mod pvc;
mod querier;
mod secret;
mod set;
#[cfg(test)]
mod tests;
mod workload;

pub use event::{Failure, MountEvent, MountFacts};
pub use meta::Meta;
pub use pod::{Ended, PodFacts, PodObject, PodState};
pub use pvc::{ClassFacts, ClassObject, PvcFacts, PvcObject};
pub use querier::{QuerierFacts, QuerierObject};
pub use secret::{Digest, SecretFacts, SecretObject};
pub use set::{SetFacts, SetObject};
pub use workload::{DeploymentFacts, DeploymentObject, ReplicaSetFacts, ReplicaSetObject};
