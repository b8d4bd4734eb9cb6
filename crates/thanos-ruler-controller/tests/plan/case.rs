//! Cases: a resource and what was observed, from `tests/cases/*.yaml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use operator_runtime::ledger::{Counts, Workload};
use operator_runtime::{
    Access, Answers, Cluster, Component, Invalid, ObjectKey, Outcome, Plan, Verdict, observe_whole,
};
use promop_compat::caps::{Capability, Caps, Kind};
use promop_compat::model::Labels;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use thanos_api::v1alpha1::{ThanosRuler, ThanosRulerStatus};
use thanos_controller::Settings;
use thanos_ruler_controller::plan::names;
use thanos_ruler_controller::rules::pack;
use thanos_ruler_controller::views::{Views, related};
use thanos_ruler_controller::{RulerController, RulerSettings, Seen};

use crate::world::{self, Bulk, Claim, Querier, Set};

/// One file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// Metadata of the resource besides its namespace.
    pub name: Option<String>,
    pub annotations: Labels,
    pub spec: Value,
    /// The status that the last pass wrote.
    pub status: Value,
    /// What the cluster offers of Prometheus Operator's kinds. Those that are not named are there.
    pub capabilities: BTreeMap<String, String>,
    /// None of these kinds is there.
    pub without_prometheus_operator: bool,
    pub set: Option<Set>,
    pub claims: Vec<Claim>,
    pub queriers: Vec<Querier>,
    /// The Services of receive routers.
    pub routers: Vec<String>,
    /// The content of Secrets by name, if they may be watched.
    pub secrets: Option<BTreeMap<String, Value>>,
    /// Any other objects. What they do not say of themselves is filled in.
    pub objects: Vec<Value>,
    /// The PrometheusRules among them that Prometheus Operator has given to an evaluator, which is named
    /// as in `Prometheus k8s`.
    pub rule_files: BTreeMap<String, Vec<String>>,
    pub bulk: Option<Bulk>,
    /// ConfigMaps and Secrets that the user named.
    pub given: Vec<String>,
}

/// The owner's UID in every case.
pub const UID: &str = "00000000-0000-0000-0000-000000000001";

