//! Files with the addresses of queriers and Alertmanagers, which rulers reload while they run. Pure.
//!
//! Rulers read scheme, path and TLS only at startup: each combination is a block of their configuration
//! with its own file of addresses. A block stays after its last address is removed, so rulers restart only
//! for a new combination.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kube_facts::Key;
use thanos_workload::FieldError;
use thanos_workload::checks::without_credentials;
use xxhash_rust::xxh3::xxh3_64;

/// Scheme and path of an API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transport {
    /// HTTPS instead of HTTP.
    pub https: bool,
    /// Path prefix of the API: empty, or with a leading and no trailing slash.
    pub prefix: String,
}

impl Transport {
    /// The usual transport. Its block always exists.
    pub const USUAL: Self = Self {
        https: false,
        prefix: String::new(),
    };

    /// The URL scheme.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self.https {
            true => "https",
            false => "http",
        }
    }

    /// The name of the file with the addresses of `what`.
    #[must_use]
    pub fn file(&self, what: &str) -> String {
        let scheme = self.scheme();
        match self.prefix.as_str() {
            "" => format!("{what}-{scheme}.json"),
            prefix => {
                let hash = xxh3_64(prefix.as_bytes()) as u32;
                format!("{what}-{scheme}-{hash:08x}.json")
            }
        }
    }

    /// Parses the format of [`Display`](fmt::Display).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, prefix) = text.split_once(':')?;
        let prefix = prefix.to_owned();
        match scheme {
            "http" => Some(Self {
                https: false,
                prefix,
            }),
            "https" => Some(Self {
                https: true,
                prefix,
            }),
            _ => None,
        }
    }
}

/// The format in annotations: `https:/prefix`.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme(), self.prefix)
    }
}

/// A querier or an Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Scheme and path.
    pub transport: Transport,
    /// Host and port in the format of Thanos: with `dns+` before a name with several addresses.
    pub address: String,
    /// The Alertmanager resource or Service with this address, if it does not come from a URL.
    pub resource: Option<Key>,
}

impl Target {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let Self {
            transport, address, ..
        } = self;
        let (lookup, host) = match address.split_once('+') {
            Some((lookup, host)) => (format!("{lookup}+"), host),
            None => (String::new(), address.as_str()),
        };
        format!(
            "{lookup}{}://{host}{}",
            transport.scheme(),
            transport.prefix
        )
    }

    /// The Alertmanager of a URL in the format of `--alertmanagers.url`. `field` is the path of the field
    /// with the URL.
    ///
    /// # Errors
    /// The URL is invalid or contains credentials.
    pub fn of_url(url: &str, field: &str) -> Result<Self, FieldError> {
        let wrong = |why: &str| {
            FieldError::new(
                field,
                format!(
                    "`{url}` {why}; write one such as http://alertmanager.example.com:9093/prefix, or \
                     dnssrv+http://_web._tcp.alertmanager-operated.monitoring.svc for all addresses of a name"
                ),
            )
        };
        without_credentials(url, field)?;
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| wrong("has no scheme"))?;
        let (lookup, scheme) = match scheme.split_once('+') {
            Some((lookup, scheme)) => (Some(lookup), scheme),
            None => (None, scheme),
        };
        let https = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(wrong("has a scheme other than http and https")),
        };
        let (host, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        if !is_plain(host) || path.contains([' ', '?', '#']) {
            return Err(wrong("has no plain host, port or path"));
        }
        let address = match lookup {
            None => host.to_owned(),
            // Thanos has no default port for names with several addresses in files.
            Some("dns") if !has_port(host) => format!("dns+{host}:9093"),
            Some(lookup @ ("dns" | "dnssrv" | "dnssrvnoa")) => format!("{lookup}+{host}"),
            Some(_) => return Err(wrong("has an unknown lookup before its scheme")),
        };
        let prefix = path.trim_end_matches('/').to_owned();
        Ok(Self {
            transport: Transport { https, prefix },
            address,
            resource: None,
        })
    }
}

/// Whether this is a name or an IP address with an optional port.
fn is_plain(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0);
    let is_in = |text: &str, also: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
        !text.is_empty() && text.chars().all(known)
    };
    let inner = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let is_host = inner.map_or(is_in(name, "._-"), |address| is_in(address, ":.%_-"));
    is_host && port.is_none_or(is_port)
}

fn has_port(host: &str) -> bool {
    // The colons of an IPv6 address are in brackets.
    let after = host.rsplit(']').next().unwrap_or(host);
    after.contains(':')
}

/// The blocks of the configuration: those in use, those of the last configuration, and the usual one.
#[must_use]
pub fn blocks(targets: &[Target], before: &BTreeSet<Transport>) -> BTreeSet<Transport> {
    let now = targets.iter().map(|target| target.transport.clone());
    now.chain(before.iter().cloned())
        .chain([Transport::USUAL])
        .collect()
}

