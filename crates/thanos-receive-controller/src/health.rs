//! Whether the ingesters run with their object storage, as their pods and nodes say. Pure.

use std::collections::BTreeMap;

use thanos_api::names::Reason;
use thanos_controller_common::facts::PodState;
use thanos_controller_common::pod_failures::pod_failures;
use thanos_controller_common::volumes::ConditionState;

use crate::facts::ReceiverFacts;

/// Everything that the answer is made of.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// The pods of routers and ingesters by name.
    pub pods: &'a BTreeMap<String, &'a ReceiverFacts>,
    /// What nodes say of volumes that they cannot mount, by UID of the pod.
    pub unmounted: &'a BTreeMap<&'a str, &'a str>,
    /// What is missing of the Secrets, if they may be watched.
    pub missing: Option<&'a str>,
    /// Whether any hashring has an object storage.
    pub configured: bool,
}

/// The condition `ObjectStorageReady`.
#[must_use]
pub fn verdict(signs: &Signs<'_>) -> ConditionState {
    if let Some(missing) = signs.missing {
        return (Some(false), Reason::SecretMissing, missing.to_owned());
    }
    let mut failures = signs.pods.iter().filter_map(|(name, it)| {
        let unmounted = signs.unmounted.get(it.pod.uid.as_str()).copied();
        pod_failures(name, &it.pod, unmounted)
    });
    if let Some((reason, message)) = failures.next() {
        return (Some(false), reason, message);
    }
    if !signs.configured {
        let message = "nothing is uploaded: samples are kept in volumes only. Name a Secret in \
                       spec.ingesterSpec.defaultObjectStorageConfig to change that";
        return (None, Reason::NotConfigured, message.to_owned());
    }
    let is_late = |it: &&&ReceiverFacts| !it.pod.ready && it.pod.state != PodState::Terminating;
    match signs.pods.values().filter(is_late).count() {
        0 if signs.pods.is_empty() => (None, Reason::Syncing, "there is no pod yet".to_owned()),
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

    fn reported(
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
        let (holds, reason, _) = verdict(&Signs {
            pods: &BTreeMap::from([("x-0".to_owned(), &pod)]),
            unmounted: &unmounted.iter().copied().collect(),
            missing,
            configured,
        });
        (holds, reason)
    }

    #[test]
    fn what_stands_in_the_way_comes_first() {
        assert_eq!(
            reported(true, &[], None, true),
            (Some(true), Reason::Configured)
        );
        assert_eq!(reported(false, &[], None, true), (None, Reason::Syncing));
        assert_eq!(
            reported(true, &[], None, false),
            (None, Reason::NotConfigured)
        );
        assert_eq!(
            reported(true, &[], Some("gone"), true),
            (Some(false), Reason::SecretMissing)
        );
        let unmounted = [("u", "secret \"x\" not found")];
        assert_eq!(
            reported(false, &unmounted, None, true),
            (Some(false), Reason::SecretMissing)
        );
    }
}
