//! The status of a ThanosRuler. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::ResourceExt;
use kube_facts::Key;
use kube_facts::optional::OptionalKind;
use operator_runtime::{Gauge, Outcome, Required, WarningEvent};
use promop_compat::gate::Gate;
use promop_compat::kind;
use promop_compat::nearest::Candidate;
use thanos_api::names::{Condition, EventReason, Reason};
use thanos_api::v1alpha1::{
    AlertmanagerStatus, FailedSends, MAX_ALERTMANAGERS, MAX_HELD_RULES, MAX_OVERLAPS, MAX_REJECTED,
    MAX_SKIPPED, MissedRule, RuleMode, SkippedStatus, ThanosRulerStatus,
};
use thanos_controller_common::volumes::ConditionState;
use thanos_controller_common::{rotation, status};
use thanos_workload::labels::selector_text;

use crate::Observed;
use crate::addresses::Target;
use crate::names::identity;
use crate::network::Blocked;
use crate::observe::OverlapUnknown;
use crate::rules::collect::{LOAD_ERRORS, count};
use crate::secrets::is_stateless;
use crate::spec_inputs::SpecInputs;
use crate::{secrets, sends};

/// Number of objects with held-back rules that a condition names.
const NAMED: usize = 10;

/// The status after a reconcile.
#[must_use]
pub fn status(
    seen: &Observed,
    outcome: &Outcome,
    previous: &ThanosRulerStatus,
) -> ThanosRulerStatus {
    let (observed, status_inputs) = (&seen.plan_inputs, &seen.status_inputs);
    let ruler = &observed.ruler;
    let identity = identity(&ruler.name_any());
    let required = [Required {
        name: &identity.name,
        replicas: ruler.spec.replicas,
        essential: true,
        note: String::new(),
    }];
    let immutable = immutable_field(seen, outcome);
    let (generation, inputs) = (ruler.metadata.generation, &status_inputs.common);
    let reported = immutable.as_ref().unwrap_or(outcome);
    let mut conditions =
        status::conditions(&previous.common, generation, reported, &required, inputs);
    let mut set = |type_, state| status::set(&mut conditions, type_, state);
    set(Condition::RulesAccepted, accepted(seen));
    set(Condition::RulesLoaded, status_inputs.loaded.clone());
    let failed_sends = sends::follow(
        &previous.failed_sends,
        status_inputs.sends.as_ref(),
        status_inputs.now,
    );
    set(
        Condition::AlertmanagersResolved,
        alertmanagers(seen, &failed_sends),
    );
    set(Condition::QueriersResolved, queriers(seen));
    if is_stateless(&ruler.spec) {
        set(Condition::ReceiversResolved, receivers(seen));
    }
    set(Condition::ObjectStorageReady, status_inputs.pods.clone());
    set(Condition::Frozen, frozen(status_inputs.frozen));
    let unscheduled = status_inputs.unscheduled.as_deref();
    let storage = ruler.spec.storage.as_ref();
    if let Some(state) = observed.volumes.condition(storage, unscheduled) {
        set(Condition::VolumesReady, state);
    }
    set(Condition::SecretRotation, rotation(seen));
    let common = status::common(conditions, generation, outcome, inputs);

    let pods = outcome.workload(&identity.name);
    let targets = observed.alertmanagers.as_deref();
    let rules = &status_inputs.rules;
    let unknown = rules.rules.is_none();
    ThanosRulerStatus {
        common,
        replicas: Some(pods.map_or(0, |w| w.counts.replicas)),
        ready_replicas: Some(pods.map_or(0, |w| w.counts.ready_replicas)),
        updated_replicas: pods.map(|w| w.counts.updated_replicas),
        available_replicas: pods.map(|w| w.counts.available_replicas),
        current_replicas: pods.map(|w| w.counts.current_replicas),
        selector: Some(selector_text(&identity.selector_labels())),
        // The mounted rules are unchanged, and so is their status.
        rules: match unknown {
            true => previous.rules.clone(),
            false => Some(rules.counts.clone()),
        },
        rejected_rules: match unknown {
            true => previous.rejected_rules.clone(),
            false => rules.rejected.iter().take(MAX_REJECTED).cloned().collect(),
        },
        held_rules: match unknown {
            true => previous.held_rules.clone(),
            false => status_inputs
                .held
                .iter()
                .take(MAX_HELD_RULES)
                .cloned()
                .collect(),
        },
        overlaps: match unknown {
            true => previous.overlaps.clone(),
            false => rules.overlaps.iter().take(MAX_OVERLAPS).cloned().collect(),
        },
        overlaps_total: match unknown {
            true => previous.overlaps_total,
            false => Some(count(rules.overlaps.len())),
        },
        not_evaluated_elsewhere: match unknown {
            true => previous.not_evaluated_elsewhere.clone(),
            false => missed(seen, previous),
        },
        alertmanagers: match targets {
            None => previous.alertmanagers.clone(),
            Some(targets) => targets
                .iter()
                .take(MAX_ALERTMANAGERS)
                .map(|target| alertmanager(target, &status_inputs.blocked))
                .collect(),
        },
        alertmanagers_total: match targets {
            None => previous.alertmanagers_total,
            Some(targets) => Some(count(targets.len())),
        },
        failed_sends,
        queriers: {
            let all = observed.queriers.targets.iter();
            all.take(50).map(Target::url).collect()
        },
        skipped: skipped(seen),
        ruler_status: pods.map(status::stateful_set),
    }
}

