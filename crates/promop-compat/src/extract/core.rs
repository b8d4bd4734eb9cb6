//! Services, pods and namespaces.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::{Extract, Spec, Thin};
use crate::lenient::{Lenient, Object};
use crate::model::{Labels, NamespaceFacts, PodFacts, PortFacts, ServiceFacts, SidecarFacts};
use crate::names;

/// What is read of a Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    #[serde(rename = "type")]
    kind: Lenient<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Lenient<String>,
    selector: Lenient<Labels>,
    ports: Lenient<Vec<Object<Port>>>,
}

/// What is read of a pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    hostname: Lenient<String>,
    subdomain: Lenient<String>,
    containers: Lenient<Vec<Object<Container>>>,
}

/// What is read of a namespace: nothing but its labels.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NamespaceSpec {}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    name: Lenient<String>,
    args: Lenient<Vec<String>>,
    ports: Lenient<Vec<Object<Port>>>,
}

/// A port of a Service or of a container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Port {
    name: Lenient<String>,
    protocol: Lenient<String>,
    port: Lenient<i64>,
    container_port: Lenient<i64>,
}

impl ServiceFacts {
    /// Reads the facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<ServiceSpec>::read(object).into_facts()
    }
}

impl Spec for ServiceSpec {
    type Facts = ServiceFacts;

    fn into_facts(self, labels: Labels) -> ServiceFacts {
        // An ExternalName Service is a DNS alias. It has neither endpoints nor SRV records, so its
        // ports mean nothing.
        let is_alias = self.kind.or_default() == "ExternalName";
        let ports = if is_alias {
            Vec::new()
        } else {
            self.ports.or_default()
        };
        ServiceFacts {
            labels,
            selector: self.selector.or_default(),
            ports: ports
                .into_iter()
                .filter_map(|Object(port)| port.into_facts())
                .collect(),
            headless: self.cluster_ip.or_default() == "None",
        }
    }
}

impl PodFacts {
    /// Reads the facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<PodSpec>::read(object).into_facts()
    }
}

impl Spec for PodSpec {
    type Facts = PodFacts;

    fn into_facts(self, labels: Labels) -> PodFacts {
        let mut facts = PodFacts {
            labels,
            hostname: self.hostname.get(),
            subdomain: self.subdomain.get(),
            sidecar: None,
            ports: Vec::new(),
        };
        for Object(container) in self.containers.or_default() {
            let declared = container.ports.or_default().into_iter();
            let ports: Vec<_> = declared
                .filter_map(|Object(port)| port.into_facts())
                .collect();
            if container.name.or_default() == names::SIDECAR_CONTAINER {
                facts.sidecar = Some(sidecar(&container.args.or_default(), &ports));
            }
            facts
                .ports
                .extend(ports.into_iter().filter(|port| port.name.is_some()));
        }
        facts
    }
}

impl NamespaceFacts {
    /// Reads the facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<NamespaceSpec>::read(object).into_facts()
    }
}

impl Spec for NamespaceSpec {
    type Facts = NamespaceFacts;

    fn into_facts(self, labels: Labels) -> NamespaceFacts {
        NamespaceFacts { labels }
    }
}

impl Port {
    /// The port, if it is one for TCP.
    fn into_facts(self) -> Option<PortFacts> {
        let protocol = self.protocol.get();
        let number = self.port.get().or(self.container_port.get())?;
        let tcp = protocol.is_none_or(|protocol| protocol == "TCP");
        let name = self.name.get().filter(|name| !name.is_empty());
        Some(PortFacts {
            name,
            port: u16::try_from(number).ok()?,
        })
        .filter(|_| tcp)
    }
}

fn sidecar(args: &[String], ports: &[PortFacts]) -> SidecarFacts {
    let grpc = ports
        .iter()
        .find(|port| port.name.as_deref() == Some(names::GRPC_PORT_NAME));
    SidecarFacts {
        grpc_port: grpc.map_or(names::GRPC_PORT, |port| port.port),
        listen_local: flag(args, "--grpc-address").is_some_and(is_loopback),
        tls: flag(args, "--grpc-server-tls-cert").is_some_and(|file| !file.is_empty()),
    }
}

/// The value of a flag, given as `--flag=value` or as two arguments.
fn flag<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    args.iter()
        .enumerate()
        .find_map(|(i, arg)| match arg.strip_prefix(name)? {
            "" => args.get(i + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        })
}

/// Whether an address (`host:port`, `[host]:port`, or `:port` for all interfaces) is a loopback one.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
