//! Cases: a ThanosRuler and the objects of its cluster, from `tests/cases/*.yaml`.

pub mod problems;
pub mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube_facts::Labels;
use kube_facts::optional::{Capability, Caps};
use operator_runtime::owned_objects::{Counts, Workload};
use operator_runtime::{
    Access, Cluster, Invalid, ObjectKey, Outcome, Plan, ProbeResults, Reconciler, observe_to_end,
};
use plan_testing::objects::{self, Pvc, UID};
use plan_testing::observe::{caps, load, loaded, observe, outcome, settings, stateful_set_key};
use plan_testing::{Case as _, ObservedCase, bodies, patched};
use promop_compat::kind;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use thanos_api::v1alpha1::{ThanosRuler, ThanosRulerStatus};
use thanos_ruler_controller::names;
use thanos_ruler_controller::plan::monitors;
use thanos_ruler_controller::rules::pack;
use thanos_ruler_controller::stores::Stores;
use thanos_ruler_controller::{Observed, RulerController, RulerSettings};
use thanos_workload::testing::{Given, problems};

use problems::own_problems;
use world::{Bulk, Querier, Set};

/// One file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// Name of the ThanosRuler; `main` by default.
    pub name: Option<String>,
    pub annotations: Labels,
    pub spec: Value,
    /// The status after the last reconcile.
    pub status: Value,
    /// Whether kinds of Prometheus Operator are installed and readable; both by default.
    pub capabilities: BTreeMap<String, String>,
    /// No kind of Prometheus Operator is installed.
    pub without_prometheus_operator: bool,
    pub set: Option<Set>,
    pub pvcs: Vec<Pvc>,
    pub queriers: Vec<Querier>,
    /// The Services of receive routers.
    pub routers: Vec<String>,
    /// The content of Secrets by name; unset without permission to watch them.
    pub secrets: Option<BTreeMap<String, Value>>,
    /// Other objects. Missing metadata is filled in.
    pub objects: Vec<Value>,
    /// The PrometheusRules in the rule files of each evaluator, such as `Prometheus k8s`.
    pub rule_files: BTreeMap<String, Vec<String>>,
    pub bulk: Option<Bulk>,
    /// ConfigMaps and Secrets that the spec references.
    pub given: Vec<String>,
}

impl plan_testing::Case for Case {
    type Resource = ThanosRuler;

    const CONTROLLER: &'static str = RulerController::NAME;

    fn spec(&mut self) -> &mut Value {
        &mut self.spec
    }

    fn plan(&self) -> Result<Plan, Invalid> {
        Self::controller().plan(&self.seen())
    }

    /// Unchanged ConfigMaps, patches of foreign objects, and the status.
    fn decisions(&self, plan: &Plan) -> Vec<(&'static str, Value)> {
        let decisions = json!({"unchanged": self.left(plan), "foreignPatches": patched(plan)});
        // Timestamps would differ in each run.
        let mut status = serde_json::to_value(self.status()).unwrap();
        for condition in status["conditions"].as_array_mut().unwrap() {
            let condition = condition.as_object_mut().unwrap();
            condition.remove("lastTransitionTime");
        }
        let status = json!({"status": status});
        vec![("decisions", decisions), ("status", status)]
    }

    fn problems(&self, plan: &Plan) -> Vec<String> {
        self.problems_of(plan, &bodies(plan))
    }

    fn monitors(&self) -> Vec<(String, Labels)> {
        monitors(&self.ruler())
    }
}

impl ObservedCase for Case {
    type Controller = RulerController;

    fn controller() -> RulerController {
        limited_to(&[])
    }

    fn observed(&self) -> Observed {
        self.seen()
    }

    fn add(&mut self, objects: Vec<Value>) {
        self.objects.extend(objects);
    }
}

impl Case {
    /// The same with more objects.
    pub fn with(&self, objects: impl IntoIterator<Item = Value>) -> Self {
        let mut case = self.clone();
        case.objects.extend(objects);
        case
    }

    /// The same after Prometheus Operator has given these PrometheusRules to an evaluator.
    pub fn evaluated_by(&self, evaluator: &str, rules: &[&str]) -> Self {
        let mut case = self.clone();
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        case.rule_files.insert(evaluator.to_owned(), rules);
        case
    }

    /// The same with other fields of the spec.
    pub fn set(&self, fields: &Value) -> Self {
        let mut case = self.clone();
        let mut spec = case.spec.as_object().cloned().unwrap_or_default();
        spec.extend(fields.as_object().unwrap().clone());
        case.spec = Value::Object(spec);
        case
    }

    /// The custom resource.
    pub fn ruler(&self) -> ThanosRuler {
        let fields = json!({"spec": self.spec, "status": self.status});
        objects::custom_resource(self.cr(), &self.annotations, fields)
    }

