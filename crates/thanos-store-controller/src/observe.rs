//! Computes the inputs of plan and status from the stores. No IO.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube_facts::Key;
use operator_runtime::{Cluster, Probe};
use promop_compat::kind;
use thanos_api::v1alpha1::ThanosStore;
use thanos_controller_common::facts::PodFacts;
use thanos_controller_common::listing::{self, Listing, Querier};
use thanos_controller_common::pod_failures::unscheduled;
use thanos_controller_common::scope::CommonInputs;
use thanos_controller_common::secrets::{Content, content};
use thanos_controller_common::stores::{of, queriers, unmounted};
use thanos_controller_common::volumes::{ConditionState, Remedies, Volumes};
use thanos_workload::{ports, store_api};

use crate::facts::ShardFacts;
use crate::generation::Generation;
use crate::health::{self, HealthInputs};
use crate::plan::{self, replicas_of_surge};
use crate::plan_inputs::PlanInputs;
use crate::reshard::{Addresses, ReshardInputs, reshard};
use crate::secrets;
use crate::stores::Stores;
use crate::{Observed, StoreController, time_range};

/// Remedies for problems with volumes.
const REMEDIES: Remedies = Remedies {
    no_class: "create a new ThanosStore with spec.storage.storageClass",
    no_growth: "delete one PVC and its pod at a time: the new pod gets a volume of the requested size and downloads its data again",
};

/// Inputs of the status, in addition to those of the plan.
#[derive(Clone, Debug)]
pub struct StatusInputs {
    /// Inputs of every kind.
    pub common: CommonInputs,
    /// Condition ObjectStorageReady.
    pub object_storage: ConditionState,
    /// Whether Secrets are watched.
    pub secrets_watched: bool,
    /// Message of the scheduler about an unscheduled pod.
    pub unscheduled: Option<String>,
    /// Probes of pods.
    pub probes: Vec<Probe>,
    /// Time until the time range has to be evaluated again.
    pub requeue_after: Option<Duration>,
    /// Time of the observation.
    pub now: jiff::Timestamp,
}

/// Observes one ThanosStore.
pub(crate) fn observe(
    controller: &StoreController,
    stores: &Stores,
    cluster: Cluster<'_>,
    store: &Arc<ThanosStore>,
) -> Observed {
    let gates = controller.scope.gates(&store.spec.integration, cluster);
    let (cr, namespace) = (store.name_any(), store.namespace().unwrap_or_default());
    let own = Own::of(stores, store, &namespace);

    let shards = store
        .spec
        .sharding_strategy
        .as_ref()
        .and_then(|s| s.shards)
        .unwrap_or(1);
    let generation = Generation::desired(&cr, shards.max(1), &own.sets);
    let current = generation.names(&cr);
    let is_moving = own.is_moving(store, &current);
    let all = queriers(
        &stores.queriers,
        &stores.replica_sets,
        &stores.querier_deployments,
    );
    let queriers: Vec<(&Key, &String)> = all
        .filter(|_| is_moving)
        .filter_map(|(key, facts)| Some((key, facts.stores.as_ref()?)))
        .collect();
    let listing = Listing {
        queriers: queriers
            .iter()
            .map(|(key, url)| Querier::of(key.to_string(), url, cluster.answers))
            .collect(),
    };
    let ready = own.ready_addresses(&namespace);
    let addresses = own.with_missing(ready.clone());
    let listed = own.listed_addresses(&namespace);
    let reshard_inputs = ReshardInputs {
        cr: &cr,
        sets: &own.sets,
        desired: generation,
        addresses: &addresses,
        listed: &listed,
        listing: &listing,
    };
    let reshard = reshard(&reshard_inputs);
    let unknown: BTreeMap<String, String> = current
        .iter()
        .filter_map(|name| {
            let querier = listing.not_joined(listed.get(name)?, ready.get(name)?)?;
            Some((name.clone(), format!("querier {}", querier.pod)))
        })
        .collect();

    let keys = secrets::keys(&store.spec);
    let content = content(keys, &namespace, stores.secrets.readable());
    let object_storage = health::condition(&HealthInputs {
        namespace: &namespace,
        pods: &own.pods,
        unmounted: &unmounted(&stores.mounts, &namespace),
        answers: cluster.answers,
        missing: match &content {
            Content::Missing(what) => Some(what),
            Content::Unwatched | Content::Digest(_) => None,
        },
    });
    let common = gates.inputs(
        &namespace,
        &plan::monitors(store),
        &stores.prometheuses,
        &stores.namespaces,
    );
    let shards = own.pods.values();
    let store_probes = shards.filter_map(|pod| health::probe(pod, cluster.answers));
    let querier_probes = queriers.iter().map(|(_, url)| listing::probe(url));
    let time_range = time_range::evaluate(store.spec.time_range_config.as_ref(), cluster.now);
    let status_inputs = StatusInputs {
        common,
        object_storage,
        secrets_watched: content != Content::Unwatched,
        unscheduled: unscheduled(own.pods.iter().map(|(name, pod)| (name, *pod))),
        probes: store_probes.chain(querier_probes).collect(),
        requeue_after: time_range.changes_in,
        now: cluster.now,
    };
    let ready_pods = own.pods.iter().filter(|(_, pod)| pod.ready);
    let ready_pods = ready_pods.map(|(name, _)| name.clone()).collect();
    let volumes = Volumes::of(store.as_ref(), &stores.pvcs, &stores.classes, REMEDIES);
    let plan_inputs = PlanInputs {
        store: store.clone(),
        settings: controller.settings.clone(),
        service_monitors: gates.of(kind::SERVICE_MONITOR).is_open(),
        sets: own.sets,
        time_range: time_range.fault,
        generation,
        reshard,
        unknown,
        ready: ready_pods,
        secrets: content.digest(),
        volumes,
    };
    Observed {
        plan_inputs,
        status_inputs,
    }
}

