//! `render`: prints the plan and the status of custom resources in files. Reads files, needs no cluster.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use kube::core::object::HasStatus;
use kube::{Resource, ResourceExt};
use kube_facts::optional::{Capability, Caps};
use serde::Deserialize as _;
use serde_json::{Value, json};

use operator_runtime::access::Access;
use operator_runtime::fit;
use operator_runtime::probe::ProbeResults;
use operator_runtime::reconciler::{Cluster, Outcome, Reconciler, Verdict, observe_to_end};

/// Flags of `render`.
#[derive(clap::Args, Clone, Debug)]
pub struct RenderArgs {
    /// Files with the custom resources and other objects of the cluster; `-` is standard input
    #[arg(short = 'f', long = "filename", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Render for a cluster without Prometheus Operator
    #[arg(long)]
    pub without_prometheus_operator: bool,
}

/// Output of `render`.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// Plan and status of all custom resources, in YAML.
    pub text: String,
    /// Ignored fields.
    pub warnings: Vec<String>,
}

/// The objects in files.
#[derive(Clone, Debug)]
pub struct Files {
    /// Name of the file, and the object.
    objects: Vec<(String, Value)>,
    caps: Caps,
}

impl Files {
    /// Reads files.
    ///
    /// # Errors
    /// A file is unreadable, or neither YAML nor JSON.
    pub fn read(args: &RenderArgs) -> anyhow::Result<Self> {
        let mut objects = Vec::new();
        for file in &args.files {
            let name = file.display().to_string();
            let text = match name.as_str() {
                "-" => std::io::read_to_string(std::io::stdin())?,
                _ => {
                    std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?
                }
            };
            let found = documents(&text).with_context(|| name.clone())?;
            objects.extend(found.into_iter().map(|object| (name.clone(), object)));
        }
        let capability = match args.without_prometheus_operator {
            true => Capability::Absent,
            false => Capability::Present,
        };
        Ok(Self {
            objects,
            caps: Caps::all(capability),
        })
    }

    /// Renders every custom resource of a controller. The text is empty if there is none.
    ///
    /// # Errors
    /// An object has a value of the wrong type.
    pub fn render<C: Reconciler>(&self, reconciler: &C) -> anyhow::Result<Rendered> {
        let schema = fit::schema::<C::Resource>();
        let mut warnings = Vec::new();
        for (file, object) in &self.objects {
            let unknown = fit::check::<C::Resource>(object, &schema);
            let unknown = unknown.with_context(|| file.clone())?;
            warnings.extend(unknown.iter().map(|field| format!("{file}: {field}")));
        }
        let objects = self.objects.iter().map(|(_, object)| object);
        let text = render_objects(reconciler, objects, &self.caps)?;
        Ok(Rendered { text, warnings })
    }
}

/// The documents of a YAML or JSON text. As in kubectl, the items of lists are documents.
///
/// # Errors
/// The text is neither; the error contains the line.
pub fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    // JSON is YAML, but the JSON parser is many times faster.
    if text.trim_start().starts_with('{') {
        let values = serde_json::Deserializer::from_str(text).into_iter();
        if let Ok(values) = values.collect::<Result<Vec<Value>, _>>() {
            values.into_iter().for_each(|value| add(value, &mut found));
            return Ok(found);
        }
    }
    for document in go_yaml::documents(text) {
        add(document?.to_value()?, &mut found);
    }
    Ok(found)
}

/// Adds a document, or the items of a list recursively. As in kubectl, items without apiVersion and
/// kind get those of the list, since `kubectl get --raw` omits them.
fn add(mut document: Value, found: &mut Vec<Value>) {
    let items = match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(other) => {
            document["items"] = other;
            return found.push(document);
        }
        None if document.is_null() => return,
        None => return found.push(document),
    };
    let kind = document["kind"].as_str().unwrap_or_default();
    let kind = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
    for mut item in items {
        let is_bare = item.is_object() && item["kind"].is_null() && item["apiVersion"].is_null();
        if let (true, Some(kind)) = (is_bare, kind) {
            item["kind"] = kind.into();
            item["apiVersion"] = document["apiVersion"].clone();
        }
        add(item, found);
    }
}

