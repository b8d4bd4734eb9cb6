//! Caches of Thanos.

use k8s_openapi::api::core::v1::SecretKeySelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Cache. If both types are set, the external one is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheConfig {
    /// Cache in the memory of each pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_memory_cache_config: Option<InMemoryCacheConfig>,
    /// Secret key with a Thanos cache configuration for Memcached or Redis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::embedded::<SecretKeySelector>")]
    pub external_cache_config: Option<SecretKeySelector>,
}

/// Size of an in-memory cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InMemoryCacheConfig {
    /// Maximum size of the cache. Unset: 250Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub max_size: Option<String>,
    /// Maximum size of one item. The query frontend accepts the value but does not enforce it.
    /// Unset: half of maxSize in stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::size")]
    pub max_item_size: Option<String>,
}
