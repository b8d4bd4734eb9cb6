//! Invariants of the objects of every plan. They find mistakes that golden files would record.

pub mod credentials;
mod pods;
mod refs;
pub mod sample;
mod stateful;

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use thanos_api::v1alpha1::CommonFields;

use crate::names::is_dns_label;

/// Objects outside the plan that it may refer to, and fields of the spec that relax checks.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// ConfigMaps and Secrets named in the spec.
    pub names: BTreeSet<String>,
    /// Whether the spec sets a security context, so that "restricted" is not checked.
    pub own_security: bool,
    /// Whether the spec mounts a token.
    pub token: bool,
    /// Whether the spec sets an affinity.
    pub own_affinity: bool,
}

impl Given {
    /// Checks that these sections of a spec relax.
    #[must_use]
    pub fn by<'a>(sections: impl IntoIterator<Item = &'a CommonFields>) -> Self {
        let mut given = Self::default();
        for common in sections {
            let account = common.service_account.as_ref();
            given.own_security |=
                common.security_context.is_some() || common.omit_user_ids == Some(true);
            given.token |= account.and_then(|a| a.automount_token) == Some(true);
            given.own_affinity |= common.affinity.is_some();
        }
        given
    }
}

/// Problems of a plan, one sentence each with the object. `objects` are the bodies in apply order.
#[must_use]
pub fn problems(objects: &[Value], owner_uid: &str, given: &Given) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for object in objects {
        let name = label_of(object);
        if !seen.insert(name.clone()) {
            problems.push(format!("{name} is planned twice"));
        }
        let mut found = Vec::new();
        metadata(object, owner_uid, &mut found);
        refs::check(object, objects, given, &mut found);
        if text(object, "/kind") == "StatefulSet" {
            stateful::check(object, objects, &mut found);
        }
        if let Some(template) = object.pointer("/spec/template") {
            pods::check(object, template, objects, given, &mut found);
        }
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    order(objects, &mut problems);
    problems
}

fn label_of(object: &Value) -> String {
    format!(
        "{} {}",
        text(object, "/kind"),
        text(object, "/metadata/name")
    )
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn map<'a>(value: &'a Value, pointer: &str) -> Option<&'a Map<String, Value>> {
    value.pointer(pointer).and_then(Value::as_object)
}

fn kind<'a>(objects: &'a [Value], desired: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |o| text(o, "/kind") == desired)
}

/// Whether the labels contain the selector.
fn selects(selector: Option<&Map<String, Value>>, labels: Option<&Map<String, Value>>) -> bool {
    let (Some(selector), Some(labels)) = (selector, labels) else {
        return false;
    };
    !selector.is_empty() && selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

fn metadata(object: &Value, owner_uid: &str, problems: &mut Vec<String>) {
    if !is_dns_label(text(object, "/metadata/name")) {
        problems.push("the name is not a DNS label".to_owned());
    }
    if text(object, "/metadata/namespace").is_empty() {
        problems.push("the namespace is not set".to_owned());
    }
    if text(object, "/metadata/ownerReferences/0/uid") != owner_uid {
        problems.push("the owner is not set".to_owned());
    }
    for (key, value) in map(object, "/metadata/labels").into_iter().flatten() {
        if !value.as_str().is_some_and(crate::names::is_label_value) {
            problems.push(format!("the label {key}={value} is not valid"));
        }
    }
}

/// Referenced objects precede the objects that refer to them.
fn order(objects: &[Value], problems: &mut Vec<String>) {
    // Kinds in one line do not refer to each other.
    const ORDER: [&[&str]; 5] = [
        &["ConfigMap", "Service", "ServiceAccount"],
        &["NetworkPolicy"],
        &["PodDisruptionBudget"],
        &["Deployment", "StatefulSet"],
        &["ServiceMonitor"],
    ];
    let rank = |kind: &str| ORDER.iter().position(|kinds| kinds.contains(&kind));
    let ranks: Vec<Option<usize>> = objects.iter().map(|o| rank(text(o, "/kind"))).collect();
    for (object, rank) in objects.iter().zip(&ranks) {
        if rank.is_none() {
            problems.push(format!(
                "{}: the order does not contain this kind",
                label_of(object)
            ));
        }
    }
    if !ranks.is_sorted() {
        problems.push("the objects are not in order".to_owned());
    }
}
