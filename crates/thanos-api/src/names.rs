//! Every label, annotation, condition and reason of the API. No IO.

/// API group of the resources.
pub const GROUP: &str = "monitoring.thanos.io";

/// Labels and their values.
pub mod label {
    /// Name of the program. Pods and workloads have the component (`thanos-query`); exactly one Service
    /// per workload has [`NAME_SCRAPED`].
    pub const NAME: &str = "app.kubernetes.io/name";
    /// Value of [`NAME`] of the one Service per workload whose port `http` is scraped.
    pub const NAME_SCRAPED: &str = "thanos";
    /// Component of Thanos.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// Name of the workload.
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// Always [`PART_OF_VALUE`].
    pub const PART_OF: &str = "app.kubernetes.io/part-of";
    /// Value of [`PART_OF`].
    pub const PART_OF_VALUE: &str = "thanos";
    /// Always [`MANAGED_BY_VALUE`], which the Go operator uses as well, so that selectors of existing
    /// workloads stay valid.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// Value of [`MANAGED_BY`].
    pub const MANAGED_BY_VALUE: &str = "thanos-operator";
    /// Name of the custom resource that an object belongs to.
    pub const OWNER: &str = "operator.thanos.io/owner";
    /// On objects of a store shard: number of the shard, from 0.
    pub const SHARD: &str = "operator.thanos.io/shard";
    /// On objects of a hashring: name of the hashring.
    pub const HASHRING: &str = "operator.thanos.io/hashring";
    /// Name of the controller that applies an object, which selects its objects by it.
    pub const CONTROLLER: &str = "operator.thanos.io/controller";
    /// On a Service: the port `grpc` serves the StoreAPI; queriers discover it.
    pub const STORE_API: &str = "operator.thanos.io/store-api";
    /// On a Service: the port `http` serves the Query API; rulers and query frontends discover it.
    pub const QUERY_API: &str = "operator.thanos.io/query-api";
    /// On a Service: the port `remote-write` accepts samples; stateless rulers discover it.
    pub const REMOTE_WRITE_API: &str = "operator.thanos.io/remote-write-api";
    /// On a ConfigMap or PrometheusRule: rulers consider it.
    pub const PROMETHEUS_RULE: &str = "operator.thanos.io/prometheus-rule";
    /// Value of the four labels above.
    pub const TRUE: &str = "true";
    /// On a StoreAPI Service: one endpoint per pod (as without any of these four labels).
    pub const ENDPOINT: &str = "operator.thanos.io/endpoint";
    /// On a StoreAPI Service: always queried, even while its health check fails.
    pub const ENDPOINT_STRICT: &str = "operator.thanos.io/endpoint-strict";
    /// On a StoreAPI Service: its pods hold the same data, and one of them answers each query.
    pub const ENDPOINT_GROUP: &str = "operator.thanos.io/endpoint-group";
    /// On a StoreAPI Service: [`ENDPOINT_GROUP`] and [`ENDPOINT_STRICT`] together.
    pub const ENDPOINT_GROUP_STRICT: &str = "operator.thanos.io/endpoint-group-strict";
    /// On a StoreAPI Service: external label that distinguishes pods with copies of the same samples.
    /// Queriers deduplicate by it.
    pub const REPLICA_LABEL: &str = "operator.thanos.io/replica-label";
    /// On every namespace: its name, set by Kubernetes.
    pub const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
}

