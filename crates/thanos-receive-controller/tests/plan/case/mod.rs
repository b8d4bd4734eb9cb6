//! Cases from `tests/cases/*.yaml`: a ThanosReceive and the observed state.

pub mod problems;
pub mod world;

use std::collections::BTreeMap;

use kube_facts::Labels;
use operator_runtime::{Invalid, Plan, ProbeResults, Reconciler};
use plan_testing::objects::{self, Pvc, UID};
use plan_testing::observe::{caps, loaded, observe, outcome, settings, template_hashes};
use plan_testing::{Case as _, ObservedCase, bodies, patched};
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::{ThanosReceive, ThanosReceiveStatus};
use thanos_receive_controller::hashring::{Record, config_hash};
use thanos_receive_controller::names::{self, INGESTER, ROUTER};
use thanos_receive_controller::plan::{self, monitors};
use thanos_receive_controller::{Observed, ReceiveController};
use thanos_workload::testing::{Given, problems};

use problems::own_problems;
use world::{Routers, Set};

/// One case file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// Metadata of the custom resource besides its namespace.
    pub name: Option<String>,
    pub annotations: Labels,
    pub spec: Value,
    pub service_monitors: bool,
    /// The stored record, with its published hashrings.
    pub record: Option<Record>,
    /// Hashrings file of the Go operator, which has no record.
    pub legacy: Option<String>,
    pub routers: Option<Routers>,
    pub sets: Vec<Set>,
    pub pvcs: Vec<Pvc>,
    /// Content of Secrets by name, if they are watched.
    pub secrets: Option<BTreeMap<String, Value>>,
    /// Endpoints that each querier lists; null if its probe fails.
    pub queriers: Vec<Option<Vec<String>>>,
    /// Any other objects.
    pub objects: Vec<Value>,
    /// ConfigMaps and Secrets named in the spec.
    pub given: Vec<String>,
}

impl plan_testing::Case for Case {
    type Resource = ThanosReceive;

    const CONTROLLER: &'static str = ReceiveController::NAME;

    /// Most other cases run, as the second one does.
    const IN_FULL: &'static [&'static str] = &["minimal", "minimal-routers", "everything"];

    fn spec(&mut self) -> &mut Value {
        &mut self.spec
    }

    fn plan(&self) -> Result<Plan, Invalid> {
        plan::plan(&self.seen().plan_inputs)
    }

    /// Progress of the hashrings, the precondition of the record, kept StatefulSets, and patches and
    /// deletions of foreign objects.
    fn decisions(&self, plan: &Plan) -> Vec<(&'static str, Value)> {
        let seen = self.seen();
        let removed = plan.foreign_deletes().iter();
        let removed: Vec<_> = removed.map(|r| (r.key.to_string(), &r.uid)).collect();
        let progress = seen.status_inputs.progress.iter();
        let progress: Vec<Value> = progress
            .map(|p| json!({"name": p.name, "step": p.step, "message": p.message}))
            .collect();
        let decisions = json!({
            "hashrings": progress, "precondition": format!("{:?}", plan.objects()[0].onto),
            "unchanged": seen.plan_inputs.allowed_actions.kept,
            "foreignPatches": patched(plan), "foreignDeletes": removed,
        });
        vec![("decisions", decisions)]
    }

    fn problems(&self, plan: &Plan) -> Vec<String> {
        // Before the first hashring, the Services and budgets of routers have no pods.
        let objects = bodies(plan);
        let routers = objects.iter().any(|o| o["kind"] == "Deployment");
        let waits = |o: &Value| {
            let of_router = o["metadata"]["labels"]["app.kubernetes.io/component"] == ROUTER;
            of_router && o["kind"] != "ConfigMap" && o["kind"] != "ServiceAccount"
        };
        let running = objects.iter().filter(|o| routers || !waits(o));
        let running: Vec<Value> = running.cloned().collect();
        let spec = self.receive().spec;
        let rings = thanos_receive_controller::desired::hashrings(&spec);
        let commons = rings.iter().map(|ring| &ring.common);
        let given = Given {
            names: self.given.iter().cloned().collect(),
            ..Given::by(commons.chain([&spec.router_spec.common]))
        };
        let mut problems = problems(&running, UID, &given);
        problems.extend(own_problems(self, plan, &objects));
        problems
    }

    fn monitors(&self) -> Vec<(String, Labels)> {
        monitors(&self.receive())
    }
}

