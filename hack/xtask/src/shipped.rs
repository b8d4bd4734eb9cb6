//! Every program of the workspace for users is in everything that installs, publishes or documents programs. Reads
//! files only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{crds, rbac};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn parsed(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap()
}

/// The crates with a binary, by name.
fn programs() -> BTreeSet<String> {
    let crates = std::fs::read_dir(root().join("crates")).unwrap();
    let folders = crates.map(|entry| entry.unwrap().path());
    let programs = folders.filter(|folder| folder.join("src/main.rs").exists());
    let programs: BTreeSet<String> = programs
        .map(|folder| folder.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(programs.len() >= 4, "{programs:?}");
    programs
}

fn controllers() -> BTreeSet<String> {
    let mut programs = programs();
    programs.retain(|name| name.ends_with("-controller"));
    programs
}

/// The controllers that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let all = controllers();
    words
        .filter(|w| all.contains(*w))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_permissions_of_every_controller_are_generated() {
    let generated: BTreeSet<String> = rbac::controllers()
        .iter()
        .map(|c| c.name.to_owned())
        .collect();
    assert_eq!(generated, controllers());
    assert_eq!(crds::all().len(), controllers().len());
}

/// A new folder of CRDs is of no use if kustomize does not list it.
#[test]
fn every_crd_is_listed() {
    let listed = parsed("deploy/crds/kustomization.yaml");
    let listed: BTreeSet<&str> = listed["resources"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let generated: Vec<String> = crds::all().iter().map(crds::file_name).collect();
    assert_eq!(listed, generated.iter().map(String::as_str).collect());
}

#[test]
fn every_overlay_lists_every_controller() {
    for overlay in [
        "existing-prometheus-operator",
        "thanos-only",
        "fresh-install",
    ] {
        let text = read(&format!("deploy/overlays/{overlay}/kustomization.yaml"));
        assert_eq!(named(&text), controllers(), "{overlay}");
    }
    for part in ["", "permissions/"] {
        let text = read(&format!(
            "deploy/overlays/namespaced/{part}kustomization.yaml"
        ));
        assert_eq!(named(&text), controllers(), "namespaced/{part}");
    }
    let images = parsed("deploy/components/images/kustomization.yaml");
    let images = images["images"].as_array().unwrap();
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    for image in images {
        let name = image["name"].as_str().unwrap();
        assert_eq!(
            image["newName"],
            format!("registry.example.com/thanos-operator/{name}")
        );
        assert_eq!(image["newTag"], version.as_str());
    }
    let names = images.iter().filter_map(|image| image["name"].as_str());
    assert_eq!(
        names.map(str::to_owned).collect::<BTreeSet<_>>(),
        controllers()
    );
}

#[test]
fn the_chart_has_every_controller_and_the_version_of_the_workspace() {
    const CHART: &str = "deploy/helm/thanos-operator";
    let values = parsed(&format!("{CHART}/values.yaml"));
    let schema: Value =
        serde_json::from_str(&read(&format!("{CHART}/values.schema.json"))).unwrap();
    let keys = |map: &Value| -> BTreeSet<String> {
        let kinds = map.as_object().unwrap().keys();
        kinds
            .map(|kind| format!("thanos-{kind}-controller"))
            .collect()
    };
    assert_eq!(keys(&values["controllers"]), controllers());
    assert_eq!(
        keys(&schema["properties"]["controllers"]["properties"]),
        controllers()
    );
    let chart = parsed(&format!("{CHART}/Chart.yaml"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

/// The script takes the programs from the folders, as this test does; the workflow takes them from the script.
#[test]
fn a_release_ships_every_program() {
    let script = read("hack/release.sh");
    let function = script.split_once("\nprograms() {").unwrap().1;
    let function = function.split("\n}\n").next().unwrap();
    let listed = Command::new("bash")
        .args(["-c", &format!("programs() {{{function}\n}}\nprograms")])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(
        listed.lines().map(str::to_owned).collect::<BTreeSet<_>>(),
        programs()
    );
    let workflow = read(".github/workflows/release.yaml");
    assert!(workflow.contains("run: hack/release.sh --tag") && !workflow.contains("--only"));
    assert!(workflow.contains("run: hack/publish.sh"));
}

#[test]
fn every_controller_is_tested_and_documented() {
    for path in [
        "docs/installation.md",
        "docs/operations.md",
        "README.md",
        "ARCHITECTURE.md",
        "hack/test.sh",
        "hack/demo/install.sh",
    ] {
        assert_eq!(named(&read(path)), controllers(), "{path}");
    }
    let installation = read("docs/installation.md");
    for controller in controllers() {
        let heading = format!("\n### {controller}\n");
        assert!(
            installation.contains(&heading),
            "docs/installation.md has no{heading}"
        );
    }
}
