//! The Secrets that rulers read when they start. Pure.

use k8s_openapi::api::core::v1::SecretKeySelector;
use thanos_api::v1alpha1::{RulerModeType, ThanosRulerSpec};

/// The field that names the certificate authority of Alertmanagers.
pub const CA: &str = "spec.alertmanagers.tlsConfig.ca";
/// The field that names the object storage configuration.
pub const OBJECT_STORAGE: &str = "spec.rulerMode.stateful.objectStorageConfig";

/// The keys that are read, with the field that names each.
pub fn keys(spec: &ThanosRulerSpec) -> impl Iterator<Item = (&'static str, &SecretKeySelector)> {
    let alertmanagers = spec.alertmanagers.as_ref();
    let ca = alertmanagers.and_then(|a| a.tls_config.as_ref()?.ca.as_ref());
    let stateful = spec.ruler_mode.as_ref().and_then(|m| m.stateful.as_ref());
    let bucket = stateful.and_then(|s| s.object_storage_config.as_ref());
    let bucket = bucket.filter(|_| !is_stateless(spec));
    let bucket = bucket.map(|key| (OBJECT_STORAGE, key));
    bucket.into_iter().chain(ca.map(|key| (CA, key)))
}

/// Whether results are uploaded.
#[must_use]
pub fn uploads(spec: &ThanosRulerSpec) -> bool {
    keys(spec).any(|(field, _)| field == OBJECT_STORAGE)
}

/// Whether results are written to receive routers instead of volumes.
pub(crate) fn is_stateless(spec: &ThanosRulerSpec) -> bool {
    let mode = spec.ruler_mode.as_ref().and_then(|mode| mode.type_);
    mode == Some(RulerModeType::Stateless)
}
