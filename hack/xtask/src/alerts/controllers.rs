//! Alerts about the controllers themselves.

use super::{Alert, Severity};

pub fn alerts() -> Vec<Alert> {
    vec![
        Alert {
            name: "ThanosOperatorControllerDown",
            severity: Severity::Warning,
            for_: "10m",
            expr: "group by (namespace, job) (present_over_time(up{$controllers}[1h]))
unless on (namespace, job)
max by (namespace, job) (up{$controllers}) == 1",
            summary: "A controller is down.",
            description: "No replica of {{ $labels.namespace }}/{{ $labels.job }} is scraped. What it runs keeps \
                          running, but changes of custom resources and of endpoints have no effect.",
        },
        Alert {
            name: "ThanosOperatorNoLeader",
            severity: Severity::Warning,
            for_: "5m",
            expr: "max by (namespace, job) (leader_election_master_status{$controllers}) == 0",
            summary: "No replica of a controller is the leader.",
            description: "No replica of {{ $labels.namespace }}/{{ $labels.job }} holds the Lease, so no custom \
                          resource is reconciled.",
        },
        Alert {
            name: "ThanosOperatorMultipleLeaders",
            severity: Severity::Warning,
            for_: "10m",
            expr: "sum by (namespace, job) (leader_election_master_status{$controllers}) > 1",
            summary: "Several replicas of a controller reconcile.",
            description: "{{ $value }} replicas of {{ $labels.namespace }}/{{ $labels.job }} reconcile at the \
                          same time. Leader election is off, or they use different Leases.",
        },
        Alert {
            name: "ThanosOperatorReconcileErrors",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job) (rate(controller_runtime_reconcile_errors_total{$controllers}[15m]))
/
sum by (namespace, job) (rate(controller_runtime_reconcile_total{$controllers}[15m]))
> 0.1",
            summary: "Reconciles of a controller fail.",
            description: "{{ $value | humanizePercentage }} of the reconciles of {{ $labels.namespace }}/{{ \
                          $labels.job }} fail.",
        },
        Alert {
            name: "ThanosOperatorAPIErrors",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job) (rate(rest_client_requests_total{$controllers,code=~\"5..|429|<error>\"}[10m]))
/
sum by (namespace, job) (rate(rest_client_requests_total{$controllers}[10m]))
> 0.05",
            summary: "Requests of a controller to the API server fail.",
            description: "{{ $value | humanizePercentage }} of the requests of {{ $labels.namespace }}/{{ \
                          $labels.job }} to the API server fail, are throttled, or get no response.",
        },
        Alert {
            name: "ThanosOperatorMemoryNearLimit",
            severity: Severity::Warning,
            for_: "15m",
            // The limit is a metric of kube-state-metrics; without it, the alert never fires.
            expr: "max by (namespace, pod) (process_resident_memory_bytes{$controllers})
/ on (namespace, pod)
max by (namespace, pod) (kube_pod_container_resource_limits{resource=\"memory\",container=\"controller\"})
> 0.9",
            summary: "A controller is close to its memory limit.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} uses {{ $value | humanizePercentage }} of its \
                          memory limit. At the limit, the kernel kills it.",
        },
        Alert {
            name: "ThanosOperatorKindForbidden",
            severity: Severity::Warning,
            for_: "15m",
            expr: "max by (namespace, job, kind) (thanos_operator_optional_kind{$controllers,state=\"Forbidden\"}) == 1",
            summary: "A controller may not use a kind of Prometheus Operator.",
            description: "{{ $labels.namespace }}/{{ $labels.job }} has no permission for {{ $labels.kind }}, which \
                          the cluster serves. Its last objects stay in effect.",
        },
    ]
}
