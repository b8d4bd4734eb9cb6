//! Result of one replica or Service: an endpoint, or the reason why it provides none. No IO.

use super::model::{BridgeTarget, WithoutSidecar};
use super::replicas::{Owner, Replica};
use super::report::{Finding, Reason, Subject};
use crate::model::{PrometheusFacts, SidecarFacts};
use crate::names;
use kube_facts::Key;

/// Result of a replica.
pub(super) enum ReplicaResolution {
    /// An endpoint: by a bridge if set, otherwise by the sidecar at `address`.
    Endpoint {
        address: String,
        bridge: Option<BridgeTarget>,
        note: Option<Finding>,
    },
    /// No endpoint.
    Skipped(Finding),
}

/// Result of `replica`.
pub(super) fn of(replica: &Replica<'_>, without_sidecar: WithoutSidecar) -> ReplicaResolution {
    match with_sidecar(replica) {
        Some(sidecar) => through_sidecar(replica, sidecar),
        None => through_bridge(replica, without_sidecar),
    }
}

/// Sidecar of an existing pod, or of the template of an absent one.
fn with_sidecar<'a>(replica: &Replica<'a>) -> Option<&'a SidecarFacts> {
    match replica.found {
        Some(pod) => pod.sidecar.as_ref(),
        None => replica
            .owner
            .resource()
            .and_then(|(_, facts)| facts.sidecar.as_ref()),
    }
}

fn through_sidecar(replica: &Replica<'_>, sidecar: &SidecarFacts) -> ReplicaResolution {
    if sidecar.listen_local {
        return skipped(
            Reason::SidecarListenLocal,
            pod(replica),
            "its Thanos sidecar listens on loopback only; set spec.thanos.grpcListenLocal and \
             spec.thanos.listenLocal of the Prometheus to false, and --grpc-address in its \
             spec.containers to :10901",
        );
    }
    if sidecar.tls {
        return skipped(
            Reason::SidecarTls,
            pod(replica),
            "its Thanos sidecar serves the StoreAPI with TLS, which is not supported yet; remove \
             spec.thanos.grpcServerTlsConfig of the Prometheus, or --grpc-server-tls-cert from its \
             spec.containers or spec.thanos.additionalArgs",
        );
    }
    let unlabelled = replica
        .owner
        .resource()
        .filter(|(_, facts)| !facts.has_external_labels);
    ReplicaResolution::Endpoint {
        address: format!("dns+{}:{}", host(replica), sidecar.grpc_port),
        bridge: None,
        note: unlabelled.map(|(key, _)| no_external_labels(key)),
    }
}

fn through_bridge(replica: &Replica<'_>, without_sidecar: WithoutSidecar) -> ReplicaResolution {
    let (key, facts) = match replica.owner {
        Owner::Prometheus(key, facts) => (key, facts),
        Owner::Unreadable => {
            return skipped(
                Reason::PrometheusUnreadable,
                pod(replica),
                "it has no Thanos sidecar, and its Prometheus resource is not readable; grant permission to read Prometheus resources",
            );
        }
        Owner::Missing | Owner::Agent(_) => {
            return skipped(
                Reason::PrometheusGone,
                pod(replica),
                "it has no Thanos sidecar, and its Prometheus resource does not exist; recreate the resource or delete the pod",
            );
        }
    };
    let prometheus = || Subject::Prometheus(key.clone());
    if without_sidecar == WithoutSidecar::Report {
        return skipped(
            Reason::NoSidecar,
            pod(replica),
            "it has no Thanos sidecar; set spec.thanos of the Prometheus, or allow bridges",
        );
    }
    if facts.listen_local {
        return skipped(
            Reason::ListenLocal,
            prometheus(),
            "it listens on loopback only, so no bridge can connect; set spec.listenLocal to false or enable spec.thanos",
        );
    }
    if facts.web_client_cert {
        return skipped(
            Reason::ClientCertificateRequired,
            prometheus(),
            "its API requires a client certificate, which a bridge does not have; relax spec.web.tlsConfig.clientAuthType or enable spec.thanos",
        );
    }
    if !facts.has_external_labels {
        return ReplicaResolution::Skipped(no_external_labels(key));
    }
    ReplicaResolution::Endpoint {
        address: String::new(),
        bridge: Some(BridgeTarget {
            url: url(replica, facts),
            tls: facts.web_tls,
        }),
        note: None,
    }
}

/// Note about a StoreAPI Service that is not headless.
pub(super) fn not_headless(service: &Key) -> Finding {
    Finding {
        reason: Reason::NotHeadless,
        subject: Subject::Service(service.clone()),
        message: "it is not headless, so only one of its pods answers each query; if it has \
                  several, select a headless Service (clusterIP: None) instead"
            .to_owned(),
    }
}

/// URL of the API of a replica.
fn url(replica: &Replica<'_>, facts: &PrometheusFacts) -> String {
    let name = match facts.port_name.as_str() {
        "" => names::WEB_PORT_NAME,
        name => name,
    };
    let ports = match replica.found {
        Some(pod) => &pod.ports,
        None => &facts.container_ports,
    };
    let declared = ports.iter().find(|port| port.name.as_deref() == Some(name));
    let port = declared.map_or(names::WEB_PORT, |port| port.port);
    let scheme = if facts.web_tls { "https" } else { "http" };
    format!("{scheme}://{}:{port}{}", host(replica), facts.route_prefix)
}

/// DNS name of the pod of a replica that resolves in every namespace.
fn host(replica: &Replica<'_>) -> String {
    let resource = replica.owner.resource().map(|(_, facts)| facts);
    let governing = resource.and_then(|facts| facts.service_name.as_deref());
    let hostname = replica.found.and_then(|pod| pod.hostname.as_deref());
    let subdomain = replica.found.and_then(|pod| pod.subdomain.as_deref());
    format!(
        "{}.{}.{}.svc",
        hostname.unwrap_or(&replica.pod.name),
        subdomain.or(governing).unwrap_or(names::GOVERNING_SERVICE),
        replica.pod.namespace,
    )
}

fn pod(replica: &Replica<'_>) -> Subject {
    Subject::Pod(replica.pod.clone().into_owned())
}

fn skipped(reason: Reason, subject: Subject, message: &str) -> ReplicaResolution {
    ReplicaResolution::Skipped(Finding {
        reason,
        subject,
        message: message.to_owned(),
    })
}

fn no_external_labels(prometheus: &Key) -> Finding {
    Finding {
        reason: Reason::NoExternalLabels,
        subject: Subject::Prometheus(prometheus.clone()),
        message: "its series have no external label, without which no Thanos sidecar becomes \
                  ready; set spec.externalLabels, or remove the empty \
                  spec.prometheusExternalLabelName or spec.replicaExternalLabelName"
            .to_owned(),
    }
}
