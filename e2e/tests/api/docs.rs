//! The documentation is true: what it shows is accepted by the API server, what it links to
//! exists, and its tables name what the code has, all of it and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::cluster::{Cluster, MANAGER};
use e2e::controller::{Controller, QUERY, RECEIVE, RULER, STORE, kubectl_thanos};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use thanos_api::names::{Condition, EventReason, Reason};
use thanos_api::v1alpha1::{HashringStep, ReshardingStep};

use crate::support::with_crds;

/// How many YAML blocks there are at least: fewer mean that they are not found.
const BLOCKS: usize = 20;
/// Links and paths, likewise.
const LINKS: usize = 40;
const PATHS: usize = 30;

/// A page of the documentation.
struct Page {
    path: PathBuf,
    name: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The pages at the root and those of `docs/`.
fn pages() -> Vec<Page> {
    let root = root();
    let mut paths: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "deploy/helm/thanos-operator/README.md",
    ]
    .map(|name| root.join(name))
    .into();
    let folder = std::fs::read_dir(root.join("docs")).unwrap();
    paths.extend(
        folder
            .map(|f| f.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "md")),
    );
    paths.sort();
    paths
        .into_iter()
        .map(|path| Page {
            name: path.strip_prefix(&root).unwrap().display().to_string(),
            text: std::fs::read_to_string(&path).unwrap(),
            path,
        })
        .collect()
}

/// The blocks fenced as `language`, each with the place of its first line.
fn blocks(page: &Page, language: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, bool, String)> = None;
    for (i, line) in page.text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(tag)) => {
                let place = format!("{}:{}", page.name, i + 2);
                open = Some((place, tag.trim() == language, String::new()));
            }
            (Some(_), Some(_)) => {
                if let Some((place, true, text)) = open.take() {
                    found.push((place, text));
                }
            }
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a fence is not closed", page.name);
    found
}

/// The text outside of fences.
fn prose(page: &Page) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let lines = page.text.lines().enumerate();
    lines
        .filter(|(_, line)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fence && !fenced
        })
        .map(|(i, line)| (i + 1, line))
        .collect()
}

#[tokio::test]
async fn every_yaml_block_is_accepted() {
    let cluster = Cluster::new("docs").await;
    let _crds = with_crds(&cluster).await;
    let params = PatchParams::apply(MANAGER)
        .force()
        .validation_strict()
        .dry_run();
    let (mut count, mut wrong) = (0, Vec::new());
    for page in pages() {
        for (place, text) in blocks(&page, "yaml") {
            count += 1;
            let documents: Vec<Value> = match serde_saphyr::from_multiple(&text) {
                Ok(documents) => documents,
                Err(error) => {
                    wrong.push(format!("{place}: {error}"));
                    continue;
                }
            };
            for mut object in documents {
                let Some(name) = object["metadata"]["name"].as_str().map(str::to_owned) else {
                    wrong.push(format!("{place}: an object without metadata.name"));
                    continue;
                };
                // Shown in namespaces that readers have and this cluster may not.
                if object["metadata"]["namespace"].is_string() {
                    object["metadata"]["namespace"] = json!(cluster.namespace);
                }
                let api = cluster.api(&object);
                let patch = Patch::Apply(&object);
                if let Err(error) = api.patch(&name, &params, &patch).await {
                    wrong.push(format!("{place}: {} {name}: {error}", object["kind"]));
                }
            }
        }
    }
    println!("{count} YAML blocks");
    assert!(count >= BLOCKS, "only {count} YAML blocks were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn links_and_named_paths_exist() {
    let (mut links, mut paths, mut wrong) = (0, 0, Vec::new());
    for page in pages() {
        for (line, text) in prose(&page) {
            for target in text.split("](").skip(1).filter_map(|t| t.split_once(')')) {
                let target = target.0;
                if target.contains("://") {
                    continue;
                }
                links += 1;
                if let Err(why) = follow(&page, target) {
                    wrong.push(format!("{}:{line}: {target}: {why}", page.name));
                }
            }
        }
        for (i, text) in page.text.lines().enumerate() {
            for path in named(text) {
                paths += 1;
                if !root().join(path).exists() {
                    wrong.push(format!("{}:{}: there is no {path}", page.name, i + 1));
                }
            }
        }
    }
    println!("{links} links, {paths} paths");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(
        links >= LINKS && paths >= PATHS,
        "{links} links and {paths} paths were found"
    );
}

/// Whether a relative link leads to a file, and to a heading in it if it names one.
fn follow(page: &Page, target: &str) -> Result<(), String> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.path.clone(),
        file => page.path.parent().unwrap().join(file),
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if path.is_dir() && anchor.is_empty() => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let mut headings = text.lines().filter(|l| l.starts_with('#'));
    match anchor.is_empty() || headings.any(|h| slug(h) == anchor) {
        true => Ok(()),
        false => Err("no such heading".to_owned()),
    }
}

