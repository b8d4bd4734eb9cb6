//! The controllers, and the conditions of custom resources.

use super::{Dashboard, Panel, Show, processes};

pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "thanos-operator",
        title: "Thanos / Operator",
        jobs: "$controllers",
        rows: vec![
            ("Overview", overview()),
            ("Conditions", conditions()),
            ("Reconciles", reconciles()),
            ("API server and Prometheus Operator", api()),
            processes(),
        ],
    }
}

fn overview() -> Vec<Panel> {
    vec![
        Panel {
            title: "Controllers",
            description: "Controllers of which at least one replica is scraped.",
            unit: "short",
            show: Show::Number,
            queries: &[("count(max by (namespace, job) (up{$selector}) == 1)", "")],
        },
        Panel {
            title: "Leaders",
            description: "Controllers with a leader. Each should have one.",
            unit: "short",
            show: Show::Number,
            queries: &[("sum(leader_election_master_status{$selector})", "")],
        },
        Panel {
            title: "Custom resources",
            description: "Custom resources with a status.",
            unit: "short",
            show: Show::Number,
            queries: &[("count($condition{type=\"Reconciled\"})", "")],
        },
        Panel {
            title: "Not reconciled",
            description: "Custom resources whose condition Reconciled is False.",
            unit: "short",
            show: Show::Number,
            queries: &[(
                "count($condition{type=\"Reconciled\",status=\"False\"}) or vector(0)",
                "",
            )],
        },
        Panel {
            title: "Unavailable",
            description: "Custom resources whose condition Available is False.",
            unit: "short",
            show: Show::Number,
            queries: &[(
                "count($condition{type=\"Available\",status=\"False\"}) or vector(0)",
                "",
            )],
        },
        Panel {
            title: "Not ready",
            description: "Custom resources whose condition Ready is False.",
            unit: "short",
            show: Show::Number,
            queries: &[(
                "count($condition{type=\"Ready\",status=\"False\"}) or vector(0)",
                "",
            )],
        },
    ]
}

fn conditions() -> Vec<Panel> {
    vec![
        Panel {
            title: "Conditions that need attention",
            description: "Conditions that are False, and Frozen where it is True. The message is in the status of \
                          the custom resource.",
            unit: "short",
            show: Show::Table,
            queries: &[(
                "$condition{type!=\"Frozen\",status=\"False\"} or $condition{type=\"Frozen\",status=\"True\"}",
                "",
            )],
        },
        Panel {
            title: "Versions",
            description: "Version of each controller.",
            unit: "short",
            show: Show::Table,
            queries: &[(
                "count by (namespace, controller, version) (thanos_operator_build_info{$selector})",
                "",
            )],
        },
    ]
}

fn reconciles() -> Vec<Panel> {
    vec![
        Panel {
            title: "Reconciles",
            description: "Reconciles per second by result: requeue is retried soon, invalid needs a change by the \
                          user.",
            unit: "ops",
            show: Show::Graph,
            queries: &[(
                "sum by (controller, result) (rate(controller_runtime_reconcile_total{$selector}[$__rate_interval]))",
                "{{controller}}: {{result}}",
            )],
        },
        Panel {
            title: "Failed reconciles",
            description: "Share of the reconciles that fail.",
            unit: "percentunit",
            show: Show::Graph,
            queries: &[(
                "sum by (controller) (rate(controller_runtime_reconcile_errors_total{$selector}[$__rate_interval])) / sum by (controller) (rate(controller_runtime_reconcile_total{$selector}[$__rate_interval]))",
                "{{controller}}",
            )],
        },
        Panel {
            title: "Duration of reconciles",
            description: "50th and 99th percentile of the duration of a reconcile.",
            unit: "s",
            show: Show::Graph,
            queries: &[
                (
                    "histogram_quantile(0.99, sum by (controller, le) (rate(controller_runtime_reconcile_time_seconds_bucket{$selector}[$__rate_interval])))",
                    "{{controller}}: p99",
                ),
                (
                    "histogram_quantile(0.5, sum by (controller, le) (rate(controller_runtime_reconcile_time_seconds_bucket{$selector}[$__rate_interval])))",
                    "{{controller}}: p50",
                ),
            ],
        },
    ]
}

fn api() -> Vec<Panel> {
    vec![
        Panel {
            title: "Requests",
            description: "Requests to the API server per second. At rest there are only those of the Lease.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (job, method) (rate(rest_client_requests_total{$selector}[$__rate_interval]))",
                "{{job}}: {{method}}",
            )],
        },
        Panel {
            title: "Failed requests",
            description: "Requests to the API server that fail, per second. A 409 is a conflict, which is retried.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (job, method, code) (rate(rest_client_requests_total{$selector,code!~\"[123]..\"}[$__rate_interval]))",
                "{{job}}: {{method}} {{code}}",
            )],
        },
        Panel {
            title: "Leader",
            description: "1 for the replica that holds the Lease.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "max by (pod) (leader_election_master_status{$selector})",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Kinds of Prometheus Operator",
            description: "State of each kind of Prometheus Operator that a controller uses.",
            unit: "short",
            show: Show::Table,
            queries: &[(
                "max by (job, kind, state) (thanos_operator_optional_kind{$selector}) == 1",
                "",
            )],
        },
    ]
}
