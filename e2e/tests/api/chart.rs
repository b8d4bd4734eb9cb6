//! The Helm chart, with the real Helm: it renders what the overlays contain, and keeps CRDs and custom resources
//! when it is uninstalled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::cluster::Cluster;
use e2e::overlay::deploy;
use e2e::wait::eventually;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::overlays::{of_kind, overlay, text, title};
use crate::permissions::CONTROLLERS;
use crate::support::{alone_with_crds, query};

/// Labels that objects of the chart have besides those of the overlays.
const LABELS: [&str; 4] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
];
/// The annotation that CRDs of the chart have besides.
const KEPT: &str = "helm.sh/resource-policy";
/// What an administrator of a few namespaces may install.
const NAMESPACED: [&str; 3] = [
    "--set=crds.enabled=false",
    "--set=userRoles.enabled=false",
    "--set=namespaces={monitoring}",
];

fn chart() -> PathBuf {
    deploy().join("helm/thanos-operator")
}

/// Runs Helm with settings of its own. Returns what it prints, or its errors.
fn helm(arguments: &[&str]) -> Result<String, String> {
    let program =
        std::env::var("HELM").expect("HELM is not set: run hack/test.sh, which builds it");
    let home = TempDir::new().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .env("HELM_CACHE_HOME", home.path())
        .env("HELM_CONFIG_HOME", home.path())
        .env("HELM_DATA_HOME", home.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{arguments:?}: {}", text(&output.stderr))),
    }
}

fn run(arguments: &[&str]) -> String {
    helm(arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// The objects of the chart in the namespace of the overlays.
fn rendered(arguments: &[&str]) -> Vec<Value> {
    let chart = chart();
    let mut all = vec![
        "template",
        "thanos",
        chart.to_str().unwrap(),
        "--namespace=thanos-system",
    ];
    all.extend(arguments);
    serde_saphyr::from_multiple(&run(&all)).unwrap()
}

/// One spelling of what kustomize writes in another way: 1.0 as 1, and a folded text with blank lines before
/// its indented ones, which CEL ignores.
fn respell(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0);
            if let (false, Some(whole)) = (number.is_i64(), whole) {
                *value = json!(whole as i64);
            }
        }
        Value::String(text) => *text = text.replace("\n\n  ", "\n  "),
        Value::Array(items) => items.iter_mut().for_each(respell),
        Value::Object(fields) => fields.values_mut().for_each(respell),
        _ => {}
    }
}

/// By kind, namespace and name, without what only the chart adds.
fn normalized(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let count = objects.len();
    let mut all = BTreeMap::new();
    for mut object in objects {
        let metadata = &mut object["metadata"];
        if let Some(labels) = metadata["labels"].as_object_mut() {
            labels.retain(|key, _| !LABELS.contains(&key.as_str()));
        }
        if let Some(annotations) = metadata["annotations"].as_object_mut() {
            annotations.retain(|key, _| key != KEPT);
        }
        if metadata["labels"].is_null() {
            metadata.as_object_mut().unwrap().remove("labels");
        }
        respell(&mut object);
        all.insert(title(&object), object);
    }
    assert_eq!(all.len(), count, "two objects have the same name");
    all
}

#[test]
fn the_chart_passes_helm_lint() {
    let chart = chart();
    run(&["lint", "--strict", chart.to_str().unwrap()]);
}

#[test]
fn the_chart_renders_the_objects_of_the_overlays() {
    let prometheus = [
        "--set=prometheusPermissions.enabled=true",
        "--set=alerts.enabled=true",
    ];
    for (name, arguments, with_crds) in [
        ("thanos-only", &[][..], true),
        ("existing-prometheus-operator", &prometheus, true),
        ("namespaced", &NAMESPACED, false),
    ] {
        let mut objects = overlay(name);
        // Helm creates it by --create-namespace.
        objects.retain(|object| object["kind"] != "Namespace");
        if with_crds {
            objects.extend(overlay("crds"));
        }
        let expected = normalized(objects);
        let found = normalized(rendered(arguments));
        let titles =
            |all: &BTreeMap<String, Value>| -> BTreeSet<String> { all.keys().cloned().collect() };
        assert_eq!(titles(&found), titles(&expected), "{name}");
        for (title, object) in &expected {
            // A CRD is too long to print.
            let short = |object: &Value| object.to_string().chars().take(4000).collect::<String>();
            let (found, message) = (&found[title], format!("{name}: {title}"));
            assert!(
                found == object,
                "{message}:\n{}\n{}",
                short(found),
                short(object)
            );
        }
    }
}

