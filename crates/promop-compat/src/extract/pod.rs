//! Facts of containers, their ports and Thanos arguments; of pods behind Services, and of
//! StatefulSets. No IO.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::workload::PodMetadata;
use crate::model::{BackendFacts, PodFacts, SidecarFacts, StatefulSetFacts, TargetPort};
use crate::names;
use kube_facts::extract::{Extract, Spec, Thin};
use kube_facts::tolerant_decode::{Lenient, Object, Shape};
use kube_facts::{Labels, PortFacts};

/// Commands of Thanos that serve the StoreAPI.
const STORE_APIS: [&str; 5] = ["sidecar", "store", "query", "rule", "receive"];

/// Container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container {
    name: Lenient<String>,
    command: Lenient<Vec<String>>,
    args: Lenient<Vec<String>>,
    ports: Lenient<Vec<Object<Port>>>,
    restart_policy: Lenient<String>,
}

/// Port of a Service or container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Port {
    name: Lenient<String>,
    protocol: Lenient<String>,
    port: Lenient<i64>,
    container_port: Lenient<i64>,
    target_port: Lenient<TargetPort>,
}

/// Decoded pod behind a Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BackendSpec {
    init_containers: Lenient<Vec<Object<Container>>>,
    containers: Lenient<Vec<Object<Container>>>,
}

/// Decoded StatefulSet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatefulSetSpec {
    replicas: Lenient<i64>,
    service_name: Lenient<String>,
    template: Lenient<Object<Template>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Template {
    metadata: Lenient<Object<PodMetadata>>,
    spec: Lenient<Object<BackendSpec>>,
}

impl BackendFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<BackendSpec>::read(object).into_facts()
    }
}

impl Spec for BackendSpec {
    type Facts = BackendFacts;

    fn into_facts(self, labels: Labels) -> BackendFacts {
        BackendFacts {
            labels,
            ports: self.into_ports(),
        }
    }
}

impl BackendSpec {
    fn into_ports(self) -> Vec<PortFacts> {
        // Init containers that keep running (sidecar containers) serve ports as well.
        let init = self.init_containers.or_default().into_iter();
        let init = init.filter(|Object(container)| container.keeps_running());
        let all = init.chain(self.containers.or_default());
        let ports = all.flat_map(|Object(container)| {
            let (declared, thanos) = (container.declared(), container.thanos_port());
            let is_new = |port: &u16| declared.iter().all(|other| other.port != *port);
            let thanos = thanos.filter(is_new);
            let thanos = thanos.map(|port| PortFacts { name: None, port });
            declared.into_iter().chain(thanos)
        });
        ports.collect()
    }
}

impl StatefulSetFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<StatefulSetSpec>::read(object).into_facts()
    }
}

impl Spec for StatefulSetSpec {
    type Facts = StatefulSetFacts;

    fn into_facts(self, _: Labels) -> StatefulSetFacts {
        let template = self.template.fields();
        let spec = template.spec.fields();
        let replicas = self.replicas.get().unwrap_or(1).max(0);
        let pod = PodFacts {
            labels: template.metadata.fields().labels.or_default(),
            // The StatefulSet controller gives each pod its name and this Service.
            subdomain: self.service_name.get().filter(|name| !name.is_empty()),
            ..pod_facts(spec.containers.as_ref().into_iter().flatten())
        };
        StatefulSetFacts {
            replicas: u32::try_from(replicas).unwrap_or(u32::MAX),
            pod,
            ports: spec.into_ports(),
        }
    }
}

/// Containers of a pod of Prometheus Operator.
pub(super) fn pod_facts<'a>(containers: impl Iterator<Item = &'a Object<Container>>) -> PodFacts {
    let mut facts = PodFacts::default();
    for Object(container) in containers {
        if container.is(names::SIDECAR_CONTAINER) {
            facts.sidecar = Some(container.sidecar());
        }
        let declared = container.declared().into_iter();
        facts.ports.extend(declared.filter(|p| p.name.is_some()));
    }
    facts
}

