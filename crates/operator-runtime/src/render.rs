//! `render`: the plan and the status of custom resources, from files, without a cluster.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use kube::core::object::HasStatus;
use kube::{Resource, ResourceExt};
use promop_compat::caps::{Capability, Caps};
use serde_json::{Value, json};

use crate::access::Access;
use crate::component::{Cluster, Component, Outcome, Verdict, observe_whole};
use crate::inquiry::Answers;

/// Flags of `render`.
#[derive(clap::Args, Clone, Debug)]
pub struct RenderArgs {
    /// Files with the custom resource and whatever else the cluster holds; `-` is standard input
    #[arg(short = 'f', long = "filename", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Render as in a cluster without Prometheus Operator
    #[arg(long)]
    pub without_prometheus_operator: bool,
}

/// Renders files.
///
/// # Errors
/// A file that cannot be read, or that holds no custom resource of this controller.
pub fn render<C: Component>(component: &C, args: &RenderArgs) -> anyhow::Result<String> {
    let mut objects = Vec::new();
    for file in &args.files {
        let text = if file.as_os_str() == "-" {
            std::io::read_to_string(std::io::stdin())?
        } else {
            std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?
        };
        let documents = documents(&text).with_context(|| format!("{}", file.display()))?;
        objects.extend(documents);
    }
    let caps = match args.without_prometheus_operator {
        true => Caps::all(Capability::Absent),
        false => Caps::all(Capability::Present),
    };
    render_objects(component, &objects, caps)
}

/// The documents of a text, as kubectl reads it: YAML or JSON; the items of lists count as documents.
///
/// # Errors
/// Text that is neither, with the line.
pub fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    // JSON is YAML, and read many times faster as what it is.
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

fn add(mut document: Value, found: &mut Vec<Value>) {
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => found.extend(items.into_iter().filter(|item| !item.is_null())),
        Some(other) => {
            document["items"] = other;
            found.push(document);
        }
        None if document.is_null() => {}
        None => found.push(document),
    }
}

/// Renders every custom resource among `objects` as the controller would plan it.
///
/// # Errors
/// No custom resource of this controller, or one that does not fit its schema.
pub fn render_objects<C: Component>(
    component: &C,
    objects: &[Value],
    caps: Caps,
) -> anyhow::Result<String> {
    let mut views = C::Views::default();
    let related = C::related();
    for object in objects {
        for kind in &related {
            if kind.capability.is_none_or(|k| caps.has(k)) {
                kind.load(&mut views, object);
            }
        }
    }
    let kind = C::Resource::kind(&());
    let version = C::Resource::api_version(&());
    let mut text = String::new();
    for object in objects {
        if object["kind"] != *kind || object["apiVersion"] != *version {
            continue;
        }
        let it: C::Resource = serde_json::from_value(object.clone())
            .with_context(|| format!("{kind} {}", object["metadata"]["name"]))?;
        render_one(component, &mut views, caps, Arc::new(it), &mut text)?;
    }
    anyhow::ensure!(!text.is_empty(), "no {kind} ({version}) among the files");
    Ok(text)
}

fn render_one<C: Component>(
    component: &C,
    views: &mut C::Views,
    caps: Caps,
    it: Arc<C::Resource>,
    text: &mut String,
) -> anyhow::Result<()> {
    let (access, answers) = (Access::default(), Answers::default());
    let cluster = Cluster {
        caps,
        access: &access,
        answers: &answers,
        now: Timestamp::now(),
    };
    let seen = observe_whole(component, views, cluster, &it);
    let mut documents = Vec::new();
    let verdict = match component.plan(&seen) {
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
    let previous = it.status().cloned().unwrap_or_default();
    let status = component.status(&seen, &outcome, &previous);
    documents.push(json!({
        "apiVersion": C::Resource::api_version(&()),
        "kind": C::Resource::kind(&()),
        "metadata": {"name": it.name_any(), "namespace": it.namespace()},
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
    fn whole_clusters_are_read() {
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
    fn lists_and_empty_documents_are_resolved() {
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

    #[test]
    fn errors_name_the_line() {
        let text = "a: b\n---\nc: 1\nc: 2\n";
        let error = documents(text).unwrap_err().to_string();
        assert_eq!(error, "line 4: the key \"c\" is set twice; remove one");
    }
}