    pub fn cr(&self) -> &str {
        self.name.as_deref().unwrap_or("main")
    }

    fn caps(&self) -> Caps {
        let mut caps = caps(!self.without_prometheus_operator);
        for (name, capability) in &self.capabilities {
            let kind = kind::ALL.into_iter().find(|kind| kind.name == name);
            let capability = match capability.as_str() {
                "Absent" => Capability::Absent,
                "NotEstablished" => Capability::NotEstablished,
                "Forbidden" => Capability::Forbidden,
                "Present" => Capability::Present,
                other => panic!("{other} is no capability"),
            };
            caps.set(
                kind.unwrap_or_else(|| panic!("{name} is no kind")),
                capability,
            );
        }
        caps
    }

    fn objects(&self) -> Vec<Value> {
        let mut all: Vec<Value> = self.objects.iter().map(world::filled).collect();
        let bulk = self.bulk.iter().flat_map(Bulk::objects);
        all.extend(bulk.map(|object| world::filled(&object)));
        let generated = self.rule_files.iter().map(|(evaluator, rules)| {
            let is_of = |o: &&Value| rules.iter().any(|rule| o["metadata"]["name"] == **rule);
            let of_kind = all.iter().filter(|o| o["kind"] == "PrometheusRule");
            world::rule_files(evaluator, of_kind.filter(is_of))
        });
        let generated: Vec<Value> = generated.collect();
        all.extend(generated);
        if let Some(set) = &self.set {
            all.extend(set.objects(self.cr()));
        }
        let labels = world::labels(self.cr());
        let secrets = self.secrets.as_ref();
        all.extend(objects::volumes_and_secrets(&self.pvcs, &labels, secrets));
        all.extend(self.queriers.iter().flat_map(Querier::objects));
        all.extend(self.routers.iter().map(|name| world::router(name)));
        all
    }

    /// Stores with the objects of this case.
    pub fn loaded(&self) -> Stores {
        loaded::<RulerController>(&self.objects())
    }

    /// Adds the objects of this case to stores.
    pub fn load(&self, stores: &mut Stores) {
        load::<RulerController>(stores, &self.objects());
    }

    /// The observation of a reconcile at this time. Its state is kept for the next one.
    pub fn reconcile(&self, stores: &mut Stores, now: Timestamp) -> Observed {
        self.reconcile_in(&[], stores, now)
    }

    /// The same with a controller that is limited to these namespaces.
    pub fn reconcile_in(
        &self,
        namespaces: &[&str],
        stores: &mut Stores,
        now: Timestamp,
    ) -> Observed {
        self.reconcile_by(
            &limited_to(namespaces),
            &ProbeResults::default(),
            stores,
            now,
        )
    }

    /// The same with these probe results.
    pub fn reconcile_with(
        &self,
        answers: &ProbeResults,
        stores: &mut Stores,
        now: Timestamp,
    ) -> Observed {
        self.reconcile_by(&limited_to(&[]), answers, stores, now)
    }

    fn reconcile_by(
        &self,
        controller: &RulerController,
        answers: &ProbeResults,
        stores: &mut Stores,
        now: Timestamp,
    ) -> Observed {
        let cluster = Cluster {
            caps: &self.caps(),
            access: &Access::default(),
            answers,
            now,
        };
        let ruler = Arc::new(self.ruler());
        let seen = observe_to_end(controller, stores, cluster, &ruler);
        RulerController::remember(stores, &ruler, &seen);
        seen
    }

    /// The ConfigMap of the first evaluator.
    pub fn generated(&self) -> Value {
        let mut all = self.objects().into_iter();
        all.find(|o| o["metadata"]["labels"]["managed-by"] == "prometheus-operator")
            .unwrap()
    }

    /// Stores with the objects of this case. Those of unreadable kinds are frozen.
    fn stores(&self) -> Stores {
        let mut stores = self.loaded();
        let objects = self.objects();
        let caps = self.caps();
        if !caps.has(kind::PROMETHEUS_RULE) {
            stores.rules.freeze();
        }
        if !caps.has(kind::PROMETHEUS) {
            stores.prometheuses.freeze();
        }
        if !caps.has(kind::THANOS_RULER) {
            stores.rulers.freeze();
        }
        if !caps.has(kind::ALERTMANAGER) {
            stores.alertmanagers.freeze();
        }
        let has_any = |kind: &str| objects.iter().any(|o| o["kind"] == kind);
        if self.secrets.is_none() {
            stores.secrets.deny();
        }
        if !has_any("StorageClass") {
            stores.classes.deny();
        }
        if !has_any("Namespace") {
            stores.namespaces.deny();
        }
        stores
    }

    /// The observation of a reconcile.
    pub fn seen(&self) -> Observed {
        let mut answers = ProbeResults::default();
        if let Some(set) = &self.set {
            // Probe results do not change the expected rules.
            let silent = self.seen_with(&answers);
            set.answer(&silent.status_inputs.rules.expected.digest(), &mut answers);
        }
        self.seen_with(&answers)
    }

