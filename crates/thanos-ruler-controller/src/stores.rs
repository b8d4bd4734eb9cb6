//! The stores of objects that a ThanosRuler depends on, and which event affects which ThanosRuler.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Service};
use kube::ResourceExt;
use kube::core::ApiResource;
use kube_facts::extract::Thin;
use kube_facts::namespaces::Namespaces;
use kube_facts::policy::PolicyFacts;
use kube_facts::{Key, NamespaceFacts};
use operator_runtime::{PartialCache, Related, RelatedOf, Spec, Store};
use promop_compat::extract::{
    AlertmanagerSpec, GeneratedRulesObject, RejectionEvent, RuleObject, ServiceSpec,
    ThanosRulerSpec,
};
use promop_compat::kind;
use promop_compat::model::{
    AlertmanagerFacts, GeneratedRulesFacts, PrometheusFacts, RejectionFacts, RuleFacts,
    ServiceFacts, ThanosRulerFacts,
};
use promop_compat::rules;
use thanos_api::v1alpha1::ThanosRuler;
use thanos_controller_common::facts::{
    ClassFacts, DeploymentFacts, MountFacts, PodFacts, PvcFacts, QuerierFacts, ReplicaSetFacts,
    SecretFacts,
};
use thanos_controller_common::related::{self, QUERIERS, THANOS};
use thanos_controller_common::stores::{is_at_home, of, queriers};
use thanos_workload::{query_api, remote_write};

use crate::RulerController;
use crate::facts::{RuleFileFacts, RuleFileObject, RulerSetFacts, RulerSetObject};
use crate::rules::held::HeldBack;
use crate::rules::source::RenderCache;
use crate::rules::waiting::Waiting;
use crate::secrets;
use crate::spec_inputs::SpecInputs;

/// Labels of the pods, StatefulSets and PVCs of rulers.
const RULERS: &str =
    "app.kubernetes.io/part-of=thanos,app.kubernetes.io/name=thanos-rule,operator.thanos.io/owner";

/// Label of ConfigMaps with rule files.
const RULE_FILES: &str = "operator.thanos.io/prometheus-rule=true";

/// Label of ConfigMaps that Prometheus Operator generates, in all of its versions.
const GENERATED: &str = "managed-by=prometheus-operator";

/// Field selector of the Events with which Prometheus Operator rejects PrometheusRules.
const REJECTIONS: &str = "involvedObject.kind=PrometheusRule,reason=InvalidConfiguration";

/// The stores of all watched kinds.
#[derive(Default)]
pub struct Stores {
    /// PrometheusRules.
    pub rules: Store<RuleFacts>,
    /// ConfigMaps with rule files.
    pub files: Store<RuleFileFacts>,
    /// ConfigMaps with the rule files that Prometheus Operator generates.
    pub generated: Store<GeneratedRulesFacts>,
    /// Events about PrometheusRules that Prometheus Operator rejects.
    pub rejections: Store<RejectionFacts>,
    /// Prometheus resources.
    pub prometheuses: Store<PrometheusFacts>,
    /// ThanosRulers of Prometheus Operator.
    pub rulers: Store<ThanosRulerFacts>,
    /// Alertmanager resources.
    pub alertmanagers: Store<AlertmanagerFacts>,
    /// Services of Thanos.
    pub services: Store<ServiceFacts>,
    /// StatefulSets of rulers.
    pub sets: Store<RulerSetFacts>,
    /// Pods of rulers.
    pub pods: Store<PodFacts>,
    /// Pods of queriers.
    pub queriers: Store<QuerierFacts>,
    /// ReplicaSets of queriers.
    pub replica_sets: Store<ReplicaSetFacts>,
    /// Deployments of queriers.
    pub querier_deployments: Store<DeploymentFacts>,
    /// Events about volumes that fail to mount.
    pub mounts: Store<MountFacts>,
    /// PVCs of rulers.
    pub pvcs: Store<PvcFacts>,
    /// StorageClasses.
    pub classes: Store<ClassFacts>,
    /// Secrets.
    pub secrets: Store<SecretFacts>,
    /// NetworkPolicies.
    pub policies: Store<PolicyFacts>,
    /// Namespaces.
    pub namespaces: Store<NamespaceFacts>,
    /// Rendered rules of each object.
    pub rendered: RenderCache,
    /// State that one reconcile of a ThanosRuler keeps for the next, by the UID of the ThanosRuler.
    pub memories: BTreeMap<String, Arc<RulerMemory>>,
}

/// State that one reconcile of a ThanosRuler keeps for the next.
#[derive(Clone, Debug)]
pub struct RulerMemory {
    /// Rules that are held back, and those that rulers have loaded.
    pub held: HeldBack,
    /// Decisions on PrometheusRules that other evaluators may evaluate; `None` until PrometheusRules are
    /// first readable.
    pub waiting: Option<Waiting>,
}