/// Annotations.
pub mod annotation {
    /// On a pod: hash of its mounted files. It is patched onto running pods, so that the kubelet refreshes
    /// the files at once; it never restarts a pod.
    pub const FILES_HASH: &str = "operator.thanos.io/files-hash";
    /// On a custom resource: copied to the pod templates, so that a change restarts the pods one after
    /// another.
    pub const RESTART: &str = "operator.thanos.io/restarted-at";
    /// On the StatefulSet of a store shard: number of shards.
    pub const SHARDS: &str = "operator.thanos.io/shards";
    /// On the StatefulSet of a hashring: name of the hashring, which may be too long for a label.
    pub const HASHRING: &str = "operator.thanos.io/hashring";
    /// On routers: whether head series are limited. Thanos evaluates only at its start whether to query
    /// them.
    pub const HEAD_SERIES_LIMITS: &str = "operator.thanos.io/head-series-limits";
    /// On a StatefulSet: digest of the pod template, which detects a change before it is applied.
    pub const TEMPLATE_HASH: &str = "operator.thanos.io/template-hash";
    /// On a StatefulSet: one pod more than desired runs while the pods are replaced.
    pub const SURGE: &str = "operator.thanos.io/surge";
    /// Digest of the configuration in Secrets that pods read at startup. On the pod template, once that
    /// configuration changed: a new value restarts the pods. On the StatefulSet: value when the Secrets
    /// became readable, which restarts nothing.
    pub const SECRETS_HASH: &str = "operator.thanos.io/secrets-hash";
    /// Digest of the configuration in a ConfigMap that pods read at startup. On the pod template: a new
    /// value restarts the pods.
    pub const CONFIG_HASH: &str = "operator.thanos.io/config-hash";
    /// On the StatefulSet of rulers: the querier blocks of their configuration, as scheme and path. Unused
    /// blocks stay, so that no pod restarts.
    pub const QUERIER_BLOCKS: &str = "operator.thanos.io/querier-blocks";
    /// On the StatefulSet of rulers: the same for Alertmanagers.
    pub const ALERTMANAGER_BLOCKS: &str = "operator.thanos.io/alertmanager-blocks";
    /// On the StatefulSet of rulers: the tenants in their remote write configuration. Tenants without rules
    /// stay, so that no pod restarts.
    pub const TENANTS: &str = "operator.thanos.io/tenants";
    /// On a bridge: its Prometheus pod, as `namespace/name`.
    pub const BRIDGE_FOR: &str = "operator.thanos.io/bridge-for";
}

/// The Go thanos-operator, whose custom resources and objects are adopted.
pub mod legacy {
    /// Name.
    pub const NAME: &str = "Go thanos-operator";
    /// Last part of the name of its image.
    pub const IMAGE: &str = "thanos-operator";
    /// Lease of its leader election.
    pub const LEASE: &str = "92ee6155.monitoring.thanos.io";

    /// On ConfigMaps with rules that it copied from PrometheusRules.
    pub const DERIVED_RULES: &str = "operator.thanos.io/prometheus-rule-derived-configmap";
    /// On ConfigMaps with rules that it copied from other ConfigMaps.
    pub const COPIED_RULES: &str = "operator.thanos.io/user-configmap-source";

    /// One of its kinds.
    #[derive(Clone, Copy, Debug)]
    pub struct LegacyKind {
        /// Name of the kind.
        pub name: &'static str,
        /// Controller that adopts its custom resources, if there is one.
        pub controller: Option<&'static str>,
        /// Remedy while that controller is not installed.
        pub remedy: &'static str,
    }

    /// All of them.
    pub const KINDS: [LegacyKind; 5] = [
        LegacyKind {
            name: "ThanosCompact",
            controller: None,
            remedy: "no controller exists for this kind: run thanos compact in a StatefulSet of \
                     your own. To keep the running ones: kubectl delete \
                     thanoscompacts.monitoring.thanos.io NAME --cascade=orphan. Never run two \
                     compactors on one bucket",
        },
        LegacyKind {
            name: "ThanosQuery",
            controller: Some("thanos-query-controller"),
            remedy: "install thanos-query-controller as well, which adopts them",
        },
        LegacyKind {
            name: "ThanosReceive",
            controller: Some("thanos-receive-controller"),
            remedy: "install thanos-receive-controller as well, which adopts them",
        },
        LegacyKind {
            name: "ThanosRuler",
            controller: Some("thanos-ruler-controller"),
            remedy: "install thanos-ruler-controller as well. It creates StatefulSets with other names: \
                     delete StatefulSet thanos-ruler-NAME afterwards, or every alert is sent twice",
        },
        LegacyKind {
            name: "ThanosStore",
            controller: Some("thanos-store-controller"),
            remedy: "install thanos-store-controller as well, which adopts them",
        },
    ];
}

/// Defines an enum whose variants are strings of the API.
macro_rules! api_strings {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All variants, in order of declaration.
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
    /// Condition types.
    Condition {
        /// Whether the last reconcile succeeded. Name as in Prometheus Operator.
        Reconciled = "Reconciled",
        /// Whether enough pods are ready. Name as in Prometheus Operator.
        Available = "Available",
        /// Summary for tools that evaluate one condition: reconciled, rolled out and available.
        Ready = "Ready",
        /// Whether the kinds of Prometheus Operator are used.
        PrometheusOperatorIntegration = "PrometheusOperatorIntegration",
        /// Whether the selectors lead to StoreAPI endpoints.
        EndpointsResolved = "EndpointsResolved",
        /// Whether a Prometheus scrapes the pods.
        Monitored = "Monitored",
        /// Whether inputs are frozen because their CRD was deleted.
        Frozen = "Frozen",
        /// Whether the pods can use their object storage.
        ObjectStorageReady = "ObjectStorageReady",
        /// Whether every pod has the volume of the spec.
        VolumesReady = "VolumesReady",
        /// Whether the hashrings equal the spec and every router has loaded them.
        HashringStable = "HashringStable",
        /// Whether pods restart when the configuration in their Secrets changes.
        SecretRotation = "SecretRotation",
        /// Whether every selected rule is valid and mounted.
        RulesAccepted = "RulesAccepted",
        /// Whether the rulers have loaded the mounted rules.
        RulesLoaded = "RulesLoaded",
        /// Whether rulers reach their Alertmanagers.
        AlertmanagersResolved = "AlertmanagersResolved",
        /// Whether rulers have a querier.
        QueriersResolved = "QueriersResolved",
        /// Whether results that are not stored are written to a receiver.
        ReceiversResolved = "ReceiversResolved",
    }
}

