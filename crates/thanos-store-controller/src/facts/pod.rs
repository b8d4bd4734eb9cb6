//! Pods of stores.

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use promop_compat::extract::Extract;
use serde::Deserialize;

use super::{Condition, Meta};

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodObject {
    metadata: Meta,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(rename = "podIP")]
    pod_ip: Option<IpAddr>,
    conditions: Vec<Condition>,
    container_statuses: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    name: String,
    restart_count: i32,
    state: State,
    last_state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    running: Option<Running>,
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: String,
    message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Running {}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Terminated {
    exit_code: i32,
    reason: String,
    message: String,
}

/// What decisions need to know of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    /// Name of the ThanosStore.
    pub owner: String,
    /// Name of the StatefulSet.
    pub set: String,
    /// UID.
    pub uid: String,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Whether it is ready, and not going.
    pub ready: bool,
    /// What it does.
    pub state: PodState,
    /// How the store ended last, if it did.
    pub ended: Option<Ended>,
    /// How often the store was started again.
    pub restarts: i32,
}

/// How a store ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// Why, as in `exit code 1`.
    pub how: String,
    /// The end of its log.
    pub words: String,
}

/// What a pod does.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PodState {
    /// It has no node yet, and why not.
    Unscheduled(String),
    /// Its node prepares it.
    #[default]
    Starting,
    /// Its node cannot start the store: why.
    Waiting(String),
    /// The store runs.
    Running,
    /// It is ordered to stop.
    Going,
}

/// What a node says of containers that are on their way.
const ON_THE_WAY: [&str; 2] = ["ContainerCreating", "PodInitializing"];

impl Extract for PodObject {
    type Facts = PodFacts;

    fn into_parts(self) -> (ObjectMeta, PodFacts) {
        let Self { metadata, status } = self;
        let going = metadata.deletion_timestamp.is_some();
        let mut containers = status.container_statuses.iter();
        let store = containers.find(|c| c.name == crate::plan::PROGRAM);
        let unscheduled = Condition::find(&status.conditions, "PodScheduled", "False");
        let state = match (unscheduled, store) {
            _ if going => PodState::Going,
            (Some(why), _) => PodState::Unscheduled(why.message.clone()),
            (None, Some(store)) => store.state(),
            (None, None) => PodState::Starting,
        };
        let ended = store.and_then(Container::ended);
        let controller = metadata.controller();
        let facts = PodFacts {
            owner: metadata.owner(),
            set: controller
                .filter(|o| o.kind == "StatefulSet")
                .map(|o| o.name.clone())
                .unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            ip: status.pod_ip,
            ready: Condition::find(&status.conditions, "Ready", "True").is_some() && !going,
            state,
            ended,
            restarts: store.map_or(0, |s| s.restart_count),
        };
        (metadata.identity(), facts)
    }
}

impl Container {
    fn state(&self) -> PodState {
        match &self.state {
            State {
                running: Some(_), ..
            } => PodState::Running,
            State {
                waiting: Some(w), ..
            } if self.ended().is_none() && !ON_THE_WAY.contains(&w.reason.as_str()) => {
                PodState::Waiting(format!("{}: {}", w.reason, w.message))
            }
            _ => PodState::Starting,
        }
    }

    fn ended(&self) -> Option<Ended> {
        let now = self.state.terminated.as_ref();
        let ended = now.or(self.last_state.terminated.as_ref())?;
        let how = match ended.reason.as_str() {
            "" | "Error" => format!("exit code {}", ended.exit_code),
            reason => reason.to_owned(),
        };
        Some(Ended {
            how,
            words: ended.message.clone(),
        })
    }
}
