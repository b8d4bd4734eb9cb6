//! The hashrings as a state machine. Pure.
//!
//! In: what is recorded ([`Record`]), what the spec asks for ([`Desired`]) and what is observed
//! ([`ObservedHashrings`]). Out: the next record ([`advance`]), and what may be done now ([`allowed_actions`]), which
//! follows from what *is* recorded alone: whatever is decided is stored before anything is done about
//! it. So a controller can end at any moment, and the next one goes on.
//!
//! What it promises, and a test checks over every order of events (`tests/model` of this crate):
//! - A ring is published only if routers with the replication factor in effect, and any that still
//!   run, accept it, and if so many of its members are ready.
//! - The next ring is published when every router has the last one.
//! - A pod is asked to stop, and a volume is deleted, only after its member left the ring of every
//!   router. A member goes for good, and a volume is deleted, only after everything it holds is
//!   proven uploaded, or the user wants it otherwise.
//! - If nothing else changes, the ring becomes what the spec asks for, and stays so.

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
    Desired, DesiredHashring, Hosts, NotUploaded, ObservedHashrings, Pod, Router,
};
pub use progress::{Obstacle, Progress, asks_routers, progress};
pub use record::{Draining, Record, Ring};
pub use ring::{config_hash, refusal, render};
