//! Caches of Thanos: flags, and what they need in the pod.

use k8s_openapi::api::core::v1::{SecretKeySelector, Volume, VolumeMount};
use thanos_api::v1alpha1::{CacheConfig, InMemoryCacheConfig};

use crate::checks::bytes;
use crate::flags::Flags;
use crate::{FieldError, volumes};

/// The file of a mounted configuration.
const FILE: &str = "config.yaml";

/// The size of a cache in memory where the spec gives none.
pub const DEFAULT_SIZE: &str = "250Mi";

/// A cache that the user asks for.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// The end of its flag and the value; `None` without a cache.
    flag: Option<(&'static str, String)>,
    /// The volume of an external cache's configuration.
    pub volumes: Vec<Volume>,
    /// Its mount.
    pub mounts: Vec<VolumeMount>,
}

impl Cache {
    /// Reads the section `field`. An external cache wins over one in memory. `volume` names the
    /// volume, and the folder under `/etc/thanos`; `in_memory` writes the configuration of a cache
    /// in memory.
    ///
    /// # Errors
    /// A section that cannot be used.
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
                // A file, because a value in the command line shows up in the UI.
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

    /// Whether there is one.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.flag.is_some()
    }

    /// Adds its flag: `start` and then `config` or `config-file`.
    pub fn flag(&self, flags: Flags, start: &str) -> Flags {
        match &self.flag {
            Some((end, value)) => flags.set(&format!("{start}{end}"), value),
            None => flags,
        }
    }
}

/// Sizes of a cache in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Of all items.
    pub max: u64,
    /// Of the largest one.
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

/// A reference that names its Secret.
///
/// # Errors
/// It does not.
pub fn named(key: &SecretKeySelector, field: &str) -> Result<(), FieldError> {
    let missing = match (key.name.is_empty(), key.key.is_empty()) {
        (true, _) => "name",
        (_, true) => "key",
        _ => return Ok(()),
    };
    Err(FieldError::new(
        format!("{field}.{missing}"),
        "is empty; name the Secret, and the key in it, that hold the configuration",
    ))
}
