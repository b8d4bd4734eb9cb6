//! Resolution against the oracle, for random clusters.

mod generate;
mod oracle;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use generate::{Case, cases};
use kube_facts::Key;
use oracle::resolution::{Behind, Expected};
use promop_compat::resolve::{
    Endpoint, Finding, Reason, Subject, Via, affects_backends, affects_pods, affects_services,
    affects_stateful_sets, is_affected_by, resolve,
};

#[test]
fn resolution_equals_the_oracle() {
    let covered = RefCell::new(BTreeMap::<String, u32>::new());
    generate::runner(4_000)
        .run(&cases(), |case| {
            let found = resolve(&case.world(), &case.request());
            let expected = oracle::resolution::resolve(&case.world(), &case.request());

            assert_eq!(found.selected, expected.selected.len());
            assert_eq!(subjects(&found.skipped), expected.skipped);
            assert_eq!(subjects(&found.notes), expected.notes);
            assert_eq!(found.prometheuses, expected.prometheuses);
            assert_eq!(found.replica_labels, expected.replica_labels);
            let nearest: Vec<&Key> = found.nearest.iter().map(|c| &c.key).collect();
            assert_eq!(nearest, expected.nearest.iter().collect::<Vec<_>>());

            let keys: Vec<Behind> = found.endpoints.iter().map(behind).collect();
            assert_eq!(keys, expected.endpoints.keys().cloned().collect::<Vec<_>>());
            for endpoint in &found.endpoints {
                check(endpoint, &expected.endpoints[&behind(endpoint)]);
            }
            count(&case, &found, &expected, &mut covered.borrow_mut());
            Ok(())
        })
        .unwrap();
    assert_covered(&covered.into_inner());
}

