//! The command line of a ruler, from the spec. Pure.

use std::collections::{BTreeMap, BTreeSet};

use thanos_api::v1alpha1::{StatefulMode, ThanosRulerSpec};
use thanos_workload::checks::{duration, positive, without_credentials};
use thanos_workload::flags::{Flags, Rules};
use thanos_workload::{FieldError, pod, ports};

use super::files::CONFIG_FOLDER;
use crate::names::{self, RULES_FOLDER};
use crate::rules::SHADOW;
use crate::secrets::is_stateless;

/// Directory of the volume.
pub(super) const DATA_FOLDER: &str = "/var/thanos/rule";
/// Directory of the object storage configuration.
pub(super) const OBJECT_STORAGE_FOLDER: &str = "/etc/thanos/object-storage";
/// File of the object storage configuration.
pub(super) const OBJECT_STORAGE_FILE: &str = "config.yaml";

/// The environment variables with the name of the pod: the second one is for manifests of the Go operator.
pub(super) const POD_NAME: [&str; 2] = ["POD_NAME", "NAME"];

/// The label that names the ThanosRuler of a result.
const ORIGIN: &str = "thanos_rule";

/// The label that distinguishes replicas, unless the user sets one.
const REPLICA: &str = "rule_replica";

/// Labels that receivers add by default. Rulers ignore them when they restore pending alerts after a
/// restart.
const OF_RECEIVERS: [&str; 3] = ["receive", "replica", "tenant_id"];

/// Repeatable flags of rulers.
const REPEATABLE: &[&str] = &[
    "alert.label-drop",
    "enable-feature",
    "grpc-server-tls-ciphers",
    "grpc-server-tls-curves",
    "label",
    "restore-ignored-label",
    "rule-file",
];

const REMOVE: &str = "remove the argument";
const ALERTMANAGERS: &str = "set spec.alertmanagers";
const QUERIERS: &str = "queriers are discovered by the labels of their Services; narrow them with \
                        spec.queryLabelSelector";
const OBJECT_STORAGE: &str =
    "put the configuration into a Secret and set spec.rulerMode.stateful.objectStorageConfig";
const REMOTE_WRITE: &str = "set spec.rulerMode.type: Stateless, which writes to receive routers";

/// Flags that Services, probes, volumes and discovery depend on.
const RESERVED: [(&str, &str); 17] = [
    ("alert.relabel-config", "use spec.alertRelabelConfigs"),
    ("alert.relabel-config-file", "use spec.alertRelabelConfigs"),
    ("alertmanagers.config", ALERTMANAGERS),
    ("alertmanagers.config-file", ALERTMANAGERS),
    ("alertmanagers.url", ALERTMANAGERS),
    (
        "data-dir",
        "the volume is mounted there; remove the argument",
    ),
    (
        "grpc-address",
        "the Services target this port; remove the argument",
    ),
    ("grpc-query-endpoint", QUERIERS),
    (
        "http-address",
        "the Services and probes target this port; remove the argument",
    ),
    ("objstore.config", OBJECT_STORAGE),
    ("objstore.config-file", OBJECT_STORAGE),
    ("query", QUERIERS),
    ("query.config", QUERIERS),
    ("query.config-file", QUERIERS),
    ("query.sd-files", REMOVE),
    ("remote-write.config", REMOTE_WRITE),
    ("remote-write.config-file", REMOTE_WRITE),
];

/// The external labels of the pods, with `$(POD_NAME)` for the name of each.
pub(super) struct ExternalLabels {
    all: BTreeMap<String, String>,
    /// Labels with a different value in each pod.
    of_pods: Vec<String>,
    /// The one of these that distinguishes replicas.
    pub replica: String,
}

impl ExternalLabels {
    pub(super) fn of(spec: &ThanosRulerSpec, origin: &str) -> Self {
        let mode = spec.ruler_mode.as_ref();
        let stateful = mode.and_then(|m| m.stateful.as_ref());
        let given = stateful
            .filter(|_| !is_stateless(spec))
            .and_then(|s| s.external_labels.as_ref());
        let mut all = given.cloned().unwrap_or_default();
        let is_of_pod = |value: &String| {
            POD_NAME
                .iter()
                .any(|name| value.contains(&format!("$({name})")))
        };
        // This label wins over one of the user.
        all.insert(ORIGIN.to_owned(), origin.to_owned());
        let own = all.iter().filter(|(_, value)| is_of_pod(value));
        let mut of_pods: Vec<String> = own.map(|(name, _)| name.clone()).collect();
        if of_pods.is_empty() {
            let value = format!("$({})", POD_NAME[0]);
            all.insert(REPLICA.to_owned(), value);
            of_pods.push(REPLICA.to_owned());
        }
        let replica = of_pods.first().cloned().unwrap_or_default();
        Self {
            all,
            of_pods,
            replica,
        }
    }

