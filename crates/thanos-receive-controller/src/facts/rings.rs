//! Facts from the ConfigMap with the published hashrings and the record. No IO.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_controller_common::facts::Meta;

use crate::hashring::{Record, Ring};
use crate::names;

/// The ConfigMap.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RingsObject {
    metadata: Meta,
    data: BTreeMap<String, String>,
}

/// Facts about the ConfigMap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RingsFacts {
    /// UID of the custom resource that controls it.
    pub owner: String,
    /// Resource version.
    pub version: String,
    /// The record; `None` if there is none, or if it cannot be decoded.
    pub record: Option<Record>,
    /// Whether the record is derived from hashrings of the Go operator, which has no record.
    pub legacy: bool,
}

impl Extract for RingsObject {
    type Facts = RingsFacts;

    fn into_parts(self) -> (ObjectMeta, RingsFacts) {
        let text = |key| self.data.get(key).map(String::as_str).unwrap_or_default();
        let recorded: Option<Record> = serde_json::from_str(text(names::RECORD_FILE)).ok();
        let facts = RingsFacts {
            owner: self.metadata.controlled_by(),
            version: self.metadata.resource_version.clone().unwrap_or_default(),
            legacy: recorded.is_none(),
            record: recorded.or_else(|| legacy(text(names::HASHRINGS_FILE))),
        };
        (self.metadata.identity(), facts)
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    hashring: String,
    #[serde(default)]
    tenants: Vec<String>,
    #[serde(default)]
    tenant_matcher_type: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
    #[serde(default)]
    algorithm: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Endpoint {
    Address(String),
    Full { address: String },
}

/// Record of hashrings that the Go operator published: routers run with them.
fn legacy(file: &str) -> Option<Record> {
    let files: Vec<File> = serde_json::from_str(file).ok()?;
    let named = files.into_iter().filter(|file| !file.endpoints.is_empty());
    let rings: Vec<Ring> = named.map(ring).collect();
    let members = |ring: &Ring| ring.members.keys().max().map_or(0, |last| last + 1);
    (!rings.is_empty()).then(|| Record {
        held: rings.iter().map(|r| (r.name.clone(), members(r))).collect(),
        rings,
        ..Default::default()
    })
}

fn ring(file: File) -> Ring {
    let or = |text: String, default: &str| match text.is_empty() {
        true => default.to_owned(),
        false => text,
    };
    let addresses = file.endpoints.into_iter().map(|endpoint| match endpoint {
        Endpoint::Address(address) | Endpoint::Full { address } => address,
    });
    Ring {
        name: file.hashring,
        algorithm: or(file.algorithm, "ketama"),
        tenants: file.tenants,
        matcher: or(file.tenant_matcher_type, "exact"),
        members: addresses
            .filter_map(|a| Some((ordinal(&a)?, None)))
            .collect(),
    }
}

/// Ordinal of a pod, from its address `NAME-ORDINAL.SERVICE…`.
fn ordinal(address: &str) -> Option<i32> {
    let host = address.split('.').next()?;
    host.rsplit_once('-')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(data: serde_json::Value) -> Option<Record> {
        let object = json!({"metadata": {"name": "x", "resourceVersion": "7"}, "data": data});
        let facts = RingsObject::read(&object).into_parts().1;
        assert_eq!(facts.version, "7");
        facts.record
    }

    #[test]
    fn record_is_decoded() {
        let record = Record {
            replication_factor: 3,
            ..Default::default()
        };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(read(json!({"record.json": text})), Some(record));
        assert_eq!(read(json!({"record.json": "{"})), None);
        assert_eq!(read(json!({})), None);
    }

    #[test]
    fn hashrings_of_the_go_operator_become_a_record() {
        let file = json!([
            {"hashring": "a", "algorithm": "hashmod", "tenants": ["t"], "tenant_matcher_type": "glob",
             "endpoints": [{"address": "thanos-receive-ingester-x-a-10.thanos-receive-ingester-x-a.n.svc:10901"},
                           {"address": "thanos-receive-ingester-x-a-0.thanos-receive-ingester-x-a.n.svc:10901"}]},
            {"hashring": "b", "endpoints": ["p-1.p.n.svc:10901"]},
        ]);
        let record = read(json!({"hashrings.json": file.to_string()})).unwrap();
        assert_eq!(
            record.rings[0].members,
            BTreeMap::from([(0, None), (10, None)])
        );
        assert_eq!(record.rings[0].matcher, "glob");
        assert_eq!(record.rings[1].algorithm, "ketama");
        assert_eq!(
            record.held,
            BTreeMap::from([("a".into(), 11), ("b".into(), 2)])
        );
        assert_eq!(read(json!({"hashrings.json": "[{}]"})), None);
    }
}
