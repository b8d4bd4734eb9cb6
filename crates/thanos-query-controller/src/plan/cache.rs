//! The response cache of the query frontend.

use k8s_openapi::api::core::v1::{Volume, VolumeMount};
use thanos_api::v1alpha1::{CacheConfig, InMemoryCacheConfig};
use thanos_workload::flags::Flags;
use thanos_workload::{FieldError, quantity, volumes};

const FIELD: &str = "spec.queryFrontend.queryRangeResponseCacheConfig";
const VOLUME: &str = "response-cache";
const FOLDER: &str = "/etc/thanos/response-cache";
const FILE: &str = "config.yaml";

/// A response cache: flags, and what they need in the pod.
pub(super) struct Cache {
    /// The flag without its prefix, and its value.
    flag: Option<(&'static str, String)>,
    /// The volume of an external cache's configuration.
    pub(super) volumes: Vec<Volume>,
    /// Its mount.
    pub(super) mounts: Vec<VolumeMount>,
}

impl Cache {
    /// The cache that the user asks for. An external one wins over one in memory.
    pub(super) fn of(config: Option<&CacheConfig>) -> Result<Self, FieldError> {
        let mut cache = Self {
            flag: None,
            volumes: Vec::new(),
            mounts: Vec::new(),
        };
        let Some(config) = config else {
            return Ok(cache);
        };
        if let Some(key) = &config.external_cache_config {
            if key.name.is_empty() {
                return Err(FieldError::new(
                    format!("{FIELD}.externalCacheConfig.name"),
                    "is empty; name the Secret that holds the configuration",
                ));
            }
            // A file, because a value in the command line shows up in the UI.
            cache.flag = Some(("response-cache-config-file", format!("{FOLDER}/{FILE}")));
            cache.volumes.push(volumes::secret_key(VOLUME, key, FILE));
            cache.mounts.push(volumes::mount(VOLUME, FOLDER));
        } else if let Some(config) = &config.in_memory_cache_config {
            cache.flag = Some(("response-cache-config", in_memory(config)?));
        }
        Ok(cache)
    }

    /// Whether responses are cached.
    pub(super) const fn is_on(&self) -> bool {
        self.flag.is_some()
    }

    /// The flags, for range and for label queries.
    pub(super) fn flags(&self, flags: Flags) -> Flags {
        let Some((flag, value)) = &self.flag else {
            return flags;
        };
        flags
            .set(&format!("query-range.{flag}"), value)
            .set(&format!("labels.{flag}"), value)
    }
}

/// The configuration of a cache in memory. Without a size, Thanos would build no cache at all.
fn in_memory(config: &InMemoryCacheConfig) -> Result<String, FieldError> {
    let size = config.max_size.as_deref().unwrap_or("250Mi");
    let mut yaml = format!(
        "type: IN-MEMORY\nconfig:\n  max_size: \"{}\"\n  max_size_items: 0\n",
        bytes(size, "maxSize")?
    );
    if let Some(size) = &config.max_item_size {
        yaml.push_str(&format!(
            "  max_item_size: \"{}\"\n",
            bytes(size, "maxItemSize")?
        ));
    }
    Ok(yaml)
}

/// A quantity as a plain number: Thanos reads sizes by other rules than Kubernetes.
fn bytes(size: &str, name: &str) -> Result<u64, FieldError> {
    quantity::bytes(size).ok_or_else(|| {
        FieldError::new(
            format!("{FIELD}.inMemoryCacheConfig.{name}"),
            format!("`{size}` is not an amount of bytes; write one such as 512Mi"),
        )
    })
}
