//! Facts of Services, pods and namespaces. No IO.

use serde::Deserialize;
use serde_json::Value;

use super::pod::{Container, Port, pod_facts};
use crate::model::{ExternalFacts, PodFacts, ServiceFacts};
use kube_facts::Labels;
use kube_facts::extract::{Extract, Spec, Thin};
use kube_facts::tolerant_decode::{Lenient, Object};

/// Decoded Service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    #[serde(rename = "type")]
    kind: Lenient<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Lenient<String>,
    external_name: Lenient<String>,
    selector: Lenient<Labels>,
    ports: Lenient<Vec<Object<Port>>>,
}

/// Decoded pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    hostname: Lenient<String>,
    subdomain: Lenient<String>,
    containers: Lenient<Vec<Object<Container>>>,
}

impl ServiceFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<ServiceSpec>::read(object).into_facts()
    }
}

impl Spec for ServiceSpec {
    type Facts = ServiceFacts;

    fn into_facts(self, labels: Labels) -> ServiceFacts {
        let ports = self.ports.or_default().into_iter();
        let (ports, targets): (Vec<_>, Vec<_>) = ports
            .filter_map(|Object(port)| port.into_service_port())
            .unzip();
        let mut facts = ServiceFacts {
            labels,
            selector: self.selector.or_default(),
            headless: self.cluster_ip.or_default() == "None",
            ..ServiceFacts::default()
        };
        // An ExternalName Service is a DNS alias without endpoints and SRV records, and the API
        // server ignores its selector.
        if self.kind.or_default() == "ExternalName" {
            facts.selector.clear();
            facts.external = Some(ExternalFacts {
                name: self.external_name.or_default(),
                ports,
            });
        } else {
            (facts.ports, facts.targets) = (ports, targets);
        }
        facts
    }
}

impl PodFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<PodSpec>::read(object).into_facts()
    }
}

impl Spec for PodSpec {
    type Facts = PodFacts;

    fn into_facts(self, labels: Labels) -> PodFacts {
        PodFacts {
            labels,
            hostname: self.hostname.get(),
            subdomain: self.subdomain.get(),
            ..pod_facts(self.containers.as_ref().into_iter().flatten())
        }
    }
}
