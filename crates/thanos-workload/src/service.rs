//! Services.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::FieldError;
use crate::labels::Identity;
use crate::unique;

/// A port that leads to the container port of the same name.
#[must_use]
pub fn port(name: &str, number: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        target_port: Some(IntOrString::String(name.to_owned())),
        protocol: Some("TCP".to_owned()),
        ..Default::default()
    }
}

/// A Service of one virtual address, over which connections are spread.
#[must_use]
pub fn cluster_ip(identity: &Identity, metadata: ObjectMeta, ports: Vec<ServicePort>) -> Service {
    Service {
        metadata,
        spec: Some(ServiceSpec {
            selector: Some(identity.selector_labels()),
            ports: Some(ports),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A Service whose name resolves to the addresses of the pods.
#[must_use]
pub fn headless(identity: &Identity, metadata: ObjectMeta, ports: Vec<ServicePort>) -> Service {
    let mut service = cluster_ip(identity, metadata, ports);
    service.spec.get_or_insert_default().cluster_ip = Some("None".to_owned());
    service
}

/// `ports` and the user's.
///
/// # Errors
/// A name or a number that is taken; `field` is the path of the user's list.
pub fn with_additional(
    ports: Vec<ServicePort>,
    additional: Option<&[ServicePort]>,
    field: &str,
) -> Result<Vec<ServicePort>, FieldError> {
    for (i, port) in additional.unwrap_or_default().iter().enumerate() {
        if port.name.as_deref().unwrap_or_default().is_empty() {
            return Err(FieldError::new(
                format!("{field}[{i}].name"),
                "a Service with several ports needs a name for each; give this one a name",
            ));
        }
    }
    let additional: Vec<ServicePort> = additional
        .unwrap_or_default()
        .iter()
        .map(|port| ServicePort {
            protocol: Some(protocol(port.protocol.as_deref()).to_owned()),
            ..port.clone()
        })
        .collect();
    let mut by_name = ports.clone();
    unique::append(&mut by_name, Some(&additional), field, "name", |port| {
        port.name.clone().unwrap_or_default()
    })?;
    let mut all = ports;
    unique::append(&mut all, Some(&additional), field, "port", |port| {
        format!("{}/{}", port.port, protocol(port.protocol.as_deref()))
    })?;
    Ok(all)
}

/// The protocol of a port, TCP if unset.
pub(crate) fn protocol(protocol: Option<&str>) -> &str {
    protocol.filter(|p| !p.is_empty()).unwrap_or("TCP")
}
