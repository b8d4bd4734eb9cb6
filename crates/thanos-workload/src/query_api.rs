//! Discovery of Query APIs by labels of their Services. Queriers, rulers and query frontends use the
//! same functions.

use kube_facts::{Key, Labels};
use thanos_api::names::label;

use crate::ports;

/// Whether a Service with these labels offers a Query API.
#[must_use]
pub fn is_offered(labels: &Labels) -> bool {
    let has = |key: &str, value: &str| labels.get(key).is_some_and(|v| v == value);
    has(label::QUERY_API, label::TRUE) && has(label::PART_OF, label::PART_OF_VALUE)
}

/// Address of the Query API of a Service, in the syntax of Thanos. Each pod of a headless Service is an
/// address of its own, so that clients fail over to the next.
#[must_use]
pub fn address(service: &Key, headless: bool, port: u16) -> String {
    let Key { name, namespace } = service;
    match headless {
        true => format!("dnssrv+_{}._tcp.{name}.{namespace}.svc", ports::HTTP),
        false => format!("{name}.{namespace}.svc:{port}"),
    }
}
