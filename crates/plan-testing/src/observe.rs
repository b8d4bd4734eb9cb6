//! One reconcile of a case: the stores that it loads, what the controller observes, and the outcome.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::core::ApiResource;
use kube_facts::optional::{Capability, Caps};
use operator_runtime::{
    Access, Cluster, Invalid, ObjectKey, Outcome, Plan, ProbeResults, Reconciler, Verdict,
    observe_to_end,
};
use serde_json::Value;
use thanos_controller_common::Settings;

use crate::case::Case;
use crate::objects::{IMAGE, NOW};

/// The settings of every controller.
#[must_use]
pub fn settings() -> Settings {
    Settings {
        thanos_image: IMAGE.to_owned(),
    }
}

/// Capabilities with all kinds of Prometheus Operator, or none.
#[must_use]
pub fn caps(present: bool) -> Caps {
    Caps::all(match present {
        true => Capability::Present,
        false => Capability::Absent,
    })
}

/// Loads objects into the stores of a controller.
pub fn load<C: Reconciler>(stores: &mut C::Stores, objects: &[Value]) {
    let related = C::related();
    for object in objects {
        let read = related.iter().filter(|r| r.load(stores, object));
        assert_ne!(read.count(), 0, "not a related kind: {object}");
    }
}

/// Stores with these objects.
#[must_use]
pub fn loaded<C: Reconciler>(objects: &[Value]) -> C::Stores {
    let mut stores = C::Stores::default();
    load::<C>(&mut stores, objects);
    stores
}

/// The observed state at [`NOW`].
pub fn observe<C: Reconciler>(
    controller: &C,
    stores: &mut C::Stores,
    caps: Caps,
    answers: &ProbeResults,
    resource: C::Resource,
) -> C::Observed {
    let cluster = Cluster {
        caps: &caps,
        access: &Access::default(),
        answers,
        now: NOW.parse().unwrap(),
    };
    observe_to_end(controller, stores, cluster, &Arc::new(resource))
}

/// The outcome of a reconcile of this plan that succeeds, without workloads.
#[must_use]
pub fn outcome(plan: Result<Plan, Invalid>) -> Outcome {
    Outcome {
        verdict: plan.map_or_else(Verdict::Invalid, |_| Verdict::Applied),
        applied_hash: None,
        workloads: BTreeMap::new(),
    }
}

/// The key of a StatefulSet.
#[must_use]
pub fn stateful_set_key(name: &str) -> ObjectKey {
    ObjectKey::of(&ApiResource::erase::<StatefulSet>(&()), name)
}

/// The digests of the pod templates that a case plans, by StatefulSet; empty if its spec is rejected.
#[must_use]
pub fn template_hashes<C: Case>(case: &C) -> BTreeMap<String, String> {
    let plan = case.plan().ok();
    let sets = plan.iter().flat_map(|plan| plan.objects());
    let sets = sets.filter(|o| o.key.kind == "StatefulSet");
    sets.map(|o| {
        let annotations = &o.body["metadata"]["annotations"];
        let hash = annotations["operator.thanos.io/template-hash"].as_str();
        (o.key.name.clone(), hash.unwrap().to_owned())
    })
    .collect()
}
