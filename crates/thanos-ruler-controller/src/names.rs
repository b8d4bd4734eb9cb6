//! Names and labels of the objects of a ThanosRuler named `cr`.
//!
//! No name begins with `thanos-ruler-`: Prometheus Operator uses it for the objects of its own ThanosRuler,
//! and takes over existing objects.

use thanos_api::names::label;
use thanos_workload::labels::Identity;
use thanos_workload::names::{child, child_of_stateful_set};

/// The StatefulSet and its Service, ServiceAccount, PodDisruptionBudget and ServiceMonitor.
#[must_use]
pub fn ruler(cr: &str) -> String {
    child_of_stateful_set(&["thanos-rule", cr])
}

/// One of the ConfigMaps with the rule files from ConfigMaps of users.
#[must_use]
pub fn files(cr: &str, slot: usize) -> String {
    child(&["thanos-rule", cr, "files", &slot.to_string()])
}

/// One of the ConfigMaps with the rule files of PrometheusRules.
#[must_use]
pub fn rules(cr: &str, slot: usize) -> String {
    child(&["thanos-rule", cr, "rules", &slot.to_string()])
}

/// The ConfigMap with the files that rulers read at startup.
#[must_use]
pub fn config(cr: &str) -> String {
    child(&["thanos-rule", cr, "config"])
}

/// The ConfigMap with the addresses of queriers.
#[must_use]
pub fn queriers(cr: &str) -> String {
    child(&["thanos-rule", cr, "queriers"])
}

/// The ConfigMap with the addresses of Alertmanagers.
#[must_use]
pub fn alertmanagers(cr: &str) -> String {
    child(&["thanos-rule", cr, "alertmanagers"])
}

/// The volume of the rule files.
pub const RULES: &str = "rules";
/// The volume of the files that rulers read at startup.
pub const CONFIG: &str = "config";
/// The volume of the addresses of queriers.
pub const QUERIERS: &str = "queriers";
/// The volume of the addresses of Alertmanagers.
pub const ALERTMANAGERS: &str = "alertmanagers";
/// The volume of the object storage configuration.
pub const OBJECT_STORAGE: &str = "object-storage";
/// The volume of the certificate authority of Alertmanagers.
pub const ALERTMANAGER_CA: &str = "alertmanager-ca";

/// The file with the scheme and path of queriers.
pub const QUERY_FILE: &str = "query.yaml";
/// The file with the scheme, path and TLS settings of Alertmanagers.
pub const ALERTMANAGERS_FILE: &str = "alertmanagers.yaml";
/// The file with the relabeling of alerts.
pub const RELABEL_FILE: &str = "alert-relabel.yaml";
/// The file with the remote write targets.
pub const REMOTE_WRITE_FILE: &str = "remote-write.yaml";

/// Directory of the rule files.
pub const RULES_FOLDER: &str = "/etc/thanos/rules";

/// Name of the program and of its container. It differs from that of Prometheus Operator's ThanosRuler,
/// whose Service selects pods by it.
pub const PROGRAM: &str = "thanos-rule";

const COMPONENT: &str = "rule-evaluation-engine";

/// Names and labels of the rulers of a ThanosRuler.
#[must_use]
pub fn identity(cr: &str) -> Identity {
    Identity {
        name: ruler(cr),
        program: PROGRAM,
        component: COMPONENT,
        owner: cr.to_owned(),
        extra: vec![(label::STORE_API, label::TRUE.to_owned())],
    }
}