/// PrometheusRules that other evaluators select and do not evaluate. The text of an Event is kept after
/// the Event expires.
fn missed(seen: &Observed, previous: &ThanosRulerStatus) -> Vec<MissedRule> {
    let all = seen.status_inputs.rules.missed.iter().take(MAX_OVERLAPS);
    all.map(|missed| {
        let status = &missed.status;
        let mut before = previous.not_evaluated_elsewhere.iter();
        let before = before.find(|it| {
            it.prometheus_rule == status.prometheus_rule
                && it.selected_by == status.selected_by
                && it.message.starts_with(&status.message)
        });
        match (seen.status_inputs.rejections.get(&missed.uid), before) {
            (Some(why), _) => MissedRule {
                message: format!("{}. Prometheus Operator reports: {why}", status.message),
                ..status.clone()
            },
            (None, Some(before)) => before.clone(),
            (None, None) => status.clone(),
        }
    })
    .collect()
}

/// The outcome with an error if the spec changes an immutable field of the StatefulSet. Everything else
/// is applied.
fn immutable_field(seen: &Observed, outcome: &Outcome) -> Option<Outcome> {
    let ruler = &seen.plan_inputs.ruler;
    let name = identity(&ruler.name_any()).name;
    let namespace = ruler.namespace().unwrap_or_default();
    let set = seen.plan_inputs.set.as_ref().map(|it| (name, &it.set));
    status::immutable(outcome, &namespace, &ruler.spec.stateful, set)
}

/// The condition `RulesAccepted`.
fn accepted(seen: &Observed) -> ConditionState {
    let rules = &seen.status_inputs.rules;
    if let Some(unusable) = &rules.unusable {
        let why = unusable.describe("spec.ruleSelector", "spec.ruleNamespaceSelector");
        let message = format!("{why}; the mounted PrometheusRules stay in effect");
        return (Some(false), Reason::InvalidSelector, message);
    }
    if rules.rules.is_none() {
        let message = "PrometheusRules are unreadable; the mounted rules stay in effect";
        return (None, Reason::RulesUnreadable, message.to_owned());
    }
    let is_forbidden = |(kind, gate): &(OptionalKind, Gate)| {
        *kind == kind::PROMETHEUS_RULE && *gate == Gate::Forbidden
    };
    if seen.status_inputs.common.gates.iter().any(is_forbidden) {
        let message =
            "the controller has no permission to list PrometheusRules; apply its ClusterRole";
        return (Some(false), Reason::Forbidden, message.to_owned());
    }
    let counts = &rules.counts;
    if !seen.status_inputs.held.is_empty() {
        return (Some(false), Reason::SomeRejected, held_back(seen));
    }
    if let Some(first) = rules.rejected.first() {
        let place = [&first.subject, &first.group, &first.rule];
        let place: Vec<&str> = place
            .map(String::as_str)
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect();
        let message = format!(
            "{} of {} are rejected, the others are mounted; first: {}: {}",
            counts.rejected,
            plural(counts.rejected + counts.groups, "group"),
            place.join(" / "),
            first.message
        );
        return (Some(false), Reason::SomeRejected, message);
    }
    if counts.prometheus_rules + counts.config_maps == 0 {
        return nothing_selected(&rules.nearest);
    }
    if seen.status_inputs.overlap_unknown == Some(OverlapUnknown::Forbidden) {
        let message = format!(
            "{} mounted, all active: without permission to list ConfigMaps the controller cannot detect \
             overlaps, and alerts that a Prometheus also evaluates are sent twice. Apply its ClusterRole",
            plural(counts.evaluated, "rule")
        );
        return (Some(true), Reason::OverlapUnknown, message);
    }
    let mode = seen.plan_inputs.ruler.spec.mode.unwrap_or_default();
    let message = match counts.shadowed + counts.left_out {
        0 => format!("{} mounted", plural(counts.evaluated, "rule")),
        _ if mode == RuleMode::Shadow => format!(
            "{} mounted; {} in shadow mode (spec.mode is Shadow), {} omitted because another evaluator \
             has them",
            plural(counts.evaluated, "rule"),
            plural(counts.shadowed, "alerting rule"),
            plural(counts.left_out, "recording rule")
        ),
        _ => format!(
            "{} mounted; another evaluator also has {} (in shadow mode here) and {} (omitted here)",
            plural(counts.evaluated, "rule"),
            plural(counts.shadowed, "alerting rule"),
            plural(counts.left_out, "recording rule")
        ),
    };
    if let Some(OverlapUnknown::Limited(namespaces)) = &seen.status_inputs.overlap_unknown {
        let namespaces: Vec<&str> = namespaces.iter().map(String::as_str).collect();
        let message = format!(
            "{message}; the controller reads rule files only in {} (--namespaces), so alerts that a \
             Prometheus in another namespace also evaluates are sent twice",
            namespaces.join(", ")
        );
        return (Some(true), Reason::OverlapUnknown, message);
    }
    (Some(true), Reason::Accepted, message)
}

