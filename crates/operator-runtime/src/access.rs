//! Permissions of other ServiceAccounts: checked by access reviews, cached for some minutes. Only `check`
//! does IO.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, ResourceAttributes, SubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};
use kube::core::ObjectMeta;
use kube_facts::Key;
use tokio::time::Instant;

/// How long a result is valid. After a refusal, the resource is reconciled again after this time; a
/// permission that was revoked is noticed when something else about the resource changes.
pub const FRESH: Duration = Duration::from_secs(300);

/// How long a refusal is valid if the resource is reconciled for another reason: a user may have changed it
/// to see whether a permission works.
const REFUSED: Duration = Duration::from_secs(10);

/// A permission of a ServiceAccount to check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessCheck {
    /// The ServiceAccount.
    pub account: Key,
    /// Where.
    pub namespace: String,
    /// The API group.
    pub group: &'static str,
    /// The plural of the kind.
    pub resource: &'static str,
    /// What.
    pub verb: &'static str,
}

impl AccessCheck {
    /// The kind as kubectl names it: `pods`, `endpointslices.discovery.k8s.io`.
    pub(crate) fn kubectl_resource(&self) -> String {
        match self.group {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        }
    }
}

/// The results so far.
#[derive(Debug, Default)]
pub struct Access {
    answers: BTreeMap<AccessCheck, (Option<bool>, Instant)>,
}

impl Access {
    /// The result of a check; `None` if it was not made, or failed.
    #[must_use]
    pub fn answer(&self, access_check: &AccessCheck) -> Option<bool> {
        self.answers
            .get(access_check)
            .and_then(|(answer, _)| *answer)
    }

    /// Stores a result; `None` if the check failed. Expired results are dropped: their namespaces may be
    /// deleted.
    pub fn remember(&mut self, access_check: AccessCheck, answer: Option<bool>) {
        self.answers.retain(|_, (_, at)| at.elapsed() < FRESH);
        self.answers.insert(access_check, (answer, Instant::now()));
    }

    /// The checks that must be made, again or for the first time.
    pub(crate) fn open(&self, access_checks: &[AccessCheck]) -> Vec<AccessCheck> {
        let is_open = |access_check: &&AccessCheck| match self.answers.get(access_check) {
            None => true,
            Some((Some(false), at)) => at.elapsed() >= REFUSED,
            Some((_, at)) => at.elapsed() >= FRESH,
        };
        access_checks.iter().filter(is_open).cloned().collect()
    }

    /// Whether one of these is refused.
    pub(crate) fn is_refused(&self, access_checks: &[AccessCheck]) -> bool {
        access_checks.iter().any(|q| self.answer(q) == Some(false))
    }
}

/// The spec of a review of what a ServiceAccount may do.
pub(crate) fn review(account: &Key, attributes: ResourceAttributes) -> SubjectAccessReviewSpec {
    let user = format!(
        "system:serviceaccount:{}:{}",
        account.namespace, account.name
    );
    let groups = vec![
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{}", account.namespace),
        "system:authenticated".to_owned(),
    ];
    SubjectAccessReviewSpec {
        user: Some(user),
        groups: Some(groups),
        resource_attributes: Some(attributes),
        ..Default::default()
    }
}

/// Checks one permission; `None` if the API server gives no result.
pub(crate) async fn check(client: &Client, access_check: &AccessCheck) -> Option<bool> {
    let text = |text: &str| Some(text.to_owned());
    let attributes = ResourceAttributes {
        group: text(access_check.group),
        resource: text(access_check.resource),
        verb: text(access_check.verb),
        namespace: Some(access_check.namespace.clone()),
        ..Default::default()
    };
    let review = LocalSubjectAccessReview {
        metadata: ObjectMeta {
            namespace: Some(access_check.namespace.clone()),
            ..Default::default()
        },
        spec: review(&access_check.account, attributes),
        ..Default::default()
    };
    let api: Api<LocalSubjectAccessReview> =
        Api::namespaced(client.clone(), &access_check.namespace);
    match api.create(&PostParams::default(), &review).await {
        Ok(answer) => answer.status.map(|s| s.allowed),
        Err(error) => {
            tracing::debug!(%error, ?access_check, "access review gives no answer");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access_check(verb: &'static str) -> AccessCheck {
        AccessCheck {
            account: Key::new("monitoring", "prometheus-k8s"),
            namespace: "thanos".to_owned(),
            group: "",
            resource: "pods",
            verb,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_remembered_for_a_while() {
        let (list, watch) = (access_check("list"), access_check("watch"));
        let both = [list.clone(), watch.clone()];
        let mut access = Access::default();
        assert_eq!(access.open(&both), both);
        access.remember(list.clone(), Some(false));
        access.remember(watch.clone(), None);
        assert_eq!(access.answer(&list), Some(false));
        assert_eq!(access.answer(&watch), None);
        assert!(access.is_refused(&both) && !access.is_refused(&both[1..]));
        assert!(access.open(&both).is_empty());
        tokio::time::advance(REFUSED).await;
        assert_eq!(access.open(&both), [list]);
        tokio::time::advance(FRESH).await;
        assert_eq!(access.open(&both), both);
    }
}