    fn flags(&self) -> impl Iterator<Item = String> {
        let quote = |value: &str| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            value.replace('\n', "\\n")
        };
        let labels = self.all.iter();
        labels.map(move |(name, value)| format!("{name}=\"{}\"", quote(value)))
    }
}

/// The command line. `origin` names the ThanosRuler in its results.
pub(super) fn args(spec: &ThanosRulerSpec, origin: &str) -> Result<Vec<String>, FieldError> {
    let limited = pod::has_memory_limit(spec.common.resource_requirements.as_ref());
    let interval = spec.evaluation_interval.as_deref().unwrap_or("1m");
    positive(interval, "spec.evaluationInterval")?;
    check_shadow_label(spec)?;
    let query_url = spec
        .alert_query_url
        .as_deref()
        .filter(|url| !url.is_empty());
    let query_url = query_url.map(|url| without_credentials(url, "spec.alertQueryURL"));
    let labels = ExternalLabels::of(spec, origin);
    let dropped: BTreeSet<&str> = spec
        .alert_label_drop
        .iter()
        .flatten()
        .map(String::as_str)
        .chain(labels.of_pods.iter().map(String::as_str))
        .collect();
    let flags = Flags::new("rule")
        .logging(&spec.common)
        .set("http-address", format!(":{}", ports::HTTP_NUMBER))
        .set("grpc-address", format!(":{}", ports::GRPC_NUMBER))
        // Thanos uses it as the time for open connections at shutdown.
        .set("grpc-server-max-connection-age", "2m")
        .set("data-dir", DATA_FOLDER)
        // A bare asterisk would match the hidden directories of the kubelet.
        .set("rule-file", format!("{RULES_FOLDER}/*.yaml"))
        .set(
            "eval-interval",
            duration(interval, "spec.evaluationInterval")?,
        )
        .set("query.config-file", file(names::QUERY_FILE))
        .set("query.sd-dns-interval", "10s")
        .set("alertmanagers.config-file", file(names::ALERTMANAGERS_FILE))
        .set("alertmanagers.sd-dns-interval", "10s")
        .set("alert.relabel-config-file", file(names::RELABEL_FILE))
        .maybe("alert.query-url", query_url.transpose()?)
        .each("alert.label-drop", dropped)
        .each("label", labels.flags());
    let flags = match is_stateless(spec) {
        true => {
            let ignored: BTreeSet<&str> = labels
                .all
                .keys()
                .map(String::as_str)
                .chain(OF_RECEIVERS)
                .collect();
            flags
                .set("remote-write.config-file", file(names::REMOTE_WRITE_FILE))
                .each("restore-ignored-label", ignored)
        }
        false => stateful_flags(flags, spec)?,
    };
    flags.switch("enable-auto-gomemlimit", limited).merge(
        spec.additional.additional_args.as_deref(),
        &Rules {
            repeatable: REPEATABLE,
            reserved: &RESERVED,
        },
        "spec.additionalArgs",
    )
}

/// Checks that no argument changes the label of shadowed alerts: alert relabeling drops them by it, after
/// Thanos has dropped labels and added external labels.
fn check_shadow_label(spec: &ThanosRulerSpec) -> Result<(), FieldError> {
    let (shadow, _) = SHADOW;
    let wrong = |field: String| {
        let message = format!(
            "the label {shadow} is reserved for alerts in shadow mode; to send all alerts, set \
             spec.mode: Active"
        );
        Err(FieldError::new(field, message))
    };
    let mut dropped = spec.alert_label_drop.iter().flatten();
    if let Some(i) = dropped.position(|name| name == shadow) {
        return wrong(format!("spec.alertLabelDrop[{i}]"));
    }
    let stateful = spec.ruler_mode.as_ref().and_then(|m| m.stateful.as_ref());
    let labels = stateful.and_then(|s| s.external_labels.as_ref());
    if labels.is_some_and(|labels| labels.contains_key(shadow)) {
        return wrong("spec.rulerMode.stateful.externalLabels".to_owned());
    }
    let touches = |arg: &String| {
        let label = arg.strip_prefix("--label=").and_then(|l| l.split_once('='));
        label.is_some_and(|(name, _)| name == shadow)
            || arg.strip_prefix("--alert.label-drop=") == Some(shadow)
    };
    let mut args = spec.additional.additional_args.iter().flatten();
    match args.position(touches) {
        Some(i) => wrong(format!("spec.additionalArgs[{i}]")),
        None => Ok(()),
    }
}

