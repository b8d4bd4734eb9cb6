//! Cases: a resource and what was observed, from `tests/cases/*.yaml`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use promop_compat::model::{Key, Labels};
use promop_compat::resolve::{BridgeTarget, Chain, Endpoint, Via};
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosQuery;
use thanos_controller::Settings;
use thanos_query_controller::observed::{Observed, QueryApi, StoreAddress};

/// One file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// Metadata of the resource besides name and namespace.
    pub name: Option<String>,
    pub annotations: Labels,
    pub spec: Value,
    pub service_monitors: bool,
    pub sidecars: Vec<String>,
    pub bridges: Vec<Bridge>,
    pub stores: Vec<Store>,
    pub query_apis: Vec<Api>,
    pub learned: Vec<String>,
    pub openings: Vec<Value>,
    /// ConfigMaps and Secrets that the user named.
    pub given: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    pub pod: String,
    pub url: String,
    #[serde(default)]
    pub tls: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub address: String,
    #[serde(default)]
    pub group: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    pub name: String,
    #[serde(default)]
    pub labels: Labels,
}

/// The owner's UID in every case.
pub const UID: &str = "00000000-0000-0000-0000-000000000001";

impl Case {
    /// What the plan is made of.
    pub fn observed(&self) -> Observed {
        let spec = if self.spec.is_null() {
            json!({})
        } else {
            self.spec.clone()
        };
        let query: ThanosQuery = serde_json::from_value(json!({
            "apiVersion": "monitoring.thanos.io/v1alpha1",
            "kind": "ThanosQuery",
            "metadata": {
                "name": self.name.as_deref().unwrap_or("main"),
                "namespace": "monitoring",
                "uid": UID,
                "annotations": self.annotations,
            },
            "spec": spec,
        }))
        .unwrap_or_else(|e| panic!("{spec}: {e}"));
        Observed {
            query: Arc::new(query),
            settings: Settings {
                thanos_image: "quay.io/thanos/thanos:v0.42.4".to_owned(),
            },
            service_monitors: self.service_monitors,
            endpoints: self.endpoints(),
            stores: self.stores.iter().map(store).collect(),
            query_apis: self.query_apis.iter().map(api).collect(),
            standing: None,
            groups: BTreeSet::new(),
            learned_replica_labels: self.learned.clone(),
            openings: self
                .openings
                .iter()
                .map(|o| serde_json::from_value(o.clone()).unwrap())
                .collect(),
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let sidecars = self.sidecars.iter().map(|address| Endpoint {
            address: address.clone(),
            via: Via::Sidecar,
            chain: Chain::default(),
            pod: None,
            bridge: None,
        });
        let bridges = self.bridges.iter().map(|bridge| {
            let (namespace, name) = bridge.pod.split_once('/').unwrap();
            Endpoint {
                address: String::new(),
                via: Via::Bridge,
                chain: Chain::default(),
                pod: Some(Key::new(namespace, name)),
                bridge: Some(BridgeTarget {
                    url: bridge.url.clone(),
                    tls: bridge.tls,
                }),
            }
        });
        sidecars.chain(bridges).collect()
    }
}

fn store(store: &Store) -> StoreAddress {
    StoreAddress {
        address: store.address.clone(),
        group: store.group,
    }
}

fn api(api: &Api) -> QueryApi {
    QueryApi {
        name: api.name.clone(),
        labels: api.labels.clone(),
        port: 9090,
    }
}

/// All cases by name.
pub fn all() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<(String, Case)> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let case = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, case)
        })
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    cases
}
