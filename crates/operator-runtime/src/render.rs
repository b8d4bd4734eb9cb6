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

/// The documents of a YAML text; the items of lists count as documents.
///
/// # Errors
/// Text that is not YAML.
pub fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    Ok(documents
        .into_iter()
        .flat_map(|document| match &document["items"] {
            Value::Array(items) => items.clone(),
            _ => vec![document],
        })
        .filter(|document| !document.is_null())
        .collect())
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