/// The flags of stateful rulers.
fn stateful_flags(flags: Flags, spec: &ThanosRulerSpec) -> Result<Flags, FieldError> {
    let mode = spec.ruler_mode.as_ref();
    let stateful: StatefulMode = mode.and_then(|m| m.stateful.clone()).unwrap_or_default();
    let retention = stateful.retention.as_deref().unwrap_or("48h");
    positive(retention, "spec.rulerMode.stateful.retention")?;
    let uploads = stateful.object_storage_config.is_some();
    Ok(flags.set("tsdb.retention", retention).maybe(
        "objstore.config-file",
        uploads.then(|| format!("{OBJECT_STORAGE_FOLDER}/{OBJECT_STORAGE_FILE}")),
    ))
}

fn file(name: &str) -> String {
    format!("{CONFIG_FOLDER}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(spec: serde_json::Value) -> Vec<String> {
        args(&serde_json::from_value(spec).unwrap(), "ns/main").unwrap()
    }

    fn all<'a>(args: &'a [String], flag: &str) -> Vec<&'a str> {
        let prefix = format!("--{flag}=");
        let values = args.iter().filter_map(|arg| arg.strip_prefix(&prefix));
        values.collect()
    }

    #[test]
    fn the_replica_label_is_dropped_from_alerts() {
        let args = of(json!({}));
        let own = ["rule_replica=\"$(POD_NAME)\"", "thanos_rule=\"ns/main\""];
        assert_eq!(all(&args, "label"), own);
        assert_eq!(all(&args, "alert.label-drop"), ["rule_replica"]);

        let labels = json!({"cluster": "x", "mine": "$(NAME)"});
        let mode = json!({"type": "Stateful", "stateful": {"externalLabels": labels}});
        let args = of(json!({"rulerMode": mode, "alertLabelDrop": ["team"]}));
        let own = [
            "cluster=\"x\"",
            "mine=\"$(NAME)\"",
            "thanos_rule=\"ns/main\"",
        ];
        assert_eq!(all(&args, "label"), own);
        assert_eq!(all(&args, "alert.label-drop"), ["mine", "team"]);
    }

    #[test]
    fn every_label_with_the_name_of_the_pod_is_dropped_from_alerts() {
        let labels = json!({"a": "$(NAME)", "b": "x-$(POD_NAME)", "thanos_rule": "$(NAME)"});
        let mode = json!({"type": "Stateful", "stateful": {"externalLabels": labels}});
        let args = of(json!({"rulerMode": mode}));
        assert_eq!(all(&args, "alert.label-drop"), ["a", "b"]);
        let own = "thanos_rule=\"ns/main\"";
        assert!(all(&args, "label").contains(&own), "{args:?}");
    }

    #[test]
    fn values_of_external_labels_are_escaped() {
        let labels = json!({"a": "\"b\" \\ c\nd"});
        let mode = json!({"type": "Stateful", "stateful": {"externalLabels": labels}});
        let args = of(json!({"rulerMode": mode}));
        assert_eq!(all(&args, "label")[0], r#"a="\"b\" \\ c\nd""#);
    }

    #[test]
    fn labels_added_by_receivers_are_ignored_when_alerts_are_restored() {
        let args = of(json!({"rulerMode": {"type": "Stateless"}}));
        let ignored = [
            "receive",
            "replica",
            "rule_replica",
            "tenant_id",
            "thanos_rule",
        ];
        assert_eq!(all(&args, "restore-ignored-label"), ignored);
        assert!(all(&args, "tsdb.retention").is_empty());
    }
}
