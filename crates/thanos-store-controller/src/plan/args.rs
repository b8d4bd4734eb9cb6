//! Plans the command line of a store. No IO.

use thanos_api::v1alpha1::{CacheConfig, IndexHeaderConfig, ThanosStoreSpec, TimeRangeConfig};
use thanos_workload::cache::{self, Cache, Sizes};
use thanos_workload::checks::duration;
use thanos_workload::flags::{Flags, Rules};
use thanos_workload::{FieldError, pod, ports, quantity};

/// Mount path of the volume.
pub(super) const DATA_FOLDER: &str = "/var/thanos/store";
/// Mount path of the object storage configuration.
pub(super) const OBJECT_STORAGE_FOLDER: &str = "/etc/thanos/object-storage";
/// File name of the object storage configuration.
pub(super) const OBJECT_STORAGE_FILE: &str = "config.yaml";

/// Repeatable flags of the store.
const REPEATABLE: &[&str] = &["grpc-server-tls-ciphers", "grpc-server-tls-curves"];

/// Flags that Services, probes and volumes depend on.
const RESERVED: [(&str, &str); 5] = [
    (
        "data-dir",
        "the volume is mounted at a fixed path; remove the argument",
    ),
    (
        "grpc-address",
        "the Services target this port; remove the argument",
    ),
    (
        "http-address",
        "the Services and probes use this port; remove the argument",
    ),
    (
        "objstore.config",
        "store the configuration in a Secret and reference it in spec.objectStorageConfig",
    ),
    (
        "objstore.config-file",
        "store the configuration in a Secret and reference it in spec.objectStorageConfig",
    ),
];

/// Reserved flags of a store that serves a part of the blocks.
const RESERVED_OF_SHARDS: [(&str, &str); 7] = {
    let [a, b, c, d, e] = RESERVED;
    const DIVIDED: &str = "it distributes the blocks over the shards; set spec.shardingStrategy.shards to 1 first, or remove the argument";
    [
        a,
        b,
        c,
        d,
        e,
        ("selector.relabel-config", DIVIDED),
        ("selector.relabel-config-file", DIVIDED),
    ]
};

/// Caches of a store.
pub(super) struct Caches {
    pub index: Cache,
    pub bucket: Cache,
}

impl Caches {
    pub(super) fn of(spec: &ThanosStoreSpec) -> Result<Self, FieldError> {
        items_fit(spec.index_cache_config.as_ref(), "spec.indexCacheConfig")?;
        items_fit(
            spec.caching_bucket_config.as_ref(),
            "spec.cachingBucketConfig",
        )?;
        Ok(Self {
            index: Cache::of(
                spec.index_cache_config.as_ref(),
                "spec.indexCacheConfig",
                "index-cache",
                in_memory,
            )?,
            bucket: Cache::of(
                spec.caching_bucket_config.as_ref(),
                "spec.cachingBucketConfig",
                "caching-bucket",
                in_memory,
            )?,
        })
    }
}

/// Stores exit at startup with a cache that is smaller than the maximum size of its items.
fn items_fit(config: Option<&CacheConfig>, field: &str) -> Result<(), FieldError> {
    let Some(config) = config.and_then(|c| c.in_memory_cache_config.as_ref()) else {
        return Ok(());
    };
    let max = config.max_size.as_deref().unwrap_or(cache::DEFAULT_SIZE);
    let item = config.max_item_size.as_deref().and_then(quantity::bytes);
    // Invalid sizes are reported where they are parsed.
    match quantity::bytes(max).is_some_and(|max| item > Some(max)) {
        true => Err(FieldError::new(
            format!("{field}.inMemoryCacheConfig.maxItemSize"),
            "is larger than maxSize, which Thanos rejects; reduce or remove it".to_owned(),
        )),
        false => Ok(()),
    }
}

/// Configuration of the in-memory cache.
fn in_memory(sizes: &Sizes) -> String {
    let Sizes { max, max_item } = *sizes;
    // Thanos rejects a cache that is smaller than its default for items.
    let max_item = max_item.unwrap_or(max / 2);
    // Stores reject a number without a unit.
    format!("type: IN-MEMORY\nconfig:\n  max_size: \"{max}B\"\n  max_item_size: \"{max_item}B\"\n")
}

