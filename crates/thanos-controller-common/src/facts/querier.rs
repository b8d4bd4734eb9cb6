//! Pods of queriers: where their API is.

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_workload::ports;

use super::{Condition, Meta, thanos};

/// The container of a querier.
const PROGRAM: &str = "thanos-query";

/// A pod of queriers.
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

/// What decisions need to know of a pod of queriers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuerierFacts {
    /// Where it lists its endpoints, if it is ready: only then it answers queries.
    pub stores: Option<String>,
    /// Name of the custom resource.
    pub owner: String,
    /// UID of the ReplicaSet that controls it; empty if none does.
    pub controller: String,
    /// The path under which it serves its API: empty, or with a slash at its begin and none at its end.
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

/// The path under which the API is served.
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
