//! Every label, annotation, condition and reason that leaves the process.

/// API group of the resources.
pub const GROUP: &str = "monitoring.thanos.io";

/// Labels and their values.
pub mod label {
    /// What program this is. Pods and workloads carry the component (`thanos-query`); exactly one
    /// Service per workload carries [`NAME_SCRAPED`].
    pub const NAME: &str = "app.kubernetes.io/name";
    /// The value of [`NAME`] on the one Service per workload whose port `http` is to be scraped.
    pub const NAME_SCRAPED: &str = "thanos";
    /// The role of a component within Thanos.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// The name of the workload.
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// What this belongs to: always [`PART_OF_VALUE`].
    pub const PART_OF: &str = "app.kubernetes.io/part-of";
    /// The value of [`PART_OF`].
    pub const PART_OF_VALUE: &str = "thanos";
    /// What manages this: always [`MANAGED_BY_VALUE`], which the Go operator uses as well, so that
    /// selectors of existing workloads stay valid.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// The value of [`MANAGED_BY`].
    pub const MANAGED_BY_VALUE: &str = "thanos-operator";
    /// The name of the custom resource that an object belongs to.
    pub const OWNER: &str = "operator.thanos.io/owner";
    /// On the objects of a store shard: its number, from 0.
    pub const SHARD: &str = "operator.thanos.io/shard";
    /// On the objects of a hashring of ingesters: its name.
    pub const HASHRING: &str = "operator.thanos.io/hashring";
    /// The controller that applies an object, by which it finds its objects again.
    pub const CONTROLLER: &str = "operator.thanos.io/controller";
    /// On a Service: the port `grpc` serves the StoreAPI; queriers pick it up.
    pub const STORE_API: &str = "operator.thanos.io/store-api";
    /// On a Service: the port `http` serves the Query API; rulers and frontends pick it up.
    pub const QUERY_API: &str = "operator.thanos.io/query-api";
    /// On a Service: the port `remote-write` takes samples; stateless rulers pick it up.
    pub const REMOTE_WRITE_API: &str = "operator.thanos.io/remote-write-api";
    /// On a ConfigMap or PrometheusRule: rulers look at it.
    pub const PROMETHEUS_RULE: &str = "operator.thanos.io/prometheus-rule";
    /// The value of the four labels above.
    pub const TRUE: &str = "true";
    /// On a StoreAPI Service: one endpoint per pod (as without any of these four labels).
    pub const ENDPOINT: &str = "operator.thanos.io/endpoint";
    /// On a StoreAPI Service: always queried, even while its health check fails.
    pub const ENDPOINT_STRICT: &str = "operator.thanos.io/endpoint-strict";
    /// On a StoreAPI Service: its pods hold the same data, one of them answers each query.
    pub const ENDPOINT_GROUP: &str = "operator.thanos.io/endpoint-group";
    /// On a StoreAPI Service: [`ENDPOINT_GROUP`] and [`ENDPOINT_STRICT`] together.
    pub const ENDPOINT_GROUP_STRICT: &str = "operator.thanos.io/endpoint-group-strict";
    /// On a StoreAPI Service: the external label in which its pods differ that hold copies of the same
    /// samples; queriers merge series that differ in nothing else.
    pub const REPLICA_LABEL: &str = "operator.thanos.io/replica-label";
    /// Kubernetes sets it on every namespace to the namespace's own name.
    pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
}

