//! Caches of Thanos: flags, volumes and mounts.

use k8s_openapi::api::core::v1::{SecretKeySelector, Volume, VolumeMount};
use thanos_api::v1alpha1::{CacheConfig, InMemoryCacheConfig};

use crate::checks::bytes;
use crate::flags::Flags;
use crate::{FieldError, volumes};

/// File name of a mounted configuration.
const FILE: &str = "config.yaml";

/// Default size of an in-memory cache.
pub const DEFAULT_SIZE: &str = "250Mi";

/// A cache of the spec.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Suffix of the flag, and its value; `None` without a cache.
    flag: Option<(&'static str, String)>,
    /// Volume with the configuration of an external cache.
    pub volumes: Vec<Volume>,
    /// Mount of that volume.
    pub mounts: Vec<VolumeMount>,
}

impl Cache {
    /// Cache of the section `field`. An external cache takes precedence over an in-memory one. `volume` is
    /// the name of the volume and of the folder under `/etc/thanos`; `in_memory` renders the
    /// configuration of an in-memory cache.
    ///
    /// # Errors
    /// An invalid section.
    pub fn of(
        config: Option<&CacheConfig>,
        field: &str,
        volume: &str,
        in_memory: fn(&Sizes) -> String,
    ) -> Result<Self, FieldError> {
        let Some(config) = config else {
            return Ok(Self::default());
        };
        if let Some(key) = &config.external_cache_config {
            named(key, &format!("{field}.externalCacheConfig"))?;
            let folder = format!("/etc/thanos/{volume}");
            return Ok(Self {
                // The UI shows values of flags, so the configuration is passed as a file.
                flag: Some(("config-file", format!("{folder}/{FILE}"))),
                volumes: vec![volumes::secret_key(volume, key, FILE)],
                mounts: vec![volumes::mount(volume, &folder)],
            });
        }
        let Some(config) = &config.in_memory_cache_config else {
            return Ok(Self::default());
        };
        let sizes = Sizes::of(config, &format!("{field}.inMemoryCacheConfig"))?;
        Ok(Self {
            flag: Some(("config", in_memory(&sizes))),
            ..Self::default()
        })
    }

    /// Whether there is a cache.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.flag.is_some()
    }

    /// Adds the flag: `start` followed by `config` or `config-file`.
    pub fn flag(&self, flags: Flags, start: &str) -> Flags {
        match &self.flag {
            Some((end, value)) => flags.set(&format!("{start}{end}"), value),
            None => flags,
        }
    }
}

/// Sizes of an in-memory cache, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Total size.
    pub max: u64,
    /// Largest item.
    pub max_item: Option<u64>,
}

impl Sizes {
    fn of(config: &InMemoryCacheConfig, field: &str) -> Result<Self, FieldError> {
        let max = config.max_size.as_deref().unwrap_or(DEFAULT_SIZE);
        let max = bytes(max, &format!("{field}.maxSize"))?;
        let max_item = match config.max_item_size.as_deref() {
            Some(size) => Some(bytes(size, &format!("{field}.maxItemSize"))?),
            None => None,
        };
        Ok(Self { max, max_item })
    }
}

/// Validates a reference to a key of a Secret.
///
/// # Errors
/// An empty name or key.
pub fn named(key: &SecretKeySelector, field: &str) -> Result<(), FieldError> {
    let missing = match (key.name.is_empty(), key.key.is_empty()) {
        (true, _) => "name",
        (_, true) => "key",
        _ => return Ok(()),
    };
    Err(FieldError::new(
        format!("{field}.{missing}"),
        "is empty; set the name and key of the Secret with the configuration",
    ))
}
