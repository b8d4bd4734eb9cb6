//! Plans the endpoint file. Queriers reload it, so a change of endpoints restarts no pod. No IO.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use promop_compat::resolve::Via;
use thanos_api::names::label;

use super::objects::gate_open;
use crate::bridges;
use crate::names;
use crate::plan_inputs::PlanInputs;

/// Name of the file, and its key in the ConfigMap.
pub const FILE: &str = "endpoints.yaml";

/// ConfigMap of the endpoint file; `None` if it must stay unchanged.
pub(super) fn config_map(
    seen: &PlanInputs,
    cr: &str,
    mut metadata: ObjectMeta,
) -> Option<ConfigMap> {
    if seen
        .retained_endpoints
        .as_ref()
        .is_some_and(|s| s.unlisted > 0)
    {
        return None;
    }
    metadata.name = Some(names::endpoints(cr));
    // The label identifies Services of the Query API.
    if let Some(labels) = &mut metadata.labels {
        labels.remove(label::QUERY_API);
    }
    Some(ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(FILE.to_owned(), file(seen))])),
        ..Default::default()
    })
}

/// Endpoints by address, and whether each is a group. Equal addresses are one endpoint.
fn endpoints(seen: &PlanInputs) -> BTreeMap<String, bool> {
    let mut endpoints = BTreeMap::new();
    for store in &seen.stores {
        *endpoints.entry(store.address.clone()).or_insert(false) |= store.group;
    }
    let mut add = |address: String| {
        let group = seen.groups.contains(&address);
        *endpoints.entry(address).or_insert(false) |= group;
    };
    for endpoint in seen.retained_endpoints.iter().flat_map(|s| &s.endpoints) {
        add(endpoint.address.clone());
    }
    if gate_open(seen) {
        for endpoint in &seen.endpoints {
            let address = match endpoint.via {
                Via::Bridge => bridges::address(&seen.query, endpoint),
                Via::Sidecar | Via::Service => Some(endpoint.address.clone()),
            };
            address.into_iter().for_each(&mut add);
        }
    }
    endpoints
}

/// Contents of the file. It never sets `strict`: Thanos rejects the entire file if a strict
/// endpoint has a DNS address, as all of these have.
fn file(seen: &PlanInputs) -> String {
    let endpoints = endpoints(seen);
    if endpoints.is_empty() {
        return "endpoints: []\n".to_owned();
    }
    let mut file = "endpoints:\n".to_owned();
    for (address, group) in endpoints {
        // JSON strings are YAML strings.
        file.push_str(&format!(
            "- address: {}\n",
            serde_json::Value::from(address)
        ));
        if group {
            file.push_str("  group: true\n");
        }
    }
    file
}
