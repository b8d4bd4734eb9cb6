//! The overlays: each is accepted by the API server, and holds what it lists and nothing else.

use std::collections::BTreeSet;

use e2e::cluster::{Cluster, MANAGER};
use e2e::overlay::{Deploy, build, deploy, overlays};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::permissions::CONTROLLERS;
use crate::support::{install, with_crds};

/// An overlay, built.
pub fn overlay(name: &str) -> Vec<Value> {
    build(&deploy().join("overlays").join(name))
}

/// A string, or nothing.
pub fn text(object: &Value) -> String {
    object.as_str().unwrap_or_default().to_owned()
}

/// Kind, namespace and name, for messages.
pub fn title(object: &Value) -> String {
    let (metadata, kind) = (&object["metadata"], text(&object["kind"]));
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    format!("{kind} {namespace}/{name}")
}

/// The objects of a kind.
pub fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|o| o["kind"] == kind).collect()
}

fn is_controller(name: &str) -> bool {
    name.starts_with("thanos-") && name.ends_with("-controller")
}

/// The controllers that the kustomization of a folder lists.
fn listed(folder: &str) -> BTreeSet<String> {
    let file = deploy().join(folder).join("kustomization.yaml");
    let kustomization: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let components = kustomization["components"].as_array().unwrap();
    let paths: Vec<String> = components.iter().map(text).collect();
    let parts = paths.iter().flat_map(|path| path.split('/'));
    let controllers = parts.filter(|part| is_controller(part));
    controllers.map(str::to_owned).collect()
}

/// Whether a controller may delete what others make.
fn removes(controller: &str) -> bool {
    let mut all = CONTROLLERS.iter();
    all.any(|c| c.controller == controller && c.removes())
}

fn names(objects: &[&Value]) -> BTreeSet<String> {
    objects
        .iter()
        .map(|o| text(&o["metadata"]["name"]))
        .collect()
}

