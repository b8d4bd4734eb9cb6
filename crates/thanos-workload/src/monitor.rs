//! ServiceMonitors for the operator's workloads.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
pub use promop_compat::service_monitor::ServiceMonitor;
use promop_compat::service_monitor::{self as written, Endpoint, ServiceMonitorSpec};
use thanos_api::names::label;
use thanos_api::v1alpha1::{RelabelConfig, ServiceMonitorConfig};

use crate::labels::Map;
use crate::ports;

/// A ServiceMonitor for the [`scraped`](crate::workload::scraped) Services with the labels `select`, so
/// that each pod is scraped once. The label `job` is the name of the workload, as Thanos dashboards
/// expect.
#[must_use]
pub fn service_monitor(
    mut metadata: ObjectMeta,
    mut select: Map,
    config: Option<&ServiceMonitorConfig>,
) -> ServiceMonitor {
    let config = config.cloned().unwrap_or_default();
    // Prometheus selects ServiceMonitors by their labels, so labels of the spec override all others.
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(config.labels.unwrap_or_default());
    if let Some(annotations) = config.annotations {
        metadata
            .annotations
            .get_or_insert_default()
            .extend(annotations);
    }
    select.insert(label::NAME.to_owned(), label::NAME_SCRAPED.to_owned());
    ServiceMonitor {
        metadata,
        spec: ServiceMonitorSpec {
            job_label: Some(label::INSTANCE.to_owned()),
            selector: LabelSelector {
                match_labels: Some(select),
                ..Default::default()
            },
            endpoints: vec![Endpoint {
                port: Some(ports::HTTP.to_owned()),
                path: Some("/metrics".to_owned()),
                interval: config.interval,
                scrape_timeout: config.scrape_timeout,
                relabelings: relabelings(config.relabelings),
                metric_relabelings: relabelings(config.metric_relabelings),
                ..Default::default()
            }],
            ..Default::default()
        },
    }
}

fn relabelings(configs: Option<Vec<RelabelConfig>>) -> Vec<written::RelabelConfig> {
    let one = |config: RelabelConfig| written::RelabelConfig {
        source_labels: config.source_labels.unwrap_or_default(),
        separator: config.separator,
        target_label: config.target_label,
        regex: config.regex,
        // The schema rejects negative values.
        modulus: config.modulus.and_then(|m| m.try_into().ok()),
        replacement: config.replacement,
        action: config.action.map(|a| a.as_str().to_owned()),
    };
    configs.unwrap_or_default().into_iter().map(one).collect()
}
