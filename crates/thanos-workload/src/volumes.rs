//! Volumes. Configuration is always mounted as a folder, since the kubelet never refreshes a `subPath`.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, KeyToPath, SecretKeySelector, SecretVolumeSource, Volume, VolumeMount,
};

use crate::names;

/// Volume with all files of a ConfigMap.
#[must_use]
pub fn config_map(volume: &str, name: &str) -> Volume {
    Volume {
        name: volume.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: name.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Volume with all files of a Secret.
#[must_use]
pub fn secret(volume: &str, name: &str) -> Volume {
    Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(name.to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Volume with one key of a Secret as the file `path`.
#[must_use]
pub fn secret_key(volume: &str, key: &SecretKeySelector, path: &str) -> Volume {
    Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(key.name.clone()),
            optional: key.optional,
            items: Some(vec![KeyToPath {
                key: key.key.clone(),
                path: path.to_owned(),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Read-only mount of a volume.
#[must_use]
pub fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..Default::default()
    }
}

/// Volumes and mounts of the ConfigMaps and Secrets of the spec, under `/etc/thanos`.
pub(crate) fn user_files(
    config_maps: Option<&[String]>,
    secrets: Option<&[String]>,
) -> (Vec<Volume>, Vec<VolumeMount>) {
    let config_maps = config_maps.unwrap_or_default().iter().map(|name| {
        let volume = names::child(&["configmap", name]);
        let path = format!("/etc/thanos/configmaps/{name}");
        (config_map(&volume, name), mount(&volume, &path))
    });
    let secrets = secrets.unwrap_or_default().iter().map(|name| {
        let volume = names::child(&["secret", name]);
        let path = format!("/etc/thanos/secrets/{name}");
        (secret(&volume, name), mount(&volume, &path))
    });
    config_maps.chain(secrets).unzip()
}
