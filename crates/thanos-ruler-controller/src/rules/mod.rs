//! Rules: selection, validation, overlap, and packing into ConfigMaps.

pub mod collect;
pub mod held;
pub mod loaded;
pub mod pack;
pub mod source;
pub mod waiting;

/// Label and value of the alerts of shadowed rules. Rulers drop alerts with it.
pub const SHADOW: (&str, &str) = ("thanos_shadow", "true");