/// Address by which queriers use a StatefulSet as a group.
fn group(namespace: &str, set: &str) -> String {
    let grpc = u16::try_from(ports::GRPC_NUMBER).unwrap_or_default();
    let address = store_api::group_address(&Key::new(namespace, set), grpc);
    listing::group(&address)
}

/// Objects of one ThanosStore.
struct Own<'a> {
    sets: BTreeMap<String, ShardFacts>,
    /// Pods of the StatefulSets.
    pods: BTreeMap<String, &'a PodFacts>,
}

impl<'a> Own<'a> {
    fn of(stores: &'a Stores, store: &ThanosStore, namespace: &'a str) -> Self {
        let uid = store.metadata.uid.as_deref().unwrap_or_default();
        let sets: BTreeMap<String, ShardFacts> = of(&stores.sets, namespace)
            .filter(|(_, shard)| shard.set.owner == uid)
            .map(|(key, shard)| (key.name.clone(), shard.clone()))
            .collect();
        let pods = of(&stores.pods, namespace)
            .filter(|(_, pod)| {
                sets.get(&pod.set)
                    .is_some_and(|shard| pod.is_of(&shard.set))
            })
            .map(|(key, pod)| (key.name.clone(), pod))
            .collect();
        Self { sets, pods }
    }

    /// Whether queriers are probed: shards or pods are being replaced.
    fn is_moving(&self, store: &ThanosStore, current: &[String]) -> bool {
        let surging = store.spec.replicas + replicas_of_surge(store);
        self.sets.iter().any(|(name, shard)| {
            let is_old = !current.contains(name);
            is_old || (surging > store.spec.replicas && shard.set.replicas >= surging)
        })
    }

    /// Addresses by which queriers should use each StatefulSet: those of its ready pods, or that of
    /// the group.
    fn ready_addresses(&self, namespace: &str) -> Addresses {
        let of_set = |(name, shard): (&String, &ShardFacts)| {
            if shard.group {
                return (name.clone(), vec![group(namespace, name)]);
            }
            let ips = self.ready_pods(name).filter_map(|(_, pod)| pod.ip);
            (name.clone(), ips.map(listing::address).collect())
        };
        self.sets.iter().map(of_set).collect()
    }

    /// Addresses by which queriers may still use each StatefulSet. They lag behind a change of the
    /// number of replicas, which turns pods into a group or back, and of the readiness of pods.
    fn listed_addresses(&self, namespace: &str) -> Addresses {
        let of_set = |name: &String| {
            let pods = self.pods.values().filter(|pod| pod.set == *name);
            let pods = pods.filter_map(|pod| pod.ip).map(listing::address);
            let all = pods.chain([group(namespace, name)]).collect();
            (name.clone(), all)
        };
        self.sets.keys().map(of_set).collect()
    }

    /// Adds an address that no querier lists for each StatefulSet with a pod that is not ready.
    fn with_missing(&self, mut all: Addresses) -> Addresses {
        for (name, shard) in &self.sets {
            let ready = self.ready_pods(name).count();
            if usize::try_from(shard.set.replicas).is_ok_and(|desired| ready < desired) {
                let missing = format!("a pod of {name} that is not ready");
                all.entry(name.clone()).or_default().push(missing);
            }
        }
        all
    }

    fn ready_pods(&self, set: &str) -> impl Iterator<Item = (&String, &PodFacts)> {
        let pods = self.pods.iter().map(|(name, pod)| (name, *pod));
        pods.filter(move |(_, pod)| pod.set == set && pod.ready)
    }
}
