//! Selectors, URLs and modes of a ThanosRuler spec, with defaults applied. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use promop_compat::selection::Selectors;
use thanos_api::names::{Condition, Reason, label};
use thanos_api::v1alpha1::{
    DEFAULT_TENANT_IDENTIFIER, DEFAULT_TENANT_SPECIFIER, RuleMode, ThanosRuler,
};
use thanos_workload::integration;

use crate::names::identity;

/// The resolved spec of one ThanosRuler.
pub(crate) struct SpecInputs<'a> {
    ruler: &'a ThanosRuler,
    /// Its namespace.
    pub namespace: &'a str,
    /// Selector of ConfigMaps and PrometheusRules with the label operator.thanos.io/prometheus-rule.
    config: LabelSelector,
}

impl<'a> SpecInputs<'a> {
    pub fn of(ruler: &'a ThanosRuler) -> Self {
        // As with the Go operator, the label is required in addition to the selector.
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
        integration::resource_gate(&self.ruler.spec.integration) != Some(false)
    }

    /// The selectors of PrometheusRules; their union is evaluated.
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

    /// The selector of ConfigMaps with rule files.
    pub fn files(&self) -> &LabelSelector {
        &self.config
    }

    /// The selectors of Alertmanager resources; `None` if the spec gives only URLs or disables alerting.
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

    /// The URLs of Alertmanagers, each with its field.
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

    /// Whether the spec disables alerting.
    pub fn alerting_disabled(&self) -> bool {
        self.alertmanagers().is_none() && self.urls().is_empty()
    }

    /// How rules are handled that another evaluator also evaluates.
    pub fn mode(&self) -> RuleMode {
        self.ruler.spec.mode.unwrap_or_default()
    }

    /// The series label with the tenant, and the object label that names it; `None` without tenancy.
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

    /// Whether any decision depends on labels of namespaces. Overlap depends on the namespaces that
    /// Prometheuses select, if there are any.
    pub fn reads_namespaces(&self, prometheuses: bool) -> bool {
        let mut own = self
            .prometheus_rules()
            .into_iter()
            .chain(self.alertmanagers());
        own.any(|s| s.read_namespaces()) || prometheuses
    }

    /// Whether the status names candidates of a selector, which any PrometheusRule can change.
    pub fn shows_candidates(&self) -> bool {
        let status = self.ruler.status.iter();
        let mut conditions = status
            .flat_map(|s| &s.common.conditions)
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
