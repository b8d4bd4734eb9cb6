//! Namespace scopes of selectors. Pure.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::selector;
use crate::{Key, Labels, NamespaceFacts};

/// Label that the API server sets on every Namespace; its value is the name.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The namespaces in which a selector selects objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum NamespaceScope {
    /// The namespace of the object that contains the selector.
    #[default]
    Own,
    /// All namespaces.
    All,
    /// The namespaces with matching labels.
    Matching(LabelSelector),
}

impl NamespaceScope {
    /// The scope of a namespace selector as in Prometheus Operator: an unset one selects the own
    /// namespace, an empty one all.
    #[must_use]
    pub fn from_selector(selector: Option<&LabelSelector>) -> Self {
        match selector {
            None => Self::Own,
            Some(selector) if is_empty(selector) => Self::All,
            Some(selector) => Self::Matching(selector.clone()),
        }
    }
}

/// Whether a namespace is in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// In the scope.
    In,
    /// Not in the scope.
    Out,
    /// Unknown without the permission to read the labels of namespaces. Must be reported.
    Unevaluable,
}

/// Known namespaces of the cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct Namespaces<'a> {
    /// All namespaces, by keys with an empty namespace; `None` without the permission to list them.
    pub listed: Option<&'a BTreeMap<Key, NamespaceFacts>>,
    /// The namespaces of `--namespaces`; `None` for all.
    pub watched: Option<&'a BTreeSet<String>>,
}

impl<'a> Namespaces<'a> {
    /// One namespace, to evaluate several scopes with one lookup.
    #[must_use]
    pub fn place<'n>(&self, namespace: &'n str) -> Place<'n>
    where
        'a: 'n,
    {
        Place {
            name: namespace,
            watched: self.watched.is_none_or(|all| all.contains(namespace)),
            listed: self.listed,
            labels: OnceCell::new(),
        }
    }

    /// Whether `namespace` is in `scope` of an object in the namespace `own`.
    #[must_use]
    pub fn membership(&self, scope: &NamespaceScope, own: &str, namespace: &str) -> Membership {
        self.place(namespace).membership(scope, own)
    }

    /// Whether `scope` can be evaluated.
    #[must_use]
    pub fn can_evaluate(&self, scope: &NamespaceScope) -> bool {
        match scope {
            NamespaceScope::Own | NamespaceScope::All => true,
            NamespaceScope::Matching(desired) => self.listed.is_some() || is_by_name(desired),
        }
    }
}

/// One namespace.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    name: &'a str,
    watched: bool,
    listed: Option<&'a BTreeMap<Key, NamespaceFacts>>,
    /// Looked up on demand, since most scopes do not need labels.
    labels: OnceCell<PlaceLabels<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum PlaceLabels<'a> {
    Known(&'a Labels),
    NoSuchNamespace,
    Unknown,
}

impl<'a> Place<'a> {
    /// Whether it is in `scope` of an object in the namespace `own`.
    #[must_use]
    pub fn membership(&self, scope: &NamespaceScope, own: &str) -> Membership {
        match scope {
            NamespaceScope::Own => self.selected_by(None, own),
            NamespaceScope::All => self.inside(true),
            NamespaceScope::Matching(desired) => self.matching(desired),
        }
    }

    /// As [`Self::membership`], for a namespace selector of Prometheus Operator, without a copy.
    #[must_use]
    pub fn selected_by(&self, selector: Option<&LabelSelector>, own: &str) -> Membership {
        match selector {
            None => self.inside(self.name == own),
            Some(desired) if is_empty(desired) => self.inside(true),
            Some(desired) => self.matching(desired),
        }
    }

    fn matching(&self, desired: &LabelSelector) -> Membership {
        if !self.watched {
            return Membership::Out;
        }
        self.inside(match self.labels() {
            PlaceLabels::Known(labels) => selector::matches(desired, labels),
            PlaceLabels::NoSuchNamespace => false,
            PlaceLabels::Unknown if is_by_name(desired) => {
                selector::matches_by(desired, |_| Some(self.name))
            }
            PlaceLabels::Unknown => return Membership::Unevaluable,
        })
    }

    fn inside(&self, inside: bool) -> Membership {
        match self.watched && inside {
            true => Membership::In,
            false => Membership::Out,
        }
    }

    fn labels(&self) -> PlaceLabels<'a> {
        let look_up = || match self.listed.map(|all| all.get(&Key::new("", self.name))) {
            Some(Some(facts)) => PlaceLabels::Known(&facts.labels),
            Some(None) => PlaceLabels::NoSuchNamespace,
            None => PlaceLabels::Unknown,
        };
        *self.labels.get_or_init(look_up)
    }
}

