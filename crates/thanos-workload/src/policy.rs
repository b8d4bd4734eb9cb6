//! NetworkPolicies for the operator's pods. They restrict ingress only.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::labels::Map;
use crate::ports;

/// Allows ingress to all declared ports of the pods, including those of the spec, and to no others.
#[must_use]
pub fn admit(pods: Map, metadata: ObjectMeta, template: &PodTemplateSpec) -> NetworkPolicy {
    let containers = template.spec.iter().flat_map(|s| &s.containers);
    let ports = containers.flat_map(|c| c.ports.iter().flatten());
    let ports = ports
        .map(|p| port(p.container_port, p.protocol.as_deref()))
        .collect();
    let rule = NetworkPolicyIngressRule {
        from: None,
        ports: Some(ports),
    };
    policy(metadata, pods, vec![rule])
}

/// Allows ingress from queriers to the StoreAPI of bridges, which serves all data of the bridged
/// Prometheus, and from everywhere to their metrics.
#[must_use]
pub fn admit_queriers(metadata: ObjectMeta, bridges: Map, queriers: Map) -> NetworkPolicy {
    let store = NetworkPolicyIngressRule {
        from: Some(vec![NetworkPolicyPeer {
            pod_selector: Some(labels(queriers)),
            ..Default::default()
        }]),
        ports: Some(vec![port(ports::GRPC_NUMBER, None)]),
    };
    let metrics = NetworkPolicyIngressRule {
        from: None,
        ports: Some(vec![port(ports::HTTP_NUMBER_STORE, None)]),
    };
    policy(metadata, bridges, vec![store, metrics])
}

fn policy(
    metadata: ObjectMeta,
    pods: Map,
    ingress: Vec<NetworkPolicyIngressRule>,
) -> NetworkPolicy {
    NetworkPolicy {
        metadata,
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(labels(pods)),
            ingress: Some(ingress),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ..Default::default()
        }),
    }
}

fn port(number: i32, protocol: Option<&str>) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number)),
        protocol: Some(protocol.unwrap_or("TCP").to_owned()),
        ..Default::default()
    }
}

fn labels(labels: Map) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        ..Default::default()
    }
}
