//! The inputs of plan and status, from the stores and the spec. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube_facts::optional::OptionalKind;
use kube_facts::{Key, Labels};
use operator_runtime::{Cluster, Invalid, Probe};
use promop_compat::alertmanagers as operated;
use promop_compat::gate::Gate;
use promop_compat::kind;
use promop_compat::rules::Evaluators;
use thanos_api::names::{Condition, Reason};
use thanos_api::v1alpha1::{HeldRules, RuleMode, ThanosRuler};
use thanos_controller_common::pod_failures::unscheduled;
use thanos_controller_common::scope::{CommonInputs, is_disabled, is_frozen};
use thanos_controller_common::secrets::{Content, content};
use thanos_controller_common::stores::{of, unmounted};
use thanos_controller_common::volumes::{ConditionState, Remedies, Volumes};
use thanos_rules::Dialect;
use thanos_workload::{FieldError, image, ports, remote_write};

use crate::addresses::{Target, Transport};
use crate::health;
use crate::names::identity;
use crate::network::{self, Blocked};
use crate::plan;
use crate::plan_inputs::PlanInputs;
use crate::queriers::{self, Queriers};
use crate::rules::collect::{CollectInputs, Collected, collect};
use crate::rules::held::HeldBack;
use crate::rules::loaded;
use crate::rules::waiting::Decisions;
use crate::secrets;
use crate::spec_inputs::SpecInputs;
use crate::stores::{RulerMemory, Stores};
use crate::{Observed, RulerController, sends};

/// Advice about volumes in messages.
const REMEDIES: Remedies = Remedies {
    no_class: "create a new ThanosRuler with spec.storage.storageClass set",
    no_growth: "create a new ThanosRuler with larger volumes, and delete this one when the new one is ready",
};

/// Why overlap cannot be detected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverlapUnknown {
    /// The controller has no permission to read ConfigMaps.
    Forbidden,
    /// Rule files are read only in these namespaces, and a Prometheus in another namespace may select
    /// their rules.
    Limited(BTreeSet<String>),
}

/// Inputs of the status in addition to those of the plan.
#[derive(Clone, Debug)]
pub struct StatusInputs {
    /// Inputs of every kind.
    pub common: CommonInputs,
    /// The rules.
    pub rules: Collected,
    /// Why Prometheus Operator rejects PrometheusRules, by UID, as its Events say.
    pub rejections: BTreeMap<String, String>,
    /// Why overlap cannot be detected for every rule.
    pub overlap_unknown: Option<OverlapUnknown>,
    /// The rules that are held back, for the next process.
    pub held: Vec<HeldRules>,
    /// Whether rulers have loaded them.
    pub loaded: ConditionState,
    /// The Alertmanager resources, if the spec selects any.
    pub alertmanagers: Option<operated::Alertmanagers>,
    /// The send counters of rulers; `None` if one of them does not report them.
    pub sends: Option<sends::SendCounters>,
    /// Time of the reconcile.
    pub now: jiff::Timestamp,
    /// The Alertmanager resources that NetworkPolicies block.
    pub blocked: BTreeMap<Key, Blocked>,
    /// The spec disables alerting.
    pub alerting_disabled: bool,
    /// The cache of a selected object is partial; it must be listed again.
    pub incomplete: bool,
    /// The last discovered configuration stays in effect.
    pub frozen: bool,
    /// The condition `ObjectStorageReady`.
    pub pods: ConditionState,
    /// Whether the controller has permission to watch Secrets.
    pub secrets_watched: bool,
    /// Message of the scheduler about pods without a node.
    pub unscheduled: Option<String>,
    /// Probes of the rulers.
    pub probes: Vec<Probe>,
    /// Time after which the decision changes without an event.
    pub requeue_after: Option<Duration>,
    /// An invalid Alertmanager URL of the spec.
    pub invalid: Option<Invalid>,
}

