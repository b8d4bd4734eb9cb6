//! Tests that install, change or delete CRDs. All others would have to wait for them on the same cluster,
//! so `hack/test.sh` runs this module on a control plane of its own.

mod capability;
mod edges;
mod foreign;
mod preflight;
mod rules;
mod undecodable;