/// The anchor of a heading.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The paths of this repository that a line names.
fn named(line: &str) -> Vec<&str> {
    const FOLDERS: [&str; 6] = ["hack/", "deploy/", "crates/", "e2e/", "docs/", ".github/"];
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_./*<>-".contains(c);
    line.split(|c| !is_part(c))
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .filter(|word| !word.contains(['*', '<', '>']))
        .map(|word| word.trim_end_matches(['.', '/']))
        .collect()
}

/// The code in the column `column` of every table that has it: file and line, and the words.
fn column(pages: &[Page], column: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in pages {
        let mut place: Option<usize> = None;
        let mut inside = false;
        for (line, text) in prose(page) {
            let Some(row) = text.trim().strip_prefix('|') else {
                (place, inside) = (None, false);
                continue;
            };
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            if !inside {
                (place, inside) = (cells.iter().position(|c| *c == column), true);
            } else if let Some(cell) = place.and_then(|i| cells.get(i)) {
                let code = cell.split('`').skip(1).step_by(2);
                found.extend(code.map(|c| (format!("{}:{line}", page.name), c.to_owned())));
            }
        }
    }
    found
}

/// The sources of the controllers, without their tests and without the list of names itself.
fn sources() -> String {
    fn collect(folder: &Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "testing" {
                collect(&path, into);
            } else if name.ends_with(".rs")
                && !name.ends_with("tests.rs")
                && !["testing.rs", "fake.rs", "names.rs"].contains(&name.as_str())
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text
                    .split("#[cfg(test)]\nmod tests {")
                    .next()
                    .unwrap_or_default();
                into.push_str(code);
            }
        }
    }
    let mut all = String::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        collect(&entry.unwrap().path().join("src"), &mut all);
    }
    all
}

/// Whether the sources use a name, as a variant or as its text.
fn is_used(sources: &str, kind: &str, variant: &str, text: &str) -> bool {
    let path = format!("{kind}::{variant}");
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric());
    sources.contains(&format!("\"{text}\""))
        || sources
            .match_indices(&path)
            .any(|(at, _)| ends(&sources[at + path.len()..]))
}

/// Panics unless the column names every one of `used`, and nothing else.
fn assert_complete(header: &str, used: &BTreeSet<String>) {
    let documented = column(&pages(), header);
    let unknown: Vec<String> = documented
        .iter()
        .filter(|(_, name)| !used.contains(name))
        .map(|(place, name)| format!("{place}: no code uses the {header} {name}"))
        .collect();
    let names: BTreeSet<String> = documented.into_iter().map(|(_, name)| name).collect();
    let missing: Vec<&String> = used.difference(&names).collect();
    assert!(unknown.is_empty(), "\n{}", unknown.join("\n"));
    assert!(missing.is_empty(), "no table has the {header} {missing:?}");
}

#[test]
fn the_tables_of_conditions_match_the_code() {
    let sources = sources();
    let used = |kind: &str, variant: String, text: &str| {
        is_used(&sources, kind, &variant, text).then(|| text.to_owned())
    };
    let conditions = Condition::ALL.iter();
    let conditions = conditions.filter_map(|c| used("Condition", format!("{c:?}"), c.as_str()));
    assert_complete("Condition", &conditions.collect());
    let reasons = Reason::ALL.iter();
    let reasons = reasons.filter_map(|r| used("Reason", format!("{r:?}"), r.as_str()));
    assert_complete("Reason", &reasons.collect());
    let events = EventReason::ALL.iter();
    let events = events.filter_map(|r| used("EventReason", format!("{r:?}"), r.as_str()));
    assert_complete("Event", &events.collect());
}

#[test]
fn the_reasons_of_skipped_objects_match_the_code() {
    let resolve = read("crates/promop-compat/src/resolve/report.rs");
    let quoted = |line: &str, before: &str| -> Option<String> {
        let (_, rest) = line.split_once(before)?;
        Some(rest.split('"').next()?.to_owned())
    };
    let mut used: BTreeSet<String> = resolve
        .lines()
        .filter(|line| line.trim_start().starts_with("Self::"))
        .filter_map(|line| quoted(line, "=> \""))
        .collect();
    let report = read("crates/thanos-query-controller/src/status_inputs.rs");
    used.extend(report.lines().filter_map(|line| quoted(line, "reason: \"")));
    assert!(used.len() > 10, "{used:?}");
    assert_complete("Skipped reason", &used);
}

#[test]
fn every_field_is_documented() {
    for (crd, page) in [
        ("thanosqueries", "docs/thanosquery.md"),
        ("thanosstores", "docs/thanosstore.md"),
        ("thanosreceives", "docs/thanosreceive.md"),
        ("thanosrulers", "docs/thanosruler.md"),
    ] {
        fields_are_documented(
            &format!("deploy/crds/monitoring.thanos.io_{crd}.yaml"),
            page,
        );
    }
}

fn fields_are_documented(crd: &str, page: &str) {
    let crd: Value = serde_saphyr::from_str(&read(crd)).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut fields = BTreeSet::new();
    own_fields(&schema["spec"], &mut fields);
    own_fields(&schema["status"], &mut fields);
    assert!(fields.len() > 80, "{fields:?}");

    let pages = pages();
    let page = pages.iter().find(|p| p.name == page).unwrap();
    let prose = prose(page);
    let code = prose
        .iter()
        .flat_map(|(_, line)| line.split('`').skip(1).step_by(2));
    let words: BTreeSet<&str> = code
        .flat_map(|c| c.split(|c: char| !c.is_alphanumeric()))
        .collect();
    let missing: Vec<&String> = fields
        .iter()
        .filter(|f| !words.contains(f.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "{}: not documented: {missing:?}",
        page.name
    );

    // And each is set in some example.
    let examples: String = blocks(page, "yaml")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let keys: BTreeSet<&str> = examples
        .lines()
        .filter_map(|line| Some(line.trim_start_matches([' ', '-']).split_once(':')?.0))
        .collect();
    let mut spec = BTreeSet::new();
    own_fields(&schema["spec"], &mut spec);
    let hidden: Vec<&String> = spec.iter().filter(|f| !keys.contains(f.as_str())).collect();
    assert!(
        hidden.is_empty(),
        "{}: in no example: {hidden:?}",
        page.name
    );
    println!(
        "{}: {} fields, {} of them in the spec",
        page.name,
        fields.len(),
        spec.len()
    );
}

/// Each step of a change of shards is explained, and in its order.
#[test]
fn the_steps_of_resharding_match_the_code() {
    let steps: Vec<String> = column(&pages(), "step")
        .into_iter()
        .map(|(_, step)| step)
        .collect();
    assert_eq!(steps, ReshardingStep::ALL.map(|s| s.as_str().to_owned()));
}

/// The documentation explains each step of a hashring, in order.
#[test]
fn the_steps_of_hashrings_are_those_of_the_code() {
    let shown = column(&pages(), "hashring step").into_iter();
    let steps: Vec<String> = shown
        .take(HashringStep::ALL.len())
        .map(|(_, step)| step)
        .collect();
    assert_eq!(steps, HashringStep::ALL.map(|s| s.as_str().to_owned()));
}

/// The fields of a schema that are ours, at any depth. Those of Kubernetes types are left out.
fn own_fields(schema: &Value, into: &mut BTreeSet<String>) {
    const SECTIONS: [&str; 42] = [
        "blockConfig",
        "bridge",
        "cachingBucketConfig",
        "default",
        "endpoints",
        "featureGates",
        "global",
        "hashringStatus",
        "hashrings",
        "inMemoryCacheConfig",
        "indexCacheConfig",
        "indexHeaderConfig",
        "ingesterSpec",
        "limits",
        "metricRelabelings",
        "networkPolicy",
        "persistentVolumeClaimRetentionPolicy",
        "podDisruptionBudgetConfig",
        "prometheusOperator",
        "prometheusServiceMonitors",
        "queryFrontend",
        "queryRangeResponseCacheConfig",
        "relabelings",
        "request",
        "resharding",
        "routerSpec",
        "routerStatus",
        "serviceAccount",
        "serviceDiscovery",
        "serviceMonitor",
        "shardStatuses",
        "shardingStrategy",
        "skipped",
        "storage",
        "storeLimitsOptions",
        "telemetryQuantiles",
        "tenancyConfig",
        "tenants",
        "timeRangeConfig",
        "tsdbConfig",
        "webConfig",
        "spec",
    ];
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        into.insert(name.clone());
        if SECTIONS.contains(&name.as_str()) {
            own_fields(field, into);
            own_fields(&field["items"], into);
            own_fields(&field["additionalProperties"], into);
        }
    }
}

#[test]
fn the_tables_of_flags_match_the_programs() {
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    let flags = |text: &str| -> BTreeSet<String> {
        text.split(|c| !is_part(c))
            .filter(|word| word.starts_with("--") && *word != "--help")
            .map(str::to_owned)
            .collect()
    };
    let offered = |binary: PathBuf, command: &str| -> BTreeSet<String> {
        let help = Command::new(binary)
            .args([command, "--help"])
            .output()
            .unwrap();
        String::from_utf8(help.stdout)
            .unwrap()
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with('-'))
            .flat_map(|line| flags(line.split("  ").next().unwrap_or_default()))
            .collect()
    };
    let documented = |page: &str, start: &str| -> BTreeSet<String> {
        let page = read(page);
        let section = page.split_once(start).unwrap().1;
        let section = section.split("\n## ").next().unwrap_or_default();
        section
            .lines()
            .filter(|line| line.starts_with("| `-"))
            .flat_map(|line| flags(line.split('|').nth(1).unwrap_or_default()))
            .collect()
    };
    for (command, page, start) in [
        (
            "render",
            "docs/operations.md",
            "## Rendering without a cluster",
        ),
        ("preflight", "docs/preflight.md", "## Flags"),
    ] {
        let documented = documented(page, start);
        assert_eq!(
            documented,
            offered(kubectl_thanos(), command),
            "flags of {command}"
        );
    }
    let mut documented = documented("docs/operations.md", "## Flags");
    assert_eq!(documented, offered(RULER.binary(), "run"));
    documented.remove("--config-reloader-image");
    for program in [QUERY, STORE, RECEIVE] {
        assert_eq!(
            documented,
            offered(program.binary(), "run"),
            "{}",
            program.name
        );
    }
}

#[tokio::test]
async fn the_tables_of_metrics_match_the_programs() {
    let cluster = Cluster::new("docs-metrics").await;
    let _crds = with_crds(&cluster).await;
    let controller = Controller::start(&cluster, &[]).await;
    // What only rulers have, besides what every controller has.
    let of_rulers = Cluster {
        program: RULER,
        client: cluster.client.clone(),
        namespace: cluster.namespace.clone(),
    };
    let rulers = Controller::start(&of_rulers, &[]).await;
    let served = controller.metrics().await + &rulers.metrics().await;
    let page = read("docs/operations.md");
    let section = page.split_once("## Metrics").unwrap().1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let documented: Vec<String> = rows
        .flat_map(|line| {
            line.split('|')
                .nth(1)
                .unwrap_or_default()
                .split('`')
                .skip(1)
                .step_by(2)
        })
        .map(|code| code.split('{').next().unwrap_or_default().to_owned())
        .collect();
    assert!(documented.len() > 6, "{documented:?}");
    let words = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    let types = served.lines().filter_map(|l| l.strip_prefix("# TYPE "));
    let types: BTreeSet<String> = types.map(words).collect();
    let samples: BTreeSet<String> = served.lines().map(words).collect();
    for name in &documented {
        let known = samples.contains(name) || types.contains(name);
        assert!(known, "{name} is not among\n{served}");
    }
    for name in &types {
        let known = documented.iter().any(|d| d.starts_with(name.as_str()));
        assert!(known, "{name} is not documented");
    }
}
