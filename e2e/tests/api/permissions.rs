//! What the controllers may do: what the tables here say, and of everything else that the API server
//! has, nothing.

use std::collections::BTreeSet;

use e2e::cluster::SOON;
use e2e::controller::Controller;
use e2e::wait::{check, eventually};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::access::{AccessCheck, Installed, Row, VERBS, access_check, resources, rows};
use crate::support::{query, with_crds};

const QUERY: &str = "thanos-query-controller";
const STORE: &str = "thanos-store-controller";
const RECEIVE: &str = "thanos-receive-controller";
const RULER: &str = "thanos-ruler-controller";
const OWN: &str = "get list watch create patch delete";
const READ: &str = "list watch";

/// A controller, and what it may do in every namespace that it works in.
pub struct Permissions {
    pub controller: &'static str,
    may: &'static [Row],
    /// If it works in all namespaces.
    everywhere: &'static [Row],
    /// The CRDs that it then watches.
    crds: &'static [&'static str],
    /// With the component refresh-pods.
    refresh: &'static [Row],
    /// With the component watch-secrets, which no overlay lists.
    secrets: &'static [Row],
    /// What it may delete of what others make, narrowed by a policy.
    removes: &'static [Row],
}

impl Permissions {
    /// Whether it touches pods, so that their files are refreshed.
    pub fn refreshes(&self) -> bool {
        !self.refresh.is_empty()
    }

    /// Whether it deletes what others make.
    pub fn removes(&self) -> bool {
        !self.removes.is_empty()
    }

    /// Whether it follows changes of Secrets, if that is permitted.
    pub fn follows_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }
}

