//! ServiceMonitors and Prometheuses, with the defaults that Prometheus Operator applies.

use super::selector::{Selector, optional, required};
use crate::digest::LabelDigest;
use crate::lenient::lenient;
use crate::model::{Labels, PrometheusFacts, ServiceMonitorFacts, SidecarFacts, TargetNamespaces};
use crate::names;

lenient! {
    /// What is read of a ServiceMonitor.
    pub struct ServiceMonitorSpec {
        selector: Selector,
        namespace_selector: NamespaceSelector,
    }
    struct NamespaceSelector {
        any: bool,
        match_names: Vec<String>,
    }

    /// What is read of a Prometheus.
    pub struct PrometheusSpec {
        replicas: i64,
        shards: i64,
        service_name: String,
        thanos: Thanos,
        listen_local: bool,
        web: Web,
        route_prefix: String,
        port_name: String,
        replica_external_label_name: String,
        prometheus_external_label_name: String,
        external_labels: Labels,
        service_monitor_selector: Selector,
        service_monitor_namespace_selector: Selector,
        service_account_name: String,
        pod_metadata: PodMetadata,
    }
    struct Thanos {
        listen_local: bool,
        grpc_listen_local: bool,
        grpc_server_tls_config: ServerTls,
    }
    struct ServerTls {
        cert_file: String,
    }
    struct Web {
        tls_config: WebTls,
    }
    struct WebTls {
        client_auth_type: String,
    }
    struct PodMetadata {
        labels: Labels,
    }
}

impl ServiceMonitorSpec {
    pub(super) fn into_facts(self, labels: Labels) -> ServiceMonitorFacts {
        let wanted = self.namespace_selector.or_default();
        let names = wanted.match_names.or_default();
        ServiceMonitorFacts {
            digest: LabelDigest::of(&labels),
            labels,
            selector: required(self.selector),
            namespaces: match wanted.any.or_default() {
                true => TargetNamespaces::Any,
                false if names.is_empty() => TargetNamespaces::Own,
                false => TargetNamespaces::Names(names),
            },
        }
    }
}

impl PrometheusSpec {
    pub(super) fn into_facts(self, labels: Labels) -> PrometheusFacts {
        let web_tls = self.web.or_default().tls_config.get();
        let client_auth = web_tls
            .clone()
            .unwrap_or_default()
            .client_auth_type
            .or_default();
        // Set to the empty string, these names switch their label off.
        let replica_label = self.replica_external_label_name.get();
        let replica_label = replica_label.unwrap_or_else(|| "prometheus_replica".to_owned());
        let has_prometheus_label = self.prometheus_external_label_name.get().is_none_or(is_set);
        let replica_label = Some(replica_label).filter(|name| !name.is_empty());
        PrometheusFacts {
            labels,
            replicas: count(self.replicas.get(), 0),
            shards: count(self.shards.get(), 1),
            service_name: self.service_name.get().filter(|name| !name.is_empty()),
            sidecar: self.thanos.get().map(Thanos::into_facts),
            listen_local: self.listen_local.or_default(),
            web_tls: web_tls.is_some(),
            web_client_cert: matches!(
                client_auth.as_str(),
                "RequireAnyClientCert" | "RequireAndVerifyClientCert"
            ),
            // As Prometheus itself reads the flag.
            route_prefix: format!("/{}", self.route_prefix.or_default().trim_matches('/')),
            has_external_labels: has_prometheus_label
                || replica_label.is_some()
                || !self.external_labels.or_default().is_empty(),
            replica_label,
            service_monitor_selector: optional(self.service_monitor_selector),
            service_monitor_namespace_selector: optional(self.service_monitor_namespace_selector),
            service_account: or(self.service_account_name.get(), "default"),
            port_name: or(self.port_name.get(), names::WEB_PORT_NAME),
            pod_labels: self.pod_metadata.or_default().labels.or_default(),
        }
    }
}

impl Thanos {
    /// The sidecar that Prometheus Operator makes of it. Its port cannot be chosen.
    fn into_facts(self) -> SidecarFacts {
        let tls = self.grpc_server_tls_config.or_default();
        SidecarFacts {
            grpc_port: names::GRPC_PORT,
            listen_local: self.listen_local.or_default() || self.grpc_listen_local.or_default(),
            tls: is_set(tls.cert_file.or_default()),
        }
    }
}

/// A count as Prometheus Operator takes it: 1 if unset or less than `least`.
fn count(given: Option<i64>, least: i64) -> u32 {
    let given = given.filter(|count| *count >= least).unwrap_or(1);
    u32::try_from(given).unwrap_or(u32::MAX)
}

fn is_set(text: String) -> bool {
    !text.is_empty()
}

fn or(given: Option<String>, default: &str) -> String {
    given
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| default.to_owned())
}
