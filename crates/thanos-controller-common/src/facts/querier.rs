//! Facts of querier pods: the URL of their API.

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_workload::ports;

use super::meta::{Condition, Meta, thanos};

/// Name of the querier container.
const PROGRAM: &str = "thanos-query";

/// A querier pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QuerierObject {
    metadata: Meta,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    args: Vec<String>,
    ports: Vec<Port>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Port {
    name: String,
    container_port: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(rename = "podIP")]
    pod_ip: Option<IpAddr>,
    conditions: Vec<Condition>,
}

/// Facts of a querier pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuerierFacts {
    /// URL of its list of endpoints, if it is ready and thus answers queries.
    pub stores: Option<String>,
    /// Name of the owning custom resource.
    pub owner: String,
    /// UID of the controlling ReplicaSet; empty without one.
    pub controller: String,
    /// Path prefix of its API: empty, or with a leading and without a trailing slash.
    pub prefix: String,
}

impl Extract for QuerierObject {
    type Facts = QuerierFacts;

    fn into_parts(self) -> (ObjectMeta, QuerierFacts) {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        let ready = metadata.deletion_timestamp.is_none()
            && Condition::find(&status.conditions, "Ready", "True").is_some();
        let container = thanos(PROGRAM, &spec.containers, |c| &c.name);
        let port = container
            .and_then(|c| c.ports.iter().find(|p| p.name == ports::HTTP))
            .map(|p| p.container_port);
        let prefix = container.map(|c| prefix(&c.args)).unwrap_or_default();
        let stores = status.pod_ip.zip(port).filter(|_| ready).map(|(ip, port)| {
            let host = std::net::SocketAddr::new(ip, port);
            format!("http://{host}{prefix}/api/v1/stores")
        });
        let facts = QuerierFacts {
            stores,
            owner: metadata.owner(),
            controller: metadata.controlled_by(),
            prefix,
        };
        (metadata.identity(), facts)
    }
}

/// Path prefix of the API.
fn prefix(args: &[String]) -> String {
    let flag = |name: &str| {
        let mut all = args.iter();
        all.find_map(|a| a.strip_prefix(name)?.strip_prefix('='))
            .filter(|value| !value.is_empty())
    };
    let Some(prefix) = flag("--web.route-prefix").or_else(|| flag("--web.external-prefix")) else {
        return String::new();
    };
    let path = match prefix.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => prefix,
    };
    let path = path.trim_matches('/');
    match path.is_empty() {
        true => String::new(),
        false => format!("/{path}"),
    }
}