pub const CONTROLLERS: &[Permissions] = &[
    Permissions {
        controller: QUERY,
        may: &[
            ("", "configmaps", OWN),
            ("", "serviceaccounts", OWN),
            ("", "services", OWN),
            ("", "pods", READ),
            ("apps", "deployments", OWN),
            ("apps", "statefulsets", READ),
            ("networking.k8s.io", "networkpolicies", OWN),
            ("policy", "poddisruptionbudgets", OWN),
            ("monitoring.coreos.com", "servicemonitors", OWN),
            ("monitoring.coreos.com", "prometheuses", READ),
            ("monitoring.coreos.com", "prometheusagents", READ),
            ("monitoring.thanos.io", "thanosqueries", "get list watch"),
            ("monitoring.thanos.io", "thanosqueries/status", "patch"),
            ("monitoring.thanos.io", "thanosqueries/finalizers", "update"),
            ("events.k8s.io", "events", "create patch"),
            (
                "authorization.k8s.io",
                "localsubjectaccessreviews",
                "create",
            ),
        ],
        everywhere: &[("", "namespaces", READ)],
        crds: &[
            "servicemonitors.monitoring.coreos.com",
            "prometheuses.monitoring.coreos.com",
            "prometheusagents.monitoring.coreos.com",
        ],
        refresh: PATCH_PODS,
        secrets: &[],
        removes: &[],
    },
    Permissions {
        controller: STORE,
        may: &[
            ("", "serviceaccounts", OWN),
            ("", "services", OWN),
            ("", "pods", READ),
            ("", "events", READ),
            ("", "persistentvolumeclaims", "list watch patch"),
            ("apps", "statefulsets", OWN),
            ("apps", "deployments", READ),
            ("apps", "replicasets", READ),
            ("networking.k8s.io", "networkpolicies", OWN),
            ("policy", "poddisruptionbudgets", OWN),
            ("monitoring.coreos.com", "servicemonitors", OWN),
            ("monitoring.coreos.com", "prometheuses", READ),
            ("monitoring.thanos.io", "thanosstores", "get list watch"),
            ("monitoring.thanos.io", "thanosstores/status", "patch"),
            ("monitoring.thanos.io", "thanosstores/finalizers", "update"),
            ("events.k8s.io", "events", "create patch"),
            (
                "authorization.k8s.io",
                "localsubjectaccessreviews",
                "create",
            ),
        ],
        everywhere: &[
            ("", "namespaces", READ),
            ("storage.k8s.io", "storageclasses", READ),
        ],
        crds: &[
            "servicemonitors.monitoring.coreos.com",
            "prometheuses.monitoring.coreos.com",
        ],
        // Its pods read their files when they start.
        refresh: &[],
        secrets: &[("", "secrets", READ)],
        removes: &[],
    },
    Permissions {
        controller: RECEIVE,
        may: &[
            ("", "configmaps", OWN),
            ("", "serviceaccounts", OWN),
            ("", "services", OWN),
            ("", "pods", READ),
            ("", "events", READ),
            ("", "persistentvolumeclaims", "list watch patch"),
            ("apps", "deployments", OWN),
            ("apps", "statefulsets", OWN),
            ("apps", "replicasets", READ),
            ("networking.k8s.io", "networkpolicies", OWN),
            ("policy", "poddisruptionbudgets", OWN),
            ("monitoring.coreos.com", "servicemonitors", OWN),
            ("monitoring.coreos.com", "prometheuses", READ),
            ("monitoring.thanos.io", "thanosreceives", "get list watch"),
            ("monitoring.thanos.io", "thanosreceives/status", "patch"),
            (
                "monitoring.thanos.io",
                "thanosreceives/finalizers",
                "update",
            ),
            ("events.k8s.io", "events", "create patch"),
            (
                "authorization.k8s.io",
                "localsubjectaccessreviews",
                "create",
            ),
        ],
        everywhere: &[
            ("", "namespaces", READ),
            ("", "nodes", READ),
            ("storage.k8s.io", "storageclasses", READ),
        ],
        crds: &[
            "servicemonitors.monitoring.coreos.com",
            "prometheuses.monitoring.coreos.com",
        ],
        refresh: PATCH_PODS,
        secrets: &[("", "secrets", READ)],
        removes: REMOVE,
    },
    Permissions {
        controller: RULER,
        may: &[
            ("", "configmaps", OWN),
            ("", "serviceaccounts", OWN),
            ("", "services", OWN),
            ("", "pods", READ),
            ("", "events", READ),
            ("", "persistentvolumeclaims", "list watch patch"),
            ("apps", "statefulsets", OWN),
            ("apps", "deployments", READ),
            ("apps", "replicasets", READ),
            ("networking.k8s.io", "networkpolicies", OWN),
            ("policy", "poddisruptionbudgets", OWN),
            ("monitoring.coreos.com", "servicemonitors", OWN),
            ("monitoring.coreos.com", "prometheuses", READ),
            ("monitoring.coreos.com", "prometheusrules", READ),
            ("monitoring.coreos.com", "alertmanagers", READ),
            ("monitoring.coreos.com", "thanosrulers", READ),
            ("monitoring.thanos.io", "thanosrulers", "get list watch"),
            ("monitoring.thanos.io", "thanosrulers/status", "patch"),
            ("monitoring.thanos.io", "thanosrulers/finalizers", "update"),
            ("events.k8s.io", "events", "create patch"),
            (
                "authorization.k8s.io",
                "localsubjectaccessreviews",
                "create",
            ),
        ],
        everywhere: &[
            ("", "namespaces", READ),
            ("storage.k8s.io", "storageclasses", READ),
        ],
        crds: &[
            "servicemonitors.monitoring.coreos.com",
            "prometheuses.monitoring.coreos.com",
            "prometheusrules.monitoring.coreos.com",
            "alertmanagers.monitoring.coreos.com",
            "thanosrulers.monitoring.coreos.com",
        ],
        refresh: PATCH_PODS,
        secrets: &[("", "secrets", READ)],
        removes: &[],
    },
];

/// Pods that are to upload what they hold, and volumes whose content is safe elsewhere.
const REMOVE: &[Row] = &[
    ("", "pods", "delete"),
    ("", "persistentvolumeclaims", "delete"),
];

const PATCH_PODS: &[Row] = &[("", "pods", "patch")];

/// Where they run. What is created can have any name, and is read or changed under one only.
const HOME: &[Row] = &[
    ("coordination.k8s.io", "leases", "create"),
    ("monitoring.coreos.com", "servicemonitors", "create"),
];