api_strings! {
    /// Reasons of conditions and of their events. Each starts with its conditions.
    Reason {
        /// `Reconciled`: the planned objects are applied.
        Applied = "Applied",
        /// `Reconciled`: a field of the spec is invalid; the message names it.
        InvalidSpec = "InvalidSpec",
        /// `Reconciled`: the API server rejected an object, or is unreachable.
        ApplyFailed = "ApplyFailed",
        /// `Reconciled`: the change requires deleting an object first.
        ImmutableField = "ImmutableField",
        /// `Reconciled`: an object of this name has another owner.
        NotOwned = "NotOwned",
        /// `Reconciled`: `spec.paused` is set; nothing is changed.
        Paused = "Paused",
        /// `Available`: every pod is ready.
        PodsReady = "PodsReady",
        /// `Available`: some pods are not ready.
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
        /// `PrometheusOperatorIntegration`: the kinds are used.
        Enabled = "Enabled",
        /// `PrometheusOperatorIntegration`: the command line of the controller disables it.
        DisabledByOperator = "DisabledByOperator",
        /// `PrometheusOperatorIntegration`: the custom resource disables it.
        DisabledByResource = "DisabledByResource",
        /// `PrometheusOperatorIntegration`: the CRDs are not installed.
        CrdsAbsent = "CRDsAbsent",
        /// `PrometheusOperatorIntegration`: the controller has no permission for them.
        Forbidden = "Forbidden",
        /// `EndpointsResolved`: every selected object leads to an endpoint.
        Resolved = "Resolved",
        /// `EndpointsResolved`: some selected objects lead to no endpoint; `status.skipped` contains the reasons.
        SomeSkipped = "SomeSkipped",
        /// `EndpointsResolved`: no selected object leads to an endpoint.
        NoEndpoints = "NoEndpoints",
        /// `EndpointsResolved`: a selector matches nothing; the message names the closest
        /// candidates.
        SelectorMatchesNothing = "SelectorMatchesNothing",
        /// `EndpointsResolved`: matches exist, in namespaces that are not selected.
        MatchesInOtherNamespaces = "MatchesInOtherNamespaces",
        /// `EndpointsResolved`: a NetworkPolicy blocks an endpoint.
        BlockedByNetworkPolicy = "BlockedByNetworkPolicy",
        /// `EndpointsResolved`: a namespace selector cannot be evaluated without permission to
        /// list namespaces.
        NamespacesForbidden = "NamespacesForbidden",
        /// `Monitored`: a Prometheus selects the ServiceMonitors and may discover the pods.
        Scraped = "Scraped",
        /// `Monitored`: the spec disables ServiceMonitors.
        MonitoringDisabled = "MonitoringDisabled",
        /// `Monitored`: no Prometheus selects the ServiceMonitors; the message names the closest.
        NotSelected = "NotSelected",
        /// `Monitored`: a Prometheus selects them without permission to discover the pods; the message
        /// contains the remedy.
        PrometheusNotPermitted = "PrometheusNotPermitted",
        /// `Monitored`: the controller may not list Prometheus resources.
        PrometheusUnreadable = "PrometheusUnreadable",
        /// `Monitored`: whether the Prometheus may discover the pods could not be checked.
        PermissionUnknown = "PermissionUnknown",
        /// `Frozen`: inputs are live.
        Live = "Live",
        /// `Frozen`: a CRD was deleted; its last objects stay in effect.
        CrdRemoved = "CRDRemoved",
        /// `ObjectStorageReady`: every pod has read its bucket.
        Synced = "Synced",
        /// `ObjectStorageReady`: pods start, or sync the bucket for the first time.
        Syncing = "Syncing",
        /// `ObjectStorageReady`: the Secret or its key is missing; the message names it.
        SecretMissing = "SecretMissing",
        /// `ObjectStorageReady`: a pod cannot read the bucket: wrong credentials, no connection, or
        /// no bucket. The message contains the command that shows which.
        BucketUnreadable = "BucketUnreadable",
        /// `ObjectStorageReady`: a pod exits or does not start for another cause; the message contains
        /// that of the kubelet.
        PodFailing = "PodFailing",
        /// `VolumesReady`: every PVC is bound and has the requested size.
        VolumesBound = "VolumesBound",
        /// `VolumesReady`: a PVC is not bound; the message contains the reason.
        VolumePending = "VolumePending",
        /// `VolumesReady`: the spec names no StorageClass, and the cluster has no default one.
        NoStorageClass = "NoStorageClass",
        /// `VolumesReady`: volumes are being expanded.
        VolumesGrowing = "VolumesGrowing",
        /// `VolumesReady`: the StorageClass does not allow volume expansion.
        ExpansionNotAllowed = "ExpansionNotAllowed",
        /// `ObjectStorageReady`: every ingester runs with its object storage.
        Configured = "Configured",
        /// `ObjectStorageReady`: no hashring has object storage, so nothing is uploaded.
        NotConfigured = "NotConfigured",
        /// `HashringStable`: the hashrings equal the spec, and every router has loaded them.
        Stable = "Stable",
        /// `HashringStable`: new members start.
        Starting = "Starting",
        /// `HashringStable`: new members are ready and about to join.
        Joining = "Joining",
        /// `HashringStable`: routers load the changed hashrings.
        Publishing = "Publishing",
        /// `HashringStable`: a member that left uploads its samples.
        Draining = "Draining",
        /// `HashringStable`: stores sync the blocks of a member that left.
        WaitingForStores = "WaitingForStores",
        /// `HashringStable`: a member that left is removed.
        Removing = "Removing",
        /// `HashringStable`: a member that left has no object storage to upload to.
        NoObjectStorage = "NoObjectStorage",
        /// `HashringStable`: routers would reject the hashring of the spec; the message contains the
        /// reason.
        Refused = "Refused",
        /// `RulesAccepted`: every selected rule is mounted.
        Accepted = "Accepted",
        /// `RulesAccepted`: every selected rule is mounted and active, since the ConfigMaps with the rules
        /// of other evaluators are unreadable.
        OverlapUnknown = "OverlapUnknown",
        /// `RulesAccepted`: some groups are rejected; `status.rejectedRules` contains the reasons.
        SomeRejected = "SomeRejected",
        /// `RulesAccepted`: no rule is selected.
        NoRules = "NoRules",
        /// `RulesAccepted`: a selector is malformed, or cannot be evaluated.
        InvalidSelector = "InvalidSelector",
        /// `RulesAccepted`, `RulesLoaded`: PrometheusRules are unreadable; the mounted rules stay in effect.
        RulesUnreadable = "RulesUnreadable",
        /// `RulesLoaded`: every ruler has loaded the mounted rules.
        Loaded = "Loaded",
        /// `RulesLoaded`: rulers are about to load the mounted rules.
        Loading = "Loading",
        /// `RulesLoaded`: a ruler failed to load the mounted rules; the previous rules stay in effect.
        ReloadFailed = "ReloadFailed",
        /// `RulesLoaded`: the probe of a ruler fails.
        Unreachable = "Unreachable",
        /// `AlertmanagersResolved`: no Alertmanager found; alerts are not sent.
        NoAlertmanagers = "NoAlertmanagers",
        /// `AlertmanagersResolved`: rulers report that sending to an Alertmanager fails.
        SendsFailing = "SendsFailing",
        /// `AlertmanagersResolved`: the spec disables alerting.
        AlertingDisabled = "AlertingDisabled",
        /// `QueriersResolved`: no querier found; no rule can be evaluated.
        NoQueriers = "NoQueriers",
        /// `ReceiversResolved`: no receiver found; results are lost.
        NoReceivers = "NoReceivers",
        /// `SecretRotation`: pods restart when the configuration in their Secrets changes.
        Watched = "Watched",
        /// `SecretRotation`: the controller may not watch Secrets; the message contains the command that
        /// restarts the pods.
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
        /// The number of shards changes: next step.
        Resharding = "Resharding",
        /// A hashring changes: next step.
        Hashring = "Hashring",
        /// On a PrometheusRule: one of its groups is rejected.
        RuleRejected = "RuleRejected",
        /// On a PrometheusRule: a Prometheus selects it but does not evaluate it, so its rules are active
        /// here.
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
