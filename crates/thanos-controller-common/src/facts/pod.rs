//! Pods of Thanos.

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::Labels;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_api::names::label;

use super::{Condition, Meta, SetFacts, thanos};

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodObject {
    metadata: Meta,
    spec: Spec,
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    containers: Vec<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
    args: Vec<String>,
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
    /// Name of the custom resource.
    pub owner: String,
    /// Name of the StatefulSet.
    pub set: String,
    /// UID of the StatefulSet or ReplicaSet that controls it; empty if none does.
    pub controller: String,
    /// UID.
    pub uid: String,
    /// Its node, if it has one.
    pub node: Option<String>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Whether it is ready, and not going.
    pub ready: bool,
    /// Since when its readiness is what it is.
    pub changed: Option<jiff::Timestamp>,
    /// What it does.
    pub state: PodState,
    /// How Thanos ended last, if it did.
    pub ended: Option<Ended>,
    /// How often Thanos was started again.
    pub restarts: i32,
}

/// How Thanos ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// Why, as in `exit code 1`.
    pub how: String,
    /// The end of its log.
    pub termination_message: String,
}

/// What a pod does.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PodState {
    /// It has no node yet, and why not.
    Unscheduled(String),
    /// Its node prepares it.
    #[default]
    Starting,
    /// Its node cannot start Thanos: why.
    Waiting(String),
    /// Thanos runs.
    Running,
    /// It is ordered to stop.
    Terminating,
}

/// Commands of Thanos that run as a server.
const COMMANDS: [&str; 7] = [
    "compact",
    "query",
    "query-frontend",
    "receive",
    "rule",
    "sidecar",
    "store",
];

/// What a node says of containers that are on their way.
const ON_THE_WAY: [&str; 2] = ["ContainerCreating", "PodInitializing"];

impl PodObject {
    /// Its labels.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.metadata.labels
    }

    /// The value of a flag of a container, as in `--name=value`.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&str> {
        let mut args = self.spec.containers.iter().flat_map(|c| &c.args);
        args.find_map(|arg| {
            let rest = arg.strip_prefix("--")?.strip_prefix(name)?;
            rest.strip_prefix('=')
        })
    }
}

impl Extract for PodObject {
    type Facts = PodFacts;

    fn into_parts(self) -> (ObjectMeta, PodFacts) {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        let going = metadata.deletion_timestamp.is_some();
        let program = metadata.labels.get(label::NAME).map_or("", String::as_str);
        let container = main(program, &spec.containers, &status.container_statuses);
        let conditions = &status.conditions;
        let unscheduled = Condition::find(conditions, "PodScheduled", "False");
        let state = match (unscheduled, container) {
            _ if going => PodState::Terminating,
            (Some(why), _) => PodState::Unscheduled(why.message.clone()),
            (None, Some(container)) => container.state(),
            (None, None) => PodState::Starting,
        };
        let ended = container.and_then(Container::ended);
        let controller = metadata.controller();
        let facts = PodFacts {
            owner: metadata.owner(),
            set: controller
                .filter(|o| o.kind == "StatefulSet")
                .map(|o| o.name.clone())
                .unwrap_or_default(),
            controller: metadata.controlled_by(),
            uid: metadata.uid.clone().unwrap_or_default(),
            node: spec.node_name.filter(|n| !n.is_empty()),
            ip: status.pod_ip,
            ready: Condition::find(conditions, "Ready", "True").is_some() && !going,
            changed: conditions
                .iter()
                .find(|c| c.type_ == "Ready")
                .and_then(|c| c.last_transition_time.as_ref())
                .map(|time| time.0),
            state,
            ended,
            restarts: container.map_or(0, |c| c.restart_count),
        };
        (metadata.identity(), facts)
    }
}

impl PodFacts {
    /// Whether this StatefulSet controls it. Labels do not say so: anybody can set them.
    #[must_use]
    pub fn is_of(&self, set: &SetFacts) -> bool {
        !set.uid.is_empty() && self.controller == set.uid
    }
}

/// The container of a pod that runs Thanos, by its name; by its arguments where the labels of the pod
/// do not say what it runs.
fn main<'a>(program: &str, made: &[Named], all: &'a [Container]) -> Option<&'a Container> {
    let runs_thanos = |c: &&Named| {
        c.args
            .first()
            .is_some_and(|a| COMMANDS.contains(&a.as_str()))
    };
    thanos(program, all, |c| &c.name).or_else(|| {
        let found = made.iter().find(runs_thanos)?;
        all.iter().find(|c| c.name == found.name)
    })
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
            termination_message: ended.message.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
