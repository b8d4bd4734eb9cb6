use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter();
    pairs
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// A Prometheus that selects by these labels, in all namespaces.
fn prometheus(selects: &[(&str, &str)]) -> PrometheusFacts {
    PrometheusFacts {
        service_monitor_selector: Some(LabelSelector {
            match_labels: Some(labels(selects)),
            ..Default::default()
        }),
        service_monitor_namespace_selector: Some(LabelSelector::default()),
        service_account: "prom".to_owned(),
        ..Default::default()
    }
}

struct Case {
    gate: Gate,
    desired: bool,
    prometheuses: Option<BTreeMap<Key, PrometheusFacts>>,
    access: Access,
}

impl Case {
    fn new(prometheuses: &[(&str, PrometheusFacts)]) -> Self {
        let all = prometheuses.iter();
        let all = all.map(|(name, facts)| (Key::new("monitoring", *name), facts.clone()));
        Self {
            gate: Gate::Enabled,
            desired: true,
            prometheuses: Some(all.collect()),
            access: Access::default(),
        }
    }

    fn decide(&self) -> Monitored {
        let monitors = [
            ("thanos-query-q".to_owned(), labels(&[("release", "x")])),
            (
                "thanos-sidecar-q".to_owned(),
                labels(&[("release", "x"), ("bridge", "yes")]),
            ),
        ];
        let monitoring = Monitoring {
            gate: self.gate,
            desired: self.desired,
            monitors: &monitors,
            namespace: "thanos",
            prometheuses: self.prometheuses.as_ref(),
            namespaces: Namespaces::default(),
            access: &self.access,
        };
        monitoring.decide()
    }

    /// Grants every permission except those for the resources in `denied`.
    fn grant_except(&mut self, denied: &[&str]) {
        for access_check in self.decide().access_checks {
            let allowed = !denied.contains(&access_check.resource);
            self.access.remember(access_check, Some(allowed));
        }
    }
}

#[test]
fn scraped_if_a_prometheus_selects_and_is_permitted() {
    let mut case = Case::new(&[
        ("k8s", prometheus(&[])),
        ("other", prometheus(&[("release", "y")])),
    ]);
    let unknown = case.decide();
    assert_eq!((unknown.holds, unknown.reason), (None, "PermissionUnknown"));
    let checked: Vec<&str> = unknown.access_checks.iter().map(|c| c.resource).collect();
    assert_eq!(checked, ["pods", "services", "endpoints"]);
    assert_eq!(
        unknown.access_checks[0].account,
        Key::new("monitoring", "prom")
    );
    assert_eq!(unknown.access_checks[0].namespace, "thanos");

    case.grant_except(&[]);
    let scraped = case.decide();
    assert_eq!((scraped.holds, scraped.reason), (Some(true), "Scraped"));
    assert_eq!(scraped.message, "scraped by Prometheus monitoring/k8s");
}

#[test]
fn missing_permission_is_reported_with_the_commands_that_grant_it() {
    let mut case = Case::new(&[("k8s", prometheus(&[]))]);
    case.grant_except(&["pods", "endpoints"]);
    let monitored = case.decide();
    assert_eq!(
        (monitored.holds, monitored.reason),
        (Some(false), "PrometheusNotPermitted")
    );
    assert_eq!(
        monitored.message,
        "Prometheus monitoring/k8s selects the ServiceMonitors but is not permitted to list pods, \
         endpoints in thanos; run: kubectl -n thanos create role prom --verb=get,list,watch \
         --resource=pods,services,endpoints && kubectl -n thanos create rolebinding prom --role=prom --serviceaccount=monitoring:prom"
    );
}

#[test]
fn one_permitted_prometheus_is_enough() {
    let mut permitted = prometheus(&[]);
    permitted.service_account = "permitted".to_owned();
    permitted.endpoint_slices = true;
    let mut case = Case::new(&[("a", prometheus(&[])), ("b", permitted)]);
    for access_check in case.decide().access_checks {
        let allowed = access_check.account.name == "permitted";
        case.access.remember(access_check, Some(allowed));
    }
    assert_eq!(case.decide().message, "scraped by Prometheus monitoring/b");
    let slices = case.decide().access_checks.pop().unwrap();
    assert_eq!(slices.kubectl_resource(), "endpointslices.discovery.k8s.io");
}

#[test]
fn excluded_label_is_reported_with_its_remedy() {
    for (operator, remedy) in [
        (
            "NotIn",
            "set release in spec.serviceMonitor.labels to another value",
        ),
        ("DoesNotExist", "the requirement !release"),
    ] {
        let mut it = prometheus(&[]);
        it.service_monitor_selector = Some(LabelSelector {
            match_labels: None,
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "release".to_owned(),
                operator: operator.to_owned(),
                values: (operator == "NotIn").then(|| vec!["x".to_owned()]),
            }]),
        });
        let message = Case::new(&[("k8s", it)]).decide().message;
        assert!(message.contains(remedy), "{message}");
    }
}

#[test]
fn every_service_monitor_has_to_be_selected() {
    let monitored = Case::new(&[("k8s", prometheus(&[("bridge", "yes")]))]).decide();
    assert_eq!(
        (monitored.holds, monitored.reason),
        (Some(false), "NotSelected")
    );
    assert_eq!(
        monitored.message,
        "no Prometheus selects ServiceMonitor thanos-query-q; closest: monitoring/k8s: set \
         spec.serviceMonitor.labels to bridge=yes"
    );
    let mut own_namespace = prometheus(&[]);
    own_namespace.service_monitor_namespace_selector = None;
    let monitored = Case::new(&[("k8s", own_namespace)]).decide();
    assert!(
        monitored.message.contains("select the namespace thanos"),
        "{}",
        monitored.message
    );
    assert_eq!(Case::new(&[]).decide().reason, "NotSelected");
}

#[test]
fn disabled_monitoring_is_reported_before_unreadable_prometheuses() {
    let mut case = Case::new(&[]);
    case.prometheuses = None;
    assert_eq!(case.decide().reason, "PrometheusUnreadable");
    case.desired = false;
    assert_eq!(case.decide().reason, "MonitoringDisabled");
    case.gate = Gate::CrdsAbsent;
    assert_eq!(case.decide().reason, "CRDsAbsent");
}
