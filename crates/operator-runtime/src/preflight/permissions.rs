//! May the controller do what it must? Every rule of `rbac` is asked as an access review, which
//! changes nothing.

use std::collections::BTreeMap;

use futures::StreamExt;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec,
};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Client;
use kube::api::{Api, PostParams};
use promop_compat::caps::{Caps, GROUP, Kind};
use promop_compat::model::Key;

use super::reader::{Reader, is_forbidden};
use super::row::Row;
use crate::access::subject;
use crate::component::Component;
use crate::rbac;

const CHECK: &str = "permissions";

/// Reviews that are under way at a time.
const AT_ONCE: usize = 8;

/// What must be permitted, together with what is lost without it, if that is not everything.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    namespace: Option<String>,
    group: String,
    resource: String,
    name: Option<String>,
    verb: String,
    loss: Option<String>,
}

impl Wish {
    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, sub)) => (resource, Some(sub.to_owned())),
            None => (self.resource.as_str(), None),
        };
        ResourceAttributes {
            group: Some(self.group.clone()),
            resource: Some(resource.to_owned()),
            subresource,
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            verb: Some(self.verb.clone()),
            ..Default::default()
        }
    }

    /// What, without verb and place.
    fn what(&self) -> String {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, sub)) => (resource, format!("/{sub}")),
            None => (self.resource.as_str(), String::new()),
        };
        let group = match self.group.as_str() {
            "" => String::new(),
            group => format!(".{group}"),
        };
        let name = self.name.as_ref();
        let name = name.map_or_else(String::new, |name| format!(" {name}"));
        format!("{resource}{group}{subresource}{name}")
    }

    fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "in the whole cluster".to_owned(),
        }
    }
}

/// The verbs of some rules, one by one.
fn wishes(
    rules: &[PolicyRule],
    namespace: Option<&str>,
    loss: impl Fn(&str, &str) -> Option<String>,
) -> Vec<Wish> {
    let mut all = Vec::new();
    for rule in rules {
        let names: Vec<Option<&String>> = match &rule.resource_names {
            Some(names) => names.iter().map(Some).collect(),
            None => vec![None],
        };
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for name in &names {
                    all.extend(rule.verbs.iter().map(|verb| Wish {
                        namespace: namespace.map(str::to_owned),
                        group: group.clone(),
                        resource: resource.clone(),
                        name: name.cloned(),
                        verb: verb.clone(),
                        loss: loss(group, resource),
                    }));
                }
            }
        }
    }
    all
}

/// Everything that a controller wants to do.
fn all_wishes<C: Component>(caps: Caps, scopes: &[Option<&str>], home: &str) -> Vec<Wish> {
    let namespaced = |group: &str, resource: &str| match (group, resource) {
        ("authorization.k8s.io", _) => Some("the condition Monitored stays Unknown".to_owned()),
        ("events.k8s.io", _) => Some("nothing is told by events".to_owned()),
        (GROUP, plural) => {
            let mut kinds = Kind::ALL.into_iter();
            let kind = kinds.find(|k| k.plural() == plural)?;
            let absent = !caps.has(kind);
            absent.then(|| format!("{} is not used should it be installed", kind.name()))
        }
        _ => None,
    };
    let cluster = |_: &str, resource: &str| {
        let loss = match resource {
            "namespaces" => "namespace selectors by labels cannot be evaluated",
            _ => "definitions of Prometheus Operator are noticed by asking every 10 s",
        };
        Some(loss.to_owned())
    };
    let at_home = |group: &str, _: &str| match group {
        "coordination.k8s.io" => None,
        _ => Some("the controller has no ServiceMonitor of its own".to_owned()),
    };
    let refresh = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["pods".to_owned()]),
        verbs: vec!["patch".to_owned()],
        ..Default::default()
    };
    let refreshed = |_: &str, _: &str| {
        let loss = "a changed file reaches running pods with the kubelet's next period, up to \
                    90 s (deploy/components/refresh-pods)";
        Some(loss.to_owned())
    };
    let mut all = Vec::new();
    for scope in scopes {
        all.extend(wishes(&rbac::namespaced_rules::<C>(), *scope, namespaced));
        all.extend(wishes(std::slice::from_ref(&refresh), *scope, refreshed));
    }
    all.extend(wishes(&rbac::cluster_rules::<C>(), None, cluster));
    all.extend(wishes(&rbac::home_rules::<C>(), Some(home), at_home));
    all
}

