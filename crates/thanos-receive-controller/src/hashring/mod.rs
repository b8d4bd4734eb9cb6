//! State machine of the hashrings. Pure, no IO.
//!
//! Inputs: the stored record ([`Record`]), the spec ([`DesiredHashrings`]) and observed pods
//! ([`ObservedHashrings`]). Outputs: the next record ([`advance`]), and the actions that are allowed
//! now ([`allowed_actions`]), which follow from the *stored* record only. Every decision is stored
//! before it is acted on, so a controller can exit at any point and the next one continues.
//!
//! Invariants, checked over every order of events by `tests/model` of this crate:
//! - A hashring is published only if routers accept it with the replication factor in effect and
//!   with that of every router that still runs, and if that many of its members are ready.
//! - A hashring is published only after every router has loaded the previous one.
//! - A pod is stopped, and a PVC deleted, only after its member left the hashring of every router.
//!   A member is removed, and its PVC deleted, only after the upload of all its samples is proven,
//!   or if the user allows data loss.
//! - If nothing else changes, the hashrings converge to the spec and stay there.

mod advance;
mod allowed_actions;
mod draining;
mod observed_hashrings;
mod progress;
mod record;
mod ring;

pub use advance::advance;
pub use allowed_actions::{AllowedActions, Restart, allowed_actions};
pub use observed_hashrings::{
    DesiredHashring, DesiredHashrings, IngesterSet, ObservedHashrings, Pod, Router, UploadState,
};
pub use progress::{Obstacle, Progress, needs_router_probes, progress};
pub use record::{Draining, Record, Ring};
pub use ring::{config_hash, rejection, render};