/// Which rules are held back.
fn held_back(seen: &Observed) -> String {
    let (held, mounted) = (&seen.status_inputs.held, &seen.status_inputs.rules.mounted);
    let mut names: Vec<&str> = held
        .iter()
        .take(NAMED)
        .map(|h| h.subject.as_str())
        .collect();
    let others = format!("{} more", held.len().saturating_sub(NAMED));
    if held.len() > NAMED {
        names.push(&others);
    }
    let previous = held.iter().filter(|h| mounted.contains_key(&h.subject));
    let stays = match previous.count() {
        0 => "none of their rules are mounted".to_owned(),
        all if all == held.len() => "their previous rules stay mounted".to_owned(),
        some => format!("the previous rules of {some} of them stay mounted"),
    };
    let log = SpecInputs::of(&seen.plan_inputs.ruler).log_command();
    format!(
        "rulers fail to load the rules changed since their last successful load: {}; {stays}. Fix or \
         remove the one that the log of a ruler names: {log} | {LOAD_ERRORS}",
        names.join(", ")
    )
}

fn nothing_selected(nearest: &[Candidate]) -> ConditionState {
    let elsewhere: Vec<String> = nearest
        .iter()
        .filter(|c| c.would_match_elsewhere)
        .map(|c| c.key.to_string())
        .collect();
    if !elsewhere.is_empty() {
        let message = format!(
            "no PrometheusRule in the selected namespaces matches, but {} would: widen \
             spec.ruleNamespaceSelector",
            elsewhere.join(", ")
        );
        return (Some(false), Reason::MatchesInOtherNamespaces, message);
    }
    let near: Vec<String> = nearest
        .iter()
        .map(|c| format!("{} {}", c.key, c.differs()))
        .collect();
    match near.is_empty() {
        true => {
            let message = "no PrometheusRule or ConfigMap is selected; set spec.ruleSelector, or label one \
                           operator.thanos.io/prometheus-rule=true";
            (Some(false), Reason::NoRules, message.to_owned())
        }
        false => {
            let message = format!(
                "no PrometheusRule matches spec.ruleSelector; closest: {}",
                near.join("; ")
            );
            (Some(false), Reason::SelectorMatchesNothing, message)
        }
    }
}