/// Command line of shard `shard` of `shards`.
pub(super) fn args(
    spec: &ThanosStoreSpec,
    caches: &Caches,
    shard: i32,
    shards: i32,
) -> Result<Vec<String>, FieldError> {
    let common = &spec.common;
    let limited = pod::has_memory_limit(common.resource_requirements.as_ref());
    let deletion = spec.ignore_deletion_marks_delay.as_deref().unwrap_or("24h");
    let deletion = duration(deletion, "spec.ignoreDeletionMarksDelay")?;
    let flags = Flags::new("store")
        .logging(common)
        .set("http-address", format!(":{}", ports::HTTP_NUMBER_STORE))
        .set("grpc-address", format!(":{}", ports::GRPC_NUMBER))
        .set("data-dir", DATA_FOLDER)
        .set(
            "objstore.config-file",
            format!("{OBJECT_STORAGE_FOLDER}/{OBJECT_STORAGE_FILE}"),
        )
        // Uploaded blocks are served soon, so that receivers and compactors can delete their
        // copies.
        .set("sync-block-duration", "3m")
        .set("ignore-deletion-marks-delay", deletion)
        .switch("disable-admin-operations", true)
        .switch("enable-auto-gomemlimit", limited);
    let flags = blocks(time_range(flags, spec.time_range_config.as_ref()), spec);
    let flags = index_headers(flags, spec.index_header_config.as_ref())?;
    let flags = caches.index.flag(flags, "index-cache.");
    let flags = caches.bucket.flag(flags, "store.caching-bucket.");
    let flags = flags.maybe(
        "selector.relabel-config",
        (shards > 1).then(|| part(shard, shards)),
    );
    flags.merge(
        spec.additional.additional_args.as_deref(),
        &Rules {
            repeatable: REPEATABLE,
            reserved: if shards > 1 {
                &RESERVED_OF_SHARDS
            } else {
                &RESERVED
            },
        },
        "spec.additionalArgs",
    )
}

/// Relabeling that selects the blocks of one shard; each block is in exactly one shard.
fn part(shard: i32, shards: i32) -> String {
    format!(
        "- action: hashmod\n  source_labels: [__block_id]\n  target_label: shard\n  modulus: {shards}\n\
         - action: keep\n  source_labels: [shard]\n  regex: \"{shard}\"\n"
    )
}

fn time_range(flags: Flags, range: Option<&TimeRangeConfig>) -> Flags {
    let range = range.cloned().unwrap_or_default();
    let given = |text: Option<String>| text.filter(|t| !t.is_empty());
    flags
        .maybe("min-time", given(range.min_time))
        .maybe("max-time", given(range.max_time))
}

fn blocks(flags: Flags, spec: &ThanosStoreSpec) -> Flags {
    let config = spec.block_config.clone().unwrap_or_default();
    let limits = spec.store_limits_options.clone().unwrap_or_default();
    flags
        .set(
            "block-discovery-strategy",
            config.block_discovery_strategy.unwrap_or_default().as_str(),
        )
        .set(
            "block-meta-fetch-concurrency",
            config.block_meta_fetch_concurrency.unwrap_or(32),
        )
        .maybe(
            "store.limits.request-samples",
            limits.store_limits_request_samples,
        )
        .maybe(
            "store.limits.request-series",
            limits.store_limits_request_series,
        )
}

fn index_headers(flags: Flags, config: Option<&IndexHeaderConfig>) -> Result<Flags, FieldError> {
    let config = config.cloned().unwrap_or_default();
    let idle = config.lazy_reader_idle_timeout.as_deref().unwrap_or("5m");
    let idle = duration(idle, "spec.indexHeaderConfig.lazyReaderIdleTimeout")?;
    Ok(flags
        .switch(
            "store.enable-index-header-lazy-reader",
            config.enable_lazy_reader.unwrap_or(true),
        )
        .set("store.index-header-lazy-reader-idle-timeout", idle)
        .set(
            "store.index-header-lazy-download-strategy",
            config.lazy_download_strategy.unwrap_or_default().as_str(),
        ))
}
