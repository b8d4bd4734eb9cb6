//! Names and labels of the objects of a ThanosReceive named `cr`, equal to those of the Go operator.

use thanos_api::names::label;
use thanos_workload::labels::{Identity, Map};
use thanos_workload::names::{child, child_of_stateful_set};
use thanos_workload::ports;

/// Name of the Deployment of routers and its objects.
#[must_use]
pub fn router(cr: &str) -> String {
    child(&["thanos-receive-router", cr])
}

/// Name of the StatefulSet of a hashring and its objects.
#[must_use]
pub fn ingester(cr: &str, ring: &str) -> String {
    child_of_stateful_set(&["thanos-receive-ingester", cr, ring])
}

/// Name of the objects that all hashrings share: ServiceMonitor and NetworkPolicy.
#[must_use]
pub fn ingesters(cr: &str) -> String {
    child(&["thanos-receive-ingester", cr])
}

/// Address of a member in the hashrings file.
#[must_use]
pub fn address(cr: &str, namespace: &str, ring: &str, member: i32) -> String {
    let set = ingester(cr, ring);
    format!(
        "{set}-{member}.{set}.{namespace}.svc:{}",
        ports::GRPC_NUMBER
    )
}

/// Name of the PVC of a pod.
#[must_use]
pub fn pvc(set: &str, member: i32) -> String {
    format!("{}-{set}-{member}", thanos_workload::stateful::DATA_VOLUME)
}

/// File with the hashrings.
pub const HASHRINGS_FILE: &str = "hashrings.json";
/// File with the limits.
pub const LIMITS_FILE: &str = "limits.yaml";
/// File with the record, which routers do not read.
pub const RECORD_FILE: &str = "record.json";
/// Volume with the hashrings and the limits.
pub const HASHRINGS: &str = "hashrings";
/// Volume with the object storage configuration.
pub const OBJECT_STORAGE: &str = "object-storage";

/// Value of the name label of pods.
pub const PROGRAM: &str = "thanos-receive";
/// Component label and container name of routers.
pub const ROUTER: &str = "thanos-receive-router";
/// Component label and container name of ingesters.
pub const INGESTER: &str = "thanos-receive-ingester";

/// Identity of the routers.
#[must_use]
pub fn router_identity(cr: &str) -> Identity {
    Identity {
        name: router(cr),
        program: PROGRAM,
        component: ROUTER,
        owner: cr.to_owned(),
        extra: Vec::new(),
    }
}

/// Identity of the ingesters of a hashring.
#[must_use]
pub fn ingester_identity(cr: &str, ring: &str) -> Identity {
    Identity {
        name: ingester(cr, ring),
        program: PROGRAM,
        component: INGESTER,
        owner: cr.to_owned(),
        extra: vec![
            (label::HASHRING, thanos_workload::names::label_value(ring)),
            (label::STORE_API, label::TRUE.to_owned()),
        ],
    }
}

/// Identity shared by the ingesters of all hashrings.
pub(crate) fn ingesters_identity(cr: &str) -> Identity {
    Identity {
        name: ingesters(cr),
        extra: Vec::new(),
        ..ingester_identity(cr, "")
    }
}

/// Labels shared by the pods of all hashrings.
pub(crate) fn shared_labels(cr: &str) -> Map {
    let mut labels = ingesters_identity(cr).selector_labels();
    labels.remove(label::INSTANCE);
    labels
}