/// Renders every custom resource of a controller in `objects`. The text is empty if there is none.
///
/// # Errors
/// A custom resource does not match its CRD.
pub fn render_objects<'a, C: Reconciler>(
    reconciler: &C,
    objects: impl IntoIterator<Item = &'a Value>,
    caps: &Caps,
) -> anyhow::Result<String> {
    let mut stores = C::Stores::default();
    let related = C::related();
    let kind = C::Resource::kind(&());
    let version = C::Resource::api_version(&());
    let mut resources = Vec::new();
    for object in objects {
        for kind in &related {
            if kind.capability.is_none_or(|k| caps.has(k)) {
                kind.load(&mut stores, object);
            }
        }
        if object["kind"] == *kind && object["apiVersion"] == *version {
            let resource = C::Resource::deserialize(object).map_err(|error| {
                let problem = fit::problem::<C::Resource>(object, &error);
                anyhow!("{}: {problem}", fit::name(object))
            })?;
            resources.push(Arc::new(resource));
        }
    }
    let mut text = String::new();
    for resource in resources {
        render_one(reconciler, &mut stores, caps, resource, &mut text)?;
    }
    Ok(text)
}

fn render_one<C: Reconciler>(
    reconciler: &C,
    stores: &mut C::Stores,
    caps: &Caps,
    resource: Arc<C::Resource>,
    text: &mut String,
) -> anyhow::Result<()> {
    let (access, answers) = (Access::default(), ProbeResults::default());
    let cluster = Cluster {
        caps,
        access: &access,
        answers: &answers,
        now: Timestamp::now(),
    };
    let seen = observe_to_end(reconciler, stores, cluster, &resource);
    let mut documents = Vec::new();
    let verdict = match reconciler.plan(&seen) {
        Ok(plan) => {
            documents.extend(plan.objects().iter().map(|o| o.body.clone()));
            Verdict::Applied
        }
        Err(invalid) => Verdict::Invalid(invalid),
    };
    let outcome = Outcome {
        verdict,
        applied_hash: None,
        workloads: Default::default(),
    };
    let previous = resource.status().cloned().unwrap_or_default();
    let status = reconciler.status(&seen, &outcome, &previous);
    documents.push(json!({
        "apiVersion": C::Resource::api_version(&()),
        "kind": C::Resource::kind(&()),
        "metadata": {"name": resource.name_any(), "namespace": resource.namespace()},
        "status": status,
    }));
    for document in documents {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string(&document)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::documents;

    fn rule(number: usize) -> String {
        format!(
            "  kind: PrometheusRule\n  metadata: {{name: r{number}}}\n  spec:\n    groups:\n    - name: g\n      rules:\n      - alert: A\n        expr: up == 0\n"
        )
    }

    /// `kubectl get -A -o yaml` is one document, and a chart has one for each object.
    #[test]
    fn many_objects_are_read_from_lists_and_documents() {
        let list: String = (0..20_000)
            .map(|i| rule(i).replacen("  ", "- ", 1))
            .collect();
        let found = documents(&format!("apiVersion: v1\nkind: List\nitems:\n{list}")).unwrap();
        assert_eq!(
            (found.len(), &found[19_999]["metadata"]["name"]),
            (20_000, &json!("r19999"))
        );
        let single: String = (0..3000)
            .map(|i| format!("---\nkind: Service\nmetadata: {{name: s{i}}}\n"))
            .collect();
        assert_eq!(documents(&single).unwrap().len(), 3000);
    }

    #[test]
    fn lists_are_expanded_and_empty_documents_are_skipped() {
        let found = documents("---\n---\n{items: [{a: 1}, null]}\n---\nb: 2\nitems: x\n").unwrap();
        assert_eq!(found, [json!({"a": 1}), json!({"b": 2, "items": "x"})]);
        let text = json!({"kind": "List", "items": [{"a": "\u{1f600}/"}]}).to_string();
        let escaped = text.replace('/', "\\/");
        assert_eq!(documents(&escaped).unwrap(), [json!({"a": "\u{1f600}/"})]);
        assert_eq!(
            documents("{a: 010, b: yes}\n").unwrap(),
            [json!({"a": 8, "b": true})]
        );
        assert_eq!(documents("").unwrap(), Vec::<Value>::new());
    }

    /// `kubectl get --raw` prints only the kind of the list.
    #[test]
    fn items_of_typed_and_nested_lists_are_documents() {
        let text = "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: a}\n";
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
        assert_eq!(documents(text).unwrap(), [secret]);
        let text = "kind: List\nitems:\n- {kind: ConfigMapList, apiVersion: v1, items: [{data: {}}]}\n- a: 1\n";
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {}});
        assert_eq!(documents(text).unwrap(), [map, json!({"a": 1})]);
        let both = "{kind: PodList, apiVersion: v1, items: [{kind: Pod}]}\n";
        assert_eq!(documents(both).unwrap(), [json!({"kind": "Pod"})]);
    }

    #[test]
    fn errors_contain_the_line() {
        let text = "a: b\n---\nc: 1\nc: 2\n";
        let error = documents(text).unwrap_err().to_string();
        assert_eq!(error, "line 4: duplicate key \"c\"; remove one");
    }
}