impl Stores {
    /// The pods that the StatefulSet of a ThanosRuler controls.
    pub(crate) fn pods_of<'a>(&'a self, ruler: &'a ThanosRuler) -> BTreeMap<String, &'a PodFacts> {
        let namespace = ruler.metadata.namespace.as_deref().unwrap_or_default();
        let set = self.set(ruler).map(|it| &it.set);
        of(&self.pods, namespace)
            .filter(|(_, pod)| set.is_some_and(|set| pod.is_of(set)))
            .map(|(key, pod)| (key.name.clone(), pod))
            .collect()
    }

    /// The queriers of a namespace.
    pub(crate) fn queriers_of<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a QuerierFacts)> {
        let all = queriers(
            &self.queriers,
            &self.replica_sets,
            &self.querier_deployments,
        );
        all.filter(move |(key, _)| key.namespace == namespace)
    }

    /// The readable namespaces. Objects outside the watched namespaces cause no events, so the limit of
    /// the process is not applied.
    fn namespaces(&self) -> Namespaces<'_> {
        Namespaces {
            listed: self.namespaces.readable(),
            watched: None,
        }
    }
}

/// Every related kind with its store.
#[must_use]
pub fn related() -> Vec<RelatedOf<RulerController>> {
    [of_prometheus_operator(), of_thanos(), of_kubernetes()]
        .into_iter()
        .flatten()
        .collect()
}

fn of_prometheus_operator() -> Vec<RelatedOf<RulerController>> {
    vec![
        Related::partial::<RuleObject>(
            kind::PROMETHEUS_RULE,
            Spec {
                store: |v: &Stores| &v.rules,
                store_mut: |v: &mut Stores| &mut v.rules,
                is_affected_by: |stores: &Stores, ruler, key, old, new| {
                    let spec_inputs = SpecInputs::of(ruler);
                    let is_affected = || {
                        let all = spec_inputs.prometheus_rules();
                        let mut all = all.iter();
                        all.any(|s| rules::is_affected_by(&stores.namespaces(), s, key, old, new))
                    };
                    spec_inputs.reads_prometheus_operator()
                        && (is_affected() || spec_inputs.shows_candidates())
                },
            },
            PartialCache {
                is_needed: |stores: &Stores, ruler, key, facts: &RuleFacts| {
                    let spec_inputs = SpecInputs::of(ruler);
                    let all = spec_inputs.prometheus_rules();
                    let mut all = all.iter();
                    let namespaces = stores.namespaces();
                    spec_inputs.reads_prometheus_operator()
                        && all
                            .any(|s| rules::is_affected_by(&namespaces, s, key, None, Some(facts)))
                },
                without: RuleFacts::without_groups,
            },
        )
        .debounced(),
        related::prometheuses(
            |v: &Stores| &v.prometheuses,
            |v: &mut Stores| &mut v.prometheuses,
            |_, ruler, _, _, _| SpecInputs::of(ruler).reads_prometheus_operator(),
        ),
        Related::optional::<Thin<ThanosRulerSpec>>(
            kind::THANOS_RULER,
            Spec {
                store: |v: &Stores| &v.rulers,
                store_mut: |v: &mut Stores| &mut v.rulers,
                is_affected_by: |_, ruler, _, old, new| {
                    SpecInputs::of(ruler).reads_prometheus_operator()
                        && rules::ruler_affects(old, new)
                },
            },
        ),
        Related::optional::<Thin<AlertmanagerSpec>>(
            kind::ALERTMANAGER,
            Spec {
                store: |v: &Stores| &v.alertmanagers,
                store_mut: |v: &mut Stores| &mut v.alertmanagers,
                is_affected_by: |_, ruler, _, _, _| {
                    let spec_inputs = SpecInputs::of(ruler);
                    spec_inputs.reads_prometheus_operator() && spec_inputs.alertmanagers().is_some()
                },
            },
        ),
    ]
}