#[test]
fn the_chart_labels_every_object_and_keeps_the_crds() {
    for object in rendered(&[]) {
        let (title, metadata) = (title(&object), &object["metadata"]);
        if object["kind"] == "CustomResourceDefinition" {
            assert_eq!(metadata["annotations"][KEPT], "keep", "{title}");
            continue;
        }
        assert_eq!(metadata["annotations"][KEPT], Value::Null, "{title}");
        for label in LABELS {
            assert!(metadata["labels"][label].is_string(), "{title}: {label}");
        }
    }
}

/// Each controller, permission and policy is left out where its value says so, and nothing refers to it.
#[test]
fn the_chart_leaves_out_what_is_disabled() {
    for permissions in CONTROLLERS {
        let name = permissions.controller;
        let kind = name.split('-').nth(1).unwrap();
        let disabled = format!("--set=controllers.{kind}.enabled=false");
        let mut found = rendered(&[disabled.as_str(), "--set=watchSecrets.enabled=true"]);
        // It is about this controller alone, and users have the CRDs of the others.
        found.retain(|object| object["kind"] != "CustomResourceDefinition");
        for object in &found {
            // The policy names all controllers that it narrows.
            let named =
                object["kind"] != "ValidatingAdmissionPolicy" && object.to_string().contains(name);
            assert!(!named, "without {name}: {}", title(object));
        }
        let policies = of_kind(&found, "ValidatingAdmissionPolicy").len();
        assert_eq!(policies, 2 - usize::from(permissions.removes()), "{name}");
    }
    for (value, gone) in [
        ("crds.enabled=false", "CustomResourceDefinition"),
        (
            "admissionPolicies.enabled=false",
            "ValidatingAdmissionPolicy",
        ),
        ("refreshPods.enabled=false", "thanos-refresh-pods"),
        ("userRoles.enabled=false", "aggregate-to-"),
        ("watchSecrets.enabled=false", "thanos-watch-secrets"),
        ("alerts.enabled=false", "PrometheusRule"),
    ] {
        let disabled = format!("--set={value}");
        let enabled = "--set=watchSecrets.enabled=true,alerts.enabled=true";
        let found = rendered(&[enabled, disabled.as_str()]);
        for object in &found {
            let kind_and_metadata = json!([object["kind"], object["metadata"], object["roleRef"]]);
            assert!(
                !kind_and_metadata.to_string().contains(gone),
                "{value}: {}",
                title(object)
            );
        }
    }
    // As the component, with a Role in each namespace.
    let arguments = [
        "--set=watchSecrets.enabled=true",
        "--set=namespaces={a,b}",
        "--set=userRoles.enabled=false",
    ];
    let found = rendered(&arguments);
    assert!(of_kind(&found, "ClusterRole").is_empty());
    assert!(of_kind(&found, "ClusterRoleBinding").is_empty());
    let following = CONTROLLERS.iter().filter(|c| c.follows_secrets());
    let following: BTreeSet<&str> = following.map(|c| c.controller).collect();
    let bindings = of_kind(&found, "RoleBinding").into_iter();
    let bindings = bindings.filter(|b| b["metadata"]["name"] == "thanos-watch-secrets");
    let bindings: Vec<&Value> = bindings.collect();
    assert_eq!(bindings.len(), 2);
    for binding in bindings {
        let subjects = binding["subjects"].as_array().unwrap().iter();
        let names: BTreeSet<&str> = subjects.filter_map(|s| s["name"].as_str()).collect();
        assert_eq!(names, following);
    }
}