/// The files with the addresses, one for each block.
#[must_use]
pub fn files(
    what: &str,
    blocks: &BTreeSet<Transport>,
    targets: &[Target],
) -> BTreeMap<String, String> {
    let of_block = |block: &Transport| {
        let targets = targets.iter().filter(|target| target.transport == *block);
        let addresses: BTreeSet<&str> = targets.map(|t| t.address.as_str()).collect();
        addresses
    };
    blocks
        .iter()
        .map(|block| (block.file(what), target_file(&of_block(block))))
        .collect()
}

/// A file with addresses, which Thanos reloads while it runs.
fn target_file(addresses: &BTreeSet<&str>) -> String {
    format!("{}\n", serde_json::json!([{"targets": addresses}]))
}

/// A quoted YAML string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Target {
        Target::of_url(url, "spec.alertmanagerURL").unwrap()
    }

    #[test]
    fn urls_are_parsed_into_transport_and_address() {
        let cases = [
            ("http://am:9093", "http:", "am:9093"),
            ("https://am.example.com", "https:", "am.example.com"),
            ("http://am:9093/a/b/", "http:/a/b", "am:9093"),
            ("dns+http://am", "http:", "dns+am:9093"),
            ("dns+http://[::1]", "http:", "dns+[::1]:9093"),
            ("dns+http://[::1]:80", "http:", "dns+[::1]:80"),
            (
                "dnssrv+https://_web._tcp.am.ns.svc/x",
                "https:/x",
                "dnssrv+_web._tcp.am.ns.svc",
            ),
        ];
        for (url, transport, address) in cases {
            let target = of(url);
            assert_eq!(target.transport.to_string(), transport);
            assert_eq!(target.address, address);
            assert_eq!(Transport::parse(transport), Some(target.transport));
        }
        assert_eq!(of("dns+https://am/x/").url(), "dns+https://am:9093/x");
        assert_eq!(of("http://am:9093").url(), "http://am:9093");
    }

    #[test]
    fn invalid_urls_are_rejected_with_their_field() {
        for url in [
            "am:9093",
            "//am",
            "ftp://am",
            "http://",
            "srv+http://am",
            "http://am:port",
            "http://am:99999",
            "http://am:",
            "http://[::1",
            "http://a b",
            "http://am/a?b",
        ] {
            let error = Target::of_url(url, "spec.alertmanagerURL").unwrap_err();
            assert_eq!(error.field, "spec.alertmanagerURL");
            assert!(error.message.contains(url), "{}", error.message);
        }
    }

    #[test]
    fn credentials_are_rejected_and_not_repeated() {
        for url in [
            "http://ruler:hunter2@am",
            "http://hunter2@am",
            "ruler:hunter2@am:9093",
            "//ruler:hunter2@am",
            "ftp://ruler:hunter2@am",
            "dns+https://ruler:hunter2@am:9093/x",
            "http://ruler:hunter2/x@am",
            "ruler:9093/hunter2@am",
            "http://ruler:hunter2 x@am",
            "http://ruler:hunter2`x@am",
            "http://ruler:hunter2\"x@am",
            "http://ruler:hunter2://x@am",
            "http://ruler%3Ahunter2%40am",
        ] {
            let error = Target::of_url(url, "spec.alertmanagerURL").unwrap_err();
            assert!(
                error.message.contains("user or a password"),
                "{}",
                error.message
            );
            assert!(!error.message.contains("hunter2"), "{}", error.message);
        }
    }

    #[test]
    fn credentials_in_parameters_are_rejected_and_not_repeated() {
        for url in [
            "http://am/?token=hunter2",
            "am:9093?API-Key=hunter2",
            "https://am/x#access_token=hunter2",
        ] {
            let message = Target::of_url(url, "x").unwrap_err().message;
            assert!(
                message.contains("in the parameter ") && message.contains("proxy"),
                "{message}"
            );
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert_eq!(of("http://am/@team").transport.prefix, "/@team");
    }

    #[test]
    fn a_block_stays_after_its_targets_are_removed() {
        let https = of("https://am/x");
        let first = blocks(std::slice::from_ref(&https), &BTreeSet::new());
        assert_eq!(
            first,
            BTreeSet::from([Transport::USUAL, https.transport.clone()])
        );
        let later = blocks(&[], &first);
        assert_eq!(later, first);
        assert_eq!(
            files("x", &later, &[])[&https.transport.file("x")],
            "[{\"targets\":[]}]\n"
        );
        assert_eq!(
            files("x", &first, std::slice::from_ref(&https))[&https.transport.file("x")],
            "[{\"targets\":[\"am\"]}]\n"
        );
    }
}