fn of_thanos() -> Vec<RelatedOf<RulerController>> {
    vec![
        Related::new::<RuleFileObject>(
            ApiResource::erase::<ConfigMap>(&()),
            Spec {
                store: |v: &Stores| &v.files,
                store_mut: |v: &mut Stores| &mut v.files,
                is_affected_by: |_, ruler: &ThanosRuler, key, _, _| is_at_home(ruler, key),
            },
        )
        .labelled(RULE_FILES)
        .dispensable()
        .debounced(),
        Related::new::<GeneratedRulesObject>(
            ApiResource::erase::<ConfigMap>(&()),
            Spec {
                store: |v: &Stores| &v.generated,
                store_mut: |v: &mut Stores| &mut v.generated,
                is_affected_by: |_, ruler, _, _, _| {
                    SpecInputs::of(ruler).reads_prometheus_operator()
                },
            },
        )
        .labelled(GENERATED)
        .dispensable()
        // Prometheus Operator before 0.86 deletes all of them and creates them anew.
        .debounced(),
        Related::new::<Thin<ServiceSpec>>(
            ApiResource::erase::<Service>(&()),
            Spec {
                store: |v: &Stores| &v.services,
                store_mut: |v: &mut Stores| &mut v.services,
                is_affected_by: |_, ruler, key, old, new| {
                    related::affects_at_home(ruler, key, (old, new), |s: &ServiceFacts| {
                        query_api::is_offered(&s.labels) || remote_write::is_offered(&s.labels)
                    })
                },
            },
        )
        .labelled(THANOS),
        Related::new::<RulerSetObject>(
            ApiResource::erase::<StatefulSet>(&()),
            Spec {
                store: |v: &Stores| &v.sets,
                store_mut: |v: &mut Stores| &mut v.sets,
                is_affected_by: |_, ruler: &ThanosRuler, key, old, new| {
                    let uid = ruler.metadata.uid.as_ref();
                    let is_own = |it: &RulerSetFacts| Some(&it.set.owner) == uid;
                    related::affects_at_home(ruler, key, (old, new), is_own)
                },
            },
        )
        .labelled(RULERS)
        .debounced(),
        related::pods(RULERS, |v: &Stores| &v.pods, |v: &mut Stores| &mut v.pods),
        related::queriers(
            |v: &Stores| &v.queriers,
            |v: &mut Stores| &mut v.queriers,
            // Only a new API path matters, not the pods themselves.
            |_, ruler, key, old: Option<&QuerierFacts>, new| {
                is_at_home(ruler, key)
                    && new.is_some_and(|new| old.map(|old| &old.prefix) != Some(&new.prefix))
            },
        ),
        related::replica_sets(
            QUERIERS,
            |v: &Stores| &v.replica_sets,
            |v: &mut Stores| &mut v.replica_sets,
            |_, ruler, key, _, new| is_at_home(ruler, key) && new.is_some(),
        ),
        related::querier_deployments(
            |v: &Stores| &v.querier_deployments,
            |v: &mut Stores| &mut v.querier_deployments,
            |_, ruler, key, _, new| is_at_home(ruler, key) && new.is_some(),
        ),
    ]
}

fn of_kubernetes() -> Vec<RelatedOf<RulerController>> {
    vec![
        related::mounts(
            |v: &Stores| &v.mounts,
            |v: &mut Stores| &mut v.mounts,
            |stores: &Stores, ruler, key, _, new| {
                let pods = of(&stores.pods, &key.namespace).map(|(_, pod)| pod);
                related::is_about(ruler, key, new, pods)
            },
        ),
        Related::new::<RejectionEvent>(
            ApiResource::erase::<Event>(&()),
            Spec {
                store: |v: &Stores| &v.rejections,
                store_mut: |v: &mut Stores| &mut v.rejections,
                // Only the rule files decide; the events give the reason.
                is_affected_by: |_, _, _, _, _| false,
            },
        )
        .fields(REJECTIONS)
        .dispensable(),
        related::pvcs(RULERS, |v: &Stores| &v.pvcs, |v: &mut Stores| &mut v.pvcs),
        related::classes(|v: &Stores| &v.classes, |v: &mut Stores| &mut v.classes),
        related::secrets(
            |v: &Stores| &v.secrets,
            |v: &mut Stores| &mut v.secrets,
            |_, ruler: &ThanosRuler, key, _, _| {
                let mut read = secrets::keys(&ruler.spec);
                is_at_home(ruler, key) && read.any(|(_, it)| it.name == key.name)
            },
        ),
        related::policies(
            |v: &Stores| &v.policies,
            |v: &mut Stores| &mut v.policies,
            |_, ruler, _, _, _| {
                let spec_inputs = SpecInputs::of(ruler);
                spec_inputs.reads_prometheus_operator() && spec_inputs.alertmanagers().is_some()
            },
        ),
        related::namespaces(
            |v: &Stores| &v.namespaces,
            |v: &mut Stores| &mut v.namespaces,
            |stores: &Stores, ruler: &ThanosRuler, key: &Key, _, _| {
                let spec_inputs = SpecInputs::of(ruler);
                let prometheuses = !stores.prometheuses.items().is_empty();
                ruler.namespace().as_ref() == Some(&key.name)
                    || (spec_inputs.reads_prometheus_operator()
                        && spec_inputs.reads_namespaces(prometheuses))
            },
        ),
    ]
}