#[tokio::test]
async fn every_overlay_is_accepted() {
    let cluster = Cluster::new("overlays").await;
    let _crds = with_crds(&cluster).await;
    install(&cluster, "alertmanagers").await;
    // A dry run makes no namespace for what comes after it.
    let monitoring =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring"}});
    cluster.apply(monitoring).await;
    let params = PatchParams::apply(MANAGER)
        .force()
        .validation_strict()
        .dry_run();
    let mut wrong = Vec::new();
    for of in overlays().into_iter().chain(["crds".to_owned()]) {
        let objects = overlay(&of);
        assert!(objects.len() >= 4, "{of} has {} objects", objects.len());
        for object in &objects {
            let patch = Patch::Apply(object);
            let (api, name) = (cluster.api(object), text(&object["metadata"]["name"]));
            if let Err(error) = api.patch(&name, &params, &patch).await {
                wrong.push(format!("{of}: {}: {error}", title(object)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn an_overlay_contains_the_controllers_it_lists() {
    for name in overlays() {
        let listed = listed(&format!("overlays/{name}"));
        assert!(!listed.is_empty(), "{name} lists no controller");
        let objects = overlay(&name);
        let with_name = |kind| {
            let names = names(&of_kind(&objects, kind));
            names.into_iter().filter(|n| is_controller(n)).collect()
        };
        for kind in [
            "Deployment",
            "ServiceAccount",
            "PodDisruptionBudget",
            "Service",
        ] {
            let found: BTreeSet<String> = with_name(kind);
            assert_eq!(found, listed, "{name}: {kind}");
        }
        // Who may delete what others make is limited.
        let policies = names(&of_kind(&objects, "ValidatingAdmissionPolicy"));
        let limited = policies.contains("thanos-remove-ingesters");
        assert_eq!(limited, listed.iter().any(|c| removes(c)), "{name}");
        // Each may do its work, refresh pods, and hold its Lease.
        let bindings: Vec<&Value> = [
            of_kind(&objects, "ClusterRoleBinding"),
            of_kind(&objects, "RoleBinding"),
        ]
        .concat();
        let refresh: Vec<&&Value> = bindings
            .iter()
            .filter(|b| b["metadata"]["name"] == "thanos-refresh-pods")
            .collect();
        assert!(!refresh.is_empty(), "{name}");
        for binding in &bindings {
            let subjects = binding["subjects"].as_array().unwrap();
            let subjects: BTreeSet<String> = subjects.iter().map(|s| text(&s["name"])).collect();
            let controllers: BTreeSet<String> = subjects
                .iter()
                .filter(|n| is_controller(n))
                .cloned()
                .collect();
            if refresh.contains(&binding) {
                let refreshing = CONTROLLERS.iter().filter(|c| c.refreshes());
                let refreshing: BTreeSet<String> =
                    refreshing.map(|c| c.controller.to_owned()).collect();
                let expected: BTreeSet<String> =
                    refreshing.intersection(&listed).cloned().collect();
                assert_eq!(subjects, expected, "{name}: {}", title(binding));
            } else if !controllers.is_empty() {
                let [one] = Vec::from_iter(&subjects)[..] else {
                    panic!("{name}: {} is for {subjects:?}", title(binding));
                };
                assert!(text(&binding["roleRef"]["name"]).starts_with(one.as_str()));
                assert!(listed.contains(one));
            }
        }
        let bound: BTreeSet<String> = bindings
            .iter()
            .map(|b| text(&b["roleRef"]["name"]))
            .collect();
        for controller in &listed {
            let lease = format!("{controller}-home");
            assert!(
                bound.contains(controller) && bound.contains(&lease),
                "{name}: {bound:?}"
            );
        }
    }
}

/// So that the permissions of a new controller are tested.
#[test]
fn the_permissions_of_every_controller_are_tested() {
    let tested: BTreeSet<String> = CONTROLLERS
        .iter()
        .map(|p| p.controller.to_owned())
        .collect();
    for name in overlays() {
        assert_eq!(listed(&format!("overlays/{name}")), tested, "{name}");
    }
}

/// Removing controllers, by hand or by a prune, deletes no custom resource.
#[test]
fn crds_are_in_an_overlay_of_their_own() {
    for name in overlays() {
        let objects = overlay(&name);
        let crds = of_kind(&objects, "CustomResourceDefinition");
        assert!(crds.is_empty(), "{name}: {:?}", names(&crds));
    }
    let objects = overlay("crds");
    for object in &objects {
        assert_eq!(object["kind"], "CustomResourceDefinition");
        let annotations = &object["metadata"]["annotations"];
        let argo_cd = text(&annotations["argocd.argoproj.io/sync-options"]);
        assert!(
            argo_cd.contains("Prune=false,Delete=false"),
            "{annotations}"
        );
        let flux = &annotations["kustomize.toolkit.fluxcd.io/prune"];
        assert_eq!(flux, "disabled");
    }
    assert_eq!(objects.len(), CONTROLLERS.len());
    // What fresh-install has objects of is installed before it.
    let crds = names(&of_kind(
        &overlay("fresh-install/crds"),
        "CustomResourceDefinition",
    ));
    assert!(crds.is_superset(&names(&objects.iter().collect::<Vec<_>>())));
}

/// Every controller's image has a full name, and one documented command replaces the registry.
#[test]
fn one_command_sets_the_registry_of_all_images() {
    let images = |objects: &[Value]| -> BTreeSet<String> {
        let deployments = of_kind(objects, "Deployment").into_iter();
        deployments
            .filter(|d| is_controller(&text(&d["metadata"]["name"])))
            .map(|d| text(&d["spec"]["template"]["spec"]["containers"][0]["image"]))
            .collect()
    };
    let expected = |registry: &str| -> BTreeSet<String> {
        let version = env!("CARGO_PKG_VERSION");
        let all = CONTROLLERS.iter().map(|c| c.controller);
        all.map(|name| format!("{registry}/{name}:v{version}"))
            .collect()
    };
    let page = std::fs::read_to_string(deploy().join("../docs/installation.md")).unwrap();
    let command = page.lines().find(|l| l.starts_with("sed -i 's|registry"));
    let command = command.expect("the command is documented");
    for name in overlays() {
        assert_eq!(
            images(&overlay(&name)),
            expected("registry.example.com/thanos-operator"),
            "{name}"
        );
        let copy = Deploy::copy();
        copy.run(command);
        assert_eq!(
            images(&copy.build(&name)),
            expected("ghcr.io/example/thanos-operator"),
            "{name}"
        );
    }
}

/// Overlays that work in all namespaces add the rights of users to the roles of Kubernetes.
#[test]
fn users_get_rights_on_custom_resources_and_not_on_their_status() {
    for name in overlays() {
        let objects = overlay(&name);
        let joins = |role: &Value, to: &str| {
            let label = format!("rbac.authorization.k8s.io/aggregate-to-{to}");
            role["metadata"]["labels"][label] == "true"
        };
        let roles = of_kind(&objects, "ClusterRole").into_iter();
        let roles: Vec<&Value> = roles.filter(|r| joins(r, "admin")).collect();
        if name == "namespaced" {
            assert!(roles.is_empty(), "{name}");
            continue;
        }
        let levels: Vec<(bool, bool)> = roles
            .iter()
            .map(|r| (joins(r, "view"), joins(r, "edit")))
            .collect();
        assert_eq!(levels, [(false, true), (true, true)], "{name}");
        for role in roles {
            for rule in role["rules"].as_array().unwrap() {
                let of_status = rule["resources"].to_string().contains("/status");
                assert!(!of_status || rule["verbs"] == json!(["get"]), "{rule}");
                assert_eq!(rule["apiGroups"], json!(["monitoring.thanos.io"]));
                for plural in [
                    "thanosqueries",
                    "thanosreceives",
                    "thanosrulers",
                    "thanosstores",
                ] {
                    assert!(rule["resources"].to_string().contains(plural), "{rule}");
                }
            }
        }
    }
}

/// No transformer of kustomize finds a namespace inside an expression, so none may be there: the policies
/// are the same wherever the controllers are installed.
#[test]
fn policies_do_not_depend_on_the_namespace_of_the_controllers() {
    let policies = |objects: &[Value]| {
        let policies = of_kind(objects, "ValidatingAdmissionPolicy").into_iter();
        policies.map(|it| it["spec"].clone()).collect::<Vec<_>>()
    };
    for name in overlays() {
        let copy = Deploy::copy();
        copy.run("grep -rl thanos-system deploy | xargs sed -i s/thanos-system/elsewhere/g");
        let moved = copy.build(&name);
        let accounts = of_kind(&moved, "ServiceAccount").into_iter();
        let ours = accounts.filter(|it| is_controller(it["metadata"]["name"].as_str().unwrap()));
        let namespaces: BTreeSet<String> =
            ours.map(|it| text(&it["metadata"]["namespace"])).collect();
        assert_eq!(
            namespaces,
            BTreeSet::from(["elsewhere".to_owned()]),
            "{name}"
        );
        let found = policies(&moved);
        assert_eq!(found.len(), 2, "{name}");
        assert_eq!(found, policies(&overlay(&name)), "{name}");
        for policy in found {
            let conditions = policy["matchConditions"].to_string();
            assert!(conditions.contains("authorizer"), "{name}: {conditions}");
            assert!(!policy.to_string().contains("elsewhere"), "{name}");
        }
    }
    // As an overlay of an overlay does it.
    for name in overlays().iter().filter(|name| *name != "fresh-install") {
        let copy = Deploy::copy();
        copy.run(&format!(
            "mkdir deploy/overlays/over && printf 'namespace: elsewhere\\nresources:\\n- ../{name}\\n' \
             > deploy/overlays/over/kustomization.yaml"
        ));
        assert_eq!(
            policies(&copy.build("over")),
            policies(&overlay(name)),
            "{name}"
        );
    }
}

#[test]
fn dropping_a_component_line_drops_all_its_objects() {
    for name in overlays() {
        for controller in listed(&format!("overlays/{name}")) {
            let copy = Deploy::copy();
            let expected = match (name.as_str(), removes(&controller)) {
                // What runs, its Role, and the policy that limits what it may delete.
                ("namespaced", true) => 3,
                ("namespaced", false) => 2,
                _ => 1,
            };
            assert_eq!(
                copy.drop_lines(&name, &controller),
                expected,
                "{name}: lines"
            );
            for object in copy.build(&name) {
                let mentioned = object.to_string().contains(&controller);
                assert!(
                    !mentioned,
                    "{name} without {controller}: {}",
                    title(&object)
                );
            }
        }
        let copy = Deploy::copy();
        assert!(copy.drop_lines(&name, "refresh-pods") > 0, "{name}");
        for object in copy.build(&name) {
            let mentioned = object.to_string().contains("refresh-pods");
            assert!(
                !mentioned,
                "{name} without refresh-pods: {}",
                title(&object)
            );
        }
        let copy = Deploy::copy();
        let dropped = copy.drop_lines(&name, "prometheus-permissions");
        let expected = match name.as_str() {
            "existing-prometheus-operator" => 1,
            // Its Prometheus needs them in its own namespace as well.
            "fresh-install" => 2,
            _ => 0,
        };
        assert_eq!(dropped, expected, "{name}");
        let objects = copy.build(&name);
        for kind in ["Role", "RoleBinding"] {
            let names = names(&of_kind(&objects, kind));
            assert!(!names.contains("prometheus-k8s"), "{name}: {kind}");
        }
    }
}

#[test]
fn alerts_and_dashboards_are_added_and_dropped_by_their_lines() {
    let rules = |objects: &[Value]| names(&of_kind(objects, "PrometheusRule"));
    let alerts = || BTreeSet::from(["thanos-operator".to_owned()]);
    for name in overlays() {
        let with_alerts =
            ["existing-prometheus-operator", "fresh-install"].contains(&name.as_str());
        assert_eq!(rules(&overlay(&name)) == alerts(), with_alerts, "{name}");
        let copy = Deploy::copy();
        match name.as_str() {
            _ if with_alerts => {
                assert_eq!(copy.drop_lines(&name, "alerts"), 1, "{name}");
                assert!(rules(&copy.build(&name)).is_empty(), "{name}");
            }
            "namespaced" => {
                assert_eq!(copy.list_mentioned(&name, "alerts"), 1, "{name}");
                assert_eq!(rules(&copy.build(&name)), alerts(), "{name}");
            }
            _ => {}
        }
        let is_dashboard = |o: &&Value| o["metadata"]["labels"]["grafana_dashboard"] == "1";
        assert_eq!(overlay(&name).iter().filter(is_dashboard).count(), 0);
        assert_eq!(copy.list_mentioned(&name, "dashboards"), 1, "{name}");
        let objects = copy.build(&name);
        let dashboards: Vec<&Value> = objects.iter().filter(is_dashboard).collect();
        assert_eq!(dashboards.len(), 5, "{name}");
        for dashboard in dashboards {
            // The documentation has Grafana look there.
            assert_eq!(
                dashboard["metadata"]["namespace"], "thanos-system",
                "{name}"
            );
            for text in dashboard["data"].as_object().unwrap().values() {
                let model: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
                assert!(model["panels"].as_array().unwrap().len() > 10, "{name}");
            }
        }
    }
}

#[test]
fn the_namespaced_overlay_has_a_role_in_each_namespace_and_nothing_wider() {
    let copy = Deploy::copy();
    assert_namespaces(&copy.build("namespaced"), &["monitoring"]);

    // A further namespace, as the documentation says.
    let page = std::fs::read_to_string(deploy().join("../docs/installation.md")).unwrap();
    let mut blocks = page
        .split("```shell\n")
        .map(|b| b.split("```").next().unwrap_or_default());
    copy.run(blocks.find(|b| b.contains("cp -r monitoring")).unwrap());
    assert_namespaces(&copy.build("namespaced"), &["monitoring", "team-b"]);
}

fn assert_namespaces(objects: &[Value], namespaces: &[&str]) {
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        assert!(of_kind(objects, kind).is_empty(), "{kind}");
    }
    let flag = json!(format!("--namespaces={}", namespaces.join(",")));
    for deployment in of_kind(objects, "Deployment") {
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert!(
            container["args"].as_array().unwrap().contains(&flag),
            "{container}"
        );
    }
    for controller in listed("overlays/namespaced") {
        for kind in ["Role", "RoleBinding"] {
            let of_kind = of_kind(objects, kind).into_iter();
            let found = of_kind.filter(|o| o["metadata"]["name"] == controller.as_str());
            let found: Vec<String> = found.map(|o| text(&o["metadata"]["namespace"])).collect();
            assert_eq!(found, namespaces, "{kind}");
        }
    }
    // Subjects with permissions there are in the controllers' namespace.
    for binding in of_kind(objects, "RoleBinding") {
        for subject in binding["subjects"].as_array().unwrap() {
            assert_eq!(subject["namespace"], "thanos-system", "{}", title(binding));
        }
    }
}
