//! Probes of Thanos containers. Their paths do not depend on the route prefix.

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::ports;

/// Removes a pod from Services within 15 s.
#[must_use]
pub fn readiness() -> Probe {
    probe("/-/ready", 5, 3, 3)
}

/// Restarts a container after two minutes without an answer. It needs no initial delay, since the HTTP
/// server of Thanos starts first.
#[must_use]
pub fn liveness() -> Probe {
    probe("/-/healthy", 30, 4, 5)
}

/// Allows `minutes` to become ready, during which the liveness probe is disabled.
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
