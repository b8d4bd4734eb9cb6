//! Permissions of other ServiceAccounts: `LocalSubjectAccessReview`s, and a cache of their results.
//! Only `review_access` does IO.

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

/// Lifetime of a cached result, and the requeue interval after a denial. A revoked permission is
/// noticed at the next reconcile after this time.
pub const FRESH: Duration = Duration::from_secs(300);

/// Lifetime of a cached denial when the resource is reconciled for another reason: that may be a
/// user who has just granted the permission.
const DENIED: Duration = Duration::from_secs(10);

/// One permission of a ServiceAccount.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessCheck {
    /// The ServiceAccount.
    pub account: Key,
    /// Namespace of the objects.
    pub namespace: String,
    /// The API group.
    pub group: &'static str,
    /// Plural name of the kind.
    pub resource: &'static str,
    /// Verb, as in `list`.
    pub verb: &'static str,
}

impl AccessCheck {
    /// The kind as kubectl names it: `pods`, `endpointslices.discovery.k8s.io`.
    #[must_use]
    pub fn kubectl_resource(&self) -> String {
        match self.group {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        }
    }
}

/// Cached results of access reviews.
#[derive(Debug, Default)]
pub struct Access {
    answers: BTreeMap<AccessCheck, (Option<bool>, Instant)>,
}

impl Access {
    /// Whether the permission is granted; `None` before the first review and after a failed one.
    #[must_use]
    pub fn answer(&self, access_check: &AccessCheck) -> Option<bool> {
        self.answers
            .get(access_check)
            .and_then(|(answer, _)| *answer)
    }

    /// Caches a result; `None` after a failed review. Expired results are dropped, since their
    /// namespaces may be deleted.
    pub fn remember(&mut self, access_check: AccessCheck, answer: Option<bool>) {
        self.answers.retain(|_, (_, at)| at.elapsed() < FRESH);
        self.answers.insert(access_check, (answer, Instant::now()));
    }

    /// The checks without a current result.
    pub(crate) fn pending(&self, access_checks: &[AccessCheck]) -> Vec<AccessCheck> {
        let is_pending = |access_check: &&AccessCheck| match self.answers.get(access_check) {
            None => true,
            Some((Some(false), at)) => at.elapsed() >= DENIED,
            Some((_, at)) => at.elapsed() >= FRESH,
        };
        access_checks.iter().filter(is_pending).cloned().collect()
    }

    /// Whether at least one of these is denied.
    #[must_use]
    pub fn is_denied(&self, access_checks: &[AccessCheck]) -> bool {
        access_checks.iter().any(|c| self.answer(c) == Some(false))
    }
}

/// The spec of an access review for a ServiceAccount, with the groups that the API server gives it.
#[must_use]
pub fn review(account: &Key, attributes: ResourceAttributes) -> SubjectAccessReviewSpec {
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

/// Sends an access review; `None` if it fails.
pub async fn review_access(client: &Client, access_check: &AccessCheck) -> Option<bool> {
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
            tracing::debug!(%error, ?access_check, "access review failed");
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
    async fn results_expire_and_denials_expire_sooner() {
        let (list, watch) = (access_check("list"), access_check("watch"));
        let both = [list.clone(), watch.clone()];
        let mut access = Access::default();
        assert_eq!(access.pending(&both), both);
        access.remember(list.clone(), Some(false));
        access.remember(watch.clone(), None);
        assert_eq!(access.answer(&list), Some(false));
        assert_eq!(access.answer(&watch), None);
        assert!(access.is_denied(&both) && !access.is_denied(&both[1..]));
        assert!(access.pending(&both).is_empty());
        tokio::time::advance(DENIED).await;
        assert_eq!(access.pending(&both), [list]);
        tokio::time::advance(FRESH).await;
        assert_eq!(access.pending(&both), both);
    }
}
