//! The Alertmanager configuration file of rulers. Pure.

use std::collections::BTreeSet;

use crate::addresses::{Transport, quoted};

/// Name prefix of the files with addresses.
pub const FILES: &str = "alertmanagers";

/// TLS settings for Alertmanagers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// The file with the certificate authority.
    pub ca_file: Option<String>,
    /// The required name in certificates.
    pub server_name: Option<String>,
    /// Whether any certificate is accepted.
    pub skip_verify: bool,
}

/// The configuration file. `folder` contains the files with the addresses.
#[must_use]
pub fn config(blocks: &BTreeSet<Transport>, trust: &Trust, folder: &str) -> String {
    let mut text = "alertmanagers:\n".to_owned();
    for transport in blocks {
        text += &format!("- scheme: {}\n", transport.scheme());
        if !transport.prefix.is_empty() {
            text += &format!("  path_prefix: {}\n", quoted(&transport.prefix));
        }
        text += &format!(
            "  api_version: v2\n  file_sd_configs:\n  - files: [{}]\n    refresh_interval: 30s\n",
            quoted(&format!("{folder}/{}", transport.file(FILES)))
        );
        if transport.https && *trust != Trust::default() {
            text += "  http_config:\n    tls_config:\n";
            if let Some(file) = &trust.ca_file {
                text += &format!("      ca_file: {}\n", quoted(file));
            }
            if let Some(name) = &trust.server_name {
                text += &format!("      server_name: {}\n", quoted(name));
            }
            if trust.skip_verify {
                text += "      insecure_skip_verify: true\n";
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::{Target, blocks};

    #[test]
    fn tls_config_is_written_for_https_only() {
        let trust = Trust {
            ca_file: Some("/ca".into()),
            ..Trust::default()
        };
        let usual = BTreeSet::from([Transport::USUAL]);
        assert!(!config(&usual, &trust, "/t").contains("tls_config"));
        let both = blocks(&[Target::of_url("https://am", "x").unwrap()], &usual);
        assert!(config(&both, &trust, "/t").contains("      ca_file: \"/ca\"\n"));
    }
}
