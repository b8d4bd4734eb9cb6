//! Which stores the queriers list: the evidence that a pod is known, or forgotten. Pure.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use operator_runtime::{Probe, ProbeResults, Read};
use serde::Deserialize;
use thanos_workload::ports;

/// How often a querier is asked while something depends on the answer.
const EVERY: Duration = Duration::from_secs(3);

/// How long a querier that cannot be asked is waited for. Longer than it takes a querier to follow a
/// change: 90 s for the kubelet to renew the endpoint file, and some seconds each to read it, to
/// resolve names and to check endpoints.
pub const TIMEOUT: Duration = Duration::from_secs(150);

/// What one querier says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Querier {
    /// The pod, as namespace/name.
    pub pod: String,
    /// The addresses that it lists as healthy; `Err` says why it does not answer.
    pub listed: Result<Vec<String>, String>,
    /// It has not answered for so long that it is waited for no more.
    pub given_up: bool,
}

/// What all queriers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Each of them.
    pub queriers: Vec<Querier>,
}

/// How a querier is asked.
#[must_use]
pub fn inquiry(url: &str) -> Probe {
    Probe {
        url: url.to_owned(),
        every: EVERY,
        read: Read::Document { keep: addresses },
    }
}

#[derive(Deserialize)]
struct Answer {
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

/// Of an answer: the addresses of healthy endpoints, one a line. What is not an answer of a querier does
/// not say that it queries nothing.
fn addresses(body: &str) -> Result<String, String> {
    let answer: Answer = serde_json::from_str(body)
        .map_err(|_| "the response is not a list of endpoints".to_owned())?;
    if answer.status != "success" {
        return Err(format!("the response has the status `{}`", answer.status));
    }
    let stores = answer.data.into_values().flatten();
    let healthy = stores.filter(|s| s.last_error.as_ref().is_none_or(serde_json::Value::is_null));
    let names: Vec<String> = healthy.map(|s| s.name).collect();
    Ok(names.join("\n"))
}

impl Querier {
    /// What the querier behind `url` says.
    #[must_use]
    pub fn of(pod: String, url: &str, answers: &ProbeResults) -> Self {
        let listed = match answers.answer(url) {
            Some(Ok(answer)) => Ok(answer.lines().map(str::to_owned).collect()),
            Some(Err(why)) => Err(why.to_owned()),
            None => Err("it was not asked yet".to_owned()),
        };
        Self {
            pod,
            listed,
            given_up: answers.unreachable_for(url) >= TIMEOUT,
        }
    }

    /// That it is waited for to do something, as in `know the new pods`.
    #[must_use]
    pub fn waited_for(&self, what: &str) -> String {
        let pod = &self.pod;
        match &self.listed {
            Ok(_) => format!("waits for querier {pod} to {what}"),
            Err(why) => format!(
                "waits for querier {pod} to {what}, some minutes at most, since it does not answer \
                 this controller: {why}"
            ),
        }
    }

    fn lists(&self, address: &str) -> bool {
        self.listed.iter().flatten().any(|a| a == address)
    }
}

impl Listing {
    /// The first querier that asks some of `old` and does not know all of `new`, or that may.
    #[must_use]
    pub fn not_joined(&self, old: &[String], new: &[String]) -> Option<&Querier> {
        self.queriers.iter().find(|querier| match &querier.listed {
            Ok(_) => {
                let asks = old.iter().any(|address| querier.lists(address));
                asks && !new.iter().all(|address| querier.lists(address))
            }
            Err(_) => !querier.given_up,
        })
    }

    /// The first querier that asks some of `old`, or that may.
    #[must_use]
    pub fn not_left(&self, old: &[String]) -> Option<&Querier> {
        self.queriers.iter().find(|querier| match &querier.listed {
            Ok(_) => old.iter().any(|address| querier.lists(address)),
            Err(_) => !querier.given_up,
        })
    }
}

/// The address of a pod, as queriers list it.
#[must_use]
pub fn address(ip: IpAddr) -> String {
    // Numbers of ports are small and positive.
    let port = u16::try_from(ports::GRPC_NUMBER).unwrap_or_default();
    SocketAddr::new(ip, port).to_string()
}

/// The address of a group, as queriers list it.
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
    fn only_healthy_endpoints_count() {
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
    fn what_is_not_a_list_of_endpoints_says_nothing_of_them() {
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
    fn a_querier_must_know_every_new_pod_if_it_asks_an_old_one() {
        let (old, new) = (texts(&["o1", "o2"]), texts(&["n1", "n2"]));
        let joined = |listed: &[&str]| {
            querier(Some(listed), false)
                .not_joined(&old, &new)
                .is_none()
        };
        assert!(joined(&["o1", "o2", "n1", "n2"]));
        assert!(!joined(&["o1", "n1"]));
        assert!(joined(&["else"]), "it asks neither");
        assert!(querier(None, false).not_joined(&old, &new).is_some());
        assert!(querier(None, true).not_joined(&old, &new).is_none());
        assert!(Listing::default().not_joined(&old, &new).is_none());
    }

    #[test]
    fn a_querier_has_left_when_it_lists_no_old_pod() {
        let old = texts(&["o1", "o2"]);
        assert!(querier(Some(&["o2", "n1"]), true).not_left(&old).is_some());
        assert!(querier(Some(&["n1"]), false).not_left(&old).is_none());
        assert!(querier(None, false).not_left(&old).is_some());
        assert!(querier(None, true).not_left(&old).is_none());
    }

    #[test]
    fn addresses_of_both_families() {
        assert_eq!(address("10.0.0.1".parse().unwrap()), "10.0.0.1:10901");
        assert_eq!(address("fd00::1".parse().unwrap()), "[fd00::1]:10901");
    }
}