/// Observes one ThanosRuler.
pub(crate) fn observe(
    controller: &RulerController,
    stores: &Stores,
    cluster: Cluster<'_>,
    ruler: &Arc<ThanosRuler>,
) -> Observed {
    let gates = controller.scope.gates(&ruler.spec.integration, cluster);
    let gate = |kind| gates.of(kind);
    let kinds = [
        kind::PROMETHEUS_RULE,
        kind::ALERTMANAGER,
        kind::PROMETHEUS,
        kind::THANOS_RULER,
        kind::SERVICE_MONITOR,
    ];
    // The CRD of Prometheus Operator's ThanosRuler is rarely installed, and its absence needs no action.
    let is_reported = |(kind, gate): &(OptionalKind, Gate)| {
        *kind != kind::THANOS_RULER || *gate != Gate::CrdsAbsent
    };
    let reported = kinds.map(|kind| (kind, gate(kind))).into_iter();
    let reported: Vec<(OptionalKind, Gate)> = reported.filter(is_reported).collect();
    let spec_inputs = SpecInputs::of(ruler);
    let namespace = spec_inputs.namespace;
    let namespaces = controller.scope.namespaces(&stores.namespaces);
    let pods = stores.pods_of(ruler);

    let image = image::of(&ruler.spec.common, &controller.settings.common.thanos_image);
    let uid = ruler.metadata.uid.as_deref().unwrap_or_default();
    let memory = stores.memories.get(uid);
    let held = match (memory, &ruler.status) {
        (Some(memory), _) => memory.held.clone(),
        (None, Some(status)) => HeldBack::new(&status.held_rules),
        (None, None) => HeldBack::default(),
    };
    let mut held = held.with_image(&image);
    let before = memory.and_then(|memory| memory.waiting.as_ref());
    let collect_rules = |held: &HeldBack| {
        let decisions = Decisions::new(before, cluster.now);
        rules(
            controller,
            stores,
            ruler,
            &spec_inputs,
            &gate,
            held,
            decisions,
        )
    };
    let mut rules = collect_rules(&held);
    let is_known = rules.rules.is_some() && rules.files.is_some();
    if is_known && rules.unrendered.is_empty() {
        let (now, is_written) = (cluster.now, is_written(ruler));
        rules.expected.after = held.mount(now, &rules.mounted, is_written);
        let all_loaded = loaded::all_loaded(&pods, cluster.answers, &rules.expected);
        if held.learn(now, (&rules.mounted, &rules.held), &all_loaded) {
            rules = collect_rules(&held);
            rules.expected.after = held.mount(now, &rules.mounted, is_written);
        }
    }
    let memory = Arc::new(RulerMemory {
        held,
        // While PrometheusRules are unreadable the decisions stay as they are.
        waiting: match rules.rules.is_some() {
            true => Some(std::mem::take(&mut rules.waiting)),
            false => before.cloned(),
        },
    });
    let alertmanagers = spec_inputs
        .alertmanagers()
        .filter(|_| !is_disabled(gate(kind::ALERTMANAGER)));
    let alertmanagers =
        alertmanagers.map(|s| operated::resolve(stores.alertmanagers.items(), &namespaces, &s));
    let (targets, invalid) = match targets(&spec_inputs, alertmanagers.as_ref()) {
        Ok(targets) => (targets, None),
        Err(error) => (Vec::new(), Some(Invalid::new(error.field, error.message))),
    };
    // Without a former Alertmanager resource there is nothing to keep.
    let previous = ruler.status.iter().flat_map(|s| &s.alertmanagers);
    let had_some = previous.into_iter().any(|a| !a.alertmanager.is_empty());
    let unknown = alertmanagers.is_some() && stores.alertmanagers.is_unknown() && had_some;
    let known = (!unknown).then_some(targets);

    let keys = secrets::keys(&ruler.spec);
    let content = content(keys, namespace, stores.secrets.readable());
    let unmounted = unmounted(&stores.mounts, namespace);
    let prometheuses = gate(kind::PROMETHEUS);
    let monitored = gates.monitored(
        namespace,
        &plan::monitors(ruler),
        prometheuses.is_open().then(|| stores.prometheuses.items()),
        namespaces,
    );
    let rules_gate = gate(kind::PROMETHEUS_RULE);
    let rules_frozen = is_frozen(&stores.rules) || are_missing(stores, ruler, rules_gate);
    let status_inputs = StatusInputs {
        incomplete: rules.incomplete && !stores.rules.is_frozen(),
        frozen: rules_frozen && !is_disabled(rules_gate)
            || alertmanagers.is_some() && (is_frozen(&stores.alertmanagers) || unknown),
        loaded: health::loaded(
            &pods,
            cluster.answers,
            &rules.expected,
            spec_inputs.namespace,
            is_known,
        ),
        pods: health::pods(&pods, &unmounted, &content, secrets::uploads(&ruler.spec)),
        secrets_watched: content != Content::Unwatched,
        unscheduled: unscheduled(pods.iter().map(|(name, pod)| (name, *pod))),
        probes: pods
            .values()
            .filter_map(|pod| loaded::probe(pod, cluster.answers, &rules.expected))
            .collect(),
        sends: {
            let ready = pods.values().filter(|pod| pod.ready);
            sends::counters(ready.map(|pod| loaded::send_lines(pod, cluster.answers)))
        },
        now: cluster.now,
        blocked: network::blocked(
            ruler,
            alertmanagers
                .iter()
                .flat_map(|a| &a.groups)
                .flat_map(|g| &g.targets),
            stores.alertmanagers.items(),
            stores.policies.items(),
            &namespaces,
        ),
        alerting_disabled: spec_inputs.alerting_disabled(),
        alertmanagers,
        common: CommonInputs {
            gates: reported,
            monitored,
        },
        invalid,
        rejections: {
            let all = stores.rejections.items().values();
            let is_missed = |rule: &str| rules.missed.iter().any(|missed| missed.uid == rule);
            let missed = all.filter(|rejection| is_missed(&rejection.rule));
            missed
                .map(|rejection| (rejection.rule.clone(), rejection.message.clone()))
                .collect()
        },
        overlap_unknown: [kind::PROMETHEUS, kind::THANOS_RULER]
            .into_iter()
            .any(|kind| matches!(gate(kind), Gate::Enabled | Gate::Forbidden))
            .then(|| overlap_unknown(controller, stores, ruler))
            .flatten(),
        requeue_after: rules
            .waiting_ends
            .map(|ends| Duration::try_from(ends.duration_since(cluster.now)).unwrap_or_default()),
        rules,
        held: memory.held.status().collect(),
    };
    let remote_write = of(&stores.services, namespace)
        .filter(|(_, facts)| remote_write::is_offered(&facts.labels))
        .filter(|(_, facts)| is_written_to(ruler, &facts.labels))
        .map(|(key, _)| write_url(key))
        .collect();
    let volumes = Volumes::of(ruler.as_ref(), &stores.pvcs, &stores.classes, REMEDIES);
    let plan_inputs = PlanInputs {
        settings: controller.settings.clone(),
        service_monitors: gate(kind::SERVICE_MONITOR).is_open(),
        set: stores.set(ruler).cloned(),
        rules: status_inputs.rules.rules.clone(),
        files: status_inputs.rules.files.clone(),
        queriers: queriers(stores, ruler, namespace),
        alertmanagers: known,
        remote_write,
        tenants: {
            // A tenant stays: its rules can be absent for a while, or unreadable.
            let before = stores.set(ruler).map(|set| &set.tenants);
            let now = status_inputs.rules.tenants.iter();
            let tenancy = spec_inputs.tenancy().is_some();
            let all = now.chain(before.into_iter().flatten().filter(|_| tenancy));
            all.cloned().collect()
        },
        tenant_label: spec_inputs
            .tenancy()
            .map(|(label, _)| label.to_owned())
            .unwrap_or_default(),
        secrets: content.digest(),
        volumes,
        ruler: ruler.clone(),
    };
    Observed {
        plan_inputs,
        status_inputs,
        memory,
    }
}

