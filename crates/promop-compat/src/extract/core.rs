//! Services, pods and namespaces.

use std::net::IpAddr;

use crate::lenient::lenient;
use crate::model::{Labels, NamespaceFacts, PodFacts, PortFacts, ServiceFacts, SidecarFacts};
use crate::names;

lenient! {
    /// What is read of a Service.
    pub struct ServiceSpec {
        #[serde(rename = "type")]
        kind: String,
        #[serde(rename = "clusterIP")]
        cluster_ip: String,
        selector: Labels,
        ports: Vec<Port>,
    }
    /// What is read of a pod.
    pub struct PodSpec {
        hostname: String,
        subdomain: String,
        containers: Vec<Container>,
    }
    /// What is read of a namespace: nothing but its labels.
    pub struct NamespaceSpec {}

    struct Container {
        name: String,
        args: Vec<String>,
        ports: Vec<Port>,
    }
    /// A port of a Service or of a container.
    struct Port {
        name: String,
        protocol: String,
        port: i64,
        container_port: i64,
    }
}

impl ServiceSpec {
    pub(super) fn into_facts(self, labels: Labels) -> ServiceFacts {
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
            ports: ports.into_iter().filter_map(Port::into_facts).collect(),
            headless: self.cluster_ip.or_default() == "None",
        }
    }
}

impl PodSpec {
    pub(super) fn into_facts(self, labels: Labels) -> PodFacts {
        let mut facts = PodFacts {
            labels,
            hostname: self.hostname.get(),
            subdomain: self.subdomain.get(),
            sidecar: None,
            ports: Vec::new(),
        };
        for container in self.containers.or_default() {
            let declared = container.ports.or_default().into_iter();
            let ports: Vec<_> = declared.filter_map(Port::into_facts).collect();
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

impl NamespaceSpec {
    pub(super) fn into_facts(self, labels: Labels) -> NamespaceFacts {
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
