//! Checks for a former operator that is still running, and for orphaned kinds, which no controller
//! reconciles without it. Does IO.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::ApiResource;
use operator_runtime::detect;
use promop_compat::names::NAME;
use serde_json::Value;

use super::crds::first;
use super::reader::{Reader, is_forbidden};
use super::row::{RERUN, Row};

const CHECK: &str = "former operator";

const ORPHANED: &str = "orphaned";

/// Maximum age of the last renewal of a Lease whose holder is alive.
const RENEWED: Duration = Duration::from_secs(60);

/// A former operator, which writes the same objects.
#[derive(Clone, Copy, Debug)]
pub struct Legacy {
    /// Name for messages.
    pub name: &'static str,
    /// Last path component of the name of its image.
    pub image: &'static str,
    /// Name of its leader election Lease.
    pub lease: &'static str,
}

/// A kind that the former operator reconciled.
#[derive(Clone, Debug)]
pub struct Orphaned {
    /// API resource of the kind.
    pub resource: ApiResource,
    /// Label `app.kubernetes.io/name` of the controller that reconciles the kind now, if any.
    pub controller: Option<&'static str>,
    /// What to do with objects of the kind.
    pub remedy: &'static str,
}

/// Checks both.
pub(super) async fn check(
    reader: &Reader,
    legacy: Option<&Legacy>,
    orphaned: &[Orphaned],
) -> Result<Vec<Row>, kube::Error> {
    let mut rows = Vec::new();
    let Some(legacy) = legacy else {
        return Ok(rows);
    };
    let matters = |d: &Deployment| {
        let name = d.labels().get(NAME).map(String::as_str);
        is_former(d, legacy) || name.is_some() && orphaned.iter().any(|o| o.controller == name)
    };
    let Some(deployments) = everywhere(reader, matters).await? else {
        let found = format!(
            "you are not permitted to list Deployments; whether the {} is running is unknown",
            legacy.name
        );
        rows.push(Row::warn(CHECK, legacy.name, found).remedy(RERUN));
        return Ok(rows);
    };
    let running = deployments.iter().filter(|d| is_former(d, legacy));
    let mut is_running = false;
    for deployment in running {
        is_running = true;
        let (namespace, name) = (
            deployment.namespace().unwrap_or_default(),
            deployment.name_any(),
        );
        let found = format!("the {} is running and writes the same objects", legacy.name);
        let remedy = format!(
            "before you start the controller, run: kubectl -n {namespace} scale deployment {name} \
             --replicas=0"
        );
        let object = format!("Deployment {namespace}/{name}");
        rows.push(Row::warn(CHECK, object, found).remedy(remedy));
    }
    let held = |lease: &Lease| lease.name_any() == legacy.lease && is_held(lease);
    let held = everywhere(reader, held).await?.unwrap_or_default();
    if let (false, Some(lease)) = (is_running, held.first()) {
        is_running = true;
        let holder = lease.spec.as_ref().and_then(|s| s.holder_identity.clone());
        let found = format!(
            "the {} holds this Lease ({}) and writes the same objects",
            legacy.name,
            holder.unwrap_or_default()
        );
        let object = format!(
            "Lease {}/{}",
            lease.namespace().unwrap_or_default(),
            legacy.lease
        );
        let remedy = "stop that operator before you start the controller";
        rows.push(Row::warn(CHECK, object, found).remedy(remedy));
    }
    if !is_running {
        rows.push(Row::ok(CHECK, legacy.name, "not running"));
    }
    for kind in orphaned {
        let is_reconciled = kind.controller.is_some_and(|controller| {
            let mut all = deployments.iter();
            all.any(|d| d.labels().get(NAME).is_some_and(|v| v == controller))
        });
        if !is_reconciled {
            rows.extend(objects_of(reader, kind, is_running).await?);
        }
    }
    Ok(rows)
}

