//! Facts extracted from the objects that only a ThanosRuler depends on. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::Labels;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_api::names::annotation;
use thanos_controller_common::facts::{Meta, SetFacts, SetObject};

use crate::addresses::Transport;

/// A StatefulSet of rulers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct RulerSetObject(SetObject);

/// Facts of a StatefulSet of rulers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RulerSetFacts {
    /// Facts of every StatefulSet.
    pub set: SetFacts,
    /// The transports in the configuration of queriers.
    pub queriers: BTreeSet<Transport>,
    /// The transports in the configuration of Alertmanagers.
    pub alertmanagers: BTreeSet<Transport>,
    /// The tenants in the configuration of remote write.
    pub tenants: BTreeSet<String>,
}

impl Extract for RulerSetObject {
    type Facts = RulerSetFacts;

    fn into_parts(self) -> (ObjectMeta, RulerSetFacts) {
        let Self(object) = self;
        let transports = |annotation: &str| {
            let text = object.annotations().get(annotation);
            text.into_iter()
                .flat_map(|text| text.split(' '))
                .filter_map(Transport::parse)
                .collect()
        };
        let queriers = transports(annotation::QUERIER_BLOCKS);
        let alertmanagers = transports(annotation::ALERTMANAGER_BLOCKS);
        let tenants = object.annotations().get(annotation::TENANTS);
        let tenants = tenants.into_iter().flat_map(|text| text.split(' '));
        let tenants = tenants.filter(|t| !t.is_empty());
        let tenants = tenants.map(str::to_owned).collect();
        let (identity, set) = object.into_parts();
        let facts = RulerSetFacts {
            set,
            queriers,
            alertmanagers,
            tenants,
        };
        (identity, facts)
    }
}

/// A ConfigMap with rule files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RuleFileObject {
    metadata: Meta,
    data: BTreeMap<String, String>,
}

/// Facts of a ConfigMap with rule files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFileFacts {
    /// UID.
    pub uid: String,
    /// Labels.
    pub labels: Labels,
    /// The files by name.
    pub data: BTreeMap<String, Arc<str>>,
}

impl Extract for RuleFileObject {
    type Facts = RuleFileFacts;

    fn into_parts(self) -> (ObjectMeta, RuleFileFacts) {
        let Self { metadata, data } = self;
        let facts = RuleFileFacts {
            uid: metadata.uid.clone().unwrap_or_default(),
            labels: metadata.labels.clone(),
            data: data.into_iter().map(|(k, v)| (k, v.into())).collect(),
        };
        (metadata.identity(), facts)
    }
}
