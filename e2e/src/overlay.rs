//! The overlays of `deploy/`, as kubectl builds them: as they are, or from a copy that was edited.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::Cluster;

/// A copy of `deploy/`, which a test may edit.
pub struct Deploy {
    root: TempDir,
}

/// `deploy/` itself.
#[must_use]
pub fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// The overlays with controllers, by the names of their folders: all but `crds`.
///
/// # Panics
/// There are none.
#[must_use]
pub fn overlays() -> BTreeSet<String> {
    let folders = std::fs::read_dir(deploy().join("overlays")).expect("deploy/overlays");
    let names = folders.map(|f| f.expect("a folder").file_name());
    let names = names.map(|n| n.to_string_lossy().into_owned());
    names.filter(|name| name != "crds").collect()
}

impl Deploy {
    /// Copies it.
    ///
    /// # Panics
    /// A file cannot be written.
    #[must_use]
    pub fn copy() -> Self {
        let root = TempDir::new().expect("a folder");
        copy(&deploy(), &root.path().join("deploy"));
        Self { root }
    }

    fn overlay(&self, name: &str) -> PathBuf {
        self.root.path().join("deploy/overlays").join(name)
    }

    /// Runs commands of the documentation in the folder that holds `deploy`.
    ///
    /// # Panics
    /// One fails.
    pub fn run(&self, script: &str) {
        let shell = Command::new("sh")
            .args(["-euxc", script])
            .current_dir(&self.root)
            .output()
            .expect("sh");
        let errors = String::from_utf8_lossy(&shell.stderr);
        assert!(shell.status.success(), "{errors}");
    }

    /// Drops every line of the overlay's kustomizations that lists `component`, and returns how many.
    ///
    /// # Panics
    /// A file cannot be read or written.
    pub fn drop_lines(&self, overlay: &str, component: &str) -> usize {
        let mut dropped = 0;
        for file in files(&self.overlay(overlay)) {
            let text = std::fs::read_to_string(&file).expect("a kustomization");
            let listed = |line: &&str| {
                let path = line.trim_start().strip_prefix("- ").unwrap_or_default();
                path.split('/').any(|part| part == component)
            };
            let count = text.lines().filter(listed).count();
            if count > 0 {
                let kept: Vec<&str> = text.lines().filter(|line| !listed(line)).collect();
                std::fs::write(&file, kept.join("\n")).expect("writing");
                dropped += count;
            }
        }
        dropped
    }

    /// Lists `component` wherever a comment of the overlay's kustomizations mentions it, and returns how
    /// often.
    ///
    /// # Panics
    /// A file cannot be read or written.
    pub fn list_mentioned(&self, overlay: &str, component: &str) -> usize {
        let mut listed = 0;
        for file in files(&self.overlay(overlay)) {
            let text = std::fs::read_to_string(&file).expect("a kustomization");
            let line = |line: &str| {
                let mentioned = line.strip_prefix("# ").filter(|l| l.starts_with("- "));
                let names = |l: &&str| l.split('/').any(|part| part == component);
                mentioned.filter(names).unwrap_or(line).to_owned()
            };
            let with: Vec<String> = text.lines().map(line).collect();
            listed += with
                .iter()
                .zip(text.lines())
                .filter(|(a, b)| a != b)
                .count();
            std::fs::write(&file, with.join("\n")).expect("writing");
        }
        listed
    }

    /// Builds an overlay of the copy.
    #[must_use]
    pub fn build(&self, overlay: &str) -> Vec<Value> {
        build(&self.overlay(overlay))
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).expect("a copy");
        }
    }
}

/// The kustomizations of a folder and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.ends_with("kustomization.yaml") {
            found.push(path);
        }
    }
    found
}

/// The output of `kubectl kustomize` for a folder.
///
/// # Panics
/// It fails.
#[must_use]
pub fn build(folder: &Path) -> Vec<Value> {
    let output = Command::new("kubectl")
        .arg("kustomize")
        .arg(folder)
        .output()
        .expect("kubectl");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", folder.display());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    serde_saphyr::from_multiple(&text).expect("YAML")
}

/// Applies the objects that grant permissions for one test: `thanos-system` becomes `home`, `monitoring` becomes
/// the namespace of the test, and cluster-scoped objects get unique names.
///
/// # Panics
/// The API server rejects them.
pub async fn install_permissions(cluster: &Cluster, objects: &[Value], home: &str) {
    const KINDS: [&str; 5] = [
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
    ];
    let moved = |namespace: &Value| match namespace.as_str() {
        Some("thanos-system") => json!(home),
        Some("monitoring") => json!(cluster.namespace),
        other => panic!("namespace {other:?}"),
    };
    let own = |name: &Value| json!(format!("{home}-{}", name.as_str().unwrap_or_default()));
    for object in objects {
        let kind = object["kind"].as_str().unwrap_or_default();
        if !KINDS.contains(&kind) {
            continue;
        }
        let mut object = object.clone();
        let metadata = &mut object["metadata"];
        if kind.starts_with("Cluster") {
            metadata["name"] = own(&metadata["name"]);
        } else {
            metadata["namespace"] = moved(&metadata["namespace"]);
        }
        if object["roleRef"]["kind"] == "ClusterRole" {
            object["roleRef"]["name"] = own(&object["roleRef"]["name"]);
        }
        if let Some(subjects) = object.get_mut("subjects").and_then(Value::as_array_mut) {
            for subject in subjects {
                subject["namespace"] = moved(&subject["namespace"]);
            }
        }
        cluster.apply(object).await;
    }
}
