//! Services.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::FieldError;
use crate::labels::Identity;
use crate::unique;

/// A port that targets the container port of the same name.
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

/// A Service with a cluster IP.
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

/// A headless Service.
#[must_use]
pub fn headless(identity: &Identity, metadata: ObjectMeta, ports: Vec<ServicePort>) -> Service {
    let mut service = cluster_ip(identity, metadata, ports);
    service.spec.get_or_insert_default().cluster_ip = Some("None".to_owned());
    service
}

/// `ports` and the additional ones of the spec.
///
/// # Errors
/// A duplicate name or number; `field` is the path of the additional ports.
pub fn with_additional(
    ports: Vec<ServicePort>,
    additional: Option<&[ServicePort]>,
    field: &str,
) -> Result<Vec<ServicePort>, FieldError> {
    for (i, port) in additional.unwrap_or_default().iter().enumerate() {
        if port.name.as_deref().unwrap_or_default().is_empty() {
            return Err(FieldError::new(
                format!("{field}[{i}].name"),
                "is required, since the Service has several ports; set a name",
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

/// Protocol of a port; TCP if unset.
pub(crate) fn protocol(protocol: Option<&str>) -> &str {
    protocol.filter(|p| !p.is_empty()).unwrap_or("TCP")
}
