//! Alerts about the Thanos components that the controllers run, from the metrics of Thanos.
//!
//! The names of metrics are those of Thanos 0.42: `hack/xtask/metrics.txt` lists them.

use super::{Alert, Severity};

pub fn alerts() -> Vec<Alert> {
    let mut alerts = vec![Alert {
        name: "ThanosComponentDown",
        severity: Severity::Warning,
        for_: "10m",
        expr: "max by (namespace, job, pod) (up{$components}) == 0",
        summary: "A pod of a Thanos component cannot be scraped.",
        description: "Prometheus cannot scrape {{ $labels.namespace }}/{{ $labels.pod }} of {{ $labels.job }}.",
    }];
    alerts.extend(queriers());
    alerts.extend(stores());
    alerts.extend(receivers());
    alerts.extend(rulers());
    alerts
}

fn queriers() -> Vec<Alert> {
    vec![
        Alert {
            name: "ThanosQueryServerErrors",
            severity: Severity::Critical,
            for_: "10m",
            expr: "sum by (namespace, job) (rate(http_requests_total{job=~\"thanos-query-.+\",handler=~\"query|query_range|query-frontend\",code=~\"5..\"}[5m]))
/
sum by (namespace, job) (rate(http_requests_total{job=~\"thanos-query-.+\",handler=~\"query|query_range|query-frontend\"}[5m]))
> 0.05",
            summary: "Queries fail.",
            description: "{{ $value | humanizePercentage }} of the queries to {{ $labels.namespace }}/{{ $labels.job \
                          }} fail with a server error or time out.",
        },
        Alert {
            name: "ThanosQueryExecutionErrors",
            severity: Severity::Warning,
            for_: "15m",
            // Thanos answers 422 if a StoreAPI fails, and if an expression fails while it is evaluated.
            expr: "sum by (namespace, job) (rate(http_requests_total{$queriers,handler=~\"query|query_range\",code=\"422\"}[5m]))
/
sum by (namespace, job) (rate(http_requests_total{$queriers,handler=~\"query|query_range\"}[5m]))
> 0.1",
            summary: "Queries fail while they are executed.",
            description: "{{ $value | humanizePercentage }} of the queries to {{ $labels.namespace }}/{{ $labels.job \
                          }} fail with status 422: an endpoint fails, a limit is reached, or the expressions are wrong.",
        },
        Alert {
            name: "ThanosQuerySlow",
            severity: Severity::Warning,
            for_: "15m",
            expr: "histogram_quantile(0.95,
  sum by (namespace, job, le) (rate(http_request_duration_seconds_bucket{$queriers,handler=~\"query|query_range\"}[10m]))
)
> 30",
            summary: "Queries are slow.",
            description: "5% of the queries to {{ $labels.namespace }}/{{ $labels.job }} take longer than {{ $value \
                          | humanizeDuration }}.",
        },
        Alert {
            name: "ThanosQueryOverloaded",
            severity: Severity::Warning,
            for_: "15m",
            expr: "avg_over_time(thanos_query_concurrent_gate_queries_in_flight{$queriers}[5m])
/
thanos_query_concurrent_gate_queries_max{$queriers}
> 0.9",
            summary: "A querier executes as many queries as it may.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} executes {{ $value | humanizePercentage }} of \
                          the queries that it may execute at a time. Further queries wait.",
        },
        Alert {
            name: "ThanosQueryNoStores",
            severity: Severity::Critical,
            for_: "10m",
            expr: "max by (namespace, job, pod) (thanos_query_concurrent_gate_queries_max{$queriers})
unless on (namespace, job, pod)
sum by (namespace, job, pod) (thanos_store_nodes_grpc_connections{$queriers}) > 0",
            summary: "A querier is connected to no StoreAPI.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} is connected to no endpoint, so every query \
                          fails or returns nothing.",
        },
        Alert {
            name: "ThanosQueryEndpointUnreachable",
            severity: Severity::Warning,
            for_: "15m",
            // Queriers call Info of every endpoint of their file every 5 s.
            expr: "sum by (namespace, job, pod) (rate(grpc_client_handled_total{$queriers,grpc_service=\"thanos.info.Info\",grpc_code!=\"OK\"}[5m]))
> 0",
            summary: "A querier cannot reach an endpoint.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} fails to call one or more of its endpoints, so \
                          their series are missing in results.",
        },
        Alert {
            name: "ThanosQueryDNSFailures",
            severity: Severity::Warning,
            for_: "15m",
            expr: "(
  sum by (namespace, job) (rate(thanos_query_endpoints_dns_failures_total{$queriers}[5m]))
  +
  sum by (namespace, job) (rate(thanos_query_endpoint_groups_dns_failures_total{$queriers}[5m]))
)
/
(
  sum by (namespace, job) (rate(thanos_query_endpoints_dns_lookups_total{$queriers}[5m]))
  +
  sum by (namespace, job) (rate(thanos_query_endpoint_groups_dns_lookups_total{$queriers}[5m]))
)
> 0.05",
            summary: "Queriers cannot resolve names of endpoints.",
            description: "{{ $value | humanizePercentage }} of the DNS lookups of {{ $labels.namespace }}/{{ \
                          $labels.job }} for endpoints fail.",
        },
        Alert {
            name: "ThanosBridgePrometheusDown",
            severity: Severity::Warning,
            for_: "10m",
            expr: "max by (namespace, job, pod) (thanos_sidecar_prometheus_up{$bridges}) == 0",
            summary: "A bridge cannot reach its Prometheus.",
            description: "The bridge {{ $labels.namespace }}/{{ $labels.pod }} cannot reach its Prometheus, whose \
                          series are missing in results.",
        },
    ]
}

fn stores() -> Vec<Alert> {
    vec![
        Alert {
            name: "ThanosStoreErrors",
            severity: Severity::Critical,
            for_: "10m",
            // Stores report failures of their bucket as Aborted.
            expr: "sum by (namespace, job) (rate(grpc_server_handled_total{$stores,grpc_service=\"thanos.Store\",grpc_code=~\"Aborted|DataLoss|DeadlineExceeded|Internal|Unavailable|Unknown\"}[5m]))
/
sum by (namespace, job) (rate(grpc_server_handled_total{$stores,grpc_service=\"thanos.Store\"}[5m]))
> 0.05",
            summary: "Stores fail to answer queriers.",
            description: "{{ $value | humanizePercentage }} of the requests of queriers to {{ $labels.namespace }}/{{ \
                          $labels.job }} fail.",
        },
        Alert {
            name: "ThanosStoreOverloaded",
            severity: Severity::Warning,
            for_: "15m",
            expr: "avg_over_time(thanos_bucket_store_series_gate_queries_in_flight{$stores}[5m])
/
thanos_bucket_store_series_gate_queries_max{$stores}
> 0.9",
            summary: "A store serves as many requests as it may.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} serves {{ $value | humanizePercentage }} of the \
                          requests that it may serve at a time. Further requests wait.",
        },
        Alert {
            name: "ThanosStoreQueriesLimited",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job) (rate(thanos_bucket_store_queries_dropped_total{$stores}[5m])) > 0",
            summary: "Stores drop queries that exceed a limit.",
            description: "{{ $labels.namespace }}/{{ $labels.job }} drops queries that exceed the limits of series, \
                          chunks or bytes.",
        },
        Alert {
            name: "ThanosStoreSyncFailing",
            severity: Severity::Warning,
            // Longer than the range, so that a single failure does not fire.
            for_: "1h",
            expr: "sum by (namespace, job, pod) (increase(thanos_blocks_meta_sync_failures_total{$stores}[45m])) > 0",
            summary: "A store fails to sync its bucket.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} repeatedly fails to list the blocks of its \
                          bucket. It does not serve new blocks.",
        },
        Alert {
            name: "ThanosStoreBlockLoadFailing",
            severity: Severity::Warning,
            for_: "1h",
            expr: "sum by (namespace, job, pod) (increase(thanos_bucket_store_block_load_failures_total{$stores}[45m])) > 0",
            summary: "A store fails to load blocks.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} repeatedly fails to load blocks, whose samples \
                          are missing in results.",
        },
        Alert {
            name: "ThanosObjectStorageErrors",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job, operation) (rate(thanos_objstore_bucket_operation_failures_total{$components}[5m]))
/
sum by (namespace, job, operation) (rate(thanos_objstore_bucket_operations_total{$components}[5m]))
> 0.05",
            summary: "Operations on object storage fail.",
            description: "{{ $value | humanizePercentage }} of the operations {{ $labels.operation }} of {{ \
                          $labels.namespace }}/{{ $labels.job }} on object storage fail.",
        },
    ]
}

fn receivers() -> Vec<Alert> {
    vec![
        Alert {
            name: "ThanosReceiveServerErrors",
            severity: Severity::Critical,
            for_: "10m",
            expr: "sum by (namespace, job) (rate(http_requests_total{$routers,handler=\"receive\",code=~\"5..\"}[5m]))
/
sum by (namespace, job) (rate(http_requests_total{$routers,handler=\"receive\"}[5m]))
> 0.05",
            summary: "Remote writes fail.",
            description: "{{ $value | humanizePercentage }} of the remote writes to {{ $labels.namespace }}/{{ \
                          $labels.job }} fail with a server error. Senders retry.",
        },
        Alert {
            name: "ThanosReceiveRequestsRejected",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job, code) (rate(http_requests_total{$routers,handler=\"receive\",code=~\"4..\"}[5m]))
/ on (namespace, job) group_left
sum by (namespace, job) (rate(http_requests_total{$routers,handler=\"receive\"}[5m]))
> 0.05",
            summary: "Remote writes are rejected.",
            description: "{{ $value | humanizePercentage }} of the remote writes to {{ $labels.namespace }}/{{ \
                          $labels.job }} are rejected with status {{ $labels.code }}. Senders do not retry them, \
                          except for 429.",
        },
        Alert {
            name: "ThanosReceiveSlow",
            severity: Severity::Warning,
            for_: "15m",
            expr: "histogram_quantile(0.95,
  sum by (namespace, job, le) (rate(http_request_duration_seconds_bucket{$routers,handler=\"receive\"}[10m]))
)
> 5",
            summary: "Remote writes are slow.",
            description: "5% of the remote writes to {{ $labels.namespace }}/{{ $labels.job }} take longer than {{ \
                          $value | humanizeDuration }}. Senders fall behind.",
        },
        Alert {
            name: "ThanosReceiveForwardErrors",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job) (rate(thanos_receive_forward_requests_total{$routers,result=\"error\"}[5m]))
/
sum by (namespace, job) (rate(thanos_receive_forward_requests_total{$routers}[5m]))
> 0.1",
            summary: "Routers fail to forward samples to ingesters.",
            description: "{{ $value | humanizePercentage }} of the requests of {{ $labels.namespace }}/{{ $labels.job \
                          }} to ingesters fail. Copies of samples are missing, or writes fail.",
        },
        Alert {
            name: "ThanosReceiveHashringReloadFailed",
            severity: Severity::Warning,
            for_: "10m",
            expr: "min by (namespace, job, pod) (thanos_receive_config_last_reload_successful{$routers}) == 0",
            summary: "A router fails to load its hashrings.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} uses the hashrings that it loaded before.",
        },
        Alert {
            name: "ThanosUploadFailing",
            severity: Severity::Critical,
            for_: "1h",
            expr: "sum by (namespace, job, pod, tenant) (increase(thanos_shipper_upload_failures_total{job=~\"thanos-(receive-ingester|rule)-.+\"}[30m]))
+
sum by (namespace, job, pod, tenant) (increase(thanos_shipper_dir_sync_failures_total{job=~\"thanos-(receive-ingester|rule)-.+\"}[30m]))
> 0",
            summary: "Blocks are not uploaded to object storage.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} fails to upload blocks{{ with $labels.tenant }} of \
                          the tenant {{ . }}{{ end }}. They are deleted when their retention has passed.",
        },
        Alert {
            name: "ThanosReceiveNotUploading",
            severity: Severity::Warning,
            for_: "30m",
            // An ingester uploads a block every 2 hours at the latest, 3 hours after its first sample.
            expr: "sum by (namespace, job, pod) (increase(thanos_shipper_uploads_total{$ingesters}[6h])) == 0
and on (namespace, job, pod)
sum by (namespace, job, pod) (increase(prometheus_tsdb_head_samples_appended_total{$ingesters}[6h])) > 0
and on (namespace, job, pod)
time() - max by (namespace, job, pod) (process_start_time_seconds{$ingesters}) > 6 * 3600",
            summary: "An ingester uploads nothing.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} has ingested samples and uploaded no block for 6 \
                          hours.",
        },
        Alert {
            name: "ThanosTSDBFailing",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job, pod, tenant) (increase(prometheus_tsdb_compactions_failed_total{$components}[1h])) > 0
or
sum by (namespace, job, pod, tenant) (increase(prometheus_tsdb_wal_truncations_failed_total{$components}[1h])) > 0
or
sum by (namespace, job, pod, tenant) (increase(prometheus_tsdb_wal_writes_failed_total{$components}[1h])) > 0",
            summary: "A TSDB fails to write.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} fails to write its WAL or its blocks{{ with \
                          $labels.tenant }} of the tenant {{ . }}{{ end }}.",
        },
    ]
}

fn rulers() -> Vec<Alert> {
    vec![
        Alert {
            name: "ThanosRulerEvaluationsFailing",
            severity: Severity::Critical,
            for_: "10m",
            expr: "sum by (namespace, job) (rate(prometheus_rule_evaluation_failures_total{$rulers}[5m]))
/
sum by (namespace, job) (rate(prometheus_rule_evaluations_total{$rulers}[5m]))
> 0.2",
            summary: "Many rules of a ruler fail.",
            description: "{{ $value | humanizePercentage }} of the rule evaluations of {{ $labels.namespace }}/{{ \
                          $labels.job }} fail. Alerts of these rules do not fire.",
        },
        Alert {
            name: "ThanosRulerGroupFailing",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job, rule_group) (rate(prometheus_rule_evaluation_failures_total{$rulers}[5m])) > 0",
            summary: "Rules of a group fail.",
            description: "Rules of the group {{ $labels.rule_group }} fail in {{ $labels.namespace }}/{{ $labels.job \
                          }}.",
        },
        Alert {
            name: "ThanosRulerEvaluationsMissed",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job, rule_group) (increase(prometheus_rule_group_iterations_missed_total{$rulers}[10m])) > 0",
            summary: "A rule group takes longer than its interval.",
            description: "The group {{ $labels.rule_group }} of {{ $labels.namespace }}/{{ $labels.job }} misses \
                          evaluations, since one takes longer than its interval.",
        },
        Alert {
            name: "ThanosRulerReloadFailed",
            severity: Severity::Warning,
            for_: "10m",
            expr: "min by (namespace, job, pod) (thanos_rule_config_last_reload_successful{$rulers}) == 0",
            summary: "A ruler fails to load its rules.",
            description: "{{ $labels.namespace }}/{{ $labels.pod }} fails to load its rule files, and evaluates the \
                          rules that it loaded before.",
        },
        Alert {
            name: "ThanosRulerAlertsDropped",
            severity: Severity::Critical,
            for_: "5m",
            expr: "sum by (namespace, job) (rate(thanos_alert_queue_alerts_dropped_total{$rulers}[5m]))
+
sum by (namespace, job) (rate(thanos_alert_sender_alerts_dropped_total{$rulers}[5m]))
> 0",
            summary: "Alerts do not reach any Alertmanager.",
            description: "{{ $labels.namespace }}/{{ $labels.job }} drops alerts: no Alertmanager accepts them, or \
                          its queue is full.",
        },
        Alert {
            name: "ThanosRulerAlertmanagerErrors",
            severity: Severity::Warning,
            for_: "15m",
            expr: "sum by (namespace, job, alertmanager) (rate(thanos_alert_sender_errors_total{$rulers}[5m])) > 0",
            summary: "An Alertmanager does not accept alerts.",
            description: "{{ $labels.namespace }}/{{ $labels.job }} fails to send alerts to the Alertmanager {{ \
                          $labels.alertmanager }}.",
        },
        Alert {
            name: "ThanosRulerRemoteWriteBehind",
            severity: Severity::Warning,
            for_: "15m",
            expr: "max by (namespace, job, pod, remote_name) (max_over_time(prometheus_remote_storage_queue_highest_timestamp_seconds{$rulers}[5m]))
-
max by (namespace, job, pod, remote_name) (max_over_time(prometheus_remote_storage_queue_highest_sent_timestamp_seconds{$rulers}[5m]))
> 120",
            summary: "Results of rules are written late.",
            description: "The remote write of {{ $labels.namespace }}/{{ $labels.pod }} is {{ $value | \
                          humanizeDuration }} behind.",
        },
        Alert {
            name: "ThanosRulerRemoteWriteFailing",
            severity: Severity::Critical,
            for_: "15m",
            expr: "sum by (namespace, job) (rate(prometheus_remote_storage_samples_failed_total{$rulers}[5m])) > 0",
            summary: "Results of rules are lost.",
            description: "The receiver rejects samples of {{ $labels.namespace }}/{{ $labels.job }}. They are not \
                          sent again.",
        },
    ]
}