/// Asks for everything that the controller wants to do.
pub(super) async fn look<C: Component>(
    reader: &Reader,
    account: &Key,
    is_us: bool,
    caps: Caps,
) -> Result<Vec<Row>, kube::Error> {
    let wishes = all_wishes::<C>(caps, &reader.scopes(), &account.namespace);
    let client = &reader.client;
    let mut answers = futures::stream::iter(wishes)
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
                let found = "what it may do cannot be asked by you";
                let remedy = "run this as somebody who may create \
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
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(wish.attributes()),
                ..Default::default()
            },
            ..Default::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
        let answer = api.create(&PostParams::default(), &review).await?;
        return Ok(answer.status.is_some_and(|s| s.allowed));
    }
    let (user, groups) = subject(account);
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user),
            groups: Some(groups),
            resource_attributes: Some(wish.attributes()),
            ..Default::default()
        },
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
    let mut verbs: BTreeMap<(String, Option<&str>, String), Vec<&str>> = BTreeMap::new();
    for (wish, _) in asked.iter().filter(|(_, allowed)| !allowed) {
        let key = (wish.place(), wish.loss.as_deref(), wish.what());
        verbs.entry(key).or_default().push(&wish.verb);
    }
    let mut missing: BTreeMap<(String, Option<&str>, Vec<&str>), Vec<String>> = BTreeMap::new();
    for ((place, loss, what), verbs) in verbs {
        missing.entry((place, loss, verbs)).or_default().push(what);
    }
    let mut rows = Vec::new();
    if granted > 0 || missing.is_empty() {
        let found = format!("may do {granted} of {} things", asked.len());
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
    use crate::preflight::row::Grade;

    fn rule(resource: &str, names: Option<&[&str]>, verbs: &[&str]) -> PolicyRule {
        PolicyRule {
            api_groups: Some(vec!["apps".to_owned()]),
            resources: Some(vec![resource.to_owned()]),
            resource_names: names.map(|n| n.iter().map(|n| (*n).to_owned()).collect()),
            verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn every_verb_of_every_name_is_a_question() {
        let rules = [
            rule("deployments/status", None, &["patch"]),
            rule("leases", Some(&["a", "b"]), &["get", "update"]),
        ];
        let all = wishes(&rules, Some("ns"), |_, _| None);
        assert_eq!(all.len(), 5);
        let first = all[0].attributes();
        assert_eq!(first.resource.as_deref(), Some("deployments"));
        assert_eq!(first.subresource.as_deref(), Some("status"));
        assert_eq!(first.namespace.as_deref(), Some("ns"));
        assert_eq!(all[4].name.as_deref(), Some("b"));
        assert_eq!(all[0].what(), "deployments.apps/status");
        assert_eq!(all[4].what(), "leases.apps b");
        assert_eq!(all[4].place(), "in namespace ns");
    }

    #[test]
    fn missing_verbs_are_grouped_and_optional_ones_warn() {
        let rules = [
            rule("deployments", None, &["get", "list"]),
            rule("daemonsets", None, &["get", "list"]),
        ];
        let mut asked: Vec<(Wish, bool)> = wishes(&rules, None, |_, _| None)
            .into_iter()
            .map(|w| (w, false))
            .collect();
        let optional = wishes(&[rule("pods", None, &["patch"])], None, |_, _| {
            Some("it is slow".to_owned())
        });
        asked.extend(optional.into_iter().map(|w| (w, false)));
        let granted = wishes(&[rule("x", None, &["get"])], None, |_, _| None);
        asked.extend(granted.into_iter().map(|w| (w, true)));
        let rows = rows("toy", &Key::new("home", "toy"), &asked);
        let told: Vec<(Grade, &str)> = rows.iter().map(|r| (r.verdict, &*r.found)).collect();
        assert_eq!(
            told,
            [
                (Grade::Ok, "may do 1 of 6 things"),
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
