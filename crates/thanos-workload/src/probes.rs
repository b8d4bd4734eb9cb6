//! Probes. They hit the root of the HTTP port whatever route prefix is set.

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::ports;

/// Taken out of Services within 15 s of not being ready.
#[must_use]
pub fn readiness() -> Probe {
    probe("/-/ready", 5, 3, 3)
}

/// Restarted after two minutes without an answer. No initial delay: Thanos is alive as soon as its
/// HTTP server is.
#[must_use]
pub fn liveness() -> Probe {
    probe("/-/healthy", 30, 4, 5)
}

/// For programs that read a lot before they are ready: `minutes` to become ready, during which the
/// liveness probe rests.
#[must_use]
pub fn startup(minutes: i32) -> Probe {
    probe("/-/ready", 10, minutes * 6, 5)
}

fn probe(path: &str, period: i32, failures: i32, timeout: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ports::HTTP.to_owned()),
            ..Default::default()
        }),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        timeout_seconds: Some(timeout),
        ..Default::default()
    }
}