/// Removing or restoring an object changes a resolution only if the predicates report it.
#[test]
fn changes_that_affect_no_resource_change_nothing() {
    let quiet = RefCell::new([0_u32; 5]);
    generate::runner(2_000)
        .run(&cases(), |case| {
            let before = resolve(&case.world(), &case.request());
            for (key, facts) in &case.service_monitors {
                let may = before.selected == 0
                    || is_affected_by(&case.known(), &case.request(), key, Some(facts), None);
                let mut without = case.clone();
                without.service_monitors.remove(key);
                if !may {
                    quiet.borrow_mut()[0] += 1;
                    assert_eq!(resolve(&without.world(), &without.request()), before);
                }
            }
            let names_nearest = before
                .skipped
                .iter()
                .any(|f| f.reason == Reason::SelectsNoService);
            for (key, facts) in &case.services {
                let mut without = case.clone();
                without.services.remove(key);
                let (world, request) = (without.world(), without.request());
                if !names_nearest && !affects_services(&world, &request, key, Some(facts), None) {
                    quiet.borrow_mut()[1] += 1;
                    assert_eq!(resolve(&without.world(), &without.request()), before);
                }
            }
            for (key, facts) in &case.pods {
                let mut without = case.clone();
                without.pods.remove(key);
                if !affects_pods(Some(facts), None) && !is_expected(&case, key) {
                    quiet.borrow_mut()[2] += 1;
                    assert_eq!(resolve(&without.world(), &without.request()), before);
                }
            }
            for (key, facts) in &case.backends {
                let mut without = case.clone();
                without.backends.remove(key);
                if !affects_backends(&without.world(), key, Some(facts), None) {
                    quiet.borrow_mut()[3] += 1;
                    assert_eq!(resolve(&without.world(), &without.request()), before);
                }
            }
            for (key, facts) in &case.stateful_sets {
                let mut without = case.clone();
                without.stateful_sets.remove(key);
                if !affects_stateful_sets(&without.world(), key, Some(facts), None) {
                    quiet.borrow_mut()[4] += 1;
                    assert_eq!(resolve(&without.world(), &without.request()), before);
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(quiet.borrow().iter().all(|n| *n > 200), "{quiet:?}");
}

/// Whether the name of a pod belongs to a replica of a Prometheus or agent, so that a foreign pod
/// of that name conflicts with it.
fn is_expected(case: &Case, pod: &Key) -> bool {
    let of = |prefix: &str, key: &Key| {
        key.namespace == pod.namespace && pod.name.starts_with(&format!("{prefix}-{}", key.name))
    };
    let mut prometheuses = case.prometheuses.iter().flatten();
    let mut agents = case.prometheus_agents.iter().flatten();
    prometheuses.any(|(key, _)| of("prometheus", key))
        || agents.any(|(key, _)| of("prom-agent", key))
}

fn subjects(findings: &[Finding]) -> BTreeSet<(Reason, Subject)> {
    let subjects: BTreeSet<_> = findings
        .iter()
        .map(|f| (f.reason, f.subject.clone()))
        .collect();
    assert_eq!(
        subjects.len(),
        findings.len(),
        "a finding is there twice: {findings:?}"
    );
    subjects
}

fn behind(endpoint: &Endpoint) -> Behind {
    match &endpoint.pod {
        Some(pod) => Behind::Pod(pod.clone()),
        None => Behind::Service(endpoint.chain.service.clone().unwrap_or_default()),
    }
}

fn check(found: &Endpoint, expected: &Expected) {
    assert_eq!(found.via, expected.via);
    assert_eq!(found.address, expected.address);
    let bridge = found.bridge.as_ref().map(|b| (b.url.clone(), b.tls));
    assert_eq!(bridge, expected.url);
    let chain = &found.chain;
    assert_eq!(chain.prometheus, expected.prometheus);
    let named = (chain.service_monitor.clone(), chain.service.clone());
    assert_eq!(Some(&named), expected.named());
    let monitors: BTreeSet<_> = expected.chains.iter().map(|(monitor, _)| monitor).collect();
    assert_eq!(chain.others, monitors.len() - 1);
}

/// Counts the interesting properties of a case.
fn count(
    case: &Case,
    found: &promop_compat::resolve::Resolution,
    expected: &oracle::resolution::Resolution,
    covered: &mut BTreeMap<String, u32>,
) {
    let mut saw = |what: String| *covered.entry(what).or_default() += 1;
    for finding in found.skipped.iter().chain(&found.notes) {
        saw(format!("reason {}", finding.reason));
        if let Subject::PrometheusAgent(key) = &finding.subject {
            let prefix = format!("prom-agent-{}", key.name);
            let is_of = |it: &Key| it.namespace == key.namespace && it.name.starts_with(&prefix);
            if !case.pods.keys().chain(case.stateful_sets.keys()).any(is_of) {
                saw("an agent without pods".to_owned());
            }
        }
    }
    for (behind, endpoint) in &expected.endpoints {
        let by_scraper = endpoint.chains.iter().any(|(_, service)| service.is_none());
        let by_service = endpoint.chains.iter().any(|(_, service)| service.is_some());
        saw(format!("{:?}", endpoint.via));
        if by_scraper && by_service {
            saw("reached by scraper and by Service".to_owned());
        }
        if endpoint.named() != endpoint.chains.first() {
            saw("the chain by a Service is not the first".to_owned());
        }
        if endpoint.chains.len() > 1 {
            saw("several chains".to_owned());
        }
        if let Behind::Pod(pod) = behind {
            saw(format!(
                "{:?} of a pod that is {}",
                endpoint.via,
                match case.pods.contains_key(pod) {
                    true => "there",
                    false => "absent",
                }
            ));
            if pod.name.contains("shard-1") {
                saw("shard 1".to_owned());
            }
            let prometheus = endpoint.prometheus.as_ref();
            let facts = prometheus.and_then(|key| case.prometheuses.as_ref()?.get(key));
            if facts.is_some_and(|f| f.shards == 1) && pod.name.contains("shard-") {
                saw(match case.pods.contains_key(pod) {
                    true => "a retained shard".to_owned(),
                    false => "a retained shard whose pod is absent".to_owned(),
                });
            }
            if endpoint.prometheus.is_none() {
                saw("sidecar without a resource".to_owned());
            }
        }
    }
    let mut by_namespace = BTreeMap::<&str, u32>::new();
    for key in &found.prometheuses {
        *by_namespace.entry(&key.namespace).or_default() += 1;
    }
    if by_namespace.values().any(|n| *n > 1) {
        saw("two Prometheuses in one namespace".to_owned());
    }
    let scrapers: BTreeSet<_> = found
        .endpoints
        .iter()
        .filter(|e| e.chain.service.is_none() && e.via != Via::Service)
        .map(|e| &e.chain.prometheus)
        .collect();
    saw(format!("scraped by {}", scrapers.len()));
    if !found.nearest.is_empty() {
        saw("nearest".to_owned());
        if found.nearest[0].would_match_elsewhere {
            saw("would match elsewhere".to_owned());
        }
    }
    if case.selections.len() == 2 && found.selected > 0 {
        saw("two selections".to_owned());
    }
}

fn assert_covered(covered: &BTreeMap<String, u32>) {
    println!("{covered:#?}");
    let reasons = [
        Reason::InvalidSelector,
        Reason::UnevaluableNamespaceSelector,
        Reason::SidecarListenLocal,
        Reason::SidecarTls,
        Reason::ListenLocal,
        Reason::ClientCertificateRequired,
        Reason::NoExternalLabels,
        Reason::NoSidecar,
        Reason::PrometheusGone,
        Reason::PrometheusAgent,
        Reason::NotScraped,
        Reason::PrometheusUnreadable,
        Reason::NotHeadless,
        Reason::SelectsNoService,
        Reason::ServiceMonitorRejected,
        Reason::NamespaceSelectorIgnored,
        Reason::NoPods,
        Reason::PortNotServed,
    ];
    let others = [
        "Sidecar",
        "Bridge",
        "Service",
        "Sidecar of a pod that is there",
        "Sidecar of a pod that is absent",
        "Bridge of a pod that is there",
        "Bridge of a pod that is absent",
        "reached by scraper and by Service",
        "the chain by a Service is not the first",
        "several chains",
        "shard 1",
        "a retained shard",
        "a retained shard whose pod is absent",
        "sidecar without a resource",
        "two Prometheuses in one namespace",
        "an agent without pods",
        "scraped by 0",
        "scraped by 1",
        "scraped by 2",
        "nearest",
        "would match elsewhere",
        "two selections",
    ];
    let all = reasons
        .iter()
        .map(|r| format!("reason {r}"))
        .chain(others.map(str::to_owned));
    for what in all {
        let times = covered.get(&what).copied().unwrap_or_default();
        assert!(times >= 10, "{what} occurs only {times} times");
    }
}
