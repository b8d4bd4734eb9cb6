//! Whether the CRDs exist and are as new as this program: ours, and those of Prometheus Operator. Does IO.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::ApiResource;
use promop_compat::caps::{Capability, Caps};
use promop_compat::detect;
use promop_compat::detect::Need;
use serde_json::Value;

use super::reader::{Installed, Reader};
use super::row::Row;
use crate::fit::{is_open, schema_of};

const CHECK: &str = "crd";

/// How many fields are named.
const NAMED: usize = 8;

/// The first of some texts, and how many more there are.
pub(super) fn first(texts: &[String]) -> String {
    let named = texts.iter().take(NAMED).cloned().collect::<Vec<_>>();
    match texts.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Checks our own CRD. Returns whether it is served.
pub(super) async fn own(
    reader: &Reader,
    resource: &ApiResource,
    ours: &CustomResourceDefinition,
    rows: &mut Vec<Row>,
) -> Result<bool, kube::Error> {
    let served = detect::served(&reader.client, &resource.api_version).await?;
    let installed = reader.installed(resource).await?;
    let is_served = served.contains(&resource.plural);
    rows.push(judge(resource, ours, &installed, is_served));
    Ok(is_served)
}

fn judge(
    resource: &ApiResource,
    ours: &CustomResourceDefinition,
    installed: &Installed,
    served: bool,
) -> Row {
    let name = format!("{}.{}", resource.plural, resource.group);
    let version = &resource.version;
    let install = "kubectl apply --server-side --force-conflicts -k deploy/crds";
    let definition = installed.definition.as_ref();
    if !served {
        return match definition {
            None => Row::fail(CHECK, name, "it is not installed").remedy(install),
            Some(definition) => {
                let conditions = definition.status.iter().flat_map(|s| &s.conditions);
                let mut bad = conditions.flatten().filter(|c| {
                    c.status != "True" && ["Established", "NamesAccepted"].contains(&&*c.type_)
                });
                let why = match bad.next() {
                    Some(c) => {
                        format!("{}: {}", c.type_, c.message.as_deref().unwrap_or_default())
                    }
                    None => format!("version {version} is not among those it serves"),
                };
                Row::fail(
                    CHECK,
                    name,
                    format!("it is installed and not served: {why}"),
                )
                .remedy(install)
            }
        };
    }
    if let Some(definition) = definition {
        let mut versions = definition.spec.versions.iter();
        if !versions.any(|v| v.name == *version && v.storage) {
            let found = format!("objects are not stored as {version}");
            return Row::fail(CHECK, name, found).remedy(install);
        }
    }
    let known = schema_of(ours, version);
    let theirs = &installed.schema;
    if theirs.is_null() {
        let found = format!("{version} is served; its schema may not be read");
        return Row::warn(CHECK, name, found).remedy("rerun with that permission");
    }
    // The status as well: what the schema lacks of it is dropped when it is written.
    let missing: Vec<String> = ["spec", "status"]
        .into_iter()
        .flat_map(|part| match theirs["properties"].get(part) {
            Some(theirs) => missing_fields(&known["properties"][part], theirs, part),
            None => vec![part.to_owned()],
        })
        .collect();
    if !missing.is_empty() {
        let found = format!(
            "it lacks fields that this program knows ({}), so it is older, or of another operator: {}",
            missing.len(),
            first(&missing)
        );
        return Row::fail(CHECK, name, found).remedy(install);
    }
    let stored = if definition.is_some() {
        "served and stored"
    } else {
        "served"
    };
    Row::ok(
        CHECK,
        name,
        format!("{version} is {stored}, with every field that this program knows"),
    )
}

/// The fields of `ours` that `theirs` does not know, as paths below `path`. A field that is missing
/// stands for everything in it.
fn missing_fields(ours: &Value, theirs: &Value, path: &str) -> Vec<String> {
    let mut missing = Vec::new();
    if let (Some(ours), Some(theirs)) = (ours.get("items"), theirs.get("items")) {
        missing.extend(missing_fields(ours, theirs, &format!("{path}[]")));
    }
    if is_open(theirs) {
        return missing;
    }
    for (name, field) in ours["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        match theirs["properties"].get(name) {
            Some(known) => missing.extend(missing_fields(field, known, &path)),
            None => missing.push(path),
        }
    }
    missing
}