/// Every value that changes the pods of controllers reaches them.
#[test]
fn the_values_of_the_chart_reach_the_pods() {
    let values = json!({
        "image": {
            "registry": "example.com", "repository": "a/b", "tag": "v9",
            "pullPolicy": "Always", "pullSecrets": [{"name": "pull"}],
        },
        "thanosImage": "example.com/thanos:1", "configReloaderImage": "example.com/reloader:1",
        "namespaces": ["a", "b"], "prometheusOperator": {"enabled": false},
        "serviceMonitor": {"labels": {"release": "kps", "a": "b"}},
        "replicas": 3, "priorityClassName": "system-cluster-critical",
        "resources": {"requests": {"cpu": "1"}},
        "controllers": {"ruler": {"resources": {"requests": {"cpu": "2"}}, "extraArgs": ["--log.level=debug"]}},
        "commonLabels": {"team": "observability"}, "podLabels": {"pod": "label"},
        "podAnnotations": {"pod": "annotation"}, "serviceAccountAnnotations": {"account": "annotation"},
        "podSecurityContext": {"runAsUser": null, "runAsGroup": null},
        "securityContext": {"privileged": false},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
        }],
        "extraArgs": ["--log.format=json"],
    });
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("values.yaml");
    std::fs::write(&file, values.to_string()).unwrap();
    let found = rendered(&["--values", file.to_str().unwrap()]);
    let deployments = of_kind(&found, "Deployment");
    assert_eq!(deployments.len(), CONTROLLERS.len());
    for deployment in deployments {
        let name = text(&deployment["metadata"]["name"]);
        let ruler = name == "thanos-ruler-controller";
        let (spec, template) = (&deployment["spec"], &deployment["spec"]["template"]);
        let (pod, container) = (&template["spec"], &template["spec"]["containers"][0]);
        assert_eq!(spec["replicas"], 3);
        assert_eq!(deployment["metadata"]["labels"]["team"], "observability");
        let labels = json!({
            "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "thanos-operator",
            "pod": "label", "team": "observability",
        });
        assert_eq!(template["metadata"]["labels"], labels);
        assert_eq!(
            template["metadata"]["annotations"],
            json!({"pod": "annotation"})
        );
        assert_eq!(container["image"], format!("example.com/a/b/{name}:v9"));
        assert_eq!(container["imagePullPolicy"], "Always");
        let cpu = if ruler { "2" } else { "1" };
        // Values of a map are merged with the defaults, those of one controller are not.
        assert_eq!(container["resources"]["requests"]["cpu"], cpu);
        assert_eq!(container["resources"]["limits"].is_null(), ruler);
        assert_eq!(container["securityContext"]["privileged"], false);
        let mut arguments = vec![
            "run",
            "--leader-elect",
            "--namespaces=a,b",
            "--feature-gate.enable-prometheus-operator-crds=false",
            "--service-monitor.labels=a=b,release=kps",
            "--thanos-image=example.com/thanos:1",
        ];
        if ruler {
            arguments.push("--config-reloader-image=example.com/reloader:1");
        }
        arguments.push("--log.format=json");
        if ruler {
            arguments.push("--log.level=debug");
        }
        assert_eq!(container["args"], json!(arguments), "{name}");
        let context = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
        assert_eq!(pod["securityContext"], context);
        for (field, value) in [
            ("imagePullSecrets", &values["image"]["pullSecrets"]),
            ("priorityClassName", &values["priorityClassName"]),
            ("nodeSelector", &values["nodeSelector"]),
            ("tolerations", &values["tolerations"]),
            ("affinity", &values["affinity"]),
            (
                "topologySpreadConstraints",
                &values["topologySpreadConstraints"],
            ),
        ] {
            assert_eq!(&pod[field], value, "{name}: {field}");
        }
    }
    for account in of_kind(&found, "ServiceAccount") {
        assert_eq!(account["metadata"]["annotations"]["account"], "annotation");
    }
}

#[test]
fn a_misspelt_value_is_rejected() {
    for value in [
        "imaeg.tag=v1",
        "controllers.compactor.enabled=true",
        "controllers.query.enable=false",
        "namespaces=monitoring",
        "image.pullPolicy=Sometimes",
    ] {
        let chart = chart();
        let argument = format!("--set={value}");
        let result = helm(&["template", "thanos", chart.to_str().unwrap(), &argument]);
        let error = result.expect_err(value);
        assert!(error.contains("schema"), "{value}: {error}");
    }
}

