//! Cases from `tests/cases/*.yaml`: a ThanosStore and observed objects.

pub mod world;

use std::collections::BTreeMap;

use kube_facts::Labels;
use operator_runtime::{Invalid, Plan, ProbeResults, Reconciler};
use plan_testing::objects::{self, Pvc, UID};
use plan_testing::observe::{caps, loaded, observe, settings, stateful_set_key, template_hashes};
use plan_testing::{ObservedCase, patched};
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosStore;
use thanos_store_controller::plan::{self, monitors};
use thanos_store_controller::{Observed, StoreController};
use thanos_workload::testing::{Given, problems};

use world::Set;

/// One file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// Metadata of the custom resource besides its namespace.
    pub name: Option<String>,
    pub annotations: Labels,
    /// Spec besides the object storage configuration.
    pub spec: Value,
    pub service_monitors: bool,
    /// StatefulSets, each with its pods.
    pub sets: Vec<Set>,
    pub pvcs: Vec<Pvc>,
    /// Contents of Secrets by name, if they are watched.
    pub secrets: Option<BTreeMap<String, Value>>,
    /// Endpoints that each querier lists; null if it does not respond.
    pub queriers: Vec<Option<Vec<String>>>,
    /// Additional objects.
    pub objects: Vec<Value>,
    /// ConfigMaps and Secrets referenced by the user, besides that of the object storage.
    pub given: Vec<String>,
}

impl plan_testing::Case for Case {
    type Resource = ThanosStore;

    const CONTROLLER: &'static str = StoreController::NAME;

    fn spec(&mut self) -> &mut Value {
        &mut self.spec
    }

    fn plan(&self) -> Result<Plan, Invalid> {
        plan::plan(&self.seen().plan_inputs)
    }

    /// Unchanged objects, patches of foreign objects, and progress of resharding.
    fn decisions(&self, plan: &Plan) -> Vec<(&'static str, Value)> {
        let seen = self.seen().plan_inputs;
        let left = seen.sets.keys().filter(|name| {
            plan.find("StatefulSet", name).is_none() && plan.leaves(&stateful_set_key(name))
        });
        let left: Vec<&String> = left.collect();
        let step = seen.reshard.as_ref().map(|r| (r.step, &r.message));
        let decisions =
            json!({"unchanged": left, "foreignPatches": patched(plan), "resharding": step});
        vec![("decisions", decisions)]
    }

    fn problems(&self, plan: &Plan) -> Vec<String> {
        // Pods from an earlier plan keep running.
        let old = self.seen().plan_inputs.reshard.map(|r| r.old);
        let old = old.unwrap_or_default();
        let objects = plan.objects().iter();
        let of_now = objects.filter(|o| o.key.kind != "Service" || !old.contains(&o.key.name));
        let of_now: Vec<Value> = of_now.map(|o| o.body.clone()).collect();
        problems(
            &of_now,
            UID,
            &self.given_names(Given::by([&self.store().spec.common])),
        )
    }

    fn monitors(&self) -> Vec<(String, Labels)> {
        monitors(&self.store())
    }
}

impl ObservedCase for Case {
    type Controller = StoreController;

    fn controller() -> StoreController {
        StoreController::new(settings(), true, &[])
    }

    fn observed(&self) -> Observed {
        self.seen()
    }

    fn add(&mut self, objects: Vec<Value>) {
        self.objects.extend(objects);
    }
}

impl Case {
    /// The custom resource.
    pub fn store(&self) -> ThanosStore {
        let mut spec = json!({"objectStorageConfig": {"name": "bucket", "key": "thanos.yaml"}});
        if let Some(more) = self.spec.as_object() {
            spec.as_object_mut().unwrap().extend(more.clone());
        }
        objects::custom_resource(self.name(), &self.annotations, json!({"spec": spec}))
    }

    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("main")
    }

    /// With the referenced ConfigMaps and Secrets.
    pub fn given_names(&self, given: Given) -> Given {
        let names = self.given.iter().cloned();
        Given {
            names: names.chain(["bucket".to_owned()]).collect(),
            ..given
        }
    }

    /// Observation of a reconcile.
    pub fn seen(&self) -> Observed {
        let mut all = self.objects.clone();
        let hashes = self.template_hashes();
        for (i, set) in self.sets.iter().enumerate() {
            let hash = set.hash.as_ref().or_else(|| hashes.get(&set.name));
            all.extend(set.objects(i, self.name(), hash.map(String::as_str)));
        }
        let labels = world::labels(self.name(), &[]);
        let secrets = self.secrets.as_ref();
        all.extend(objects::volumes_and_secrets(&self.pvcs, &labels, secrets));
        let mut answers = ProbeResults::default();
        all.extend(objects::listing_queriers(&self.queriers, &mut answers));
        self.seen_of(&all, &answers)
    }

    /// Observation of a reconcile of these objects.
    pub fn seen_of(&self, all: &[Value], answers: &ProbeResults) -> Observed {
        let mut stores = loaded::<StoreController>(all);
        if self.secrets.is_none() {
            stores.secrets.deny();
        }
        let (controller, caps) = (Self::controller(), caps(self.service_monitors));
        observe(&controller, &mut stores, caps, answers, self.store())
    }

    /// Digests of the desired templates, which do not depend on the stored ones.
    fn template_hashes(&self) -> BTreeMap<String, String> {
        if self.sets.iter().all(|s| s.hash.is_some()) {
            return BTreeMap::new();
        }
        let mut blank = self.clone();
        for set in &mut blank.sets {
            set.hash = Some("unknown".to_owned());
            set.surging = false;
        }
        template_hashes(&blank)
    }
}
