//! Which stores the queriers list: the evidence that a pod is in use, or no longer in use. No IO.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use operator_runtime::{Probe, ProbeResults, Read};
use serde::Deserialize;
use thanos_workload::ports;

/// Probe interval of a querier while a decision depends on it.
const EVERY: Duration = Duration::from_secs(3);

/// Time after which an unreachable querier no longer delays changes. It exceeds the time in which a
/// querier follows a change: 90 s until the kubelet updates the endpoint file, and some seconds
/// each to read it, to resolve names and to check endpoints.
pub const TIMEOUT: Duration = Duration::from_secs(150);

/// Endpoints of one querier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Querier {
    /// Pod, as namespace/name.
    pub pod: String,
    /// Addresses that it lists as healthy; `Err` contains the reason for a failed probe.
    pub listed: Result<Vec<String>, String>,
    /// Whether it has been unreachable for longer than the timeout.
    pub given_up: bool,
}

/// Endpoints of all queriers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// One entry per querier.
    pub queriers: Vec<Querier>,
}

/// Probe of a querier.
#[must_use]
pub fn probe(url: &str) -> Probe {
    Probe {
        url: url.to_owned(),
        every: EVERY,
        read: Read::Document { keep: addresses },
    }
}

#[derive(Deserialize)]
struct StoresResponse {
    status: String,
    data: std::collections::BTreeMap<String, Vec<Store>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Store {
    name: String,
    #[serde(default)]
    last_error: Option<serde_json::Value>,
}

/// Addresses of healthy endpoints in a response, one per line. A response in another format does
/// not mean that the querier has no endpoints.
fn addresses(body: &str) -> Result<String, String> {
    let response: StoresResponse = serde_json::from_str(body)
        .map_err(|_| "the response is not a list of endpoints".to_owned())?;
    if response.status != "success" {
        return Err(format!("the response has the status `{}`", response.status));
    }
    let stores = response.data.into_values().flatten();
    let healthy = stores.filter(|s| s.last_error.as_ref().is_none_or(serde_json::Value::is_null));
    let names: Vec<String> = healthy.map(|s| s.name).collect();
    Ok(names.join("\n"))
}

impl Querier {
    /// Endpoints of the querier behind `url`.
    #[must_use]
    pub fn of(pod: String, url: &str, answers: &ProbeResults) -> Self {
        let listed = match answers.answer(url) {
            Some(Ok(answer)) => Ok(answer.lines().map(str::to_owned).collect()),
            Some(Err(why)) => Err(why.to_owned()),
            None => Err("not probed yet".to_owned()),
        };
        Self {
            pod,
            listed,
            given_up: answers.unreachable_for(url) >= TIMEOUT,
        }
    }

    /// Message about waiting for this querier, as in `list the new pods`.
    #[must_use]
    pub fn waited_for(&self, what: &str) -> String {
        let pod = &self.pod;
        let timeout = TIMEOUT.as_secs();
        match &self.listed {
            Ok(_) => format!("waiting for querier {pod} to {what}"),
            Err(why) => format!(
                "waiting up to {timeout}s for querier {pod} to {what}; it does not respond to this \
                 controller: {why}"
            ),
        }
    }

    fn lists(&self, address: &str) -> bool {
        self.listed.iter().flatten().any(|a| a == address)
    }
}

impl Listing {
    /// First querier that uses some of `old` and does not list all of `new`, or that may.
    #[must_use]
    pub fn not_joined(&self, old: &[String], new: &[String]) -> Option<&Querier> {
        self.queriers.iter().find(|querier| match &querier.listed {
            Ok(_) => {
                let uses = old.iter().any(|address| querier.lists(address));
                uses && !new.iter().all(|address| querier.lists(address))
            }
            Err(_) => !querier.given_up,
        })
    }

    /// First querier that uses some of `old`, or that may.
    #[must_use]
    pub fn not_left(&self, old: &[String]) -> Option<&Querier> {
        self.queriers.iter().find(|querier| match &querier.listed {
            Ok(_) => old.iter().any(|address| querier.lists(address)),
            Err(_) => !querier.given_up,
        })
    }
}

/// Address of a pod in the form that queriers list.
#[must_use]
pub fn address(ip: IpAddr) -> String {
    // Port numbers are small and positive.
    let port = u16::try_from(ports::GRPC_NUMBER).unwrap_or_default();
    SocketAddr::new(ip, port).to_string()
}

/// Address of a group in the form that queriers list.
#[must_use]
pub fn group(address: &str) -> String {
    format!("thanos:///{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|t| (*t).to_owned()).collect()
    }

    fn querier(listed: Option<&[&str]>, given_up: bool) -> Listing {
        Listing {
            queriers: vec![Querier {
                pod: "n/q".into(),
                listed: listed.map(texts).ok_or_else(|| "refused".to_owned()),
                given_up,
            }],
        }
    }

    #[test]
    fn only_healthy_endpoints_are_listed() {
        let body = r#"{"status":"success","data":{"store":[
            {"name":"10.0.0.1:10901","lastError":null,"labelSets":[]},
            {"name":"10.0.0.2:10901","lastError":"timeout"}],
            "sidecar":[{"name":"10.0.0.3:10901"}]}}"#;
        let listed = Ok("10.0.0.3:10901\n10.0.0.1:10901".to_owned());
        assert_eq!(addresses(body), listed);
        assert_eq!(
            addresses(r#"{"status":"success","data":{}}"#),
            Ok(String::new())
        );
    }

    #[test]
    fn response_that_is_not_a_list_of_endpoints_is_an_error() {
        for body in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"status":"success"}"#,
            r#"{"data":{}}"#,
            r#"{"status":"success","data":null}"#,
            r#"{"status":"success","data":{"store":[{"lastError":null}]}}"#,
            r#"{"status":"error","errorType":"internal","error":"x"}"#,
            r#"{"status":"error","data":{}}"#,
        ] {
            assert!(addresses(body).is_err(), "{body}");
        }
    }

    #[test]
    fn querier_of_an_old_pod_must_list_every_new_pod() {
        let (old, new) = (texts(&["o1", "o2"]), texts(&["n1", "n2"]));
        let joined = |listed: &[&str]| {
            querier(Some(listed), false)
                .not_joined(&old, &new)
                .is_none()
        };
        assert!(joined(&["o1", "o2", "n1", "n2"]));
        assert!(!joined(&["o1", "n1"]));
        assert!(joined(&["else"]), "it uses neither");
        assert!(querier(None, false).not_joined(&old, &new).is_some());
        assert!(querier(None, true).not_joined(&old, &new).is_none());
        assert!(Listing::default().not_joined(&old, &new).is_none());
    }

    #[test]
    fn querier_has_left_when_it_lists_no_old_pod() {
        let old = texts(&["o1", "o2"]);
        assert!(querier(Some(&["o2", "n1"]), true).not_left(&old).is_some());
        assert!(querier(Some(&["n1"]), false).not_left(&old).is_none());
        assert!(querier(None, false).not_left(&old).is_some());
        assert!(querier(None, true).not_left(&old).is_none());
    }

    #[test]
    fn addresses_of_both_ip_families() {
        assert_eq!(address("10.0.0.1".parse().unwrap()), "10.0.0.1:10901");
        assert_eq!(address("fd00::1".parse().unwrap()), "[fd00::1]:10901");
    }
}
