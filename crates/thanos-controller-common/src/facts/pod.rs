//! Facts of Thanos pods.

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_facts::Labels;
use kube_facts::extract::Extract;
use serde::Deserialize;
use thanos_api::names::label;

use super::meta::{Condition, Meta, thanos};
use super::set::SetFacts;

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

/// Facts of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFacts {
    /// Name of the owning custom resource.
    pub owner: String,
    /// Name of the StatefulSet.
    pub set: String,
    /// UID of the controlling StatefulSet or ReplicaSet; empty without one.
    pub controller: String,
    /// UID.
    pub uid: String,
    /// Node, if scheduled.
    pub node: Option<String>,
    /// IP address.
    pub ip: Option<IpAddr>,
    /// Whether it is ready and not terminating.
    pub ready: bool,
    /// Time of the last change of its readiness.
    pub changed: Option<jiff::Timestamp>,
    /// State of the Thanos container.
    pub state: PodState,
    /// Last termination of Thanos.
    pub ended: Option<Ended>,
    /// Number of restarts of Thanos.
    pub restarts: i32,
}

/// Termination of Thanos.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// Reason, as in `exit code 1`.
    pub how: String,
    /// End of the log.
    pub termination_message: String,
}

/// State of a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PodState {
    /// Not scheduled, with the message of the scheduler.
    Unscheduled(String),
    /// Being prepared by the kubelet.
    #[default]
    Starting,
    /// The kubelet cannot start Thanos, with the reason.
    Waiting(String),
    /// Thanos runs.
    Running,
    /// Being deleted.
    Terminating,
}

/// Server commands of Thanos.
const COMMANDS: [&str; 7] = [
    "compact",
    "query",
    "query-frontend",
    "receive",
    "rule",
    "sidecar",
    "store",
];

/// Waiting reasons of containers that are being prepared.
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
    /// Whether this StatefulSet controls the pod. Labels are no evidence, since any client can set
    /// them.
    #[must_use]
    pub fn is_of(&self, set: &SetFacts) -> bool {
        !set.uid.is_empty() && self.controller == set.uid
    }
}

/// The Thanos container of a pod, by its name; by its arguments if the labels of the pod do not
/// name the program.
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
