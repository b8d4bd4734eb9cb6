//! Facts of ServiceMonitors, Prometheuses and PrometheusAgents, with the defaults of Prometheus
//! Operator. No IO.

use serde::Deserialize;
use serde_json::Value;

use super::pod::{Container, pod_facts};
use super::workload::{PodMetadata, Web, or, route_prefix};
use crate::model::{
    PrometheusAgentFacts, PrometheusFacts, ServiceMonitorFacts, SidecarFacts, TargetNamespaces,
};
use crate::names;
use kube_facts::Labels;
use kube_facts::extract::{Extract, Spec, Thin};
use kube_facts::extract::{Selector, optional, required};
use kube_facts::tolerant_decode::{Lenient, Object, Present};

/// Decoded ServiceMonitor.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceMonitorSpec {
    selector: Lenient<Selector>,
    namespace_selector: Lenient<Object<NamespaceSelector>>,
    endpoints: Lenient<Vec<Object<MonitorEndpoint>>>,
    scrape_class: Lenient<String>,
}

/// Decoded endpoint of a ServiceMonitor: fields that refer to files of the Prometheus pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MonitorEndpoint {
    bearer_token_file: Lenient<String>,
    tls_config: Lenient<Object<TlsFiles>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TlsFiles {
    ca_file: Lenient<String>,
    cert_file: Lenient<String>,
    key_file: Lenient<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NamespaceSelector {
    any: Lenient<bool>,
    match_names: Lenient<Vec<String>>,
}

/// Decoded Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PrometheusSpec {
    replicas: Lenient<i64>,
    shards: Lenient<i64>,
    service_name: Lenient<String>,
    thanos: Lenient<Object<Thanos>>,
    listen_local: Lenient<bool>,
    web: Lenient<Object<Web>>,
    route_prefix: Lenient<String>,
    port_name: Lenient<String>,
    replica_external_label_name: Lenient<String>,
    prometheus_external_label_name: Lenient<String>,
    external_labels: Lenient<Labels>,
    service_monitor_selector: Lenient<Selector>,
    pod_monitor_selector: Lenient<Present>,
    probe_selector: Lenient<Present>,
    scrape_config_selector: Lenient<Present>,
    service_monitor_namespace_selector: Lenient<Selector>,
    rule_selector: Lenient<Selector>,
    rule_namespace_selector: Lenient<Selector>,
    service_account_name: Lenient<String>,
    service_discovery_role: Lenient<String>,
    pod_metadata: Lenient<Object<PodMetadata>>,
    containers: Lenient<Vec<Object<Container>>>,
    shard_retention_policy: Lenient<Object<ShardRetention>>,
    #[serde(rename = "arbitraryFSAccessThroughSMs")]
    file_access: Lenient<Object<FileAccess>>,
    ignore_namespace_selectors: Lenient<bool>,
    scrape_classes: Lenient<Vec<Object<ScrapeClass>>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ShardRetention {
    when_scaled: Lenient<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct FileAccess {
    deny: Lenient<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct ScrapeClass {
    name: Lenient<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Thanos {
    listen_local: Lenient<bool>,
    grpc_listen_local: Lenient<bool>,
    grpc_server_tls_config: Lenient<Object<ServerTls>>,
    additional_args: Lenient<Vec<Object<Argument>>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Argument {
    name: Lenient<String>,
    value: Lenient<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ServerTls {
    cert_file: Lenient<String>,
}

/// Decoded PrometheusAgent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PrometheusAgentSpec {
    replicas: Lenient<i64>,
    shards: Lenient<i64>,
    mode: Lenient<String>,
    pod_metadata: Lenient<Object<PodMetadata>>,
}

impl ServiceMonitorFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<ServiceMonitorSpec>::read(object).into_facts()
    }
}

impl Spec for ServiceMonitorSpec {
    type Facts = ServiceMonitorFacts;

    fn into_facts(self, labels: Labels) -> ServiceMonitorFacts {
        let desired = self.namespace_selector.fields();
        let names = desired.match_names.or_default();
        let endpoints = self.endpoints.or_default().into_iter().enumerate();
        let mut files = endpoints.filter_map(|(i, Object(endpoint))| {
            let field = endpoint.file_field()?;
            Some(format!("spec.endpoints[{i}].{field}"))
        });
        ServiceMonitorFacts {
            labels,
            selector: required(self.selector),
            namespaces: match desired.any.or_default() {
                true => TargetNamespaces::Any,
                false if names.is_empty() => TargetNamespaces::Own,
                false => TargetNamespaces::Names(names),
            },
            file_field: files.next(),
            scrape_class: self.scrape_class.get().filter(|name| !name.is_empty()),
        }
    }
}

impl MonitorEndpoint {
    /// First field that refers to a file, in the order of the checks of Prometheus Operator.
    fn file_field(self) -> Option<&'static str> {
        let tls = self.tls_config.fields();
        let fields = [
            ("bearerTokenFile", self.bearer_token_file),
            ("tlsConfig.caFile", tls.ca_file),
            ("tlsConfig.certFile", tls.cert_file),
            ("tlsConfig.keyFile", tls.key_file),
        ];
        let mut set = fields
            .into_iter()
            .filter(|(_, f)| is_set(f.clone().or_default()));
        set.next().map(|(name, _)| name)
    }
}

impl PrometheusFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<PrometheusSpec>::read(object).into_facts()
    }
}

