//! Foreign pods with the labels of our pods: they are neither probed nor waited for, and do not affect
//! the plan.

use operator_runtime::Reconciler;
use serde_json::{Value, json};

use crate::case::{Case, ObservedCase, bodies};
use crate::objects;

/// Ready pods without a workload, of a foreign workload with the same name, and of another foreign
/// workload.
#[must_use]
pub fn pods(name: &str, program: &str, component: &str, cr: &str, ip: &str) -> [Value; 3] {
    let pod = |suffix: &str, owners: Value| {
        let labels = json!({
            "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/name": program,
            "app.kubernetes.io/component": component, "operator.thanos.io/owner": cr,
        });
        let container = json!({
            "name": program, "ports": [{"name": "http", "containerPort": 80}],
            "args": ["--receive.replication-factor=5", "--web.route-prefix=/foreign", "--objstore.config-file=/x"],
        });
        let mut pod = objects::pod(&format!("{name}{suffix}"), ip, &labels, &owners, container);
        pod["metadata"]["uid"] = json!(format!("foreign{suffix}"));
        pod
    };
    let set = name.rsplit_once('-').map_or(name, |(set, _)| set);
    [
        pod("1", json!([])),
        pod("2", objects::controlled("StatefulSet", set, "foreign")),
        pod(
            "3",
            objects::controlled("ReplicaSet", "queriers-set", "foreign"),
        ),
    ]
}

/// Asserts for every case that these pods are not probed and do not change the plan.
pub fn are_not_probed_and_change_nothing<C: ObservedCase>(pods: fn(&C) -> Vec<Value>) {
    let mut added = 0;
    for (name, case) in <C as Case>::all() {
        let mut with = case.clone();
        let pods = pods(&case);
        added += pods.len();
        with.add(pods);
        let observed = [&case, &with].map(ObservedCase::observed);
        let urls = observed.each_ref().map(|observed| {
            let probes = C::Controller::probes(observed).into_iter();
            probes.map(|probe| probe.url).collect::<Vec<_>>()
        });
        assert_eq!(urls[1], urls[0], "{name}");
        let plans = observed.each_ref().map(|o| C::controller().plan(o));
        match plans {
            [Ok(before), Ok(after)] => {
                assert_eq!(bodies(&after), bodies(&before), "{name}");
                assert_eq!(after.foreign_deletes(), before.foreign_deletes(), "{name}");
            }
            [before, after] => assert_eq!(after.is_err(), before.is_err(), "{name}"),
        }
    }
    assert_ne!(added, 0);
}
