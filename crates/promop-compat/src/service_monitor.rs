//! ServiceMonitors for writing, with only the fields that are set.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use kube_facts::Labels;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// `spec` of a ServiceMonitor.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "monitoring.coreos.com",
    version = "v1",
    kind = "ServiceMonitor",
    plural = "servicemonitors",
    namespaced,
    schema = "disabled"
)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceMonitorSpec {
    /// Label of the Service whose value becomes the label `job`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_label: Option<String>,
    /// Labels of the selected Services.
    pub selector: LabelSelector,
    /// Namespaces of the selected Services; unset for the own namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,
    /// Ports to scrape.
    pub endpoints: Vec<Endpoint>,
}

/// Namespaces of Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NamespaceSelector {
    /// All namespaces.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub any: bool,
    /// These namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_names: Vec<String>,
}

/// Port to scrape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Endpoint {
    /// Name of the Service port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// HTTP path (`/metrics` if unset).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `http` (if unset) or `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Scrape interval as a Prometheus duration; unset for the default of the Prometheus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Scrape timeout as a Prometheus duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrape_timeout: Option<String>,
    /// Whether labels of samples override those of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honor_labels: Option<bool>,
    /// Relabeling of targets before the scrape.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relabelings: Vec<RelabelConfig>,
    /// Relabeling of samples before ingestion.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metric_relabelings: Vec<RelabelConfig>,
}

/// Relabeling step. Unset fields have the defaults of Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RelabelConfig {
    /// Labels whose values are joined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_labels: Vec<String>,
    /// Separator of the joined values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Label that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_label: Option<String>,
    /// Regular expression that the joined values must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Modulus of the hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modulus: Option<u64>,
    /// Replacement value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// Action (`replace` if unset).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

impl ServiceMonitor {
    /// ServiceMonitor with this name and namespace.
    #[must_use]
    pub fn named(namespace: &str, name: &str, labels: Labels, spec: ServiceMonitorSpec) -> Self {
        let mut monitor = Self::new(name, spec);
        monitor.metadata.namespace = Some(namespace.to_owned());
        monitor.metadata.labels = Some(labels).filter(|labels| !labels.is_empty());
        monitor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube_facts::testing::{labels, selector};

    #[test]
    fn only_what_is_set_is_written() {
        let spec = ServiceMonitorSpec {
            selector: selector(&[("a", "b")]),
            endpoints: vec![Endpoint {
                port: Some("http".to_owned()),
                ..Default::default()
            }],
            ..Default::default()
        };
        let monitor = ServiceMonitor::named("ns", "x", labels(&[("l", "v")]), spec);
        assert_eq!(
            serde_json::to_value(&monitor).unwrap(),
            serde_json::json!({
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "ServiceMonitor",
                "metadata": {"name": "x", "namespace": "ns", "labels": {"l": "v"}},
                "spec": {"selector": {"matchLabels": {"a": "b"}}, "endpoints": [{"port": "http"}]},
            })
        );
    }

    #[test]
    fn every_field_has_the_name_that_prometheus_operator_reads() {
        let relabeling = serde_json::json!({
            "sourceLabels": ["a", "b"], "separator": "/", "targetLabel": "c", "regex": ".*",
            "modulus": 2, "replacement": "$1", "action": "replace",
        });
        let spec = serde_json::json!({
            "jobLabel": "app",
            "selector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
            "namespaceSelector": {"any": true, "matchNames": ["x"]},
            "endpoints": [{
                "port": "http", "path": "/metrics", "scheme": "https", "interval": "30s",
                "scrapeTimeout": "10s", "honorLabels": true,
                "relabelings": [relabeling], "metricRelabelings": [relabeling],
            }],
        });
        let read: ServiceMonitorSpec = serde_json::from_value(spec.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), spec);
    }
}