#[test]
fn every_value_of_the_chart_is_documented() {
    let read = |name: &str| std::fs::read_to_string(chart().join(name)).unwrap();
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    let mut expected = BTreeSet::new();
    for (key, value) in values.as_object().unwrap() {
        // Sections of fixed keys; other maps are the user's.
        let section = value.as_object().filter(|_| {
            key != "controllers"
                && key != "resources"
                && !key.to_lowercase().contains("securitycontext")
        });
        match section.filter(|section| !section.is_empty()) {
            Some(section) => expected.extend(section.keys().map(|k| format!("{key}.{k}"))),
            None => _ = expected.insert(key.clone()),
        }
    }
    expected.remove("controllers");
    for key in values["controllers"]["query"].as_object().unwrap().keys() {
        expected.insert(format!("controllers.NAME.{key}"));
    }
    let readme = read("README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    let documented: BTreeSet<String> = rows
        .map(|row| row.split('`').nth(1).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(documented, expected);
}

/// A copy of the chart, of another version and with another title in the CRD of ThanosStore.
fn next_version() -> TempDir {
    let folder = TempDir::new().unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(chart())
        .arg(folder.path())
        .status();
    assert!(copied.unwrap().success());
    let edit = |name: &str, from: &str, to: &str| {
        let path = folder.path().join("thanos-operator").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    edit("Chart.yaml", "\nversion: ", "\nversion: 1");
    let crd = "templates/crds/monitoring.thanos.io_thanosstores.yaml";
    edit(crd, "title: ThanosStore\n", "title: Next\n");
    folder
}

/// The CRD of ThanosStore, and its field that the next version of the chart sets.
async fn crd(cluster: &Cluster) -> (DynamicObject, Value) {
    let object =
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"});
    let crds = cluster.api(&object);
    let found = crds.get("thanosstores.monitoring.thanos.io").await.unwrap();
    let title = found.data["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["title"].clone();
    (found, title)
}

#[tokio::test]
async fn upgrade_changes_the_crds_and_uninstall_keeps_them_and_custom_resources() {
    let cluster = Cluster::new("chart").await;
    let _alone = alone_with_crds().await;
    let namespace = cluster.namespace.as_str();
    let at = format!("--namespace={namespace}");
    let watched = format!("--set=namespaces={{{namespace}}}");
    // The CRDs of this cluster were installed by the overlay. The policies belong to it as well.
    let settings = [
        at.as_str(),
        watched.as_str(),
        "--set=admissionPolicies.enabled=false",
        "--take-ownership",
        "--force-conflicts",
    ];
    let with = |command: &[&str], chart: &Path| {
        let mut all = command.to_vec();
        all.push(chart.to_str().unwrap());
        all.extend(settings);
        run(&all)
    };
    let notes = with(&["install", "thanos"], &chart());
    assert!(notes.contains("registry is a placeholder"), "{notes}");
    assert!(
        notes.contains(&format!("the namespaces {namespace}.")),
        "{notes}"
    );
    let deployments = async || cluster.names("apps/v1", "Deployment").await;
    assert_eq!(deployments().await.len(), CONTROLLERS.len());
    let (installed, before) = crd(&cluster).await;
    assert_eq!(before, "ThanosStore");
    assert_eq!(installed.annotations()[KEPT], "keep");
    cluster.apply(query("kept", json!({}))).await;

    let next = next_version();
    with(&["upgrade", "thanos"], &next.path().join("thanos-operator"));
    assert_eq!(crd(&cluster).await.1, "Next");
    run(&["rollback", "thanos", "1", &at, "--force-conflicts"]);
    assert_eq!(crd(&cluster).await.1, before);
    assert_eq!(deployments().await.len(), CONTROLLERS.len());

    // Helm stores each revision in a Secret, which must be smaller than 1 MiB.
    let secrets = ApiResource::erase::<k8s_openapi::api::core::v1::Secret>(&());
    let secrets: Api<DynamicObject> =
        Api::namespaced_with(cluster.client.clone(), namespace, &secrets);
    let revisions = secrets
        .list(&ListParams::default().labels("owner=helm"))
        .await;
    let revisions = revisions.unwrap().items;
    assert_eq!(revisions.len(), 3);
    for revision in revisions {
        let release = text(&revision.data["data"]["release"]);
        assert!(
            (1..512 * 1024).contains(&release.len()),
            "{}",
            release.len()
        );
    }

    let (kept, _) = crd(&cluster).await;
    let said = run(&["uninstall", "thanos", &at]);
    assert!(said.contains("thanosstores.monitoring.thanos.io"), "{said}");
    eventually(
        "the controllers are deleted",
        e2e::cluster::SOON,
        async || {
            let left = deployments().await;
            e2e::wait::check(left.is_empty(), || format!("{left:?}"))
        },
    )
    .await;
    for kind in ["Role", "RoleBinding"] {
        let left = cluster.names("rbac.authorization.k8s.io/v1", kind).await;
        assert!(left.is_empty(), "{left:?}");
    }
    let (after, _) = crd(&cluster).await;
    assert_eq!(after.uid(), kept.uid());
    assert!(after.metadata.deletion_timestamp.is_none());
    let resource = query("kept", json!({}));
    assert!(
        cluster
            .api(&resource)
            .get_opt("kept")
            .await
            .unwrap()
            .is_some()
    );

    // A release of the same name takes the kept CRDs over by itself.
    run(&[
        "install",
        "thanos",
        chart().to_str().unwrap(),
        &at,
        &watched,
        "--set=admissionPolicies.enabled=false",
    ]);
    run(&["uninstall", "thanos", &at]);
    assert_eq!(crd(&cluster).await.0.uid(), kept.uid());
}
