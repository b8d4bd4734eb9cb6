//! The files that rulers read from ConfigMaps, except rules. Pure.

use std::collections::{BTreeMap, BTreeSet};

use thanos_api::v1alpha1::{Alertmanagers, RelabelConfig};

use crate::addresses::quoted;
use crate::alertmanagers::{self, Trust};
use crate::names;
use crate::plan_inputs::PlanInputs;
use crate::rules::SHADOW;
use crate::secrets::is_stateless;
use crate::{addresses, queriers};

/// Directory of the files that rulers read at startup.
pub(super) const CONFIG_FOLDER: &str = "/etc/thanos/config";
/// Directory of the addresses of queriers.
pub(super) const QUERIERS_FOLDER: &str = "/etc/thanos/queriers";
/// Directory of the addresses of Alertmanagers.
pub(super) const ALERTMANAGERS_FOLDER: &str = "/etc/thanos/alertmanagers";
/// Directory of the certificate authority of Alertmanagers.
pub(super) const ALERTMANAGER_CA_FOLDER: &str = "/etc/thanos/alertmanager-ca";
/// File of the certificate authority.
pub(super) const CA_FILE: &str = "ca.crt";

/// The files that rulers read at startup. A change replaces the pods.
pub(super) fn config(seen: &PlanInputs) -> BTreeMap<String, String> {
    let spec = &seen.ruler.spec;
    let mut files = BTreeMap::from([
        (
            names::QUERY_FILE.to_owned(),
            queriers::config(&seen.querier_blocks(), QUERIERS_FOLDER),
        ),
        (
            names::ALERTMANAGERS_FILE.to_owned(),
            alertmanagers::config(
                &seen.alertmanager_blocks(),
                &trust(spec.alertmanagers.as_ref()),
                ALERTMANAGERS_FOLDER,
            ),
        ),
        (
            names::RELABEL_FILE.to_owned(),
            relabeling(spec.alert_relabel_configs.as_deref().unwrap_or_default()),
        ),
    ]);
    if is_stateless(spec) {
        files.insert(names::REMOTE_WRITE_FILE.to_owned(), remote_write(seen));
    }
    files
}

/// The addresses of queriers, which rulers reload while they run.
pub(super) fn querier_addresses(seen: &PlanInputs) -> BTreeMap<String, String> {
    addresses::files(
        queriers::FILES,
        &seen.querier_blocks(),
        &seen.queriers.targets,
    )
}

/// The addresses of Alertmanagers, which rulers reload while they run; `None` while unreadable.
pub(super) fn alertmanager_addresses(seen: &PlanInputs) -> Option<BTreeMap<String, String>> {
    let targets = seen.alertmanagers.as_ref()?;
    Some(addresses::files(
        alertmanagers::FILES,
        &seen.alertmanager_blocks(),
        targets,
    ))
}

fn trust(config: Option<&Alertmanagers>) -> Trust {
    let tls = config
        .and_then(|c| c.tls_config.clone())
        .unwrap_or_default();
    Trust {
        ca_file: tls
            .ca
            .map(|_| format!("{ALERTMANAGER_CA_FOLDER}/{CA_FILE}")),
        server_name: tls.server_name.filter(|name| !name.is_empty()),
        skip_verify: tls.insecure_skip_verify.unwrap_or_default(),
    }
}

/// The relabeling of alerts. It drops alerts of shadowed rules in every mode, so that a change of the mode
/// changes only rules and restarts no pod.
fn relabeling(more: &[RelabelConfig]) -> String {
    let mut text = format!(
        "- action: drop\n  source_labels: [{}]\n  regex: \"{}\"\n",
        SHADOW.0, SHADOW.1
    );
    for step in more {
        let value = serde_json::to_value(step).unwrap_or_default();
        let fields = value.as_object().into_iter().flatten();
        let fields: Vec<String> = fields
            .map(|(name, value)| format!("{}: {value}", snake_case(name)))
            .collect();
        text += &format!("- {}\n", fields.join("\n  "));
    }
    text
}

/// The field name in Prometheus configuration.
fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// The remote write configuration: one target for each Service, or for each Service and tenant.
fn remote_write(seen: &PlanInputs) -> String {
    let urls: BTreeSet<&String> = seen.remote_write.iter().collect();
    let mut text = "remote_write:\n".to_owned();
    for url in urls {
        if seen.tenants.is_empty() {
            text += &format!("- url: {}\n", quoted(url));
        }
        for tenant in &seen.tenants {
            text += &format!(
                "- url: {}\n  headers:\n    THANOS-TENANT: {}\n  write_relabel_configs:\n  \
                 - action: keep\n    source_labels: [{}]\n    regex: {}\n",
                quoted(url),
                quoted(tenant),
                quoted(&seen.tenant_label),
                quoted(&escaped(tenant)),
            );
        }
    }
    text
}

/// A regular expression that matches exactly a text.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c.is_ascii_alphanumeric() || c == '_' || c == '-' {
        true => c.to_string(),
        false => format!("\\{c}"),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn alerts_of_shadowed_rules_are_dropped_first() {
        let more: Vec<RelabelConfig> = serde_json::from_value(json!([
            {"action": "labeldrop", "regex": "pod"},
            {"sourceLabels": ["a", "b"], "targetLabel": "c", "replacement": "$1"},
        ]))
        .unwrap();
        let text = relabeling(&more);
        let expected = "- action: drop\n  source_labels: [thanos_shadow]\n  regex: \"true\"\n\
                        - action: \"labeldrop\"\n  regex: \"pod\"\n\
                        - replacement: \"$1\"\n  source_labels: [\"a\",\"b\"]\n  target_label: \"c\"\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn special_characters_of_tenants_are_escaped() {
        assert_eq!(escaped("team.a|b"), "team\\.a\\|b");
    }
}