    /// The observation of a reconcile with these probe results.
    pub fn seen_with(&self, answers: &ProbeResults) -> Observed {
        let (controller, mut stores) = (Self::controller(), self.stores());
        observe(&controller, &mut stores, self.caps(), answers, self.ruler())
    }

    /// The StatefulSet of the plan.
    pub fn stateful_set(&self) -> Value {
        self.object("StatefulSet", &names::ruler(self.cr()))
    }

    /// The pods of the plan.
    pub fn template(&self) -> Value {
        self.stateful_set()["spec"]["template"].clone()
    }

    /// The same when the plan was applied, and its pods run.
    pub fn applied(&self) -> Self {
        let set = self.stateful_set();
        let annotation = |name: &str| {
            let annotations = &set["metadata"]["annotations"];
            annotations[format!("operator.thanos.io/{name}")].as_str()
        };
        let mut case = self.clone();
        case.set = Some(Set {
            replicas: 1,
            querier_blocks: annotation("querier-blocks").unwrap().to_owned(),
            alertmanager_blocks: annotation("alertmanager-blocks").unwrap().to_owned(),
            known_secrets: annotation("secrets-hash").map(str::to_owned),
            ..Set::default()
        });
        case
    }

    /// The ConfigMaps that stay unchanged.
    fn left(&self, plan: &Plan) -> Vec<String> {
        let cr = self.cr();
        let rules = (0..pack::RULES).map(|slot| names::rules(cr, slot));
        let files = (0..pack::FILES).map(|slot| names::files(cr, slot));
        let others = [
            names::alertmanagers(cr),
            names::queriers(cr),
            names::config(cr),
        ];
        let all = rules.chain(files).chain(others);
        all.filter(|name| {
            plan.leaves(&ObjectKey {
                group: String::new(),
                kind: "ConfigMap".to_owned(),
                name: name.clone(),
            })
        })
        .collect()
    }

    /// Violations of invariants by these objects, which may differ from those of the plan.
    pub fn problems_of(&self, plan: &Plan, objects: &[Value]) -> Vec<String> {
        // Unchanged ConfigMaps exist.
        let names = self.given.iter().cloned().chain(self.left(plan));
        let given = Given {
            names: names.collect(),
            ..Given::by([&self.ruler().spec.common])
        };
        let mut problems = problems(objects, UID, &given);
        problems.extend(own_problems(objects));
        problems
    }

    /// The files in each of the ConfigMaps with rules.
    pub fn rule_files(&self) -> BTreeMap<String, Map<String, Value>> {
        let plan = self.plan().unwrap();
        let rules = (0..pack::RULES).map(|slot| names::rules(self.cr(), slot));
        let files = (0..pack::FILES).map(|slot| names::files(self.cr(), slot));
        let planned = rules.chain(files).filter_map(|name| {
            let data = plan.find("ConfigMap", &name)?.body["data"].as_object()?;
            Some((name, data.clone()))
        });
        planned.collect()
    }

    /// The status after the plan is applied and the pods match the StatefulSet.
    pub fn status(&self) -> ThanosRulerStatus {
        self.status_of(&self.seen())
    }

    /// The status after a reconcile with this observation.
    pub fn status_of(&self, seen: &Observed) -> ThanosRulerStatus {
        let ruler = self.ruler();
        let pods = self.set.as_ref().map_or(0, |set| set.replicas);
        let counts = Counts {
            observed_generation: 1,
            replicas: pods,
            updated_replicas: pods,
            current_replicas: pods,
            ready_replicas: pods,
            available_replicas: pods,
            unavailable_replicas: 0,
        };
        let set = stateful_set_key(&names::ruler(self.cr()));
        let workload = Workload {
            counts,
            current: true,
        };
        let outcome = Outcome {
            workloads: BTreeMap::from([(set, workload)]),
            ..outcome(Self::controller().plan(seen))
        };
        let previous = ruler.status.unwrap_or_default();
        Self::controller().status(seen, &outcome, &previous)
    }

    /// Status, reason and message of a condition.
    pub fn condition(&self, desired: &str) -> (String, String, String) {
        let all = self.status().common.conditions;
        let found = all.into_iter().find(|c| c.type_ == desired);
        let found = found.unwrap_or_else(|| panic!("no condition {desired}"));
        (found.status, found.reason, found.message)
    }
}

fn limited_to(namespaces: &[&str]) -> RulerController {
    let settings = RulerSettings {
        common: settings(),
        config_reloader_image: "reloader:test".to_owned(),
    };
    let namespaces: Vec<String> = namespaces.iter().map(|n| (*n).to_owned()).collect();
    RulerController::new(settings, true, &namespaces)
}
