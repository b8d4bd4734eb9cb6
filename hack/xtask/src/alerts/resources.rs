//! Alerts about the conditions of custom resources.

use super::{Alert, Severity};

pub fn alerts() -> Vec<Alert> {
    vec![
        Alert {
            name: "ThanosResourceUnavailable",
            severity: Severity::Critical,
            for_: "10m",
            expr: "$condition{type=\"Available\",status=\"False\"}",
            summary: "A Thanos component has no ready pod.",
            description: "{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} has a workload without an \
                          available pod. The message of its condition Available names it.",
        },
        Alert {
            name: "ThanosResourceNotReconciled",
            severity: Severity::Warning,
            for_: "15m",
            expr: "$condition{type=\"Reconciled\",status=\"False\"}",
            summary: "A custom resource is not applied.",
            description: "{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} is invalid, or the API \
                          server rejects one of its objects. The last applied state keeps running.",
        },
        Alert {
            name: "ThanosResourceNotReady",
            severity: Severity::Warning,
            for_: "1h",
            expr: "$condition{type=\"Ready\",status=\"False\"}
unless on (kind, namespace, name)
$condition{type=~\"Available|Reconciled\",status=\"False\"}",
            summary: "A rollout does not finish.",
            description: "Some pods of {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} are not ready \
                          or not updated for an hour.",
        },
        Alert {
            name: "ThanosResourceStorageNotReady",
            severity: Severity::Warning,
            for_: "30m",
            expr: "$condition{type=~\"ObjectStorageReady|VolumesReady\",status=\"False\"}",
            summary: "Storage of a Thanos component is not usable.",
            description: "{{ $labels.type }} of {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} is \
                          False: pods cannot use their object storage or their volumes.",
        },
        Alert {
            name: "ThanosResourceFrozen",
            severity: Severity::Warning,
            for_: "30m",
            expr: "$condition{type=\"Frozen\",status=\"True\"}",
            summary: "The inputs of a custom resource are frozen.",
            description: "A CRD of Prometheus Operator was deleted, or its permission was revoked. {{ $labels.kind \
                          }} {{ $labels.namespace }}/{{ $labels.name }} uses the last known objects.",
        },
        Alert {
            name: "ThanosResourceNotMonitored",
            severity: Severity::Info,
            for_: "1h",
            expr: "$condition{type=\"Monitored\",status=\"False\"}",
            summary: "No Prometheus scrapes a Thanos component.",
            description: "No Prometheus scrapes {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }}, so \
                          alerts about its pods cannot fire.",
        },
        Alert {
            name: "ThanosQueryEndpointsUnresolved",
            severity: Severity::Warning,
            for_: "15m",
            expr: "$condition{type=\"EndpointsResolved\",status=\"False\"}",
            summary: "Selectors of a ThanosQuery lead to no endpoint.",
            description: "The selectors of {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} match \
                          nothing, lead to no endpoint, or a NetworkPolicy blocks an endpoint.",
        },
        Alert {
            name: "ThanosReceiveHashringNotStable",
            severity: Severity::Warning,
            for_: "6h",
            expr: "$condition{type=\"HashringStable\",status=\"False\"}",
            summary: "A change of a hashring does not finish.",
            description: "A change of the hashrings of {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name \
                          }} has not finished for 6 hours.",
        },
        Alert {
            name: "ThanosRulerRulesRejected",
            severity: Severity::Warning,
            for_: "15m",
            expr: "$condition{type=\"RulesAccepted\",status=\"False\"}",
            summary: "Rules of a ThanosRuler are rejected or missing.",
            description: "{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} does not evaluate some or \
                          all of the selected rules.",
        },
        Alert {
            name: "ThanosRulerRulesNotLoaded",
            severity: Severity::Critical,
            for_: "15m",
            expr: "$condition{type=\"RulesLoaded\",status=\"False\"}",
            summary: "Rulers fail to load their rules.",
            description: "A ruler of {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} fails to load \
                          the mounted rules, and evaluates the previous ones or none.",
        },
        Alert {
            name: "ThanosRulerTargetsUnresolved",
            severity: Severity::Critical,
            for_: "10m",
            expr: "$condition{type=~\"AlertmanagersResolved|QueriersResolved|ReceiversResolved\",status=\"False\"}",
            summary: "A ThanosRuler has no querier, Alertmanager or receiver.",
            description: "{{ $labels.type }} of {{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }} is \
                          False: rules are not evaluated, alerts not sent, or results not stored.",
        },
    ]
}
