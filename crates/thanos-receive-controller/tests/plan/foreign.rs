//! Pods of others that carry the labels of ours: they are neither probed nor waited for, and none of them
//! has a say in what is planned.

use serde_json::{Value, json};

use crate::case::{self, Case};

const NAMESPACE: &str = "monitoring";

/// A pod that is ready and controlled by nothing of ours: by nothing at all, by something of the same
/// name, and by something else.
fn foreign(name: &str, program: &str, component: &str, cr: &str, ip: &str) -> [Value; 3] {
    let pod = |suffix: &str, owners: Value| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("{name}{suffix}"), "namespace": NAMESPACE, "uid": format!("foreign{suffix}"),
                "labels": {
                    "app.kubernetes.io/part-of": "thanos", "app.kubernetes.io/name": program,
                    "app.kubernetes.io/component": component, "operator.thanos.io/owner": cr,
                },
                "ownerReferences": owners,
            },
            "spec": {"containers": [{
                "name": program, "ports": [{"name": "http", "containerPort": 80}],
                "args": ["--receive.replication-factor=5", "--web.route-prefix=/foreign", "--objstore.config-file=/x"],
            }]},
            "status": {
                "podIP": ip, "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": program, "state": {"running": {}}}],
            },
        })
    };
    let owner = |kind: &str, of: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": of, "uid": "foreign", "controller": true}]);
    let set = name.rsplit_once('-').map_or(name, |(set, _)| set);
    [
        pod("1", json!([])),
        pod("2", owner("StatefulSet", set)),
        pod("3", owner("ReplicaSet", "queriers-set")),
    ]
}

/// Of each kind that is probed, named so that they are taken for members of each hashring.
fn all(case: &Case) -> Vec<Value> {
    let cr = case.cr();
    let mut all = Vec::from(foreign(
        "router",
        "thanos-receive",
        "thanos-receive-router",
        cr,
        "10.6.6.1",
    ));
    all.extend(foreign(
        "querier",
        "thanos-query",
        "query-layer",
        cr,
        "10.6.6.2",
    ));
    for set in &case.sets {
        let name = format!("{}-7", set.name(cr));
        all.extend(foreign(
            &name,
            "thanos-receive",
            "thanos-receive-ingester",
            cr,
            "10.6.6.3",
        ));
    }
    all
}

#[test]
fn pods_of_others_are_not_probed_and_change_nothing() {
    for (name, case) in case::all() {
        let mut with = case.clone();
        with.objects.extend(all(&case));
        let (before, after) = (case.seen(), with.seen());
        let urls = |seen: &thanos_receive_controller::Seen| {
            let inquiries = seen.report.inquiries.iter();
            inquiries.map(|it| it.url.clone()).collect::<Vec<_>>()
        };
        assert_eq!(urls(&after), urls(&before), "{name}");
        let plans =
            [&before, &after].map(|seen| thanos_receive_controller::plan::plan(&seen.observed));
        match plans {
            [Ok(before), Ok(after)] => {
                let bodies = |plan: &operator_runtime::Plan| {
                    let objects = plan.objects().iter();
                    objects.map(|o| o.body.clone()).collect::<Vec<_>>()
                };
                assert_eq!(bodies(&after), bodies(&before), "{name}");
                assert_eq!(after.removals(), before.removals(), "{name}");
            }
            [before, after] => assert_eq!(after.is_err(), before.is_err(), "{name}"),
        }
    }
}
