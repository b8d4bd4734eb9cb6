//! Rules: which are selected, which of them are good, and where they go.

pub mod collect;
pub mod held;
pub mod loaded;
pub mod pack;
pub mod source;
pub mod waiting;

/// The label of the alerts of shadowed rules, and its value. Alerts that have it are not sent.
pub const SHADOW: (&str, &str) = ("thanos_shadow", "true");
