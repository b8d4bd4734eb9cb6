//! Every field that all kinds share reaches every pod of every kind, and what a custom resource's
//! metadata says reaches every child: from manifests to plans as `render` makes them, without a
//! cluster.

#![allow(clippy::unwrap_used, clippy::panic)]

mod fields;
mod metadata;
mod rendered;