/// Checks the CRDs of Prometheus Operator. Returns the capabilities.
pub(super) async fn prometheus_operator(
    reader: &Reader,
    needs: &[Need],
    rows: &mut Vec<Row>,
) -> Result<Caps, kube::Error> {
    let mut caps = Caps::default();
    for need in needs {
        let (kind, resource) = (need.kind, need.kind.api_resource());
        let served = detect::served(&reader.client, &resource.api_version).await?;
        if !served.contains(&resource.plural) {
            let found = "not in this cluster; used as soon as its CRD is installed";
            rows.push(Row::ok(CHECK, kind.crd_name(), found));
            continue;
        }
        caps.set(kind, Capability::Present);
        let definition = reader.definition(&kind.crd_name()).await?;
        let annotations = definition
            .as_ref()
            .and_then(|d| d.metadata.annotations.as_ref());
        let release = annotations.and_then(|a| a.get("operator.prometheus.io/version"));
        let release = release.map_or_else(String::new, |r| format!(", of Prometheus Operator {r}"));
        let found = format!("{} is served{release}", resource.version);
        rows.push(Row::ok(CHECK, kind.crd_name(), found));
    }
    Ok(caps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::row::Grade;
    use serde_json::json;

    fn resource() -> ApiResource {
        ApiResource {
            group: "example.com".into(),
            version: "v1".into(),
            api_version: "example.com/v1".into(),
            kind: "Toy".into(),
            plural: "toys".into(),
        }
    }

    fn definition(fields: &[&str], storage: bool) -> CustomResourceDefinition {
        let fields: serde_json::Map<String, Value> = fields
            .iter()
            .map(|f| ((*f).to_owned(), json!({"type": "string"})))
            .collect();
        serde_json::from_value(json!({
            "metadata": {"name": "toys.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Toy", "plural": "toys"},
                "versions": [{"name": "v1", "served": true, "storage": storage, "schema": {
                    "openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "properties": fields},
                        "status": {"type": "object", "properties": {"x": {"type": "string"}}},
                    }},
                }}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_missing_field_is_named_once_by_its_path() {
        let ours = json!({"properties": {
            "a": {"type": "string"},
            "b": {"properties": {"c": {"type": "string"}, "d": {"properties": {"e": {}}}}},
            "l": {"items": {"properties": {"x": {}, "y": {}}}},
            "free": {"properties": {"z": {}}},
        }});
        let theirs = json!({"properties": {
            "a": {"type": "string"},
            "b": {"properties": {"c": {"type": "string"}}},
            "l": {"items": {"properties": {"x": {}}}},
            "free": {"x-kubernetes-preserve-unknown-fields": true},
            "old": {},
        }});
        let missing = missing_fields(&ours, &theirs, "spec");
        assert_eq!(missing, ["spec.b.d", "spec.l[].y"]);
        assert!(missing_fields(&ours, &ours, "spec").is_empty());
    }

    fn judged(installed: Option<CustomResourceDefinition>, served: bool) -> Row {
        let schema = installed
            .as_ref()
            .and_then(|d| d.spec.versions[0].schema.as_ref())
            .map(|s| serde_json::to_value(&s.open_api_v3_schema).unwrap())
            .unwrap_or_default();
        let installed = Installed {
            definition: installed,
            schema,
        };
        judge(
            &resource(),
            &definition(&["a", "b"], true),
            &installed,
            served,
        )
    }

    #[test]
    fn what_is_wrong_with_a_definition_is_named() {
        assert_eq!(
            judged(Some(definition(&["a", "b"], true)), true).verdict,
            Grade::Ok
        );
        let newer = judged(Some(definition(&["a", "b", "c"], true)), true);
        assert_eq!(newer.verdict, Grade::Ok);
        let older = judged(Some(definition(&["a"], true)), true);
        assert_eq!(older.verdict, Grade::Fail);
        assert!(older.found.contains("(1)") && older.found.ends_with("spec.b"));
        let other = judged(Some(definition(&["a", "b"], false)), true);
        assert!(other.found.contains("stored"), "{}", other.found);
        assert!(judged(None, false).found.contains("not installed"));
        let unserved = judged(Some(definition(&["a"], true)), false);
        assert!(unserved.found.contains("not served"), "{}", unserved.found);
        assert_eq!(judged(None, true).verdict, Grade::Warn);
    }
}