impl Spec for PrometheusSpec {
    type Facts = PrometheusFacts;

    fn into_facts(self, labels: Labels) -> PrometheusFacts {
        let others = [
            self.pod_monitor_selector,
            self.probe_selector,
            self.scrape_config_selector,
        ];
        let (web_tls, web_client_cert) = self.web.fields().tls();
        // An empty string disables the label.
        let replica_label = self.replica_external_label_name.get();
        let replica_label = replica_label.unwrap_or_else(|| "prometheus_replica".to_owned());
        let has_prometheus_label = self.prometheus_external_label_name.get().is_none_or(is_set);
        let replica_label = Some(replica_label).filter(|name| !name.is_empty());
        let containers = self.containers.or_default();
        let made = self.thanos.get().map(|Object(thanos)| thanos.into_facts());
        let policy = self.shard_retention_policy.fields();
        let classes = self.scrape_classes.or_default().into_iter();
        PrometheusFacts {
            uid: String::new(),
            labels,
            replicas: count(self.replicas.get(), 0),
            shards: count(self.shards.get(), 1),
            service_name: self.service_name.get().filter(|name| !name.is_empty()),
            sidecar: overridden(made, &containers),
            container_ports: pod_facts(containers.iter()).ports,
            retains_shards: policy.when_scaled.or_default() == "Retain",
            denies_files: self.file_access.fields().deny.or_default(),
            ignores_namespace_selectors: self.ignore_namespace_selectors.or_default(),
            scrape_classes: classes
                .filter_map(|Object(class)| class.name.get())
                .collect(),
            listen_local: self.listen_local.or_default(),
            web_tls,
            web_client_cert,
            route_prefix: route_prefix(self.route_prefix),
            has_external_labels: has_prometheus_label
                || replica_label.is_some()
                || !self.external_labels.or_default().is_empty(),
            replica_label,
            is_managed: self.service_monitor_selector.as_ref().is_some()
                || others.into_iter().any(|selector| selector.get().is_some()),
            service_monitor_selector: optional(self.service_monitor_selector),
            service_monitor_namespace_selector: optional(self.service_monitor_namespace_selector),
            rule_selector: optional(self.rule_selector),
            rule_namespace_selector: optional(self.rule_namespace_selector),
            service_account: or(self.service_account_name.get(), "default"),
            endpoint_slices: self.service_discovery_role.or_default() == "EndpointSlice",
            port_name: or(self.port_name.get(), names::WEB_PORT_NAME),
            pod_labels: self.pod_metadata.fields().labels.or_default(),
        }
    }

    fn identify(facts: &mut PrometheusFacts, uid: &str) {
        uid.clone_into(&mut facts.uid);
    }
}

impl PrometheusAgentFacts {
    /// Facts of an object.
    #[must_use]
    pub fn from_object(object: &Value) -> Self {
        Thin::<PrometheusAgentSpec>::read(object).into_facts()
    }
}

impl Spec for PrometheusAgentSpec {
    type Facts = PrometheusAgentFacts;

    fn into_facts(self, _: Labels) -> PrometheusAgentFacts {
        PrometheusAgentFacts {
            replicas: count(self.replicas.get(), 0),
            shards: count(self.shards.get(), 1),
            daemon_set: self.mode.or_default() == "DaemonSet",
            pod_labels: self.pod_metadata.fields().labels.or_default(),
        }
    }
}

impl Thanos {
    /// Sidecar that Prometheus Operator creates. Its port is fixed.
    fn into_facts(self) -> SidecarFacts {
        let tls = self.grpc_server_tls_config.fields();
        let mut args = self.additional_args.or_default().into_iter();
        let serves_tls = |Object(arg): Object<Argument>| {
            arg.name.or_default() == "grpc-server-tls-cert" && is_set(arg.value.or_default())
        };
        SidecarFacts {
            grpc_port: names::GRPC_PORT,
            listen_local: self.listen_local.or_default() || self.grpc_listen_local.or_default(),
            tls: is_set(tls.cert_file.or_default()) || args.any(serves_tls),
        }
    }
}

/// Sidecar that Prometheus Operator creates, merged with the container of the same name in
/// `spec.containers`: its arguments replace the generated ones, its ports precede them. Such a
/// container without `spec.thanos` is a sidecar as well.
fn overridden(
    made: Option<SidecarFacts>,
    containers: &[Object<Container>],
) -> Option<SidecarFacts> {
    let mut named = containers.iter().map(|Object(container)| container);
    let Some(container) = named.find(|c| c.is(names::SIDECAR_CONTAINER)) else {
        return made;
    };
    let Some(made) = made else {
        return Some(container.sidecar());
    };
    Some(SidecarFacts {
        grpc_port: container.grpc_port().unwrap_or(made.grpc_port),
        ..container.listens().unwrap_or(made)
    })
}

/// Count in Prometheus Operator: 1 if unset or less than `least`.
fn count(given: Option<i64>, least: i64) -> u32 {
    let given = given.filter(|count| *count >= least).unwrap_or(1);
    u32::try_from(given).unwrap_or(u32::MAX)
}

fn is_set(text: String) -> bool {
    !text.is_empty()
}
