//! Checks the CRDs of this operator and of Prometheus Operator: installed, served, and with all fields
//! of this version. Does IO.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::ApiResource;
use kube_facts::optional::{Capability, Caps};
use operator_runtime::detect;
use operator_runtime::detect::Need;
use serde_json::Value;

use super::reader::{Installed, Reader};
use super::row::{RERUN, Row};
use operator_runtime::fit::{is_open, schema_of};

pub(super) const CHECK: &str = "crd";

/// Maximum number of texts in a list.
const NAMED: usize = 8;

/// The first texts, and the number of the others.
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
    rows.push(check(resource, ours, &installed, is_served));
    Ok(is_served)
}

fn check(
    resource: &ApiResource,
    ours: &CustomResourceDefinition,
    installed: &Installed,
    served: bool,
) -> Row {
    let name = format!("{}.{}", resource.plural, resource.group);
    let version = &resource.version;
    let install = "kubectl apply --server-side --force-conflicts -k deploy/overlays/crds";
    let crd = installed.crd.as_ref();
    if !served {
        return match crd {
            None => Row::fail(CHECK, name, "the CRD is not installed").remedy(install),
            Some(crd) => {
                let conditions = crd.status.iter().flat_map(|s| &s.conditions);
                let mut bad = conditions.flatten().filter(|c| {
                    c.status != "True" && ["Established", "NamesAccepted"].contains(&&*c.type_)
                });
                let why = match bad.next() {
                    Some(c) => {
                        format!("{}: {}", c.type_, c.message.as_deref().unwrap_or_default())
                    }
                    None => format!("it does not serve version {version}"),
                };
                let found = format!("the CRD is installed but not served: {why}");
                Row::fail(CHECK, name, found).remedy(install)
            }
        };
    }
    if let Some(crd) = crd {
        let mut versions = crd.spec.versions.iter();
        if !versions.any(|v| v.name == *version && v.storage) {
            let found = format!("the CRD does not use {version} as the stored version");
            return Row::fail(CHECK, name, found).remedy(install);
        }
    }
    let known = schema_of(ours, version);
    let theirs = &installed.schema;
    if theirs.is_null() {
        let found = format!("{version} is served, but you are not permitted to read its schema");
        return Row::warn(CHECK, name, found).remedy(RERUN);
    }
    // Of the status too: the API server drops unknown fields when it is written.
    let missing: Vec<String> = ["spec", "status"]
        .into_iter()
        .flat_map(|part| match theirs["properties"].get(part) {
            Some(theirs) => missing_fields(&known["properties"][part], theirs, part),
            None => vec![part.to_owned()],
        })
        .collect();
    if !missing.is_empty() {
        let found = format!(
            "the CRD is older or of another operator, and lacks fields of this version ({}): {}",
            missing.len(),
            first(&missing)
        );
        return Row::fail(CHECK, name, found).remedy(install);
    }
    let stored = if crd.is_some() {
        "served and stored"
    } else {
        "served"
    };
    Row::ok(
        CHECK,
        name,
        format!("{version} is {stored}, with all fields of this version"),
    )
}

/// The fields of `ours` that `theirs` lacks, as paths below `path`. Fields below a missing field are not
/// listed.
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

/// Checks the CRDs of Prometheus Operator. Returns the usable kinds.
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
            let found = "not in this cluster; used as soon as it is installed";
            rows.push(Row::ok(CHECK, kind.crd_name(), found));
            continue;
        }
        caps.set(kind, Capability::Present);
        let crd = reader.crd(&kind.crd_name()).await?;
        let annotations = crd
            .as_ref()
            .and_then(|crd| crd.metadata.annotations.as_ref());
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

    fn crd(fields: &[&str], storage: bool) -> CustomResourceDefinition {
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
    fn missing_field_is_reported_once_by_its_path() {
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

    fn checked(installed: Option<CustomResourceDefinition>, served: bool) -> Row {
        let schema = installed
            .as_ref()
            .and_then(|d| d.spec.versions[0].schema.as_ref())
            .map(|s| serde_json::to_value(&s.open_api_v3_schema).unwrap())
            .unwrap_or_default();
        let installed = Installed {
            crd: installed,
            schema,
        };
        check(&resource(), &crd(&["a", "b"], true), &installed, served)
    }

    #[test]
    fn missing_old_unserved_and_unstored_crds_are_reported() {
        assert_eq!(
            checked(Some(crd(&["a", "b"], true)), true).result,
            Grade::Ok
        );
        let newer = checked(Some(crd(&["a", "b", "c"], true)), true);
        assert_eq!(newer.result, Grade::Ok);
        let older = checked(Some(crd(&["a"], true)), true);
        assert_eq!(older.result, Grade::Fail);
        assert!(older.found.contains("(1)") && older.found.ends_with("spec.b"));
        let other = checked(Some(crd(&["a", "b"], false)), true);
        assert!(other.found.contains("stored"), "{}", other.found);
        assert!(checked(None, false).found.contains("not installed"));
        let unserved = checked(Some(crd(&["a"], true)), false);
        assert!(unserved.found.contains("not served"), "{}", unserved.found);
        assert_eq!(checked(None, true).result, Grade::Warn);
    }
}