/// Annotations.
pub mod annotation {
    /// On a pod: hash of the files it mounts. It is patched onto running pods, so that the kubelet
    /// refreshes mounted files at once; it never restarts anything.
    pub const FILES_HASH: &str = "operator.thanos.io/files-hash";
    /// On a ThanosQuery and the like: copied to the pod template, so changing it restarts the pods
    /// one after another.
    pub const RESTART: &str = "operator.thanos.io/restarted-at";
    /// On the StatefulSet of a store shard: into how many shards the blocks are divided.
    pub const SHARDS: &str = "operator.thanos.io/shards";
    /// On the StatefulSet of a hashring: its name, which may be too long for a label.
    pub const HASHRING: &str = "operator.thanos.io/hashring";
    /// On routers: whether the number of a tenant's series is limited. Thanos decides at its start
    /// whether it asks for that number.
    pub const HEAD_SERIES_LIMITS: &str = "operator.thanos.io/head-series-limits";
    /// On a StatefulSet: digest of the pod template, by which a change of it is known before it is
    /// made.
    pub const TEMPLATE_HASH: &str = "operator.thanos.io/template-hash";
    /// On a StatefulSet: one pod more than wanted runs while the pods are replaced.
    pub const SURGE: &str = "operator.thanos.io/surge";
    /// Digest of the configuration in Secrets that pods read when they start. On the pod template,
    /// once that configuration changed: a new value replaces the pods. On the StatefulSet: what it
    /// was when it became readable, which replaces nothing.
    pub const SECRETS_HASH: &str = "operator.thanos.io/secrets-hash";
    /// Digest of the configuration in a ConfigMap that pods read when they start. On the pod template:
    /// a new value replaces the pods.
    pub const CONFIG_HASH: &str = "operator.thanos.io/config-hash";
    /// On the StatefulSet of rulers: the ways to queriers that their configuration has, as scheme and
    /// path. They stay when their last address is removed, so that nothing restarts.
    pub const QUERIER_BLOCKS: &str = "operator.thanos.io/querier-blocks";
    /// On the StatefulSet of rulers: the same for Alertmanagers.
    pub const ALERTMANAGER_BLOCKS: &str = "operator.thanos.io/alertmanager-blocks";
    /// On the StatefulSet of rulers: the tenants that their configuration writes for. They stay when they
    /// have no rules any more, so that nothing restarts for it.
    pub const TENANTS: &str = "operator.thanos.io/tenants";
    /// On a bridge: the Prometheus pod it serves, as `namespace/name`.
    pub const BRIDGE_FOR: &str = "operator.thanos.io/bridge-for";
}

/// The Go thanos-operator, whose resources and objects are taken over.
pub mod legacy {
    /// How it is called.
    pub const NAME: &str = "Go thanos-operator";
    /// The last part of its image's name.
    pub const IMAGE: &str = "thanos-operator";
    /// The Lease by which it elects a leader.
    pub const LEASE: &str = "92ee6155.monitoring.thanos.io";

    /// On ConfigMaps in which it keeps what it read of PrometheusRules.
    pub const DERIVED_RULES: &str = "operator.thanos.io/prometheus-rule-derived-configmap";
    /// On ConfigMaps in which it keeps what it read of other ConfigMaps.
    pub const COPIED_RULES: &str = "operator.thanos.io/user-configmap-source";

    /// A kind of its resources.
    #[derive(Clone, Copy, Debug)]
    pub struct Kind {
        /// The kind.
        pub name: &'static str,
        /// The controller of ours that takes them over, if there is one.
        pub controller: Option<&'static str>,
        /// What to do with them where that does not run.
        pub remedy: &'static str,
    }

    /// All of them.
    pub const KINDS: [Kind; 5] = [
        Kind {
            name: "ThanosCompact",
            controller: None,
            remedy: "there is no controller for them: run thanos compact from a StatefulSet of \
                     your own. To keep those that run: kubectl delete \
                     thanoscompacts.monitoring.thanos.io NAME --cascade=orphan. Never let two \
                     compactors work on one bucket",
        },
        Kind {
            name: "ThanosQuery",
            controller: Some("thanos-query-controller"),
            remedy: "install thanos-query-controller as well, which takes them over",
        },
        Kind {
            name: "ThanosReceive",
            controller: Some("thanos-receive-controller"),
            remedy: "install thanos-receive-controller as well, which takes them over",
        },
        Kind {
            name: "ThanosRuler",
            controller: Some("thanos-ruler-controller"),
            remedy: "install thanos-ruler-controller as well. It makes StatefulSets of other names: \
                     delete StatefulSet thanos-ruler-NAME afterwards, or every alert is sent twice",
        },
        Kind {
            name: "ThanosStore",
            controller: Some("thanos-store-controller"),
            remedy: "install thanos-store-controller as well, which takes them over",
        },
    ];
}

