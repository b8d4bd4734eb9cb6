//! Queriers, query frontends and bridges.

use super::{Dashboard, Panel, Show, processes};

pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "thanos-query",
        title: "Thanos / Query",
        jobs: "job=~\"thanos-(query|query-frontend|sidecar)-.+\",job!~\"thanos-.+-controller\"",
        rows: vec![
            ("Queries", queries()),
            ("Query frontend", frontend()),
            ("Endpoints", endpoints()),
            ("Bridges", bridges()),
            processes(),
        ],
    }
}

fn queries() -> Vec<Panel> {
    vec![
        Panel {
            title: "Queries",
            description: "Queries that queriers answer per second, by status.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (handler, code) (rate(http_requests_total{$selector,handler=~\"query|query_range\"}[$__rate_interval]))",
                "{{handler}} {{code}}",
            )],
        },
        Panel {
            title: "Failed queries",
            description: "Share of the queries that fail: 5xx by a server error or a timeout, 422 while they are \
                          executed.",
            unit: "percentunit",
            show: Show::Graph,
            queries: &[(
                "sum by (job, code) (rate(http_requests_total{$selector,handler=~\"query|query_range\",code=~\"5..|422\"}[$__rate_interval])) / on (job) group_left sum by (job) (rate(http_requests_total{$selector,handler=~\"query|query_range\"}[$__rate_interval]))",
                "{{job}} {{code}}",
            )],
        },
        Panel {
            title: "Duration of queries",
            description: "50th and 99th percentile of the duration of a query.",
            unit: "s",
            show: Show::Graph,
            queries: &[
                (
                    "histogram_quantile(0.99, sum by (handler, le) (rate(http_request_duration_seconds_bucket{$selector,handler=~\"query|query_range\"}[$__rate_interval])))",
                    "{{handler}}: p99",
                ),
                (
                    "histogram_quantile(0.5, sum by (handler, le) (rate(http_request_duration_seconds_bucket{$selector,handler=~\"query|query_range\"}[$__rate_interval])))",
                    "{{handler}}: p50",
                ),
            ],
        },
        Panel {
            title: "Concurrent queries",
            description: "Queries that each querier executes, and how many it may execute.",
            unit: "short",
            show: Show::Graph,
            queries: &[
                (
                    "max by (pod) (thanos_query_concurrent_gate_queries_in_flight{$selector})",
                    "{{pod}}",
                ),
                (
                    "min(thanos_query_concurrent_gate_queries_max{$selector})",
                    "limit",
                ),
            ],
        },
        Panel {
            title: "Waiting time",
            description: "99th percentile of the time that queries wait for their turn.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "histogram_quantile(0.99, sum by (job, le) (rate(thanos_query_concurrent_gate_queries_duration_seconds_bucket{$selector}[$__rate_interval])))",
                "{{job}}",
            )],
        },
        Panel {
            title: "Requested time range",
            description: "90th percentile of the time range that range queries request.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "histogram_quantile(0.9, sum by (job, le) (rate(thanos_query_range_requested_timespan_duration_seconds_bucket{$selector}[$__rate_interval])))",
                "{{job}}",
            )],
        },
    ]
}

fn frontend() -> Vec<Panel> {
    vec![
        Panel {
            title: "Requests",
            description: "Requests that query frontends answer per second, by status.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (job, code) (rate(http_requests_total{$selector,handler=\"query-frontend\"}[$__rate_interval]))",
                "{{job}} {{code}}",
            )],
        },
        Panel {
            title: "Duration",
            description: "99th percentile of the duration of a request to a query frontend.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "histogram_quantile(0.99, sum by (job, le) (rate(http_request_duration_seconds_bucket{$selector,handler=\"query-frontend\"}[$__rate_interval])))",
                "{{job}}",
            )],
        },
        Panel {
            title: "Queries after splitting",
            description: "Queries per second that the query frontend sends to queriers for range queries, after \
                          splitting them.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (job) (rate(thanos_frontend_split_queries_total{$selector}[$__rate_interval]))",
                "{{job}}",
            )],
        },
    ]
}

fn endpoints() -> Vec<Panel> {
    vec![
        Panel {
            title: "Connected endpoints",
            description: "Endpoints that each querier is connected to, by component.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "sum by (pod, store_type) (thanos_store_nodes_grpc_connections{$selector})",
                "{{pod}}: {{store_type}}",
            )],
        },
        Panel {
            title: "Unreachable endpoints",
            description: "Calls of Info per second that fail. A querier calls Info of each endpoint every 5 s.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (pod, grpc_code) (rate(grpc_client_handled_total{$selector,grpc_service=\"thanos.info.Info\",grpc_code!=\"OK\"}[$__rate_interval]))",
                "{{pod}}: {{grpc_code}}",
            )],
        },
        Panel {
            title: "Failed DNS lookups",
            description: "DNS lookups for endpoints that fail, per second.",
            unit: "ops",
            show: Show::Graph,
            queries: &[
                (
                    "sum by (job) (rate(thanos_query_endpoints_dns_failures_total{$selector}[$__rate_interval]))",
                    "{{job}}",
                ),
                (
                    "sum by (job) (rate(thanos_query_endpoint_groups_dns_failures_total{$selector}[$__rate_interval]))",
                    "{{job}}: groups",
                ),
            ],
        },
        Panel {
            title: "Requests to endpoints",
            description: "Requests of queriers to endpoints per second, by method and code.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (grpc_method, grpc_code) (rate(grpc_client_handled_total{$selector,grpc_service=\"thanos.Store\"}[$__rate_interval]))",
                "{{grpc_method}} {{grpc_code}}",
            )],
        },
        Panel {
            title: "Duration of requests to endpoints",
            description: "99th percentile of the duration of a request to an endpoint.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "histogram_quantile(0.99, sum by (grpc_method, le) (rate(grpc_client_handling_seconds_bucket{$selector,grpc_service=\"thanos.Store\"}[$__rate_interval])))",
                "{{grpc_method}}",
            )],
        },
        Panel {
            title: "Queries over the StoreAPI",
            description: "99th percentile of the time that a query spends on reading series from all endpoints.",
            unit: "s",
            show: Show::Graph,
            queries: &[(
                "histogram_quantile(0.99, sum by (job, le) (rate(thanos_store_api_query_duration_seconds_bucket{$selector}[$__rate_interval])))",
                "{{job}}",
            )],
        },
    ]
}

fn bridges() -> Vec<Panel> {
    vec![
        Panel {
            title: "Prometheus reachable",
            description: "1 while the bridge reaches its Prometheus.",
            unit: "short",
            show: Show::Graph,
            queries: &[(
                "min by (pod) (thanos_sidecar_prometheus_up{$selector})",
                "{{pod}}",
            )],
        },
        Panel {
            title: "Failed requests to bridges",
            description: "Requests of queriers to bridges that fail, per second.",
            unit: "reqps",
            show: Show::Graph,
            queries: &[(
                "sum by (pod, grpc_code) (rate(grpc_server_handled_total{$selector,$bridges,grpc_service=\"thanos.Store\",grpc_code!=\"OK\"}[$__rate_interval])) > 0",
                "{{pod}}: {{grpc_code}}",
            )],
        },
    ]
}