impl Container {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| own == name)
    }

    fn keeps_running(&self) -> bool {
        self.restart_policy.as_ref().is_some_and(|p| p == "Always")
    }

    /// TCP ports.
    pub(super) fn declared(&self) -> Vec<PortFacts> {
        let ports = self.ports.as_ref().into_iter().flatten();
        ports
            .filter_map(|Object(port)| port.clone().into_container_port())
            .collect()
    }

    fn args(&self) -> &[String] {
        self.args.as_ref().map_or(&[], Vec::as_slice)
    }

    /// Sidecar container.
    pub(super) fn sidecar(&self) -> SidecarFacts {
        SidecarFacts {
            grpc_port: self.grpc_port().unwrap_or(names::GRPC_PORT),
            ..self.listens().unwrap_or_default()
        }
    }

    /// Port of the StoreAPI: the one in its arguments, where it listens, otherwise the declared
    /// one.
    pub(super) fn grpc_port(&self) -> Option<u16> {
        let address = flag(self.args(), "--grpc-address");
        let port = address.and_then(|address| address.rsplit_once(':')?.1.parse().ok());
        port.or_else(|| {
            let ports = self.declared();
            let mut ports = ports.iter();
            let grpc = ports.find(|port| port.name.as_deref() == Some(names::GRPC_PORT_NAME));
            grpc.map(|port| port.port)
        })
    }

    /// StoreAPI server according to its arguments; `None` without arguments.
    pub(super) fn listens(&self) -> Option<SidecarFacts> {
        let args = self.args();
        (!args.is_empty()).then(|| SidecarFacts {
            grpc_port: names::GRPC_PORT,
            listen_local: flag(args, "--grpc-address").is_some_and(is_loopback),
            tls: flag(args, "--grpc-server-tls-cert").is_some_and(|file| !file.is_empty()),
        })
    }

    /// Port of the StoreAPI, if the arguments are those of a Thanos command that serves it.
    fn thanos_port(&self) -> Option<u16> {
        let command = self.command.as_ref().map_or(&[][..], Vec::as_slice);
        let is_thanos = |program: &String| program.rsplit('/').next() == Some(names::THANOS);
        let mut words = command
            .iter()
            .chain(self.args())
            .skip_while(|w| is_thanos(w));
        let component = words.next()?;
        if !STORE_APIS.contains(&component.as_str()) {
            return None;
        }
        let Some(address) = flag(self.args(), "--grpc-address") else {
            return Some(names::GRPC_PORT);
        };
        address.rsplit_once(':')?.1.parse().ok()
    }
}

impl Port {
    /// Port of a Service and its target, if TCP.
    pub(super) fn into_service_port(self) -> Option<(PortFacts, TargetPort)> {
        let facts = self.facts(self.port.as_ref().copied())?;
        let target = self.target_port.get();
        let target = target.unwrap_or(TargetPort::Number(facts.port));
        Some((facts, target))
    }

    /// Port of a container, if TCP.
    fn into_container_port(self) -> Option<PortFacts> {
        self.facts(self.container_port.as_ref().copied())
    }

    fn facts(&self, number: Option<i64>) -> Option<PortFacts> {
        let port = u16::try_from(number?).ok()?;
        let is_tcp = self.protocol.as_ref().is_none_or(|p| p == "TCP");
        let name = self.name.as_ref().filter(|name| !name.is_empty()).cloned();
        is_tcp.then_some(PortFacts { name, port })
    }
}

impl Shape<'_> for TargetPort {
    fn from_integer(value: i64) -> Option<Self> {
        // Some clients leave the default unset.
        let number = u16::try_from(value).ok().filter(|number| *number > 0)?;
        Some(Self::Number(number))
    }

    fn from_text(value: &str) -> Option<Self> {
        (!value.is_empty()).then(|| Self::Name(value.to_owned()))
    }
}

/// Value of a flag, as `--flag=value` or as two arguments.
fn flag<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    args.iter()
        .enumerate()
        .find_map(|(i, arg)| match arg.strip_prefix(name)? {
            "" => args.get(i + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        })
}

/// Whether an address (`host:port`, `[host]:port`, or `:port` for all interfaces) is a loopback
/// address.
fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
