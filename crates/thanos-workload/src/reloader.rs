//! Sidecar with Prometheus Operator's config reloader, which reloads Thanos when mounted files change.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ResourceRequirements, VolumeMount};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::pod::port;
use crate::{ports, security};

/// Name of the container, as in Prometheus Operator.
pub const CONTAINER: &str = "config-reloader";

/// Name of the metrics port, as in Prometheus Operator.
pub const PORT: &str = "reloader-web";
/// Number of the metrics port.
pub const PORT_NUMBER: i32 = 8080;

/// A container that watches a folder, and reloads Thanos in the same pod when a file changes: at once on
/// an inotify event, otherwise within a minute.
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
        // The resources of Prometheus Operator, without a CPU limit, which would delay reloads.
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