/// Reports objects of a kind that no controller reconciles, now or without the former operator.
async fn objects_of(
    reader: &Reader,
    kind: &Orphaned,
    is_running: bool,
) -> Result<Option<Row>, kube::Error> {
    let resource = &kind.resource;
    let served = detect::served(&reader.client, &resource.api_version).await?;
    if !served.contains(&resource.plural) {
        return Ok(None);
    }
    let object = format!("{}.{}", resource.plural, resource.group);
    let objects = match reader.list(resource).await {
        Ok(objects) => objects,
        Err(error) if is_forbidden(&error) => {
            let found = "you are not permitted to list these objects";
            return Ok(Some(Row::warn(ORPHANED, object, found).remedy(RERUN)));
        }
        Err(error) => return Err(error),
    };
    let text = |object: &Value, field: &str| {
        object["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let names: Vec<String> = objects
        .iter()
        .map(|o| format!("{}/{}", text(o, "namespace"), text(o, "name")))
        .collect();
    if names.is_empty() {
        return Ok(None);
    }
    let names = first(&names);
    let row = match is_running {
        true => Row::warn(
            ORPHANED,
            object,
            format!("not reconciled once the former operator is stopped: {names}"),
        ),
        false => Row::fail(
            ORPHANED,
            object,
            format!("not reconciled by any controller: {names}"),
        ),
    };
    Ok(Some(row.remedy(kind.remedy)))
}

/// The objects of a kind that `keep` selects, in all namespaces or else in the checked ones; `None` if
/// listing is not permitted.
async fn everywhere<K>(
    reader: &Reader,
    keep: impl Fn(&K) -> bool,
) -> Result<Option<Vec<K>>, kube::Error>
where
    K: kube::Resource<DynamicType = ()> + serde::de::DeserializeOwned,
{
    let resource = ApiResource::erase::<K>(&());
    let params = ListParams::default();
    let mut kept = Vec::new();
    let mut take = |object: Value| {
        // An object that does not decode is not one of those.
        kept.extend(serde_json::from_value(object).ok().filter(&keep));
    };
    let mut listed = reader.each(&resource, &params, true, &mut take).await;
    if listed.as_ref().is_err_and(is_forbidden) && !reader.namespaces.is_empty() {
        listed = reader.each(&resource, &params, false, &mut take).await;
    }
    match listed {
        Ok(()) => Ok(Some(kept)),
        Err(error) if is_forbidden(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a Deployment runs the former operator.
fn is_former(deployment: &Deployment, legacy: &Legacy) -> bool {
    let spec = deployment.spec.as_ref();
    let desired = spec.and_then(|s| s.replicas).unwrap_or(1);
    let pod = spec.and_then(|s| s.template.spec.as_ref());
    let containers = pod.iter().flat_map(|p| &p.containers);
    let mut images = containers.filter_map(|c| c.image.as_deref());
    desired > 0 && images.any(|image| program(image) == legacy.image)
}

/// The last path component of the name of an image, without tag and digest.
fn program(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split([':', '@']).next().unwrap_or(name)
}

fn is_held(lease: &Lease) -> bool {
    let spec = lease.spec.as_ref();
    let holder = spec.and_then(|s| s.holder_identity.as_deref());
    let renewed = spec.and_then(|s| s.renew_time.as_ref());
    let age = renewed.map(|at| Timestamp::now().duration_since(at.0).unsigned_abs());
    holder.is_some_and(|h| !h.is_empty()) && age.is_some_and(|age| age < RENEWED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::jiff::SignedDuration;
    use serde_json::json;

    const FORMER: Legacy = Legacy {
        name: "old operator",
        image: "old-operator",
        lease: "abc.example.com",
    };

    #[test]
    fn former_operator_is_detected_by_its_image() {
        for (image, replicas, expected) in [
            ("quay.io/x/old-operator:main", 1, true),
            ("registry:5000/mirror/old-operator@sha256:00", 2, true),
            ("old-operator", 1, true),
            ("quay.io/x/old-operator:main", 0, false),
            ("quay.io/old-operator/other:v1", 1, false),
            ("quay.io/x/old-operator-bundle:v1", 1, false),
        ] {
            let deployment: Deployment = serde_json::from_value(json!({
                "spec": {
                    "replicas": replicas, "selector": {},
                    "template": {"spec": {"containers": [{"name": "manager", "image": image}]}},
                },
            }))
            .unwrap();
            assert_eq!(is_former(&deployment, &FORMER), expected, "{image}");
        }
    }

    #[test]
    fn lease_is_held_if_it_was_renewed_recently() {
        let lease = |holder: &str, age: i64| -> Lease {
            let at = Timestamp::now() - SignedDuration::from_secs(age);
            serde_json::from_value(json!({
                "metadata": {"name": "abc.example.com"},
                "spec": {"holderIdentity": holder, "renewTime": at.to_string()},
            }))
            .unwrap()
        };
        assert!(is_held(&lease("x", 5)));
        assert!(!is_held(&lease("x", 600)));
        assert!(!is_held(&lease("", 5)));
    }
}
