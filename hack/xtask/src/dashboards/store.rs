//! Store gateways.

use super::{Dashboard, Panel, Show, object_storage, processes};

pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "thanos-store",
        title: "Thanos / Store",
        jobs: "$stores",
        rows: vec![
            ("Requests of queriers", requests()),
            ("Blocks", blocks()),
            ("Index cache", cache()),
            ("Object storage", object_storage()),
            processes(),
        ],
    }
}

fn requests() -> Vec<Panel> {
    vec![
        Panel {
            title: "Requests",
            description: "Requests of queriers per second, by method and code. Aborted is a failure of the bucket.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (grpc_method, grpc_code) (rate(grpc_server_handled_total{$selector,grpc_service=\"thanos.Store\"}[$__rate_interval])) > 0",
                "{{grpc_method}} {{grpc_code}}",
            )],
        },
        Panel {
            title: "Duration",
            description: "50th and 99th percentile of the duration of a request for series.",
            unit: "s",
            show: Show::Graph,
            queries: &[
                (
                    "histogram_quantile(0.99, sum by (job, le) (rate(grpc_server_handling_seconds_bucket{$selector,grpc_method=\"Series\"}[$__rate_interval])))",
                    "{{job}}: p99",
                ),
                (
                    "histogram_quantile(0.5, sum by (job, le) (rate(grpc_server_handling_seconds_bucket{$selector,grpc_method=\"Series\"}[$__rate_interval])))",
                    "{{job}}: p50",
                ),
            ],
        },
        Panel {
            title: "Concurrent requests",
            description: "Requests that each store serves, and how many it may serve.",
            unit: "short",
            show: Show::Graph,
            queries: &[
                (
                    "max by (pod) (thanos_bucket_store_series_gate_queries_in_flight{$selector})",
                    "{{pod}}",
                ),
                (
                    "min(thanos_bucket_store_series_gate_queries_max{$selector})",
                    "limit",
                ),
            ],
        },
        Panel {
            title: "Limited requests",
            description: "Requests per second that are dropped since they exceed a limit.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (job, reason) (rate(thanos_bucket_store_queries_dropped_total{$selector}[$__rate_interval]))",
                "{{job}}: {{reason}}",
            )],
        },
        Panel {
            title: "Data fetched",
            description: "Bytes per second that are fetched for requests, by type of data.",
            unit: "Bps",
            show: Show::Graph,
            queries: &[(
                "sum by (data_type) (rate(thanos_bucket_store_series_data_size_fetched_bytes_sum{$selector}[$__rate_interval]))",
                "{{data_type}}",
            )],
        },
        Panel {
            title: "Phases of a request",
            description: "99th percentile of the time to fetch all series of a request, and to merge them.",
            unit: "s",
            show: Show::Graph,
            queries: &[
                (
                    "histogram_quantile(0.99, sum by (le) (rate(thanos_bucket_store_series_get_all_duration_seconds_bucket{$selector}[$__rate_interval])))",
                    "fetch",
                ),
                (
                    "histogram_quantile(0.99, sum by (le) (rate(thanos_bucket_store_series_merge_duration_seconds_bucket{$selector}[$__rate_interval])))",
                    "merge",
                ),
            ],
        },
    ]
}

fn blocks() -> Vec<Panel> {
    vec![
        Panel {
            title: "Blocks served",
            description: "Blocks that each store serves.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "max by (pod) (thanos_bucket_store_blocks_loaded{$selector})",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Blocks of the bucket",
            description: "Blocks that the last sync of each store found, by state.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "max by (job, state) (thanos_blocks_meta_synced{$selector}) > 0",
                "{{job}}: {{state}}",
            )],
        },
        Panel {
            title: "Failures",
            description: "Syncs of the bucket, loads and removals of blocks that failed in the last hour.",
            unit: "short",
            show: Show::Graph,
            queries: &[
                (
                    "sum by (pod) (increase(thanos_blocks_meta_sync_failures_total{$selector}[1h]))",
                    "{{pod}}: sync",
                ),
                (
                    "sum by (pod) (increase(thanos_bucket_store_block_load_failures_total{$selector}[1h]))",
                    "{{pod}}: load",
                ),
                (
                    "sum by (pod) (increase(thanos_bucket_store_block_drop_failures_total{$selector}[1h]))",
                    "{{pod}}: remove",
                ),
            ],
        },
    ]
}

fn cache() -> Vec<Panel> {
    vec![
        Panel {
            title: "Hits",
            description: "Share of the requests to the index cache that are hits.",
            unit: "percentunit",
            show: Show::Graph,
            queries: &[(
                "sum by (item_type) (rate(thanos_store_index_cache_hits_total{$selector}[$__rate_interval])) / sum by (item_type) (rate(thanos_store_index_cache_requests_total{$selector}[$__rate_interval]))",
                "{{item_type}}",
            )],
        },
        Panel {
            title: "Size",
            description: "Bytes in the index cache of each pod, and its limit.",
            unit: "bytes",
            show: Show::Graph,
            queries: &[
                (
                    "sum by (pod) (thanos_store_index_cache_total_size_bytes{$selector})",
                    "{{pod}}",
                ),
                (
                    "min(thanos_store_index_cache_max_size_bytes{$selector})",
                    "limit",
                ),
            ],
        },
        Panel {
            title: "Evictions",
            description: "Items per second that the index cache evicts.",
            unit: "ops",
            show: Show::Graph,
            queries: &[(
                "sum by (item_type) (rate(thanos_store_index_cache_items_evicted_total{$selector}[$__rate_interval]))",
                "{{item_type}}",
            )],
        },
    ]
}
