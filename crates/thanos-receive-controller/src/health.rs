//! The condition `ObjectStorageReady`, from pods, Events and Secrets. Pure, no IO.

use std::collections::BTreeMap;

use thanos_api::names::Reason;
use thanos_controller_common::facts::PodState;
use thanos_controller_common::pod_failures::pod_failures;
use thanos_controller_common::volumes::ConditionState;

use crate::facts::ReceiverFacts;

/// Inputs of the condition.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Pods of routers and ingesters, by name.
    pub pods: &'a BTreeMap<String, &'a ReceiverFacts>,
    /// Mount failures, by UID of the pod.
    pub unmounted: &'a BTreeMap<&'a str, &'a str>,
    /// Missing Secret or key, if Secrets are watched.
    pub missing: Option<&'a str>,
    /// Whether any hashring has object storage.
    pub configured: bool,
}

/// The condition `ObjectStorageReady`.
#[must_use]
pub fn object_storage(inputs: &Inputs<'_>) -> ConditionState {
    if let Some(missing) = inputs.missing {
        return (Some(false), Reason::SecretMissing, missing.to_owned());
    }
    let mut failures = inputs.pods.iter().filter_map(|(name, receiver)| {
        let unmounted = inputs.unmounted.get(receiver.pod.uid.as_str()).copied();
        pod_failures(name, &receiver.pod, unmounted)
    });
    if let Some((reason, message)) = failures.next() {
        return (Some(false), reason, message);
    }
    if !inputs.configured {
        let message = "no object storage configured, so samples are kept in volumes only; to upload them, set \
                       spec.ingesterSpec.defaultObjectStorageConfig";
        return (None, Reason::NotConfigured, message.to_owned());
    }
    let is_late = |receiver: &&&ReceiverFacts| {
        !receiver.pod.ready && receiver.pod.state != PodState::Terminating
    };
    match inputs.pods.values().filter(is_late).count() {
        0 if inputs.pods.is_empty() => (None, Reason::Syncing, "no pod exists yet".to_owned()),
        0 => (Some(true), Reason::Configured, String::new()),
        late => (
            None,
            Reason::Syncing,
            format!(
                "{late} {} not ready yet",
                if late == 1 { "pod is" } else { "pods are" }
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thanos_controller_common::facts::PodFacts;

    fn condition(
        ready: bool,
        unmounted: &[(&str, &str)],
        missing: Option<&str>,
        configured: bool,
    ) -> (Option<bool>, Reason) {
        let pod = ReceiverFacts {
            pod: PodFacts {
                uid: "u".into(),
                ready,
                ..Default::default()
            },
            ..Default::default()
        };
        let (holds, reason, _) = object_storage(&Inputs {
            pods: &BTreeMap::from([("x-0".to_owned(), &pod)]),
            unmounted: &unmounted.iter().copied().collect(),
            missing,
            configured,
        });
        (holds, reason)
    }

    #[test]
    fn failures_precede_missing_configuration_and_readiness() {
        assert_eq!(
            condition(true, &[], None, true),
            (Some(true), Reason::Configured)
        );
        assert_eq!(condition(false, &[], None, true), (None, Reason::Syncing));
        assert_eq!(
            condition(true, &[], None, false),
            (None, Reason::NotConfigured)
        );
        assert_eq!(
            condition(true, &[], Some("missing"), true),
            (Some(false), Reason::SecretMissing)
        );
        let unmounted = [("u", "secret \"x\" not found")];
        assert_eq!(
            condition(false, &unmounted, None, true),
            (Some(false), Reason::SecretMissing)
        );
    }
}
