//! Cases: a resource and what was observed, from `tests/cases/*.yaml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use operator_runtime::{Access, Answers, Cluster, Component, Invalid, Outcome, Plan, Verdict};
use promop_compat::caps::{Capability, Caps};
use promop_compat::model::Labels;
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::{ThanosReceive, ThanosReceiveStatus};
use thanos_controller::Settings;
use thanos_receive_controller::hashring::{Record, config_hash};
use thanos_receive_controller::plan::{self, names};
use thanos_receive_controller::views::{Views, related};
use thanos_receive_controller::{ReceiveController, Seen};

use crate::world::{self, Claim, Routers, Set};

/// One file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// Metadata of the resource besides its namespace.
    pub name: Option<String>,
    pub annotations: Labels,
    pub spec: Value,
    pub service_monitors: bool,
    /// What is recorded, and so published.
    pub record: Option<Record>,
    /// What the Go operator published, who records nothing.
    pub former: Option<String>,
    pub routers: Option<Routers>,
    pub sets: Vec<Set>,
    pub claims: Vec<Claim>,
    /// The content of Secrets by name, if they may be watched.
    pub secrets: Option<BTreeMap<String, Value>>,
    /// What each querier lists; null if it does not answer.
    pub queriers: Vec<Option<Vec<String>>>,
    /// Any other objects.
    pub objects: Vec<Value>,
    /// ConfigMaps and Secrets that the user named.
    pub given: Vec<String>,
}

/// The owner's UID in every case.
pub const UID: &str = "00000000-0000-0000-0000-000000000001";

/// When every pass is: 1767225600 seconds after the epoch.
pub const NOW: &str = "2026-01-01T00:00:00Z";

/// The image that the controller was started with.
pub const IMAGE: &str = "quay.io/thanos/thanos:v0.42.4";

impl Case {
    /// One of nothing but a spec.
    pub fn of(spec: Value) -> Self {
        Self {
            spec,
            ..Self::default()
        }
    }

    /// From a literal.
    pub fn read(value: &Value) -> Self {
        // Through a text, since numbers are no keys of JSON.
        serde_json::from_str(&value.to_string()).unwrap_or_else(|e| panic!("{value}: {e}"))
    }

    /// The custom resource.
    pub fn receive(&self) -> ThanosReceive {
        let spec = match &self.spec {
            Value::Null => json!({}),
            spec => spec.clone(),
        };
        serde_json::from_value(json!({
            "apiVersion": "monitoring.thanos.io/v1alpha1",
            "kind": "ThanosReceive",
            "metadata": {
                "name": self.cr(),
                "namespace": "monitoring",
                "uid": UID,
                "annotations": self.annotations,
            },
            "spec": spec,
        }))
        .unwrap_or_else(|e| panic!("{spec}: {e}"))
    }

    pub fn cr(&self) -> &str {
        self.name.as_deref().unwrap_or("main")
    }

    /// What a pass sees.
    pub fn seen(&self) -> Seen {
        let mut objects = self.objects.clone();
        let mut answers = Answers::default();
        let hashes = self.template_hashes();
        for (i, set) in self.sets.iter().enumerate() {
            let hash = set
                .hash
                .as_ref()
                .or_else(|| hashes.get(&set.name(self.cr())));
            objects.extend(set.objects(i, self.cr(), hash.map(String::as_str)));
            set.answer(i, &mut answers);
        }
        objects.extend(self.files().map(|data| world::files(self.cr(), &data)));
        if let Some(routers) = &self.routers {
            objects.extend(routers.objects(self.cr()));
            routers.answer(self.published_hash(), &mut answers);
        }
        objects.extend(self.claims.iter().map(|claim| claim.object(self.cr())));
        let secrets = self.secrets.iter().flatten();
        objects.extend(secrets.map(|(name, data)| world::secret(name, data)));
        objects.extend(world::querier_workload());
        for (i, listed) in self.queriers.iter().enumerate() {
            objects.push(world::querier(i));
            if let Some(listed) = listed {
                answers.remember(&world::querier_url(i), Ok(listed.join("\n")));
            }
        }
        self.seen_of(&objects, &answers)
    }

    /// What the ConfigMap holds, if there is one.
    fn files(&self) -> Option<Value> {
        match (&self.record, &self.former) {
            (Some(record), _) => Some(json!({
                names::HASHRINGS_FILE: plan::hashrings_file(&self.receive(), record),
                names::RECORD_FILE: serde_json::to_string(record).unwrap(),
            })),
            (None, Some(former)) => Some(json!({names::HASHRINGS_FILE: former})),
            (None, None) => None,
        }
    }

    /// What routers report that have read it.
    fn published_hash(&self) -> u64 {
        let files = self.files().unwrap_or_default();
        config_hash(files[names::HASHRINGS_FILE].as_str().unwrap_or_default())
    }

    /// The digests of the templates that the StatefulSets are to have, which do not depend on what
    /// they have.
    fn template_hashes(&self) -> BTreeMap<String, String> {
        if self.sets.iter().all(|s| s.hash.is_some()) {
            return BTreeMap::new();
        }
        let mut blank = self.clone();
        for set in &mut blank.sets {
            set.hash = Some("unknown".to_owned());
        }
        let Ok(plan) = blank.plan() else {
            return BTreeMap::new();
        };
        let objects = plan.objects().iter();
        let sets = objects.filter(|o| o.key.kind == "StatefulSet");
        let hash = |body: &Value| {
            let annotations = &body["metadata"]["annotations"];
            let hash = annotations["operator.thanos.io/template-hash"].as_str();
            hash.unwrap().to_owned()
        };
        sets.map(|o| (o.key.name.clone(), hash(&o.body))).collect()
    }

    /// The status, after everything was applied, if there is a plan.
    pub fn status(&self) -> ThanosReceiveStatus {
        let outcome = Outcome {
            verdict: match self.plan() {
                Ok(_) => Verdict::Applied,
                Err(invalid) => Verdict::Invalid(invalid),
            },
            applied_hash: None,
            workloads: BTreeMap::new(),
        };
        controller().status(&self.seen(), &outcome, &ThanosReceiveStatus::default())
    }

    fn seen_of(&self, objects: &[Value], answers: &Answers) -> Seen {
        let mut views = Views::default();
        for object in objects {
            for related in related() {
                related.load(&mut views, object);
            }
        }
        if self.secrets.is_none() {
            views.secrets.deny();
        }
        if self.objects.iter().all(|o| o["kind"] != "StorageClass") {
            views.classes.deny();
        }
        let cluster = Cluster {
            caps: Caps::all(match self.service_monitors {
                true => Capability::Present,
                false => Capability::Absent,
            }),
            access: &Access::default(),
            answers,
            now: NOW.parse().unwrap(),
        };
        controller().observe(&views, cluster, &Arc::new(self.receive()))
    }

    /// The plan, or why there is none.
    pub fn plan(&self) -> Result<Plan, Invalid> {
        plan::plan(&self.seen().observed)
    }

    /// The objects of the plan, in their order.
    pub fn bodies(&self) -> Vec<Value> {
        bodies(&self.plan().unwrap())
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
}

fn controller() -> ReceiveController {
    let settings = Settings {
        thanos_image: IMAGE.to_owned(),
    };
    ReceiveController::new(settings, true, &[])
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
