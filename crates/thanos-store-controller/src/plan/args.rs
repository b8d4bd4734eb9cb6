//! The command line of a store.

use thanos_api::v1alpha1::{CacheConfig, IndexHeaderConfig, ThanosStoreSpec, TimeRangeConfig};
use thanos_workload::cache::{self, Cache, Sizes};
use thanos_workload::checks::duration;
use thanos_workload::flags::{Flags, Rules};
use thanos_workload::{FieldError, pod, ports, quantity};

/// Where the volume is.
pub(super) const DATA_FOLDER: &str = "/var/thanos/store";
/// Where the object storage configuration is.
pub(super) const OBJECT_STORAGE_FOLDER: &str = "/etc/thanos/object-storage";
/// Its file.
pub(super) const OBJECT_STORAGE_FILE: &str = "config.yaml";

/// Flags of the store that may be given several times.
const REPEATABLE: &[&str] = &["grpc-server-tls-ciphers", "grpc-server-tls-curves"];

/// Flags on which Services, probes and volumes rely.
const RESERVED: [(&str, &str); 5] = [
    (
        "data-dir",
        "the volume is mounted there; remove the argument",
    ),
    (
        "grpc-address",
        "the Services lead to it; remove the argument",
    ),
    (
        "http-address",
        "the Services and probes lead to it; remove the argument",
    ),
    (
        "objstore.config",
        "put the configuration into a Secret and name it in spec.objectStorageConfig",
    ),
    (
        "objstore.config-file",
        "put the configuration into a Secret and name it in spec.objectStorageConfig",
    ),
];

/// The same, for a store that serves a part of the blocks.
const RESERVED_OF_SHARDS: [(&str, &str); 7] = {
    let [a, b, c, d, e] = RESERVED;
    const DIVIDED: &str = "it divides the blocks over the shards; set spec.shardingStrategy.shards to 1 first, or remove the argument";
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

/// The caches of a store.
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

/// Stores end at once with a cache that is smaller than an item of it may be.
fn items_fit(config: Option<&CacheConfig>, field: &str) -> Result<(), FieldError> {
    let Some(config) = config.and_then(|c| c.in_memory_cache_config.as_ref()) else {
        return Ok(());
    };
    let max = config.max_size.as_deref().unwrap_or(cache::DEFAULT_SIZE);
    let item = config.max_item_size.as_deref().and_then(quantity::bytes);
    // What is no size at all is told by whoever reads it.
    match quantity::bytes(max).is_some_and(|max| item > Some(max)) {
        true => Err(FieldError::new(
            format!("{field}.inMemoryCacheConfig.maxItemSize"),
            "is larger than maxSize, which Thanos refuses; lower it, or remove it".to_owned(),
        )),
        false => Ok(()),
    }
}

/// The configuration of a cache in memory.
fn in_memory(sizes: &Sizes) -> String {
    let Sizes { max, max_item } = *sizes;
    // Thanos' own default is larger than a small cache, which it refuses.
    let max_item = max_item.unwrap_or(max / 2);
    // Stores refuse a number without a unit.
    format!("type: IN-MEMORY\nconfig:\n  max_size: \"{max}B\"\n  max_item_size: \"{max_item}B\"\n")
}

/// The command line of shard `shard` of `shards`.
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
        // What receivers and compactors uploaded is served soon, so that they can remove it.
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

/// The relabeling that keeps the blocks of one shard: each block is in exactly one.
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
