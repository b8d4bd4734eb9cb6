//! Checks the permissions of the controller: one access review for each verb in the rules of `rbac`.
//! Does IO.

use std::collections::BTreeMap;

use futures::StreamExt;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Client;
use kube::api::{Api, PostParams};
use kube_facts::Key;
use kube_facts::optional::Caps;
use operator_runtime::detect::allowed;

use super::reader::{Reader, is_forbidden};
use super::required_permissions::{RequiredPermission, required_permissions};
use super::row::Row;
use operator_runtime::access::review;
use operator_runtime::reconciler::Reconciler;

const CHECK: &str = "permissions";

/// Concurrent access reviews.
const AT_ONCE: usize = 8;

/// Reviews every permission that the controller needs.
pub(super) async fn check<C: Reconciler>(
    reader: &Reader,
    account: &Key,
    is_own: bool,
    caps: &Caps,
) -> Result<Vec<Row>, kube::Error> {
    let required = required_permissions::<C>(caps, &reader.scopes(), &account.namespace);
    let client = &reader.client;
    let mut reviews = futures::stream::iter(required)
        .map(|permission| async move {
            let allowed = is_allowed(client, account, is_own, &permission).await;
            (permission, allowed)
        })
        .buffered(AT_ONCE);
    let mut reviewed = Vec::new();
    while let Some((permission, allowed)) = reviews.next().await {
        match allowed {
            Ok(allowed) => reviewed.push((permission, allowed)),
            Err(error) if is_forbidden(&error) => {
                let found = "you are not permitted to create \
                             subjectaccessreviews.authorization.k8s.io";
                let remedy = "rerun with that permission, or in the pod of the controller";
                let row = Row::warn(CHECK, subject_name(account), found).remedy(remedy);
                return Ok(vec![row]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rows(C::NAME, account, &reviewed))
}

async fn is_allowed(
    client: &Client,
    account: &Key,
    is_own: bool,
    permission: &RequiredPermission,
) -> Result<bool, kube::Error> {
    if is_own {
        return allowed(client, permission.attributes()).await;
    }
    let review = SubjectAccessReview {
        spec: review(account, permission.attributes()),
        ..Default::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let reviewed = api.create(&PostParams::default(), &review).await?;
    Ok(reviewed.status.is_some_and(|s| s.allowed))
}

fn subject_name(account: &Key) -> String {
    format!("ServiceAccount {account}")
}

/// One row for the granted permissions, and one for each set of verbs that is missing in one scope.
fn rows(name: &str, account: &Key, reviewed: &[(RequiredPermission, bool)]) -> Vec<Row> {
    let object = subject_name(account);
    let granted = reviewed.iter().filter(|(_, allowed)| *allowed).count();
    // Missing verbs of each resource, then resources with the same missing verbs.
    let mut verbs: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (permission, _) in reviewed.iter().filter(|(_, allowed)| !allowed) {
        let loss = permission.loss.as_deref();
        let key = (permission.scope(), loss, permission.target());
        verbs.entry(key).or_default().push(&permission.verb);
    }
    let mut missing: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for ((scope, loss, target), verbs) in verbs {
        missing
            .entry((scope, loss, verbs))
            .or_default()
            .push(target);
    }
    let mut rows = Vec::new();
    if granted > 0 || missing.is_empty() {
        let found = format!("has {granted} of {} permissions", reviewed.len());
        rows.push(Row::ok(CHECK, object.clone(), found));
    }
    rows.extend(missing.into_iter().map(|((scope, loss, verbs), targets)| {
        let (verbs, targets) = (verbs.join(", "), targets.join(", "));
        let found = format!("no permission to {verbs} {scope}: {targets}");
        match loss {
            Some(loss) => Row::warn(CHECK, object.clone(), format!("{found}; {loss}")),
            None => Row::fail(CHECK, object.clone(), found).remedy(format!(
                "apply the RBAC of deploy/components/{name}; set --namespaces for a \
                         namespaced installation, and --service-account for another ServiceAccount"
            )),
        }
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::required_permissions::{expand, rule};
    use crate::preflight::row::Grade;

    #[test]
    fn missing_verbs_are_grouped_and_optional_ones_warn() {
        let rules = [
            rule("deployments", None, &["get", "list"]),
            rule("daemonsets", None, &["get", "list"]),
        ];
        let mut reviewed: Vec<(RequiredPermission, bool)> = expand(&rules, None, |_, _| None)
            .into_iter()
            .map(|p| (p, false))
            .collect();
        let optional = expand(&[rule("pods", None, &["patch"])], None, |_, _| {
            Some("it is slow".to_owned())
        });
        reviewed.extend(optional.into_iter().map(|p| (p, false)));
        let granted = expand(&[rule("x", None, &["get"])], None, |_, _| None);
        reviewed.extend(granted.into_iter().map(|p| (p, true)));
        let rows = rows("toy", &Key::new("home", "toy"), &reviewed);
        let found: Vec<(Grade, &str)> = rows.iter().map(|r| (r.result, &*r.found)).collect();
        assert_eq!(
            found,
            [
                (Grade::Ok, "has 1 of 6 permissions"),
                (
                    Grade::Fail,
                    "no permission to get, list in the whole cluster: daemonsets.apps, \
                     deployments.apps"
                ),
                (
                    Grade::Warn,
                    "no permission to patch in the whole cluster: pods.apps; it is slow"
                ),
            ]
        );
        assert_eq!(rows[0].object, "ServiceAccount home/toy");
    }
}
