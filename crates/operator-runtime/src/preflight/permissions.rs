//! Whether the controller has the permissions that it needs. Every rule of `rbac` is an access review, which
//! changes nothing.

use std::collections::BTreeMap;

use futures::StreamExt;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::Client;
use kube::api::{Api, PostParams};
use kube_facts::Key;
use promop_compat::caps::Caps;
use promop_compat::detect::allowed;

use super::reader::{Reader, is_forbidden};
use super::required_permissions::{Wish, all_wishes};
use super::row::Row;
use crate::access::review;
use crate::reconciler::Reconciler;

const CHECK: &str = "permissions";

/// Reviews that are under way at a time.
const AT_ONCE: usize = 8;

/// Checks every permission that the controller needs.
pub(super) async fn look<C: Reconciler>(
    reader: &Reader,
    account: &Key,
    is_us: bool,
    caps: Caps,
) -> Result<Vec<Row>, kube::Error> {
    let required_permissions = all_wishes::<C>(caps, &reader.scopes(), &account.namespace);
    let client = &reader.client;
    let mut answers = futures::stream::iter(required_permissions)
        .map(|wish| async move {
            let answer = ask(client, account, is_us, &wish).await;
            (wish, answer)
        })
        .buffered(AT_ONCE);
    let mut asked = Vec::new();
    while let Some((wish, answer)) = answers.next().await {
        match answer {
            Ok(allowed) => asked.push((wish, allowed)),
            Err(error) if is_forbidden(&error) => {
                let found = "you may not check its permissions";
                let remedy = "rerun with permission to create \
                              subjectaccessreviews.authorization.k8s.io, or in the controller's pod";
                let row = Row::warn(CHECK, subject_name(account), found).remedy(remedy);
                return Ok(vec![row]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rows(C::NAME, account, &asked))
}

async fn ask(
    client: &Client,
    account: &Key,
    is_us: bool,
    wish: &Wish,
) -> Result<bool, kube::Error> {
    if is_us {
        return allowed(client, wish.attributes()).await;
    }
    let review = SubjectAccessReview {
        spec: review(account, wish.attributes()),
        ..Default::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|s| s.allowed))
}

fn subject_name(account: &Key) -> String {
    format!("ServiceAccount {account}")
}

/// One row for each set of verbs that is missing in one place, or one that says that none is.
fn rows(name: &str, account: &Key, asked: &[(Wish, bool)]) -> Vec<Row> {
    let object = subject_name(account);
    let granted = asked.iter().filter(|(_, allowed)| *allowed).count();
    // What is missing of one thing, then the things of which the same is missing.
    let mut verbs: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (wish, _) in asked.iter().filter(|(_, allowed)| !allowed) {
        let key = (wish.place(), wish.loss.as_deref(), wish.what());
        verbs.entry(key).or_default().push(&wish.verb);
    }
    let mut missing: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for ((place, loss, what), verbs) in verbs {
        missing.entry((place, loss, verbs)).or_default().push(what);
    }
    let mut rows = Vec::new();
    if granted > 0 || missing.is_empty() {
        let found = format!("has {granted} of {} permissions", asked.len());
        rows.push(Row::ok(CHECK, object.clone(), found));
    }
    rows.extend(missing.into_iter().map(|((place, loss, verbs), what)| {
        let (verbs, what) = (verbs.join(", "), what.join(", "));
        let found = format!("may not {verbs} {place}: {what}");
        match loss {
            Some(loss) => Row::warn(CHECK, object.clone(), format!("{found}; so {loss}")),
            None => Row::fail(CHECK, object.clone(), found).remedy(format!(
                "apply the permissions of deploy/components/{name}; for an installation in some \
                 namespaces give --namespaces, for another account --service-account"
            )),
        }
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::required_permissions::{required_permissions, rule};
    use crate::preflight::row::Grade;

    #[test]
    fn missing_verbs_are_grouped_and_optional_ones_warn() {
        let rules = [
            rule("deployments", None, &["get", "list"]),
            rule("daemonsets", None, &["get", "list"]),
        ];
        let mut asked: Vec<(Wish, bool)> = required_permissions(&rules, None, |_, _| None)
            .into_iter()
            .map(|w| (w, false))
            .collect();
        let optional = required_permissions(&[rule("pods", None, &["patch"])], None, |_, _| {
            Some("it is slow".to_owned())
        });
        asked.extend(optional.into_iter().map(|w| (w, false)));
        let granted = required_permissions(&[rule("x", None, &["get"])], None, |_, _| None);
        asked.extend(granted.into_iter().map(|w| (w, true)));
        let rows = rows("toy", &Key::new("home", "toy"), &asked);
        let found: Vec<(Grade, &str)> = rows.iter().map(|r| (r.verdict, &*r.found)).collect();
        assert_eq!(
            found,
            [
                (Grade::Ok, "has 1 of 6 permissions"),
                (
                    Grade::Fail,
                    "may not get, list in the whole cluster: daemonsets.apps, deployments.apps"
                ),
                (
                    Grade::Warn,
                    "may not patch in the whole cluster: pods.apps; so it is slow"
                ),
            ]
        );
        assert_eq!(rows[0].object, "ServiceAccount home/toy");
    }
}