/// Makes an enum whose variants are strings of the API.
macro_rules! api_strings {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The string that the API shows.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

api_strings! {
    /// Condition types. Each answers one question and is always present.
    Condition {
        /// Did the last pass succeed? (Worded as Prometheus Operator words it.)
        Reconciled = "Reconciled",
        /// Do enough pods run? (Worded as Prometheus Operator words it.)
        Available = "Available",
        /// The sum for tools that know one condition only: reconciled, rolled out and available.
        Ready = "Ready",
        /// Are Prometheus Operator's resources used?
        PrometheusOperatorIntegration = "PrometheusOperatorIntegration",
        /// Did the selectors lead to StoreAPI endpoints?
        EndpointsResolved = "EndpointsResolved",
        /// Does a Prometheus scrape what runs here?
        Monitored = "Monitored",
        /// Are inputs held as they were because their API is going away?
        Frozen = "Frozen",
        /// Do the stores read their bucket?
        ObjectStorageReady = "ObjectStorageReady",
        /// Does every pod have the volume that the spec asks for?
        VolumesReady = "VolumesReady",
        /// Are the hashrings as the spec asks for them, and does every router have them?
        HashringStable = "HashringStable",
        /// Do pods follow when the configuration in their Secrets changes?
        SecretRotation = "SecretRotation",
        /// Is every selected rule good, and mounted?
        RulesAccepted = "RulesAccepted",
        /// Have the rulers loaded what is mounted?
        RulesLoaded = "RulesLoaded",
        /// Is there an Alertmanager to tell, and a way to each?
        AlertmanagersResolved = "AlertmanagersResolved",
        /// Is there a querier to ask?
        QueriersResolved = "QueriersResolved",
        /// Whether results that are not stored are written to a receiver.
        ReceiversResolved = "ReceiversResolved",
    }
}

api_strings! {
    /// Reasons of conditions, and of the events that tell the same. Which condition uses which is
    /// said at each.
    Reason {
        /// `Reconciled`: the objects are as they should be.
        Applied = "Applied",
        /// `Reconciled`: a field of the spec must be changed; the message names it.
        InvalidSpec = "InvalidSpec",
        /// `Reconciled`: the API server refused an object, or could not be reached.
        ApplyFailed = "ApplyFailed",
        /// `Reconciled`: an object has to be deleted before this change can be made.
        ImmutableField = "ImmutableField",
        /// `Reconciled`: an object of this name has another owner.
        NotOwned = "NotOwned",
        /// `Reconciled`: `spec.paused` is set; nothing is changed.
        Paused = "Paused",
        /// `Available`: every pod is ready.
        PodsReady = "PodsReady",
        /// `Available`: some pods are not ready, queries are answered.
        SomePodsNotReady = "SomePodsNotReady",
        /// `Available`: no pod is ready.
        NoPodReady = "NoPodReady",
        /// `Ready`: reconciled, rolled out and available.
        Ready = "Ready",
        /// `Ready`: see `Reconciled`.
        NotReconciled = "NotReconciled",
        /// `Ready`: see `Available`.
        NotAvailable = "NotAvailable",
        /// `Ready`: new pods replace old ones.
        RollingOut = "RollingOut",
        /// `PrometheusOperatorIntegration`: used.
        Enabled = "Enabled",
        /// `PrometheusOperatorIntegration`: the controller was started with the gate off.
        DisabledByOperator = "DisabledByOperator",
        /// `PrometheusOperatorIntegration`: this resource turns it off.
        DisabledByResource = "DisabledByResource",
        /// `PrometheusOperatorIntegration`: the cluster does not have the resources.
        CrdsAbsent = "CRDsAbsent",
        /// `PrometheusOperatorIntegration`: the controller may not read or write them.
        Forbidden = "Forbidden",
        /// `EndpointsResolved`: every selected object led to an endpoint.
        Resolved = "Resolved",
        /// `EndpointsResolved`: some led nowhere; `status.skipped` says why.
        SomeSkipped = "SomeSkipped",
        /// `EndpointsResolved`: nothing is selected that leads to an endpoint.
        NoEndpoints = "NoEndpoints",
        /// `EndpointsResolved`: a selector matches nothing; the message names the nearest
        /// candidates.
        SelectorMatchesNothing = "SelectorMatchesNothing",
        /// `EndpointsResolved`: matches exist, in namespaces that are not selected.
        MatchesInOtherNamespaces = "MatchesInOtherNamespaces",
        /// `EndpointsResolved`: a NetworkPolicy blocks the way to an endpoint.
        BlockedByNetworkPolicy = "BlockedByNetworkPolicy",
        /// `EndpointsResolved`: a namespace selector cannot be evaluated without permission to
        /// list namespaces.
        NamespacesForbidden = "NamespacesForbidden",
        /// `Monitored`: a Prometheus selects the ServiceMonitors and may find the pods.
        Scraped = "Scraped",
        /// `Monitored`: the resource wants no ServiceMonitors.
        MonitoringDisabled = "MonitoringDisabled",
        /// `Monitored`: no Prometheus selects the ServiceMonitors; the message names the nearest.
        NotSelected = "NotSelected",
        /// `Monitored`: a Prometheus selects them, and may not find the pods; the message says what
        /// to apply.
        PrometheusNotPermitted = "PrometheusNotPermitted",
        /// `Monitored`: Prometheus resources may not be read.
        PrometheusUnreadable = "PrometheusUnreadable",
        /// `Monitored`: whether the Prometheus may discover the pods could not be checked.
        PermissionUnknown = "PermissionUnknown",
        /// `Frozen`: inputs are live.
        Live = "Live",
        /// `Frozen`: a resource definition was deleted; its last objects stay in effect.
        CrdRemoved = "CRDRemoved",
        /// `ObjectStorageReady`: every pod has read its bucket.
        Synced = "Synced",
        /// `ObjectStorageReady`: pods start, or read the bucket for the first time.
        Syncing = "Syncing",
        /// `ObjectStorageReady`: the Secret or the key of it is missing; the message names it.
        SecretMissing = "SecretMissing",
        /// `ObjectStorageReady`: a pod cannot read the bucket: wrong credentials, no connection, or
        /// no bucket. The message says how to see which.
        BucketUnreadable = "BucketUnreadable",
        /// `ObjectStorageReady`: a pod ends or does not start for another cause; the message says
        /// what its node says.
        PodFailing = "PodFailing",
        /// `VolumesReady`: every volume is bound and as large as asked for.
        VolumesBound = "VolumesBound",
        /// `VolumesReady`: a claim waits for a volume; the message says what for.
        VolumePending = "VolumePending",
        /// `VolumesReady`: the spec names no StorageClass, and the cluster has no default one.
        NoStorageClass = "NoStorageClass",
        /// `VolumesReady`: volumes are being enlarged.
        VolumesGrowing = "VolumesGrowing",
        /// `VolumesReady`: the StorageClass does not let volumes grow.
        ExpansionNotAllowed = "ExpansionNotAllowed",
        /// `ObjectStorageReady`: every ingester runs with its object storage.
        Configured = "Configured",
        /// `ObjectStorageReady`: no hashring has an object storage; nothing is uploaded.
        NotConfigured = "NotConfigured",
        /// `HashringStable`: the hashrings are as the spec asks for them, and every router has them.
        Stable = "Stable",
        /// `HashringStable`: new members start.
        Starting = "Starting",
        /// `HashringStable`: new members are ready and about to join.
        Joining = "Joining",
        /// `HashringStable`: routers learn of a change.
        Publishing = "Publishing",
        /// `HashringStable`: a member that left uploads what it holds.
        Draining = "Draining",
        /// `HashringStable`: stores learn of what a member that left has uploaded.
        WaitingForStores = "WaitingForStores",
        /// `HashringStable`: a member that left goes.
        Removing = "Removing",
        /// `HashringStable`: a member that left has no object storage to upload to.
        NoObjectStorage = "NoObjectStorage",
        /// `HashringStable`: routers would not accept the hashring that the spec asks for; the
        /// message says why.
        Refused = "Refused",
        /// `RulesAccepted`: every selected rule is mounted.
        Accepted = "Accepted",
        /// `RulesAccepted`: every selected rule is mounted and active, since the ConfigMaps may not be read that
        /// say which of them another evaluator has.
        OverlapUnknown = "OverlapUnknown",
        /// `RulesAccepted`: some groups are not mounted; `status.rejectedRules` says why.
        SomeRejected = "SomeRejected",
        /// `RulesAccepted`: no rule is selected.
        NoRules = "NoRules",
        /// `RulesAccepted`: a selector is malformed, or cannot be evaluated here.
        InvalidSelector = "InvalidSelector",
        /// `RulesAccepted`, `RulesLoaded`: PrometheusRules cannot be read; those that are mounted stay.
        RulesUnreadable = "RulesUnreadable",
        /// `RulesLoaded`: every ruler has loaded what is mounted.
        Loaded = "Loaded",
        /// `RulesLoaded`: rulers are about to load what is mounted.
        Loading = "Loading",
        /// `RulesLoaded`: a ruler refused what is mounted, and goes on with the rules before.
        ReloadFailed = "ReloadFailed",
        /// `RulesLoaded`: a ruler cannot be asked by this controller.
        Unreachable = "Unreachable",
        /// `AlertmanagersResolved`: there is none to tell.
        NoAlertmanagers = "NoAlertmanagers",
        /// `AlertmanagersResolved`: rulers report that sends to an Alertmanager fail.
        SendsFailing = "SendsFailing",
        /// `AlertmanagersResolved`: the spec disables alerting.
        AlertingDisabled = "AlertingDisabled",
        /// `QueriersResolved`: there is none to ask, so no rule can be evaluated.
        NoQueriers = "NoQueriers",
        /// `ReceiversResolved`: there is none to write to, so results are lost.
        NoReceivers = "NoReceivers",
        /// `SecretRotation`: pods are replaced when the configuration in their Secrets changes.
        Watched = "Watched",
        /// `SecretRotation`: Secrets may not be watched; the message says how to replace the pods.
        SecretsNotWatched = "SecretsNotWatched",
    }
}

api_strings! {
    /// Reasons of events without a condition.
    EventReason {
        /// An object of a former operator is adopted; pods that differ are replaced.
        Adopted = "Adopted",
        /// A learned replica label restarts the queriers.
        ReplicaLabelLearned = "ReplicaLabelLearned",
        /// The number of shards changes: the step that begins.
        Resharding = "Resharding",
        /// A hashring changes: the step that begins.
        Hashring = "Hashring",
        /// On a PrometheusRule: a group of it is not mounted.
        RuleRejected = "RuleRejected",
        /// On a PrometheusRule: a Prometheus selects it and does not evaluate it, so its rules are active here.
        NotEvaluatedElsewhere = "NotEvaluatedElsewhere",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_camel_case_and_distinct() {
        let mut seen = std::collections::BTreeSet::new();
        for text in Reason::ALL.iter().map(|r| r.as_str()) {
            assert!(
                text.chars().all(|c| c.is_ascii_alphanumeric())
                    && text.starts_with(|c: char| c.is_ascii_uppercase()),
                "{text}"
            );
            assert!(seen.insert(text), "{text} twice");
        }
    }
}
