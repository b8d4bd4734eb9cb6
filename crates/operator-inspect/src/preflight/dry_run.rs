//! Dry runs of the planned objects: with `dryRun=All`, every request passes admission and is not
//! stored. Does IO.

use kube::Client;
use kube::api::{Api, DynamicObject, PatchParams, PostParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

use operator_runtime::apply::{ONLY_CREATE, rejection, send};
use operator_runtime::owned_objects::Owner;
use operator_runtime::ownership::{Ownership, ownership};
use operator_runtime::plan::Planned;

/// Result of a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DryRun {
    /// The API server accepts the object.
    Accepted,
    /// The API server rejects the object, with its message.
    Rejected(String),
    /// The dry run is not possible, with the message of the API server.
    Unavailable(String),
}

/// State of the existing object with the name of a planned one, and the results of the dry runs.
pub(super) struct Finding {
    /// Ownership of the existing object, if any.
    pub ownership: Option<Ownership>,
    /// Dry run of the apply.
    pub applied: DryRun,
    /// Fields that the installed CRD does not have.
    pub unknown: Vec<String>,
    /// Dry run of a pod of the template, if any.
    pub pod: Option<DryRun>,
    /// Whether the apply replaces the pods of an existing workload.
    pub replaces_pods: bool,
}

/// Dry-runs one planned object.
pub(super) async fn dry_run(
    client: &Client,
    owner: &Owner,
    manager: &str,
    object: &Planned,
) -> Result<Finding, kube::Error> {
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &owner.namespace, &object.resource);
    let mut finding = Finding {
        ownership: None,
        applied: DryRun::Accepted,
        unknown: Vec::new(),
        pod: pod(client, &owner.namespace, &object.body).await?,
        replaces_pods: false,
    };
    let found = match api.get_opt(&object.key.name).await {
        Ok(found) => found,
        Err(error) => {
            finding.applied = classify(error)?;
            return Ok(finding);
        }
    };
    let mut preconditions = ("resourceVersion", ONLY_CREATE);
    if let Some(found) = &found {
        finding.ownership = Some(ownership(&found.metadata, &owner.uid, manager));
        if matches!(finding.ownership, Some(Ownership::Other(_))) {
            return Ok(finding);
        }
        preconditions = ("uid", found.metadata.uid.as_deref().unwrap_or_default());
    }
    let params = PatchParams::apply(manager).force().dry_run();
    let (result, unknown) = send(&api, params, object, preconditions).await;
    finding.unknown = unknown;
    match result {
        Ok(applied) => {
            let template = |object: &DynamicObject| object.data["spec"]["template"].clone();
            let changes = |found| template(found) != template(&applied);
            finding.replaces_pods = found.as_ref().is_some_and(changes);
        }
        Err(error) => finding.applied = classify(error)?,
    }
    Ok(finding)
}

/// Dry-runs a pod of a workload. Pod Security, quotas and policies apply to pods: a Deployment is
/// accepted even if its pods are rejected.
async fn pod(
    client: &Client,
    namespace: &str,
    workload: &Value,
) -> Result<Option<DryRun>, kube::Error> {
    let Some(pod) = pod_of(namespace, workload) else {
        return Ok(None);
    };
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let pod: DynamicObject = serde_json::from_value(pod).map_err(kube::Error::SerdeError)?;
    let params = PostParams {
        dry_run: true,
        ..Default::default()
    };
    match api.create(&params, &pod).await {
        Ok(_) => Ok(Some(DryRun::Accepted)),
        Err(error) => classify(error).map(Some),
    }
}

/// A pod of a workload; `None` for other kinds.
fn pod_of(namespace: &str, workload: &Value) -> Option<Value> {
    let template = &workload["spec"]["template"];
    template["spec"]["containers"].as_array()?;
    let mut pod = template.clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["generateName"] = json!("preflight-");
    pod["metadata"]["namespace"] = json!(namespace);
    let spec = pod["spec"].as_object_mut()?;
    // The ServiceAccount may not exist yet.
    spec.remove("serviceAccountName");
    // A StatefulSet adds the volumes of its PVCs.
    let pvcs = workload["spec"]["volumeClaimTemplates"].as_array();
    let pvcs = pvcs.into_iter().flatten().map(|pvc| {
        let name = &pvc["metadata"]["name"];
        json!({"name": name, "persistentVolumeClaim": {"claimName": name}})
    });
    let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
    volumes.as_array_mut()?.extend(pvcs);
    Some(pod)
}

/// Classifies a failure: a rejected object, a dry run that is not possible, or else an error.
fn classify(error: kube::Error) -> Result<DryRun, kube::Error> {
    const UNAVAILABLE: [&str; 4] = [
        "cannot get resource",
        "cannot create resource",
        "cannot patch resource",
        "does not support dry run",
    ];
    let kube::Error::Api(status) = &error else {
        return Err(error);
    };
    let message = status.message.as_str();
    if UNAVAILABLE.iter().any(|text| message.contains(text))
        || message.contains("error looking up service account")
    {
        return Ok(DryRun::Unavailable(message.to_owned()));
    }
    match status.code {
        401 | 429 | 502..=504 => Err(error),
        // An object was created or deleted at the same time.
        404 | 409 => Ok(DryRun::Unavailable(message.to_owned())),
        // A rejection by an admission policy has no causes, and an unreachable webhook is an internal
        // error.
        _ => {
            let causes = rejection(status).filter(|text| !text.is_empty());
            Ok(DryRun::Rejected(
                causes.unwrap_or_else(|| message.to_owned()),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn classified(code: u16, message: &str) -> Option<DryRun> {
        let status = Status {
            code,
            message: message.to_owned(),
            ..Default::default()
        };
        classify(kube::Error::Api(Box::new(status))).ok()
    }

    #[test]
    fn pod_of_a_stateful_set_has_the_volumes_of_its_pvcs() {
        let set = json!({"spec": {
            "template": {"spec": {"containers": [], "volumes": [{"name": "a"}], "serviceAccountName": "s"}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        }});
        let pod = pod_of("n", &set).unwrap();
        let names: Vec<&Value> = pod["spec"]["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| &v["name"])
            .collect();
        assert_eq!(names, ["a", "data"]);
        assert_eq!(pod["spec"].get("serviceAccountName"), None);
        assert_eq!(pod_of("n", &json!({"spec": {"selector": {}}})), None);
    }

    #[test]
    fn missing_permission_is_unavailable_and_not_rejected() {
        let rbac = "pods is forbidden: User \"x\" cannot create resource \"pods\" in API group";
        assert_eq!(
            classified(403, rbac),
            Some(DryRun::Unavailable(rbac.to_owned()))
        );
        let security = "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"";
        assert_eq!(
            classified(403, security),
            Some(DryRun::Rejected(security.to_owned()))
        );
        let webhook = "admission webhook \"w\" does not support dry run";
        assert!(matches!(
            classified(400, webhook),
            Some(DryRun::Unavailable(_))
        ));
        assert!(matches!(classified(400, "bad"), Some(DryRun::Rejected(_))));
        let down = "Internal error occurred: failed calling webhook \"w\"";
        assert!(matches!(classified(500, down), Some(DryRun::Rejected(_))));
        assert!(matches!(
            classified(409, "conflict"),
            Some(DryRun::Unavailable(_))
        ));
        assert_eq!(classified(503, "try again"), None);
    }
}
