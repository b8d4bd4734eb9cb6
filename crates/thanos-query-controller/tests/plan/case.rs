//! Cases from `tests/cases/*.yaml`: a ThanosQuery and observed facts.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube_facts::{Key, Labels};
use operator_runtime::{Invalid, Plan, Reconciler};
use plan_testing::bodies;
use plan_testing::objects::{UID, custom_resource};
use plan_testing::observe::settings;
use promop_compat::resolve::{BridgeTarget, Chain, Endpoint, Via};
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosQuery;
use thanos_query_controller::QueryController;
use thanos_query_controller::plan::{self, monitors};
use thanos_query_controller::plan_inputs::{PlanInputs, QueryApi, StoreAddress};
use thanos_workload::testing::{Given, problems};

/// One file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// Metadata of the custom resource besides name and namespace.
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
    /// ConfigMaps and Secrets referenced by the user.
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

impl plan_testing::Case for Case {
    type Resource = ThanosQuery;

    const CONTROLLER: &'static str = QueryController::NAME;

    fn spec(&mut self) -> &mut Value {
        &mut self.spec
    }

    fn plan(&self) -> Result<Plan, Invalid> {
        plan::plan(&self.observed())
    }

    fn problems(&self, plan: &Plan) -> Vec<String> {
        let spec = self.query().spec;
        let frontend = spec.query_frontend.unwrap_or_default();
        let given = Given {
            names: self.given.iter().cloned().collect(),
            ..Given::by([&spec.common, &frontend.common])
        };
        problems(&bodies(plan), UID, &given)
    }

    fn monitors(&self) -> Vec<(String, Labels)> {
        monitors(&self.observed())
    }
}

impl Case {
    /// The custom resource.
    fn query(&self) -> ThanosQuery {
        let name = self.name.as_deref().unwrap_or("main");
        custom_resource(name, &self.annotations, json!({"spec": self.spec}))
    }

    /// Inputs of the plan.
    pub fn observed(&self) -> PlanInputs {
        PlanInputs {
            query: Arc::new(self.query()),
            settings: settings(),
            service_monitors: self.service_monitors,
            endpoints: self.endpoints(),
            stores: self.stores.iter().map(store).collect(),
            query_apis: self.query_apis.iter().map(api).collect(),
            retained_endpoints: None,
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
