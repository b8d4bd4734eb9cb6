//! The permissions that a controller needs: the rules of `rbac`, one entry for each verb. Pure.

use k8s_openapi::api::authorization::v1::ResourceAttributes;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube_facts::optional::Caps;
use promop_compat::kind::{self, GROUP};

use operator_runtime::rbac;
use operator_runtime::reconciler::Reconciler;

/// One verb on one resource, and the loss without it; `None` if the controller does not work without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequiredPermission {
    pub namespace: Option<String>,
    pub group: String,
    pub resource: String,
    pub name: Option<String>,
    pub verb: String,
    pub loss: Option<String>,
}

impl RequiredPermission {
    pub fn attributes(&self) -> ResourceAttributes {
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

    /// The resource and its name, as kubectl prints them.
    pub fn target(&self) -> String {
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

    pub fn scope(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("in namespace {namespace}"),
            None => "in the whole cluster".to_owned(),
        }
    }
}

/// One entry for each verb of the rules.
pub(super) fn expand(
    rules: &[PolicyRule],
    namespace: Option<&str>,
    loss: impl Fn(&str, &str) -> Option<String>,
) -> Vec<RequiredPermission> {
    let mut all = Vec::new();
    for rule in rules {
        let names: Vec<Option<&String>> = match &rule.resource_names {
            Some(names) => names.iter().map(Some).collect(),
            None => vec![None],
        };
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for name in &names {
                    all.extend(rule.verbs.iter().map(|verb| RequiredPermission {
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

/// All permissions that a controller needs.
pub(super) fn required_permissions<C: Reconciler>(
    caps: &Caps,
    scopes: &[Option<&str>],
    home: &str,
) -> Vec<RequiredPermission> {
    let namespaced = |group: &str, resource: &str| match (group, resource) {
        ("authorization.k8s.io", _) => Some("the condition Monitored stays Unknown".to_owned()),
        ("events.k8s.io", _) => Some("no events are emitted".to_owned()),
        (GROUP, plural) => {
            let mut kinds = kind::ALL.into_iter();
            let kind = kinds.find(|k| k.plural == plural)?;
            let absent = !caps.has(kind);
            absent.then(|| format!("{} is not used if you install it later", kind.name))
        }
        _ => None,
    };
    let cluster = |_: &str, resource: &str| {
        let loss = match resource {
            "namespaces" => "namespace selectors by labels cannot be evaluated",
            "storageclasses" => "whether a volume can be expanded is unknown until it is tried",
            "customresourcedefinitions" => {
                "CRDs of Prometheus Operator are detected by polling every 10 s"
            }
            _ => return None,
        };
        Some(loss.to_owned())
    };
    let own_namespace = |group: &str, _: &str| match group {
        "coordination.k8s.io" => None,
        _ => Some("the controller itself has no ServiceMonitor".to_owned()),
    };
    let refresh = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["pods".to_owned()]),
        verbs: vec!["patch".to_owned()],
        ..Default::default()
    };
    let refreshed = |_: &str, _: &str| {
        let loss = "changed files reach running pods after up to 90 s; add \
                    deploy/components/refresh-pods to refresh them at once";
        Some(loss.to_owned())
    };
    let mut all = Vec::new();
    for scope in scopes {
        all.extend(expand(&rbac::namespaced_rules::<C>(), *scope, namespaced));
        if C::REFRESH.is_some() {
            all.extend(expand(std::slice::from_ref(&refresh), *scope, refreshed));
        }
    }
    all.extend(expand(&rbac::cluster_rules::<C>(), None, cluster));
    all.extend(expand(
        &thanos_controller_common::home_rules::<C>(),
        Some(home),
        own_namespace,
    ));
    all
}

/// A rule for tests.
#[cfg(test)]
pub(super) fn rule(resource: &str, names: Option<&[&str]>, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec!["apps".to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: names.map(|n| n.iter().map(|n| (*n).to_owned()).collect()),
        verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_expand_to_one_entry_for_each_verb_and_name() {
        let rules = [
            rule("deployments/status", None, &["patch"]),
            rule("leases", Some(&["a", "b"]), &["get", "update"]),
        ];
        let all = expand(&rules, Some("ns"), |_, _| None);
        assert_eq!(all.len(), 5);
        let first = all[0].attributes();
        assert_eq!(first.resource.as_deref(), Some("deployments"));
        assert_eq!(first.subresource.as_deref(), Some("status"));
        assert_eq!(first.namespace.as_deref(), Some("ns"));
        assert_eq!(all[4].name.as_deref(), Some("b"));
        assert_eq!(all[0].target(), "deployments.apps/status");
        assert_eq!(all[4].target(), "leases.apps b");
        assert_eq!(all[4].scope(), "in namespace ns");
    }
}