/// The condition `AlertmanagersResolved`.
fn alertmanagers(seen: &Observed, failed_sends: &[FailedSends]) -> ConditionState {
    let status_inputs = &seen.status_inputs;
    if let Some(invalid) = &status_inputs.invalid {
        return (None, Reason::InvalidSpec, invalid.to_string());
    }
    let Some(targets) = &seen.plan_inputs.alertmanagers else {
        let message = "Alertmanager resources are unreadable; rulers keep sending to the last known \
                       addresses";
        return (None, Reason::CrdRemoved, message.to_owned());
    };
    if status_inputs.alerting_disabled {
        let message = "spec.alertmanagerURL is empty; alerts are evaluated and not sent";
        return (None, Reason::AlertingDisabled, message.to_owned());
    }
    if let Some(unusable) = status_inputs
        .alertmanagers
        .iter()
        .find_map(|a| a.unusable.as_ref())
    {
        let message = unusable.describe(
            "spec.alertmanagers.selector",
            "spec.alertmanagers.namespaceSelector",
        );
        return (Some(false), Reason::InvalidSelector, message);
    }
    if let Some((key, blocked)) = status_inputs.blocked.iter().next() {
        let message = format!(
            "rulers cannot reach {}, such as {key}: blocked by NetworkPolicy {}; {}",
            plural(count(status_inputs.blocked.len()), "Alertmanager"),
            blocked.by.join(", "),
            blocked.open_with
        );
        return (Some(false), Reason::BlockedByNetworkPolicy, message);
    }
    let log = SpecInputs::of(&seen.plan_inputs.ruler).log_command();
    if let Some(message) = sends::describe(failed_sends, targets, &log) {
        return (Some(false), Reason::SendsFailing, message);
    }
    let skipped = status_inputs.alertmanagers.iter().flat_map(|a| &a.skipped);
    let skipped: Vec<String> = skipped
        .map(|s| format!("Alertmanager {}: {}", s.alertmanager, s.message))
        .collect();
    match (targets.len(), skipped.first()) {
        (0, Some(first)) => (Some(false), Reason::NoAlertmanagers, first.clone()),
        (0, None) => {
            let message = "no Alertmanager found; alerts are not sent. Set spec.alertmanagers, or set \
                           spec.alertmanagerURL to an empty string to disable alerting";
            (Some(false), Reason::NoAlertmanagers, message.to_owned())
        }
        (n, Some(first)) => {
            let sending = plural(count(n), "Alertmanager");
            let message = format!(
                "sending alerts to {sending}; {} skipped: {first}",
                skipped.len()
            );
            (Some(true), Reason::SomeSkipped, message)
        }
        (n, None) => {
            let message = format!("sending alerts to {}", plural(count(n), "Alertmanager"));
            (Some(true), Reason::Resolved, message)
        }
    }
}