/// What no controller may, whatever the tables above say.
const NEVER: &[Row] = &[
    (
        "",
        "secrets",
        "get create update patch delete deletecollection",
    ),
    (
        "",
        "persistentvolumeclaims",
        "create update deletecollection",
    ),
    ("", "persistentvolumes", VERBS),
    ("", "nodes", "create update patch delete deletecollection"),
    ("", "events", "create update patch delete"),
    ("apps", "statefulsets/status", VERBS),
    (
        "storage.k8s.io",
        "storageclasses",
        "create update patch delete",
    ),
    ("", "pods", "create update deletecollection"),
    ("", "pods/exec", VERBS),
    ("", "serviceaccounts/token", VERBS),
    ("apps", "deployments/status", VERBS),
    (
        "monitoring.coreos.com",
        "prometheuses",
        "create update patch delete",
    ),
    ("monitoring.coreos.com", "prometheuses/status", VERBS),
    ("monitoring.coreos.com", "servicemonitors/status", VERBS),
    (
        "monitoring.thanos.io",
        "thanosqueries",
        "create update patch delete",
    ),
    (
        "monitoring.thanos.io",
        "thanosstores",
        "create update patch delete",
    ),
    (
        "monitoring.thanos.io",
        "thanosreceives",
        "create update patch delete",
    ),
    (
        "monitoring.thanos.io",
        "thanosrulers",
        "create update patch delete",
    ),
    ("rbac.authorization.k8s.io", "rolebindings", VERBS),
    ("rbac.authorization.k8s.io", "clusterrolebindings", VERBS),
    ("apiextensions.k8s.io", "customresourcedefinitions", VERBS),
];

async fn assert_may_only(
    it: &Installed,
    permissions: &Permissions,
    places: &[Option<&str>],
    expected: &BTreeSet<AccessCheck>,
) {
    let resources = resources(&it.cluster.client).await;
    let tables = [permissions.may, permissions.everywhere, HOME, NEVER].concat();
    for (group, resource, _) in tables {
        let is_served = resources.contains(&(group.to_owned(), resource.to_owned()));
        assert!(is_served, "the API server has no {resource}");
    }
    let user = it.user(permissions.controller);
    let found = it.everything_allowed(&user, &resources, places).await;
    let more: Vec<_> = found.difference(expected).collect();
    let less: Vec<_> = expected.difference(&found).collect();
    assert!(more.is_empty(), "{user} may, and should not: {more:?}");
    assert!(less.is_empty(), "{user} should, and may not: {less:?}");
    let mut never = rows(NEVER, places);
    never.extend(rows(REMOVE, places));
    let permitted = rows(permissions.removes, places);
    never.retain(|question| !permitted.contains(question));
    let never: Vec<_> = never.intersection(&found).cloned().collect();
    assert!(never.is_empty(), "{user} may: {never:?}");
}

/// In its own namespace, a controller may write its own ServiceMonitor and read its own Service.
async fn assert_own_monitor(it: &Installed, controller: &str) {
    let user = it.user(controller);
    for verb in VERBS.split(' ') {
        let own = |group, resource| access_check(verb, group, resource, Some(&it.home));
        let monitor = own("monitoring.coreos.com", "servicemonitors");
        let service = own("", "services");
        for (question, name, verbs) in [
            (&monitor, controller, "create delete get patch"),
            (&monitor, "other", "create"),
            (&service, controller, "get"),
            (&service, "other", ""),
        ] {
            let found = it.allowed_for(&user, question, Some(name)).await;
            let expected = verbs.split(' ').any(|v| v == verb);
            assert_eq!(found, expected, "{question:?} {name}");
        }
    }
}

/// Permissions that hold for some names only.
async fn assert_names(it: &Installed, permissions: &Permissions, crds: &[&str]) {
    let user = it.user(permissions.controller);
    for verb in VERBS.split(' ') {
        let lease = access_check(verb, "coordination.k8s.io", "leases", Some(&it.home));
        for (name, verbs) in [
            (permissions.controller, "create get update"),
            ("kube-scheduler", "create"),
        ] {
            let found = it.allowed_for(&user, &lease, Some(name)).await;
            assert_eq!(
                found,
                verbs.split(' ').any(|v| v == verb),
                "{verb} lease {name}"
            );
        }
        let crd = access_check(
            verb,
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
        );
        for name in [
            "servicemonitors.monitoring.coreos.com",
            "prometheuses.monitoring.coreos.com",
            "prometheusagents.monitoring.coreos.com",
            "podmonitors.monitoring.coreos.com",
            "thanosqueries.monitoring.thanos.io",
        ] {
            let expected = crds.contains(&name) && ["list", "watch"].contains(&verb);
            let found = it.allowed_for(&user, &crd, Some(name)).await;
            assert_eq!(found, expected, "{verb} CRD {name}");
        }
    }
}