impl Case {
    /// One of nothing but a spec.
    pub fn of(spec: Value) -> Self {
        Self {
            spec,
            ..Self::default()
        }
    }

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
        let spec = match &self.spec {
            Value::Null => json!({}),
            spec => spec.clone(),
        };
        serde_json::from_value(json!({
            "apiVersion": "monitoring.thanos.io/v1alpha1",
            "kind": "ThanosRuler",
            "metadata": {
                "name": self.cr(),
                "namespace": world::NAMESPACE,
                "uid": UID,
                "generation": 1,
                "annotations": self.annotations,
            },
            "spec": spec,
            "status": self.status,
        }))
        .unwrap_or_else(|e| panic!("{spec}: {e}"))
    }

    pub fn cr(&self) -> &str {
        self.name.as_deref().unwrap_or("main")
    }

    fn caps(&self) -> Caps {
        let mut caps = Caps::all(match self.without_prometheus_operator {
            true => Capability::Absent,
            false => Capability::Present,
        });
        for (name, capability) in &self.capabilities {
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
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
        let mut objects: Vec<Value> = self.objects.iter().map(world::filled).collect();
        let bulk = self.bulk.iter().flat_map(Bulk::objects);
        objects.extend(bulk.map(|object| world::filled(&object)));
        let generated = self.rule_files.iter().map(|(evaluator, rules)| {
            let is_of = |o: &&Value| rules.iter().any(|rule| o["metadata"]["name"] == **rule);
            let all = objects.iter().filter(|o| o["kind"] == "PrometheusRule");
            world::rule_files(evaluator, all.filter(is_of))
        });
        let generated: Vec<Value> = generated.collect();
        objects.extend(generated);
        if let Some(set) = &self.set {
            objects.extend(set.objects(self.cr()));
        }
        objects.extend(self.claims.iter().map(|claim| claim.object(self.cr())));
        objects.extend(self.queriers.iter().flat_map(Querier::objects));
        objects.extend(self.routers.iter().map(|name| world::router(name)));
        let secrets = self.secrets.iter().flatten();
        objects.extend(secrets.map(|(name, data)| world::secret(name, data)));
        objects
    }

    /// Views that hold the objects of this case.
    pub fn loaded(&self) -> Views {
        let mut views = Views::default();
        self.load(&mut views);
        views
    }

    /// Enters the objects of this case into views.
    pub fn load(&self, views: &mut Views) {
        let related = related();
        for object in self.objects() {
            let taken = related.iter().filter(|r| r.load(views, &object));
            assert_ne!(taken.count(), 0, "nothing reads {object}");
        }
    }

    /// What a reconcile at this time sees, which the next one knows of.
    pub fn reconcile(&self, views: &mut Views, now: Timestamp) -> Seen {
        self.reconcile_in(&[], views, now)
    }

    /// The same by a controller that is limited to these namespaces.
    pub fn reconcile_in(&self, namespaces: &[&str], views: &mut Views, now: Timestamp) -> Seen {
        self.pass(&limited_to(namespaces), &Answers::default(), views, now)
    }

    /// The same with these answers.
    pub fn reconcile_with(&self, answers: &Answers, views: &mut Views, now: Timestamp) -> Seen {
        self.pass(&controller(), answers, views, now)
    }

    fn pass(
        &self,
        controller: &RulerController,
        answers: &Answers,
        views: &mut Views,
        now: Timestamp,
    ) -> Seen {
        let cluster = Cluster {
            caps: self.caps(),
            access: &Access::default(),
            answers,
            now,
        };
        let ruler = Arc::new(self.ruler());
        let seen = observe_whole(controller, views, cluster, &ruler);
        RulerController::remember(views, &ruler, &seen);
        seen
    }

    /// The ConfigMap of the first evaluator.
    pub fn generated(&self) -> Value {
        let mut all = self.objects().into_iter();
        all.find(|o| o["metadata"]["labels"]["managed-by"] == "prometheus-operator")
            .unwrap()
    }

    /// What views hold of the objects of this case. Of a kind that cannot be read, they hold what was
    /// there before it went.
    fn views(&self) -> Views {
        let mut views = self.loaded();
        let objects = self.objects();
        let caps = self.caps();
        if !caps.has(Kind::PrometheusRule) {
            views.rules.freeze();
        }
        if !caps.has(Kind::Prometheus) {
            views.prometheuses.freeze();
        }
        if !caps.has(Kind::ThanosRuler) {
            views.rulers.freeze();
        }
        if !caps.has(Kind::Alertmanager) {
            views.alertmanagers.freeze();
        }
        let is_there = |kind: &str| objects.iter().any(|o| o["kind"] == kind);
        if self.secrets.is_none() {
            views.secrets.deny();
        }
        if !is_there("StorageClass") {
            views.classes.deny();
        }
        if !is_there("Namespace") {
            views.namespaces.deny();
        }
        views
    }

    /// What a pass sees.
    pub fn seen(&self) -> Seen {
        let mut answers = Answers::default();
        if let Some(set) = &self.set {
            // What rulers say does not change what they should have loaded.
            let silent = self.seen_with(&answers);
            set.answer(&silent.report.rules.expected.digest(), &mut answers);
        }
        self.seen_with(&answers)
    }

    /// What a pass sees that got these answers.
    pub fn seen_with(&self, answers: &Answers) -> Seen {
        let cluster = Cluster {
            caps: self.caps(),
            access: &Access::default(),
            answers,
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        observe_whole(
            &controller(),
            &mut self.views(),
            cluster,
            &Arc::new(self.ruler()),
        )
    }

    /// The plan, or why there is none.
    pub fn plan(&self) -> Result<Plan, Invalid> {
        controller().plan(&self.seen())
    }

    /// The objects of the plan, in their order.
    pub fn bodies(&self) -> Vec<Value> {
        bodies(&self.plan().unwrap())
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

    /// One of the objects of the plan.
    pub fn object(&self, kind: &str, name: &str) -> Value {
        let plan = self.plan().unwrap();
        let found = plan.find(kind, name);
        found
            .unwrap_or_else(|| panic!("no {kind} {name}"))
            .body
            .clone()
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

    /// The status, after everything was applied and the pods are as the StatefulSet says.
    pub fn status(&self) -> ThanosRulerStatus {
        self.status_of(&self.seen())
    }

    /// The status after a reconcile that saw this.
    pub fn status_of(&self, seen: &Seen) -> ThanosRulerStatus {
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
        let set = ObjectKey {
            group: "apps".to_owned(),
            kind: "StatefulSet".to_owned(),
            name: names::ruler(self.cr()),
        };
        let workload = Workload {
            counts,
            current: true,
        };
        let outcome = Outcome {
            verdict: match controller().plan(seen) {
                Ok(_) => Verdict::Applied,
                Err(invalid) => Verdict::Invalid(invalid),
            },
            applied_hash: None,
            workloads: BTreeMap::from([(set, workload)]),
        };
        let previous = ruler.status.unwrap_or_default();
        controller().status(seen, &outcome, &previous)
    }

    /// Status, reason and message of a condition.
    pub fn condition(&self, wanted: &str) -> (String, String, String) {
        let all = self.status().conditions;
        let found = all.into_iter().find(|c| c.type_ == wanted);
        let found = found.unwrap_or_else(|| panic!("no condition {wanted}"));
        (found.status, found.reason, found.message)
    }
}

fn controller() -> RulerController {
    limited_to(&[])
}

fn limited_to(namespaces: &[&str]) -> RulerController {
    let settings = RulerSettings {
        common: Settings {
            thanos_image: "quay.io/thanos/thanos:v0.42.4".to_owned(),
        },
        config_reloader_image: "reloader:test".to_owned(),
    };
    let namespaces: Vec<String> = namespaces.iter().map(|n| (*n).to_owned()).collect();
    RulerController::new(settings, true, &namespaces)
}

/// The objects of a plan, in their order.
pub fn bodies(plan: &Plan) -> Vec<Value> {
    plan.objects().iter().map(|o| o.body.clone()).collect()
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

/// One case by name.
pub fn named(name: &str) -> Case {
    let found = all().into_iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("no case {name}")).1
}
