//! Fields that Prometheuses and Alertmanagers share: pods and web server. No IO.

use serde::Deserialize;

use kube_facts::Labels;
use kube_facts::tolerant_decode::{Lenient, Object};

/// `spec.web`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Web {
    tls_config: Lenient<Object<WebTls>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WebTls {
    client_auth_type: Lenient<String>,
}

impl Web {
    /// Whether the API uses HTTPS, and whether it requires a client certificate.
    pub(super) fn tls(self) -> (bool, bool) {
        let tls = self.tls_config.get();
        let is_https = tls.is_some();
        let client_auth = tls.unwrap_or_default().0.client_auth_type.or_default();
        let demands = matches!(
            client_auth.as_str(),
            // The last is an older name of the first, which the web server still accepts.
            "RequireAnyClientCert" | "RequireAndVerifyClientCert" | "RequireClientCert"
        );
        (is_https, demands)
    }
}

/// `spec.podMetadata`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodMetadata {
    pub(super) labels: Lenient<Labels>,
}

/// `spec.routePrefix`, `/` if unset, as parsed by Prometheus and Alertmanager.
pub(super) fn route_prefix(given: Lenient<String>) -> String {
    format!("/{}", given.or_default().trim_matches('/'))
}

/// The text, or the default if unset or empty.
pub(super) fn or(given: Option<String>, default: &str) -> String {
    given
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| default.to_owned())
}