#[tokio::test]
async fn cluster_roles_grant_exactly_the_documented_permissions() {
    let it = Installed::new("cluster-roles", "existing-prometheus-operator", &[]).await;
    let _crds = with_crds(&it.cluster).await;
    let home = Some(it.home.as_str());
    let places = [None, home, Some("default")];
    for permissions in CONTROLLERS {
        let mut expected = rows(permissions.may, &places);
        expected.append(&mut rows(permissions.everywhere, &places));
        expected.append(&mut rows(permissions.refresh, &places));
        expected.append(&mut rows(permissions.removes, &places));
        expected.append(&mut rows(HOME, &[home]));
        assert_may_only(&it, permissions, &places, &expected).await;
        assert_names(&it, permissions, permissions.crds).await;
    }
}

#[tokio::test]
async fn roles_grant_exactly_the_documented_permissions_in_their_namespace() {
    let it = Installed::new("roles", "namespaced", &[]).await;
    let _crds = with_crds(&it.cluster).await;
    let (home, here) = (Some(it.home.as_str()), Some(it.cluster.namespace.as_str()));
    for permissions in CONTROLLERS {
        let mut expected = rows(permissions.may, &[here]);
        expected.append(&mut rows(permissions.refresh, &[here]));
        expected.append(&mut rows(permissions.removes, &[here]));
        expected.append(&mut rows(HOME, &[home]));
        let places = [None, home, here, Some("default")];
        assert_may_only(&it, permissions, &places, &expected).await;
        assert_names(&it, permissions, &[]).await;
        assert_own_monitor(&it, permissions.controller).await;
    }
}

#[tokio::test]
async fn without_refresh_pods_no_pod_may_be_patched() {
    for overlay in ["existing-prometheus-operator", "namespaced"] {
        let test = format!("bare-{overlay}");
        let it = Installed::new(&test, overlay, &["refresh-pods"]).await;
        let here = Some(it.cluster.namespace.as_str());
        for permissions in CONTROLLERS {
            let user = it.user(permissions.controller);
            for verb in ["patch", "update", "delete"] {
                let question = access_check(verb, "", "pods", here);
                let removes = rows(permissions.removes, &[here]).contains(&question);
                let allowed = it.allowed(&user, &question).await;
                assert_eq!(allowed, removes, "{overlay}: {user} may {verb} pods");
            }
        }
    }
}

/// As shipped, no overlay grants reading Secrets.
#[tokio::test]
async fn watch_secrets_grants_list_and_watch_to_controllers_that_follow_secrets() {
    for overlay in ["existing-prometheus-operator", "namespaced"] {
        let test = format!("secrets-{overlay}");
        let it = Installed::listing(&test, overlay, "watch-secrets").await;
        let _crds = with_crds(&it.cluster).await;
        let (home, here) = (Some(it.home.as_str()), Some(it.cluster.namespace.as_str()));
        let (places, where_it_works) = match overlay {
            "namespaced" => (vec![None, here, Some("default")], vec![here]),
            _ => (vec![None, here, home], vec![None, here, home]),
        };
        for permissions in CONTROLLERS {
            let user = it.user(permissions.controller);
            let secrets = BTreeSet::from([(String::new(), "secrets".to_owned())]);
            let found = it.everything_allowed(&user, &secrets, &places).await;
            assert_eq!(
                found,
                rows(permissions.secrets, &where_it_works),
                "{overlay} {user}"
            );
        }
    }
}

/// Kubernetes adds the permissions of users to its own roles.
#[tokio::test]
async fn view_edit_and_admin_include_the_custom_resources() {
    let it = Installed::new("users", "thanos-only", &[]).await;
    let namespace = it.cluster.namespace.as_str();
    const ROLES: [&str; 3] = ["view", "edit", "admin"];
    for role in ROLES {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": role, "namespace": namespace}],
        });
        it.cluster.apply(binding).await;
    }
    for (resource, verb, roles) in [
        ("thanosqueries", "watch", "view edit admin"),
        ("thanosstores/status", "get", "view edit admin"),
        ("thanosreceives", "create", "edit admin"),
        ("thanosrulers", "deletecollection", "edit admin"),
        ("thanosstores/scale", "patch", "edit admin"),
        // By it, the admission policies identify the controllers.
        ("thanosqueries/status", "patch", ""),
    ] {
        for role in ROLES {
            let user = format!("system:serviceaccount:{namespace}:{role}");
            for (place, ours) in [(namespace, true), ("default", false)] {
                let question = access_check(verb, "monitoring.thanos.io", resource, Some(place));
                let expected = ours && roles.split(' ').any(|r| r == role);
                // The controller manager aggregates.
                eventually(role, SOON, async || {
                    let allowed = it.allowed(&user, &question).await;
                    check(allowed == expected, || format!("{question:?}: {allowed}"))
                })
                .await;
            }
        }
    }
}

