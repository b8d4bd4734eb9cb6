//! Queriers that rulers query, from Services and querier pods. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_facts::Key;
use kube_facts::selector;
use promop_compat::model::ServiceFacts;
use thanos_api::names::label;
use thanos_workload::{ports, query_api};

use crate::addresses::{Target, Transport, quoted};

/// Name prefix of the files with addresses.
pub const FILES: &str = "queriers";

/// The queriers that the Services of a namespace select.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queriers {
    /// The queriers.
    pub targets: Vec<Target>,
    /// Selected Services without a port named `http`.
    pub portless: Vec<Key>,
}

/// Finds queriers. `prefixes` is the API path of the queriers of each ThanosQuery, by the owner label of
/// their pods and Services.
pub fn find<'a>(
    services: impl Iterator<Item = (&'a Key, &'a ServiceFacts)>,
    desired: Option<&LabelSelector>,
    prefixes: &BTreeMap<String, String>,
) -> Queriers {
    let mut queriers = Queriers::default();
    for (key, facts) in services {
        let is_selected = desired.is_none_or(|desired| selector::matches(desired, &facts.labels));
        if !is_selected || !query_api::is_offered(&facts.labels) {
            continue;
        }
        let mut ports = facts.ports.iter();
        let Some(port) = ports.find(|p| p.name.as_deref() == Some(ports::HTTP)) else {
            queriers.portless.push(key.clone());
            continue;
        };
        let owner = facts.labels.get(label::OWNER);
        let prefix = owner.and_then(|owner| prefixes.get(owner));
        queriers.targets.push(Target {
            transport: Transport {
                https: false,
                prefix: prefix.cloned().unwrap_or_default(),
            },
            address: query_api::address(key, facts.headless, port.port),
            resource: Some(key.clone()),
        });
    }
    queriers
}

/// The configuration file. `folder` contains the files with the addresses.
#[must_use]
pub fn config(blocks: &BTreeSet<Transport>, folder: &str) -> String {
    let block = |transport: &Transport| {
        let prefix = match transport.prefix.as_str() {
            "" => String::new(),
            prefix => format!("  path_prefix: {}\n", quoted(prefix)),
        };
        format!(
            "- scheme: {}\n{prefix}  file_sd_configs:\n  - files: [{}]\n    refresh_interval: 30s\n",
            transport.scheme(),
            quoted(&format!("{folder}/{}", transport.file(FILES)))
        )
    };
    blocks.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube_facts::PortFacts;
    use serde_json::json;

    fn service(labels: serde_json::Value, port: &str, headless: bool) -> ServiceFacts {
        ServiceFacts {
            labels: serde_json::from_value(labels).unwrap(),
            ports: vec![PortFacts {
                name: Some(port.to_owned()),
                port: 9090,
            }],
            headless,
            ..Default::default()
        }
    }

    #[test]
    fn services_with_the_query_api_labels_are_queried_below_their_prefix() {
        let offered = |owner: &str| json!({label::QUERY_API: "true", label::PART_OF: "thanos", label::OWNER: owner});
        let all = BTreeMap::from([
            (Key::new("n", "a"), service(offered("main"), "http", true)),
            (Key::new("n", "b"), service(offered("web"), "http", false)),
            (Key::new("n", "c"), service(offered("main"), "grpc", false)),
            (Key::new("n", "d"), service(json!({}), "http", true)),
        ]);
        let prefixes = BTreeMap::from([("web".to_owned(), "/thanos".to_owned())]);
        let found = find(all.iter(), None, &prefixes);
        let urls: Vec<String> = found.targets.iter().map(Target::url).collect();
        assert_eq!(
            urls,
            [
                "dnssrv+http://_http._tcp.a.n.svc",
                "http://b.n.svc:9090/thanos"
            ]
        );
        assert_eq!(found.portless, [Key::new("n", "c")]);
        let only: LabelSelector =
            serde_json::from_value(json!({"matchLabels": {label::OWNER: "web"}})).unwrap();
        assert_eq!(find(all.iter(), Some(&only), &prefixes).targets.len(), 1);

        let transports = found.targets.iter().map(|t| t.transport.clone());
        let config = config(&transports.collect(), "/t");
        let usual = "- scheme: http\n  file_sd_configs:\n  - files: [\"/t/queriers-http.json\"]\n";
        assert!(config.starts_with(usual), "{config}");
        assert!(config.contains("  path_prefix: \"/thanos\"\n"), "{config}");
    }
}
