//! Secrets that stores read at startup. No IO.

use k8s_openapi::api::core::v1::SecretKeySelector;
use thanos_api::v1alpha1::ThanosStoreSpec;

/// Secret keys, each with the field that references it.
pub fn keys(spec: &ThanosStoreSpec) -> impl Iterator<Item = (&'static str, &SecretKeySelector)> {
    let index = spec.index_cache_config.as_ref();
    let bucket = spec.caching_bucket_config.as_ref();
    let index = index.and_then(|c| c.external_cache_config.as_ref());
    let bucket = bucket.and_then(|c| c.external_cache_config.as_ref());
    std::iter::once(("spec.objectStorageConfig", &spec.object_storage_config))
        .chain(index.map(|key| ("spec.indexCacheConfig.externalCacheConfig", key)))
        .chain(bucket.map(|key| ("spec.cachingBucketConfig.externalCacheConfig", key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_key_is_returned_with_its_field() {
        let spec: ThanosStoreSpec = serde_json::from_value(json!({
            "objectStorageConfig": {"name": "s3", "key": "thanos.yaml"},
            "indexCacheConfig": {"externalCacheConfig": {"name": "cache", "key": "c"}},
            "cachingBucketConfig": {"externalCacheConfig": {"name": "cache", "key": "d", "optional": true}},
        }))
        .unwrap();
        let read: Vec<(&str, &str)> = keys(&spec).map(|(f, key)| (f, key.key.as_str())).collect();
        let expected = [
            ("spec.objectStorageConfig", "thanos.yaml"),
            ("spec.indexCacheConfig.externalCacheConfig", "c"),
            ("spec.cachingBucketConfig.externalCacheConfig", "d"),
        ];
        assert_eq!(read, expected);
    }
}
