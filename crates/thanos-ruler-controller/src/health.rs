//! The conditions `RulesLoaded` and `ObjectStorageReady`, from pods and their probe results. Pure.

use std::collections::BTreeMap;

use operator_runtime::ProbeResults;
use thanos_api::names::Reason;
use thanos_controller_common::facts::{PodFacts, PodState};
use thanos_controller_common::pod_failures::pod_failures;
use thanos_controller_common::secrets::Content;
use thanos_controller_common::volumes::ConditionState;

use crate::rules::collect::LOAD_ERRORS;
use crate::rules::loaded::{self, Expected, Loaded};

/// The condition `RulesLoaded`. `known` is false while rule sources are unreadable.
#[must_use]
pub fn loaded(
    pods: &BTreeMap<String, &PodFacts>,
    answers: &ProbeResults,
    expected: &Expected,
    namespace: &str,
    known: bool,
) -> ConditionState {
    if !known {
        let message =
            "PrometheusRules are unreadable; rulers keep evaluating the rules they have loaded";
        return (None, Reason::RulesUnreadable, message.to_owned());
    }
    let ready: Vec<_> = pods.iter().filter(|(_, pod)| pod.ready).collect();
    let of = |desired: Loaded| {
        let all = ready.iter();
        let pods = all.filter(|(_, pod)| loaded::loaded(pod, answers, expected) == desired);
        let names: Vec<&str> = pods.map(|(name, _)| name.as_str()).collect();
        names
    };
    let (failed, late, silent) = (of(Loaded::Failed), of(Loaded::NotYet), of(Loaded::Silent));
    if let Some(first) = failed.first() {
        let message = format!(
            "{} failed to load the mounted rules; the previously loaded rules stay in effect. Find the \
             rule with: kubectl -n {namespace} logs {first} -c thanos-rule | {LOAD_ERRORS}",
            failed.join(", ")
        );
        return (Some(false), Reason::ReloadFailed, message);
    }
    if !late.is_empty() {
        let message = format!("waiting for {} to load the last change", late.join(", "));
        return (None, Reason::Loading, message);
    }
    let mut unclear = ready
        .iter()
        .filter(|(_, pod)| loaded::is_unclear(pod, answers));
    if let Some((name, _)) = unclear.next() {
        let message = format!(
            "{name} does not export {}, so its loaded rules are unknown; set spec.version to a Thanos \
             version that exports it",
            loaded::SUCCESS
        );
        return (None, Reason::Unreachable, message);
    }
    if !silent.is_empty() {
        let message = format!(
            "{} cannot be probed on port 9090; check that NetworkPolicies admit this controller",
            silent.join(", ")
        );
        return (None, Reason::Unreachable, message);
    }
    match ready.is_empty() {
        true => (None, Reason::Loading, "no pod is ready yet".to_owned()),
        false => (Some(true), Reason::Loaded, String::new()),
    }
}

/// The condition `ObjectStorageReady`: whether pods run with all files that they read at startup.
#[must_use]
pub fn pods(
    pods: &BTreeMap<String, &PodFacts>,
    unmounted: &BTreeMap<&str, &str>,
    content: &Content,
    uploads: bool,
) -> ConditionState {
    if let Content::Missing(missing) = content {
        return (Some(false), Reason::SecretMissing, missing.clone());
    }
    let mut failures = pods.iter().filter_map(|(name, pod)| {
        pod_failures(name, pod, unmounted.get(pod.uid.as_str()).copied())
    });
    if let Some((reason, message)) = failures.next() {
        return (Some(false), reason, message);
    }
    if !uploads {
        let message = "no object storage configured; blocks are not uploaded";
        return (None, Reason::NotConfigured, message.to_owned());
    }
    let is_late = |pod: &&&PodFacts| !pod.ready && pod.state != PodState::Terminating;
    match pods.values().filter(is_late).count() {
        0 if pods.is_empty() => (None, Reason::Syncing, "no pod exists yet".to_owned()),
        0 => (Some(true), Reason::Configured, String::new()),
        1 => (None, Reason::Syncing, "1 pod is not ready yet".to_owned()),
        late => (
            None,
            Reason::Syncing,
            format!("{late} pods are not ready yet"),
        ),
    }
}
