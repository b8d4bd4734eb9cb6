//! What a controller may use: kinds of Prometheus Operator by its flag, the spec and the CRDs, and objects
//! by namespaces. No IO.

use std::collections::{BTreeMap, BTreeSet};

use kube_facts::namespaces::Namespaces;
use kube_facts::optional::OptionalKind;
use kube_facts::{Key, Labels, NamespaceFacts};
use operator_runtime::{Cluster, Store};
use promop_compat::gate::Gate;
use promop_compat::kind;
use promop_compat::model::PrometheusFacts;
use thanos_api::v1alpha1::Integration;
use thanos_workload::integration;

use crate::monitored::{Monitored, Monitoring};

/// Limits of a controller by its command line.
#[derive(Clone, Debug)]
pub struct Scope {
    operator_gate: bool,
    watched: Option<BTreeSet<String>>,
}

/// Kinds of Prometheus Operator that one custom resource uses in one reconcile.
#[derive(Clone, Copy, Debug)]
pub struct Gates<'a> {
    scope: &'a Scope,
    integration: &'a Integration,
    cluster: Cluster<'a>,
}

/// Inputs of the status of every kind.
#[derive(Clone, Debug, Default)]
pub struct CommonInputs {
    /// Gate of each kind of Prometheus Operator in use.
    pub gates: Vec<(OptionalKind, Gate)>,
    /// Whether a Prometheus scrapes the pods.
    pub monitored: Monitored,
}

impl Scope {
    /// `operator_gate` is the feature gate of the command line; a non-empty `namespaces` limits the watches.
    #[must_use]
    pub fn new(operator_gate: bool, namespaces: &[String]) -> Self {
        let watched = (!namespaces.is_empty()).then(|| namespaces.iter().cloned().collect());
        Self {
            operator_gate,
            watched,
        }
    }

    /// Watched namespaces; `None` if all are.
    #[must_use]
    pub const fn watched(&self) -> Option<&BTreeSet<String>> {
        self.watched.as_ref()
    }

    /// The known namespaces.
    #[must_use]
    pub fn namespaces<'a>(&'a self, store: &'a Store<NamespaceFacts>) -> Namespaces<'a> {
        Namespaces {
            listed: store.readable(),
            watched: self.watched(),
        }
    }

    /// The kinds that a custom resource with these settings uses.
    #[must_use]
    pub const fn gates<'a>(
        &'a self,
        integration: &'a Integration,
        cluster: Cluster<'a>,
    ) -> Gates<'a> {
        Gates {
            scope: self,
            integration,
            cluster,
        }
    }
}

impl Gates<'_> {
    /// Whether a kind is used, and which gate decides.
    #[must_use]
    pub fn of(&self, kind: OptionalKind) -> Gate {
        let operator_gate = self.scope.operator_gate;
        integration::gate(operator_gate, self.integration, self.cluster.caps, kind)
    }

    /// Inputs of a kind that uses ServiceMonitors and Prometheuses only to be scraped.
    #[must_use]
    pub fn inputs(
        &self,
        namespace: &str,
        monitors: &[(String, Labels)],
        prometheuses: &Store<PrometheusFacts>,
        namespaces: &Store<NamespaceFacts>,
    ) -> CommonInputs {
        let gates = [kind::SERVICE_MONITOR, kind::PROMETHEUS].map(|kind| (kind, self.of(kind)));
        let prometheuses = self
            .of(kind::PROMETHEUS)
            .is_open()
            .then(|| prometheuses.items());
        let namespaces = self.scope.namespaces(namespaces);
        CommonInputs {
            gates: gates.to_vec(),
            monitored: self.monitored(namespace, monitors, prometheuses, namespaces),
        }
    }

    /// Whether a Prometheus scrapes the pods of a namespace, whose ServiceMonitors are given by name and
    /// labels. `prometheuses` is `None` if they are unreadable.
    #[must_use]
    pub fn monitored(
        &self,
        namespace: &str,
        monitors: &[(String, Labels)],
        prometheuses: Option<&BTreeMap<Key, PrometheusFacts>>,
        namespaces: Namespaces<'_>,
    ) -> Monitored {
        let monitoring = Monitoring {
            gate: self.of(kind::SERVICE_MONITOR),
            desired: integration::wants_monitors(self.integration),
            monitors,
            namespace,
            prometheuses,
            namespaces,
            access: self.cluster.access,
        };
        monitoring.decide()
    }
}

/// Whether the flag or the spec disables a kind, which ends a freeze at once.
#[must_use]
pub const fn is_disabled(gate: Gate) -> bool {
    matches!(gate, Gate::DisabledByOperator | Gate::DisabledByResource)
}

/// Whether objects of a kind were readable before and are not now.
#[must_use]
pub fn is_frozen<F: PartialEq>(store: &Store<F>) -> bool {
    store.is_frozen() && !store.is_unknown()
}