/// Whether the selector has no requirements.
fn is_empty(selector: &LabelSelector) -> bool {
    selector::requirements(selector).next().is_none()
}

/// Whether the selector requires only names, which are known without reading namespaces.
fn is_by_name(selector: &LabelSelector) -> bool {
    let expressions = selector.match_expressions.iter().flatten().map(|r| &r.key);
    let mut keys = selector
        .match_labels
        .iter()
        .flat_map(BTreeMap::keys)
        .chain(expressions);
    keys.all(|key| key == NAME_LABEL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{namespaces, parse, selector};

    fn scope(yaml: &str) -> NamespaceScope {
        NamespaceScope::from_selector(Some(&parse(yaml)))
    }

    #[test]
    fn unset_selector_is_own_and_empty_selector_is_all() {
        assert_eq!(NamespaceScope::from_selector(None), NamespaceScope::Own);
        assert_eq!(scope("{}"), NamespaceScope::All);
        assert_eq!(
            scope(r#"{"matchLabels": {}, "matchExpressions": []}"#),
            NamespaceScope::All
        );
        let named = selector(&[("a", "b")]);
        assert_eq!(
            NamespaceScope::from_selector(Some(&named)),
            NamespaceScope::Matching(named)
        );
    }

    #[test]
    fn membership_in_own_all_and_matching_scopes() {
        let listed = namespaces(&[("a", &[("team", "x")]), ("b", &[])]);
        let known = Namespaces {
            listed: Some(&listed),
            watched: None,
        };
        let matching = NamespaceScope::Matching(selector(&[("team", "x")]));
        for (scope, namespace, expected) in [
            (&NamespaceScope::Own, "a", Membership::In),
            (&NamespaceScope::Own, "b", Membership::Out),
            (&NamespaceScope::All, "b", Membership::In),
            (&NamespaceScope::All, "unlisted", Membership::In),
            (&matching, "a", Membership::In),
            (&matching, "b", Membership::Out),
            (&matching, "unlisted", Membership::Out),
        ] {
            assert_eq!(
                known.membership(scope, "a", namespace),
                expected,
                "{scope:?} {namespace}"
            );
            assert!(known.can_evaluate(scope));
        }
    }

    #[test]
    fn watched_namespaces_limit_every_scope() {
        let listed = namespaces(&[("a", &[("team", "x")]), ("b", &[("team", "x")])]);
        let watched = BTreeSet::from(["a".to_owned()]);
        let known = Namespaces {
            listed: Some(&listed),
            watched: Some(&watched),
        };
        let matching = NamespaceScope::Matching(selector(&[("team", "x")]));
        for scope in [&NamespaceScope::All, &matching] {
            assert_eq!(known.membership(scope, "a", "a"), Membership::In);
            assert_eq!(known.membership(scope, "a", "b"), Membership::Out);
        }
        assert_eq!(
            known.membership(&NamespaceScope::Own, "b", "b"),
            Membership::Out
        );
    }

    #[test]
    fn without_listed_namespaces_only_names_can_be_evaluated() {
        let unknown = Namespaces::default();
        let by_name = scope(&format!(
            r#"{{"matchExpressions": [{{"key": "{NAME_LABEL}", "operator": "In", "values": ["a", "b"]}}]}}"#
        ));
        assert!(unknown.can_evaluate(&by_name));
        assert_eq!(unknown.membership(&by_name, "z", "b"), Membership::In);
        assert_eq!(unknown.membership(&by_name, "z", "c"), Membership::Out);
        for mixed in [
            NamespaceScope::Matching(selector(&[(NAME_LABEL, "a"), ("team", "x")])),
            scope(r#"{"matchExpressions": [{"key": "team", "operator": "Exists"}]}"#),
        ] {
            assert!(!unknown.can_evaluate(&mixed));
            assert_eq!(
                unknown.membership(&mixed, "a", "a"),
                Membership::Unevaluable
            );
        }
        assert!(unknown.can_evaluate(&NamespaceScope::Own));
        assert_eq!(
            unknown.membership(&NamespaceScope::All, "a", "b"),
            Membership::In
        );
    }

    #[test]
    fn unwatched_namespace_with_unknown_labels_is_out() {
        let watched = BTreeSet::from(["a".to_owned()]);
        let unknown = Namespaces {
            listed: None,
            watched: Some(&watched),
        };
        let matching = NamespaceScope::Matching(selector(&[("team", "x")]));
        assert_eq!(unknown.membership(&matching, "a", "b"), Membership::Out);
        assert_eq!(
            unknown.membership(&matching, "a", "a"),
            Membership::Unevaluable
        );
    }
}
