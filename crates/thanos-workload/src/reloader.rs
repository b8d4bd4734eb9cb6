//! The config reloader of Prometheus Operator, which reloads Thanos when mounted files have changed.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ResourceRequirements, VolumeMount};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::pod::port;
use crate::{ports, security};

/// Name of the container, as Prometheus Operator has it.
pub const CONTAINER: &str = "config-reloader";

/// Name of the port that serves its metrics, as Prometheus Operator has it.
pub const PORT: &str = "reloader-web";
/// Its number.
pub const PORT_NUMBER: i32 = 8080;

/// A container that watches a folder, and has Thanos in the same pod reload when something in it
/// changes: at once when the kubelet has renewed the files, and every minute in case that went unseen.
#[must_use]
pub fn container(image: &str, folder: &str, path_prefix: &str, mount: VolumeMount) -> Container {
    let reload = format!(
        "http://localhost:{}{path_prefix}/-/reload",
        ports::HTTP_NUMBER
    );
    let quantity = |cpu: &str, memory: &str| {
        let both = [("cpu", cpu), ("memory", memory)];
        let both = both.map(|(k, v)| (k.to_owned(), Quantity(v.to_owned())));
        Some(BTreeMap::from(both))
    };
    Container {
        name: CONTAINER.to_owned(),
        image: Some(image.to_owned()),
        args: Some(vec![
            format!("--listen-address=:{PORT_NUMBER}"),
            format!("--reload-url={reload}"),
            format!("--watched-dir={folder}"),
            "--watch-interval=1m".to_owned(),
        ]),
        ports: Some(vec![port(PORT, PORT_NUMBER)]),
        // What Prometheus Operator gives it; no limit of CPU, which would only make it late.
        resources: Some(ResourceRequirements {
            requests: quantity("10m", "50Mi"),
            ..Default::default()
        }),
        volume_mounts: Some(vec![mount]),
        security_context: Some(security::of_container()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Default::default()
    }
}
