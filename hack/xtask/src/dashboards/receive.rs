//! Receive routers and ingesters.

use super::{Dashboard, Panel, Show, object_storage, processes, uploads};

pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "thanos-receive",
        title: "Thanos / Receive",
        jobs: "job=~\"thanos-receive-(router|ingester)-.+\"",
        rows: vec![
            ("Remote write", writes()),
            ("Routers", routers()),
            ("Ingesters", ingesters()),
            ("Uploads", uploads()),
            ("Object storage", object_storage()),
            processes(),
        ],
    }
}

fn writes() -> Vec<Panel> {
    vec![
        Panel {
            title: "Requests",
            description: "Remote write requests per second, by status.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (job, code) (rate(http_requests_total{$selector,handler=\"receive\"}[$__rate_interval]))",
                "{{job}} {{code}}",
            )],
        },
        Panel {
            title: "Duration",
            description: "50th and 99th percentile of the duration of a remote write request.",
            unit: "s",
            show: Show::Graph,
            queries: &[
                (
                    "histogram_quantile(0.99, sum by (job, le) (rate(http_request_duration_seconds_bucket{$selector,handler=\"receive\"}[$__rate_interval])))",
                    "{{job}}: p99",
                ),
                (
                    "histogram_quantile(0.5, sum by (job, le) (rate(http_request_duration_seconds_bucket{$selector,handler=\"receive\"}[$__rate_interval])))",
                    "{{job}}: p50",
                ),
            ],
        },
        Panel {
            title: "Samples",
            description: "Samples per second in remote write requests, by tenant and status.",
            unit: "cps",
            show: Show::Graph,
            queries: &[(
                "sum by (tenant, code) (rate(thanos_receive_write_samples_sum{$selector}[$__rate_interval]))",
                "{{tenant}} {{code}}",
            )],
        },
    ]
}

fn routers() -> Vec<Panel> {
    vec![
        Panel {
            title: "Requests to ingesters",
            description: "Requests of routers to ingesters per second, by result.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (job, result) (rate(thanos_receive_forward_requests_total{$selector}[$__rate_interval]))",
                "{{job}}: {{result}}",
            )],
        },
        Panel {
            title: "Replications",
            description: "Replications of write requests per second, by result.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (job, result) (rate(thanos_receive_replications_total{$selector}[$__rate_interval]))",
                "{{job}}: {{result}}",
            )],
        },
        Panel {
            title: "Waiting time",
            description: "99th percentile of the time that requests wait before a router forwards them, by ingester.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "histogram_quantile(0.99, sum by (worker, le) (rate(thanos_receive_forward_delay_seconds_bucket{$selector}[$__rate_interval])))",
                "{{worker}}",
            )],
        },
        Panel {
            title: "Ingesters of each hashring",
            description: "Ingesters of each hashring, as each router has loaded it. Routers differ only during a \
                          change.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "max by (pod, name) (thanos_receive_hashring_nodes{$selector})",
                "{{pod}}: {{name}}",
            )],
        },
        Panel {
            title: "Loaded hashrings",
            description: "1 for each router that has loaded its hashrings.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "min by (pod) (thanos_receive_config_last_reload_successful{$selector})",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Pending requests",
            description: "Write requests that each pod is processing.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "max by (pod) (thanos_receive_pending_write_requests{$selector})",
                "{{pod}}",
            )],
        },
    ]
}

fn ingesters() -> Vec<Panel> {
    vec![
        Panel {
            title: "Head series",
            description: "Series in the head of each tenant, over all ingesters with their copies.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "sum by (tenant) (prometheus_tsdb_head_series{$selector})",
                "{{tenant}}",
            )],
        },
        Panel {
            title: "Ingested samples",
            description: "Samples per second that ingesters append, with copies.",
            unit: "cps",
            show: Show::Graph,
            queries: &[(
                "sum by (pod) (rate(prometheus_tsdb_head_samples_appended_total{$selector}[$__rate_interval]))",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Rejected samples",
            description: "Samples per second that are out of order, too old or out of bounds.",
            unit: "cps",
            show: Show::Graph,
            queries: &[
                (
                    "sum by (tenant) (rate(prometheus_tsdb_out_of_order_samples_total{$selector}[$__rate_interval]))",
                    "{{tenant}}: out of order",
                ),
                (
                    "sum by (tenant) (rate(prometheus_tsdb_too_old_samples_total{$selector}[$__rate_interval]))",
                    "{{tenant}}: too old",
                ),
                (
                    "sum by (tenant) (rate(prometheus_tsdb_out_of_bound_samples_total{$selector}[$__rate_interval]))",
                    "{{tenant}}: out of bounds",
                ),
            ],
        },
        Panel {
            title: "WAL",
            description: "Size of the WALs of each ingester.",
            unit: "bytes",
            show: Show::Graph,
            queries: &[(
                "sum by (pod) (prometheus_tsdb_wal_storage_size_bytes{$selector})",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Blocks on disk",
            description: "Size of the blocks on the volume of each ingester.",
            unit: "bytes",
            show: Show::Graph,
            queries: &[(
                "sum by (pod) (prometheus_tsdb_storage_blocks_bytes{$selector})",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Failures of the TSDB",
            description: "Compactions, truncations and writes of the WAL that failed in the last hour.",
            unit: "short",
            show: Show::Graph,
            queries: &[
                (
                    "sum by (pod) (increase(prometheus_tsdb_compactions_failed_total{$selector}[1h]))",
                    "{{pod}}: compaction",
                ),
                (
                    "sum by (pod) (increase(prometheus_tsdb_wal_truncations_failed_total{$selector}[1h]))",
                    "{{pod}}: truncation",
                ),
                (
                    "sum by (pod) (increase(prometheus_tsdb_wal_writes_failed_total{$selector}[1h]))",
                    "{{pod}}: write",
                ),
            ],
        },
    ]
}
