//! Which queriers rulers ask. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_facts::Key;
use kube_facts::selector;
use promop_compat::model::ServiceFacts;
use thanos_api::names::label;
use thanos_workload::{ports, query_api};

use crate::addresses::{Target, Transport, quoted};

/// What the files with the addresses are named after.
pub const FILES: &str = "queriers";

/// What the Services of a namespace lead to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queriers {
    /// The queriers.
    pub targets: Vec<Target>,
    /// Services that are selected and have no port by the name of `http`.
    pub portless: Vec<Key>,
}

/// Looks for queriers. `prefixes` is the path under which the queriers of a ThanosQuery serve their
/// API, by the label that their pods and Services carry.
pub fn find<'a>(
    services: impl Iterator<Item = (&'a Key, &'a ServiceFacts)>,
    desired: Option<&LabelSelector>,
    prefixes: &BTreeMap<String, String>,
) -> Queriers {
    let mut queriers = Queriers::default();
    for (key, facts) in services {
        let is_wanted = desired.is_none_or(|desired| selector::matches(desired, &facts.labels));
        if !is_wanted || !query_api::is_offered(&facts.labels) {
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
            way: Transport {
                https: false,
                prefix: prefix.cloned().unwrap_or_default(),
            },
            address: query_api::address(key, facts.headless, port.port),
            resource: Some(key.clone()),
        });
    }
    queriers
}

/// The name of the file with the addresses of one block.
fn file(way: &Transport) -> String {
    way.file(FILES)
}

/// The configuration file. `folder` is where the files with the addresses are.
#[must_use]
pub fn config(blocks: &BTreeSet<Transport>, folder: &str) -> String {
    let block = |way: &Transport| {
        let prefix = match way.prefix.as_str() {
            "" => String::new(),
            prefix => format!("  path_prefix: {}\n", quoted(prefix)),
        };
        format!(
            "- scheme: {}\n{prefix}  file_sd_configs:\n  - files: [{}]\n    refresh_interval: 30s\n",
            way.scheme(),
            quoted(&format!("{folder}/{}", file(way)))
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
    fn services_of_the_query_api_are_asked() {
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

        let ways = found.targets.iter().map(|t| t.way.clone()).collect();
        let config = config(&ways, "/t");
        let usual = "- scheme: http\n  file_sd_configs:\n  - files: [\"/t/queriers-http.json\"]\n";
        assert!(config.starts_with(usual), "{config}");
        assert!(config.contains("  path_prefix: \"/thanos\"\n"), "{config}");
    }
}
