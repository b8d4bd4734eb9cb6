//! Rulers.

use super::{Dashboard, Panel, Show, object_storage, processes, uploads};

pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "thanos-ruler",
        title: "Thanos / Ruler",
        jobs: "$rulers",
        rows: vec![
            ("Rules", rules()),
            ("Evaluations", evaluations()),
            ("Alerts", alerts()),
            ("Remote write of stateless rulers", remote_write()),
            ("Uploads", uploads()),
            ("Object storage", object_storage()),
            processes(),
        ],
    }
}

fn rules() -> Vec<Panel> {
    vec![
        Panel {
            title: "Loaded rules",
            description: "Rules that each ruler has loaded.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "sum by (pod) (thanos_rule_loaded_rules{$selector})",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Rules of each ThanosRuler",
            description: "Rules that the controller mounts, and those of them that it shadows since another \
                          evaluator evaluates them.",
            unit: "short",
            show: Show::Graph,
            queries: &[
                (
                    "max by (namespace, name) (label_replace(thanos_operator_ruler_evaluated_rules, \"namespace\", \"$1\", \"exported_namespace\", \"(.+)\"))",
                    "{{namespace}}/{{name}}",
                ),
                (
                    "max by (namespace, name) (label_replace(thanos_operator_ruler_shadowed_rules, \"namespace\", \"$1\", \"exported_namespace\", \"(.+)\"))",
                    "{{namespace}}/{{name}}: shadowed",
                ),
            ],
        },
        Panel {
            title: "Rejected groups",
            description: "Groups that the controller rejects. They are in status.rejectedRules.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "max by (namespace, name) (label_replace(thanos_operator_ruler_rejected_groups, \"namespace\", \"$1\", \"exported_namespace\", \"(.+)\"))",
                "{{namespace}}/{{name}}",
            )],
        },
    ]
}

fn evaluations() -> Vec<Panel> {
    vec![
        Panel {
            title: "Evaluations",
            description: "Evaluations of rules per second.",
            unit: "ops",
            show: Show::Graph,
            queries: &[(
                "sum by (pod) (rate(prometheus_rule_evaluations_total{$selector}[$__rate_interval]))",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Failed evaluations",
            description: "Evaluations per second that fail, by rule group.",
            unit: "ops",
            show: Show::Graph,
            queries: &[(
                "sum by (rule_group) (rate(prometheus_rule_evaluation_failures_total{$selector}[$__rate_interval])) > 0",
                "{{rule_group}}",
            )],
        },
        Panel {
            title: "Evaluations with warnings",
            description: "Evaluations per second with a warning, for example of a partial response.",
            unit: "ops",
            show: Show::Graph,
            queries: &[(
                "sum by (pod, strategy) (rate(thanos_rule_evaluation_with_warnings_total{$selector}[$__rate_interval]))",
                "{{pod}}: {{strategy}}",
            )],
        },
        Panel {
            title: "Slowest groups",
            description: "Share of its interval that a group takes to evaluate. Above 100% it misses evaluations.",
            unit: "percentunit",
            show: Show::Graph,
            queries: &[(
                "topk(10, max by (rule_group) (prometheus_rule_group_last_duration_seconds{$selector} / prometheus_rule_group_interval_seconds{$selector}))",
                "{{rule_group}}",
            )],
        },
        Panel {
            title: "Missed evaluations",
            description: "Evaluations of groups that were missed in the last hour.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "sum by (rule_group) (increase(prometheus_rule_group_iterations_missed_total{$selector}[1h])) > 0",
                "{{rule_group}}",
            )],
        },
        Panel {
            title: "Requests to queriers and Alertmanagers",
            description: "HTTP requests of rulers per second, by target and status.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (client, code) (rate(http_client_request_total{$selector}[$__rate_interval]))",
                "{{client}} {{code}}",
            )],
        },
    ]
}

fn alerts() -> Vec<Panel> {
    vec![
        Panel {
            title: "Sent alerts",
            description: "Alerts per second that are sent, by Alertmanager.",
            unit: "cps",
            show: Show::Graph,
            queries: &[(
                "sum by (alertmanager) (rate(thanos_alert_sender_alerts_sent_total{$selector}[$__rate_interval]))",
                "{{alertmanager}}",
            )],
        },
        Panel {
            title: "Errors",
            description: "Requests to Alertmanagers per second that fail.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (alertmanager) (rate(thanos_alert_sender_errors_total{$selector}[$__rate_interval]))",
                "{{alertmanager}}",
            )],
        },
        Panel {
            title: "Dropped alerts",
            description: "Alerts per second that are dropped, since no Alertmanager accepts them or the queue is \
                          full.",
            unit: "cps",
            show: Show::Graph,
            queries: &[
                (
                    "sum by (pod) (rate(thanos_alert_sender_alerts_dropped_total{$selector}[$__rate_interval]))",
                    "{{pod}}: not accepted",
                ),
                (
                    "sum by (pod) (rate(thanos_alert_queue_alerts_dropped_total{$selector}[$__rate_interval]))",
                    "{{pod}}: queue full",
                ),
            ],
        },
        Panel {
            title: "Queue",
            description: "Alerts in the queue of each ruler, and its capacity.",
            unit: "short",
            show: Show::Graph,
            queries: &[
                (
                    "max by (pod) (thanos_alert_queue_length{$selector})",
                    "{{pod}}",
                ),
                ("min(thanos_alert_queue_capacity{$selector})", "capacity"),
            ],
        },
        Panel {
            title: "Duration of sending",
            description: "99th percentile of the time to send alerts, by Alertmanager.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "histogram_quantile(0.99, sum by (alertmanager, le) (rate(thanos_alert_sender_latency_seconds_bucket{$selector}[$__rate_interval])))",
                "{{alertmanager}}",
            )],
        },
    ]
}

fn remote_write() -> Vec<Panel> {
    vec![
        Panel {
            title: "Delay",
            description: "Time between the newest result and the newest result that was sent.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "max by (pod, remote_name) (prometheus_remote_storage_queue_highest_timestamp_seconds{$selector}) - max by (pod, remote_name) (prometheus_remote_storage_queue_highest_sent_timestamp_seconds{$selector})",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Samples",
            description: "Samples per second that are sent, retried, and rejected by the receiver.",
            unit: "cps",
            show: Show::Graph,
            queries: &[
                (
                    "sum(rate(prometheus_remote_storage_samples_total{$selector}[$__rate_interval]))",
                    "sent",
                ),
                (
                    "sum(rate(prometheus_remote_storage_samples_retried_total{$selector}[$__rate_interval]))",
                    "retried",
                ),
                (
                    "sum(rate(prometheus_remote_storage_samples_failed_total{$selector}[$__rate_interval]))",
                    "rejected",
                ),
            ],
        },
        Panel {
            title: "Pending samples",
            description: "Samples that wait to be sent.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "sum by (pod) (prometheus_remote_storage_samples_pending{$selector})",
                "{{pod}}",
            )],
        },
    ]
}