impl ObservedCase for Case {
    type Controller = ReceiveController;

    fn controller() -> ReceiveController {
        ReceiveController::new(settings(), true, &[])
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
    pub fn receive(&self) -> ThanosReceive {
        let fields = json!({"spec": self.spec});
        objects::custom_resource(self.cr(), &self.annotations, fields)
    }

    pub fn cr(&self) -> &str {
        self.name.as_deref().unwrap_or("main")
    }

    /// Observed state of a reconcile.
    pub fn seen(&self) -> Observed {
        let mut all = self.objects.clone();
        let mut answers = ProbeResults::default();
        let hashes = self.template_hashes();
        for (i, set) in self.sets.iter().enumerate() {
            let hash = set
                .hash
                .as_ref()
                .or_else(|| hashes.get(&set.name(self.cr())));
            all.extend(set.objects(i, self.cr(), hash.map(String::as_str)));
            set.answer(i, &mut answers);
        }
        all.extend(self.files().map(|data| world::files(self.cr(), &data)));
        if let Some(routers) = &self.routers {
            all.extend(routers.objects(self.cr()));
            routers.answer(self.published_hash(), &mut answers);
        }
        let labels = world::labels(self.cr(), INGESTER);
        let secrets = self.secrets.as_ref();
        all.extend(objects::volumes_and_secrets(&self.pvcs, &labels, secrets));
        all.extend(objects::listing_queriers(&self.queriers, &mut answers));
        self.seen_of(&all, &answers)
    }

    /// Content of the ConfigMap, if it exists.
    fn files(&self) -> Option<Value> {
        match (&self.record, &self.legacy) {
            (Some(record), _) => Some(json!({
                names::HASHRINGS_FILE: plan::hashrings_file(&self.receive(), record),
                names::RECORD_FILE: serde_json::to_string(record).unwrap(),
            })),
            (None, Some(legacy)) => Some(json!({names::HASHRINGS_FILE: legacy})),
            (None, None) => None,
        }
    }

    /// Config hash of routers that have loaded it.
    fn published_hash(&self) -> u64 {
        let files = self.files().unwrap_or_default();
        config_hash(files[names::HASHRINGS_FILE].as_str().unwrap_or_default())
    }

    /// Digests of the planned templates, which do not depend on the existing ones.
    fn template_hashes(&self) -> BTreeMap<String, String> {
        if self.sets.iter().all(|s| s.hash.is_some()) {
            return BTreeMap::new();
        }
        let mut blank = self.clone();
        for set in &mut blank.sets {
            set.hash = Some("unknown".to_owned());
        }
        template_hashes(&blank)
    }

    /// Status after the plan was applied, if there is one.
    pub fn status(&self) -> ThanosReceiveStatus {
        let (outcome, previous) = (outcome(self.plan()), ThanosReceiveStatus::default());
        Self::controller().status(&self.seen(), &outcome, &previous)
    }

    fn seen_of(&self, all: &[Value], answers: &ProbeResults) -> Observed {
        let mut stores = loaded::<ReceiveController>(all);
        if self.secrets.is_none() {
            stores.secrets.deny();
        }
        if self.objects.iter().all(|o| o["kind"] != "StorageClass") {
            stores.classes.deny();
        }
        let (controller, caps) = (Self::controller(), caps(self.service_monitors));
        observe(&controller, &mut stores, caps, answers, self.receive())
    }
}