fn plural(n: i32, noun: &str) -> String {
    match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

/// The condition `QueriersResolved`.
fn queriers(seen: &Observed) -> ConditionState {
    let queriers = &seen.plan_inputs.queriers;
    match queriers.targets.len() {
        0 => {
            let message = "no querier found, so no rule can be evaluated. Create a ThanosQuery in this \
                           namespace, or label the Service of a querier \
                           operator.thanos.io/query-api=true and app.kubernetes.io/part-of=thanos";
            (Some(false), Reason::NoQueriers, message.to_owned())
        }
        n => {
            let message = format!("querying {}", plural(count(n), "Service"));
            (Some(true), Reason::Resolved, message)
        }
    }
}

/// The condition `ReceiversResolved` of stateless rulers.
fn receivers(seen: &Observed) -> ConditionState {
    match seen.plan_inputs.remote_write.len() {
        0 => {
            let message = "no receive router found, so results are lost. Create a ThanosReceive in this \
                           namespace, or label the Service of a router \
                           operator.thanos.io/remote-write-api=true and app.kubernetes.io/part-of=thanos, \
                           and as spec.rulerMode.stateless.labelSelector requires";
            (Some(false), Reason::NoReceivers, message.to_owned())
        }
        n => {
            let message = format!("writing to {}", plural(count(n), "Service"));
            (Some(true), Reason::Resolved, message)
        }
    }
}

fn frozen(is_frozen: bool) -> ConditionState {
    match is_frozen {
        false => (Some(false), Reason::Live, String::new()),
        true => {
            let message = "custom resources of Prometheus Operator are unreadable since \
                           lastTransitionTime, see the condition PrometheusOperatorIntegration; the \
                           last configuration stays in effect";
            (Some(true), Reason::CrdRemoved, message.to_owned())
        }
    }
}

fn alertmanager(target: &Target, blocked: &BTreeMap<Key, Blocked>) -> AlertmanagerStatus {
    let resource = target.resource.as_ref();
    let blocked = resource.and_then(|key| blocked.get(key));
    AlertmanagerStatus {
        url: target.url(),
        alertmanager: resource.map(ToString::to_string).unwrap_or_default(),
        blocked_by: blocked
            .map(|b| b.by.iter().take(10).cloned().collect())
            .unwrap_or_default(),
        open_with: blocked.map(|b| b.open_with.clone()),
    }
}

fn skipped(seen: &Observed) -> Vec<SkippedStatus> {
    let alertmanagers = seen
        .status_inputs
        .alertmanagers
        .iter()
        .flat_map(|a| &a.skipped);
    let alertmanagers = alertmanagers.map(|s| SkippedStatus {
        subject: format!("Alertmanager {}", s.alertmanager),
        reason: s.reason.as_str().to_owned(),
        message: s.message.clone(),
    });
    let portless = seen.plan_inputs.queriers.portless.iter();
    let portless = portless.map(|key| SkippedStatus {
        subject: format!("Service {key}"),
        reason: "NoHttpPort".to_owned(),
        message: "the Service is labelled as a Query API and has no port named http; name the port"
            .to_owned(),
    });
    alertmanagers.chain(portless).take(MAX_SKIPPED).collect()
}

fn rotation(seen: &Observed) -> ConditionState {
    let ruler = seen.plan_inputs.ruler.as_ref();
    let names: Vec<&str> = secrets::keys(&ruler.spec)
        .map(|(_, key)| key.name.as_str())
        .collect();
    let watched = seen.status_inputs.secrets_watched || names.is_empty();
    rotation::condition(watched, &names, ruler, "thanosrulers.monitoring.thanos.io")
}

/// One warning event on each PrometheusRule for each new rejection that the status lists.
#[must_use]
pub fn warning_events(
    seen: &Observed,
    previous: &ThanosRulerStatus,
    next: &ThanosRulerStatus,
) -> Vec<WarningEvent> {
    let ruler = &seen.plan_inputs.ruler;
    let by = format!(
        "thanosrulers.monitoring.thanos.io {}/{}",
        ruler.namespace().unwrap_or_default(),
        ruler.name_any()
    );
    let new = next
        .rejected_rules
        .iter()
        .filter(|rejected| !previous.rejected_rules.contains(rejected));
    let rejected = new.filter_map(|rejected| {
        let (key, uid) = seen
            .status_inputs
            .rules
            .rejected_objects
            .get(&rejected.subject)?;
        let place = match (rejected.group.as_str(), rejected.rule.as_str()) {
            ("", _) => String::new(),
            (group, "") => format!("group {group}: "),
            (group, rule) => format!("group {group}, rule {rule}: "),
        };
        Some(WarningEvent {
            about: prometheus_rule(key, uid),
            reason: EventReason::RuleRejected.as_str(),
            note: format!("rejected by {by}: {place}{}", rejected.message),
        })
    });
    let is_new = |missed: &MissedRule| {
        let mut before = previous.not_evaluated_elsewhere.iter();
        !before.any(|it| it.prometheus_rule == missed.prometheus_rule)
    };
    let new = next.not_evaluated_elsewhere.iter().filter(|it| is_new(it));
    let missed = new.filter_map(|missed| {
        let mut all = seen.status_inputs.rules.missed.iter();
        let found = all.find(|it| it.status.prometheus_rule == missed.prometheus_rule)?;
        Some(WarningEvent {
            about: prometheus_rule(&found.key, &found.uid),
            reason: EventReason::NotEvaluatedElsewhere.as_str(),
            note: format!("{} ({by})", missed.message),
        })
    });
    rejected.chain(missed).collect()
}

fn prometheus_rule(key: &Key, uid: &str) -> ObjectReference {
    let resource = kind::PROMETHEUS_RULE.api_resource();
    ObjectReference {
        api_version: Some(resource.api_version),
        kind: Some(resource.kind),
        namespace: Some(key.namespace.clone()),
        name: Some(key.name.clone()),
        uid: Some(uid.to_owned()),
        ..Default::default()
    }
}

/// The numbers of the status that the controller exports as metrics.
#[must_use]
pub fn gauges() -> Vec<Gauge<ThanosRulerStatus>> {
    macro_rules! gauge {
        ($name:literal, $help:literal, $field:ident) => {
            Gauge {
                name: $name,
                help: $help,
                value: |status: &ThanosRulerStatus| {
                    status.rules.as_ref().map(|rules| rules.$field.into())
                },
            }
        };
    }
    vec![
        gauge!(
            "thanos_operator_ruler_evaluated_rules",
            "Number of mounted rules",
            evaluated
        ),
        gauge!(
            "thanos_operator_ruler_rejected_groups",
            "Number of rule groups that are not mounted because a part of them is rejected",
            rejected
        ),
        gauge!(
            "thanos_operator_ruler_shadowed_rules",
            "Number of alerting rules in shadow mode, whose alerts are not sent",
            shadowed
        ),
    ]
}
