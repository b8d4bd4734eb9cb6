//! Cases: a resource and what was observed, from `tests/cases/*.yaml`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use operator_runtime::{Access, Answers, Cluster, Component};
use promop_compat::caps::{Capability, Caps};
use promop_compat::model::Labels;
use serde::Deserialize;
use serde_json::{Value, json};
use thanos_api::v1alpha1::ThanosStore;
use thanos_controller::Settings;
use thanos_store_controller::views::{Views, related};
use thanos_store_controller::{Seen, StoreController};

use crate::world::{self, Claim, Set};

/// One file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// Metadata of the resource besides its namespace.
    pub name: Option<String>,
    pub annotations: Labels,
    /// Besides the object storage configuration.
    pub spec: Value,
    pub service_monitors: bool,
    /// StatefulSets, each with its pods.
    pub sets: Vec<Set>,
    pub claims: Vec<Claim>,
    /// The content of Secrets by name, if they may be watched.
    pub secrets: Option<BTreeMap<String, Value>>,
    /// What each querier lists; null if it does not answer.
    pub queriers: Vec<Option<Vec<String>>>,
    /// Any other objects.
    pub objects: Vec<Value>,
    /// ConfigMaps and Secrets that the user named, besides that of the object storage.
    pub given: Vec<String>,
}

/// The owner's UID in every case.
pub const UID: &str = "00000000-0000-0000-0000-000000000001";

impl Case {
    /// The custom resource.
    pub fn store(&self) -> ThanosStore {
        let mut spec = json!({"objectStorageConfig": {"name": "bucket", "key": "thanos.yaml"}});
        if let Some(more) = self.spec.as_object() {
            spec.as_object_mut().unwrap().extend(more.clone());
        }
        serde_json::from_value(json!({
            "apiVersion": "monitoring.thanos.io/v1alpha1",
            "kind": "ThanosStore",
            "metadata": {
                "name": self.name(),
                "namespace": "monitoring",
                "uid": UID,
                "annotations": self.annotations,
            },
            "spec": spec,
        }))
        .unwrap_or_else(|e| panic!("{spec}: {e}"))
    }

    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("main")
    }

    /// What a pass sees.
    pub fn seen(&self) -> Seen {
        let mut objects = self.objects.clone();
        let hashes = self.template_hashes();
        for (i, set) in self.sets.iter().enumerate() {
            let hash = set.hash.as_ref().or_else(|| hashes.get(&set.name));
            objects.extend(set.objects(i, self.name(), hash.map(String::as_str)));
        }
        objects.extend(self.claims.iter().map(|claim| claim.object(self.name())));
        let secrets = self.secrets.iter().flatten();
        objects.extend(secrets.map(|(name, data)| world::secret(name, data)));
        let mut answers = Answers::default();
        objects.extend(world::querier_workload());
        for (i, listed) in self.queriers.iter().enumerate() {
            objects.push(world::querier(i));
            if let Some(listed) = listed {
                answers.remember(&world::querier_url(i), Ok(listed.join("\n")));
            }
        }
        seen(self, &objects, &answers)
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
            set.surging = false;
        }
        let Ok(plan) = plan(&blank) else {
            return BTreeMap::new();
        };
        let sets = plan
            .objects()
            .iter()
            .filter(|o| o.key.kind == "StatefulSet");
        let hash = |body: &Value| {
            let annotations = &body["metadata"]["annotations"];
            annotations["operator.thanos.io/template-hash"]
                .as_str()
                .map(str::to_owned)
        };
        sets.map(|o| (o.key.name.clone(), hash(&o.body).unwrap()))
            .collect()
    }
}

/// What a pass sees of these objects.
pub fn seen(case: &Case, objects: &[Value], answers: &Answers) -> Seen {
    let settings = Settings {
        thanos_image: "quay.io/thanos/thanos:v0.42.4".to_owned(),
    };
    let controller = StoreController::new(settings, true, &[]);
    let mut views = Views::default();
    for object in objects {
        for related in related() {
            related.load(&mut views, object);
        }
    }
    if case.secrets.is_none() {
        views.secrets.deny();
    }
    let cluster = Cluster {
        caps: Caps::all(match case.service_monitors {
            true => Capability::Present,
            false => Capability::Absent,
        }),
        access: &Access::default(),
        answers,
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    controller.observe(&views, cluster, &Arc::new(case.store()))
}

/// The plan of a case, or why there is none.
pub fn plan(case: &Case) -> Result<operator_runtime::Plan, operator_runtime::Invalid> {
    thanos_store_controller::plan::plan(&case.seen().observed)
}

/// The objects of the plan, in their order.
pub fn bodies(case: &Case) -> Vec<Value> {
    let plan = plan(case).unwrap();
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
