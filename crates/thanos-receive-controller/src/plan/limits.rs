//! Renders the limits file of routers. Pure, no IO.

use serde_json::{Map, Value, json};
use thanos_api::v1alpha1::{ReceiveLimits, TenantLimits};

/// The limits file. Unset fields are omitted, since Thanos inherits them then.
#[must_use]
pub fn render(limits: &ReceiveLimits) -> String {
    let mut write = Map::new();
    if let Some(global) = &limits.global {
        write.insert(
            "global".to_owned(),
            given([
                ("max_concurrency", global.max_concurrency.map(Value::from)),
                (
                    "meta_monitoring_url",
                    global.meta_monitoring_url.clone().map(Value::from),
                ),
                (
                    "meta_monitoring_limit_query",
                    global.meta_monitoring_limit_query.clone().map(Value::from),
                ),
            ]),
        );
    }
    if let Some(default) = &limits.default {
        write.insert("default".to_owned(), of_tenant(default));
    }
    if let Some(tenants) = &limits.tenants {
        let tenants = tenants
            .iter()
            .map(|(name, limits)| (name.clone(), of_tenant(limits)));
        write.insert("tenants".to_owned(), Value::Object(tenants.collect()));
    }
    // JSON is valid YAML.
    format!("{:#}\n", json!({"write": write}))
}

fn of_tenant(limits: &TenantLimits) -> Value {
    let request = limits.request.as_ref().map(|request| {
        given([
            (
                "size_bytes_limit",
                request.size_bytes_limit.map(Value::from),
            ),
            ("series_limit", request.series_limit.map(Value::from)),
            ("samples_limit", request.samples_limit.map(Value::from)),
        ])
    });
    given([
        ("request", request),
        (
            "head_series_limit",
            limits.head_series_limit.map(Value::from),
        ),
    ])
}

fn given<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields.into_iter();
    let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect())
}

/// Whether the head series of any tenant are limited.
#[must_use]
pub fn limit_head_series(limits: &ReceiveLimits) -> bool {
    let tenants = limits.tenants.iter().flat_map(|tenants| tenants.values());
    let mut all = limits.default.iter().chain(tenants);
    all.any(|limits| limits.head_series_limit.is_some_and(|limit| limit > 0))
}