#[tokio::test]
async fn the_prometheus_may_discover_targets_in_our_namespace() {
    let it = Installed::new("prometheus", "existing-prometheus-operator", &[]).await;
    let user = format!(
        "system:serviceaccount:{}:prometheus-k8s",
        it.cluster.namespace
    );
    let read = "get list watch";
    for (group, resource, verbs) in [
        ("", "pods", read),
        ("", "services", read),
        ("", "endpoints", read),
        ("discovery.k8s.io", "endpointslices", read),
        ("", "secrets", ""),
        ("", "configmaps", ""),
    ] {
        for verb in VERBS.split(' ') {
            for (namespace, ours) in [(it.home.as_str(), true), ("default", false)] {
                let question = access_check(verb, group, resource, Some(namespace));
                let expected = ours && verbs.split(' ').any(|v| v == verb);
                let found = it.allowed(&user, &question).await;
                assert_eq!(found, expected, "{question:?}");
            }
        }
    }
}

/// The permission to patch pods is wider than what it is for; the policy that comes with it narrows it, in
/// whatever namespace the controllers are.
#[tokio::test]
async fn of_pods_only_one_annotation_may_be_patched() {
    let it = Installed::new("policy", "namespaced", &[]).await;
    for (name, part_of) in [("ours", "thanos"), ("other", "shop")] {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": part_of}},
            "spec": {"containers": [{"name": "c", "image": "example.com/c"}]},
        });
        it.cluster.apply(pod).await;
    }
    let annotation = |key: &str| json!({"metadata": {"annotations": {key: "x"}}});
    let refresh = annotation("operator.thanos.io/files-hash");
    let other_image = json!({"spec": {"containers": [{"name": "c", "image": "example.com/d"}]}});
    for controller in CONTROLLERS.iter().filter(|c| c.refreshes()) {
        let user = it.user(controller.controller);
        let mut config = Config::infer().await.unwrap();
        config.auth_info.impersonate = Some(user.clone());
        let client = Client::try_from(config).unwrap();
        let pods: Api<k8s_openapi::api::core::v1::Pod> =
            Api::namespaced(client, &it.cluster.namespace);
        for (name, body, allowed) in [
            ("ours", &refresh, true),
            ("other", &refresh, false),
            ("ours", &annotation("example.com/other"), false),
            ("ours", &json!({"metadata": {"labels": {"a": "b"}}}), false),
            ("ours", &other_image, false),
        ] {
            let patch = Patch::Strategic(body);
            let answer = pods.patch(name, &PatchParams::default(), &patch).await;
            match answer {
                Ok(_) => assert!(allowed, "{user} {name} {body} is allowed"),
                Err(error) => {
                    let denied = error
                        .to_string()
                        .contains("ValidatingAdmissionPolicy 'thanos-refresh-pods'");
                    assert!(denied && !allowed, "{user} {name} {body}: {error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_controller_runs_with_a_role_and_logs_missing_permissions_once() {
    let it = Installed::new("under-a-role", "namespaced", &[]).await;
    let (cluster, home) = (&it.cluster, it.home.as_str());
    let _crds = with_crds(cluster).await;
    let elsewhere = format!("{}-elsewhere", cluster.namespace);
    cluster.make_namespace(&elsewhere, json!({})).await;
    let namespaces = format!("--namespaces={}", cluster.namespace);
    let lease = format!("--lease-namespace={home}");
    let flags = [namespaces.as_str(), "--leader-elect", lease.as_str()];
    let controller = Controller::start_as(cluster, home, &flags).await;

    let mut other = query("other", json!({}));
    other["metadata"]["namespace"] = json!(elsewhere);
    cluster.apply(other.clone()).await;
    cluster
        .apply(query("q", json!({"serviceMonitorSelector": {}})))
        .await;
    cluster.condition("q", "Reconciled", "Applied").await;
    let object = cluster
        .condition("q", "PrometheusOperatorIntegration", "Enabled")
        .await;
    assert_eq!(object["status"]["observedGeneration"], 1, "{object}");
    let ignored = cluster.api(&other).get("other").await.unwrap();
    assert_eq!(ignored.data["status"], Value::Null);

    controller.assert_quiet(&[]);
    let logs = controller.logs();
    let said = logs
        .lines()
        .filter(|l| l.contains("no permission to list"))
        .count();
    assert_eq!(said, 1, "{logs}");
}