fn overlap_unknown(
    controller: &RulerController,
    stores: &Stores,
    ruler: &ThanosRuler,
) -> Option<OverlapUnknown> {
    if ruler.spec.mode == Some(RuleMode::Active) {
        return None;
    }
    match stores.generated.readable() {
        None => Some(OverlapUnknown::Forbidden),
        Some(_) => controller
            .scope
            .watched()
            .cloned()
            .map(OverlapUnknown::Limited),
    }
}

fn rules(
    controller: &RulerController,
    stores: &Stores,
    ruler: &ThanosRuler,
    spec_inputs: &SpecInputs<'_>,
    gate: &impl Fn(OptionalKind) -> Gate,
    held: &HeldBack,
    decisions: Decisions<'_>,
) -> Collected {
    let namespaces = controller.scope.namespaces(&stores.namespaces);
    let nothing = BTreeMap::new();
    let rules = match gate(kind::PROMETHEUS_RULE) {
        off if is_disabled(off) => Some(&nothing),
        gate if are_missing(stores, ruler, gate) => None,
        gate if is_unreadable(stores, gate) => Some(&nothing),
        _ => Some(stores.rules.items()),
    };
    let (no_prometheuses, no_rulers) = (BTreeMap::new(), BTreeMap::new());
    // Deleting a CRD deletes its custom resources and their pods, so frozen ones evaluate nothing.
    let prometheuses = match gate(kind::PROMETHEUS) {
        Gate::Forbidden if stores.prometheuses.is_unknown() => None,
        Gate::CrdsAbsent if stores.prometheuses.is_frozen() => Some(&no_prometheuses),
        _ => Some(stores.prometheuses.items()),
    };
    let rulers = match gate(kind::THANOS_RULER) {
        Gate::Forbidden if stores.rulers.is_unknown() => None,
        Gate::CrdsAbsent if stores.rulers.is_frozen() => Some(&no_rulers),
        _ => Some(stores.rulers.items()),
    };
    let generated = stores.generated.items();
    let evaluators = Evaluators::of(prometheuses, rulers, generated, namespaces);
    let image = image::of(&ruler.spec.common, &controller.settings.common.thanos_image);
    let args = ruler.spec.additional.additional_args.iter().flatten();
    let dialect = Dialect::of_version(tag(&image)).with_arguments(args.map(String::as_str));
    let inputs = CollectInputs {
        rules,
        files: stores
            .files
            .readable()
            .map(|_| of(&stores.files, spec_inputs.namespace).collect()),
        evaluators,
        decisions,
        namespaces,
        dialect,
        rendered: &stores.rendered,
        held,
    };
    let mut all = collect(spec_inputs, inputs);
    // A frozen store may lack objects that no selector selected before: then the mounted rules stay as a
    // whole, as they do while a selector is unusable.
    if all.incomplete || all.unusable.is_some() {
        all.rules = None;
    }
    all
}

