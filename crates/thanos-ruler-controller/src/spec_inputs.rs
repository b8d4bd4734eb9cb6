//! What a ThanosRuler asks for: which rules, and whom to tell. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use promop_compat::selection::Selectors;
use thanos_api::names::{Condition, Reason, label};
use thanos_api::v1alpha1::{
    DEFAULT_TENANT_IDENTIFIER, DEFAULT_TENANT_SPECIFIER, RuleMode, ThanosRuler,
};

use crate::plan::identity;
use crate::stores::{Stores, is_gated};

/// What one ThanosRuler asks for.
pub(crate) struct SpecInputs<'a> {
    ruler: &'a ThanosRuler,
    /// Its namespace.
    pub namespace: &'a str,
    /// Over ConfigMaps and PrometheusRules that carry the label for it.
    config: LabelSelector,
}

impl<'a> SpecInputs<'a> {
    pub fn of(ruler: &'a ThanosRuler) -> Self {
        // As the Go operator does it: the label must be there, whatever else is asked for.
        let mut config = ruler.spec.rule_config_selector.clone().unwrap_or_default();
        config
            .match_labels
            .get_or_insert_default()
            .insert(label::PROMETHEUS_RULE.to_owned(), label::TRUE.to_owned());
        Self {
            ruler,
            namespace: ruler.metadata.namespace.as_deref().unwrap_or_default(),
            config,
        }
    }

    /// The command that shows the log of the first ruler.
    pub fn log_command(&self) -> String {
        let name = identity(&self.ruler.name_any()).name;
        format!("kubectl -n {} logs {name}-0 -c thanos-rule", self.namespace)
    }

    /// Whether Prometheus Operator's resources may matter.
    pub fn reads_prometheus_operator(&self) -> bool {
        !is_gated(self.ruler)
    }

    /// The selectors over PrometheusRules; what any of them selects counts.
    pub fn prometheus_rules(&self) -> [Selectors<'_>; 2] {
        let spec = &self.ruler.spec;
        [
            Selectors {
                own: self.namespace,
                objects: spec.rule_selector.as_ref(),
                namespaces: spec.rule_namespace_selector.as_ref(),
            },
            Selectors {
                own: self.namespace,
                objects: Some(&self.config),
                namespaces: None,
            },
        ]
    }

    /// The selector over ConfigMaps with rule files.
    pub fn files(&self) -> &LabelSelector {
        &self.config
    }

    /// The selectors over Alertmanager resources; `None` if the spec names whom to tell, or nobody.
    pub fn alertmanagers(&self) -> Option<Selectors<'_>> {
        let spec = &self.ruler.spec;
        match &spec.alertmanagers {
            None if spec.alertmanager_url.is_some() => None,
            None => Some(Selectors::all_of(self.namespace)),
            Some(given) if given.selector.is_none() => {
                let named = given.urls.iter().flatten().next().is_some();
                let all = Selectors::all_of(self.namespace);
                (!named).then_some(Selectors {
                    namespaces: given.namespace_selector.as_ref(),
                    ..all
                })
            }
            Some(given) => Some(Selectors {
                own: self.namespace,
                objects: given.selector.as_ref(),
                namespaces: given.namespace_selector.as_ref(),
            }),
        }
    }

    /// The URLs of Alertmanagers, each with the field that gives it.
    pub fn urls(&self) -> Vec<(&'a str, String)> {
        let spec = &self.ruler.spec;
        let single = spec
            .alertmanager_url
            .as_deref()
            .filter(|url| !url.is_empty());
        let single = single.map(|url| (url, "spec.alertmanagerURL".to_owned()));
        let several = spec
            .alertmanagers
            .iter()
            .flat_map(|a| a.urls.iter().flatten());
        let several = several
            .enumerate()
            .map(|(i, url)| (url.as_str(), format!("spec.alertmanagers.urls[{i}]")));
        single.into_iter().chain(several).collect()
    }

    /// Whether the spec says that nobody is to be told.
    pub fn tells_nobody(&self) -> bool {
        self.alertmanagers().is_none() && self.urls().is_empty()
    }

    /// What becomes of rules that are evaluated elsewhere as well.
    pub fn mode(&self) -> RuleMode {
        self.ruler.spec.mode.unwrap_or_default()
    }

    /// The label that holds the tenant of series, and the label of objects that names it, if rules have
    /// tenants.
    pub fn tenancy(&self) -> Option<(&'a str, &'a str)> {
        let config = self.ruler.spec.rule_tenancy_config.as_ref()?;
        let or = |given: &'a Option<String>, default| {
            let given = given.as_deref().filter(|text| !text.is_empty());
            given.unwrap_or(default)
        };
        Some((
            or(
                &config.enforced_tenant_identifier,
                DEFAULT_TENANT_IDENTIFIER,
            ),
            or(&config.tenant_specifier_label, DEFAULT_TENANT_SPECIFIER),
        ))
    }

    /// Whether labels of namespaces decide anything.
    pub fn reads_namespaces(&self, stores: &Stores) -> bool {
        let mut own = self
            .prometheus_rules()
            .into_iter()
            .chain(self.alertmanagers());
        // Who else evaluates a rule depends on the namespaces that these select.
        own.any(|s| s.read_namespaces()) || !stores.prometheuses.items().is_empty()
    }

    /// Whether the status names what a selector nearly matches, which any PrometheusRule can change.
    pub fn shows_candidates(&self) -> bool {
        let status = self.ruler.status.iter();
        let mut conditions = status
            .flat_map(|s| &s.conditions)
            .filter(|c| c.type_ == Condition::RulesAccepted.as_str());
        conditions.any(|c| {
            [
                Reason::SelectorMatchesNothing,
                Reason::MatchesInOtherNamespaces,
            ]
            .iter()
            .any(|reason| c.reason == reason.as_str())
        })
    }
}