/// Whether the plan is applied, according to the status.
fn is_written(ruler: &ThanosRuler) -> bool {
    let conditions = ruler.status.iter().flat_map(|s| &s.common.conditions);
    let mut reconciled = conditions.filter(|c| c.type_ == Condition::Reconciled.as_str());
    // Everything except the field is applied.
    reconciled.all(|c| c.status == "True" || c.reason == Reason::ImmutableField.as_str())
}

/// Whether PrometheusRules are unreadable.
fn is_unreadable(stores: &Stores, gate: Gate) -> bool {
    stores.rules.is_unknown() || gate == Gate::Forbidden
}

/// Whether PrometheusRules are unreadable while some are mounted.
fn are_missing(stores: &Stores, ruler: &ThanosRuler, gate: Gate) -> bool {
    let status = ruler.status.as_ref().and_then(|s| s.rules.as_ref());
    is_unreadable(stores, gate) && status.is_some_and(|rules| rules.prometheus_rules > 0)
}

/// The tag of an image; nothing if it has none.
fn tag(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map_or("", |(_, tag)| tag)
}

/// The Alertmanagers, from URLs and resources.
fn targets(
    spec_inputs: &SpecInputs<'_>,
    found: Option<&operated::Alertmanagers>,
) -> Result<Vec<Target>, FieldError> {
    let urls = spec_inputs.urls();
    let urls = urls.iter().map(|(url, field)| Target::of_url(url, field));
    let mut targets: Vec<Target> = urls.collect::<Result<_, _>>()?;
    for group in found.iter().flat_map(|found| &found.groups) {
        let transport = Transport {
            https: group.transport.https,
            prefix: group.transport.path_prefix.trim_end_matches('/').to_owned(),
        };
        targets.extend(group.targets.iter().map(|target| Target {
            transport: transport.clone(),
            address: target.address(),
            resource: Some(target.alertmanager.clone()),
        }));
    }
    targets.sort();
    targets.dedup();
    Ok(targets)
}

fn queriers(stores: &Stores, ruler: &ThanosRuler, namespace: &str) -> Queriers {
    let prefixes = stores
        .queriers_of(namespace)
        .map(|(_, facts)| (facts.owner.clone(), facts.prefix.clone()))
        .collect();
    let desired = ruler.spec.query_label_selector.as_ref();
    queriers::find(of(&stores.services, namespace), desired, &prefixes)
}

fn is_written_to(ruler: &ThanosRuler, labels: &Labels) -> bool {
    let mode = ruler.spec.ruler_mode.as_ref();
    let stateless = mode.and_then(|m| m.stateless.as_ref());
    let desired = stateless.and_then(|s| s.label_selector.as_ref());
    desired.is_none_or(|desired| kube_facts::selector::matches(desired, labels))
}

fn write_url(service: &Key) -> String {
    let Key { name, namespace } = service;
    let port = ports::REMOTE_WRITE_NUMBER;
    format!("http://{name}.{namespace}.svc:{port}/api/v1/receive")
}

impl Stores {
    /// The StatefulSet of a ThanosRuler.
    pub(crate) fn set(&self, ruler: &ThanosRuler) -> Option<&crate::facts::RulerSetFacts> {
        let namespace = ruler.metadata.namespace.as_deref().unwrap_or_default();
        let name = identity(&ruler.name_any()).name;
        let set = self.sets.items().get(&Key::new(namespace, name))?;
        (Some(&set.set.owner) == ruler.metadata.uid.as_ref()).then_some(set)
    }
}
