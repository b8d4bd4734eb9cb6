//! What the API server would say to the planned objects. Every request carries `dryRun=All`: it
//! passes admission and is not stored.

use kube::Client;
use kube::api::{Api, DynamicObject, PatchParams, PostParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

use crate::apply::{ONLY_CREATE, rejection, send};
use crate::owned_objects::Owner;
use crate::ownership::{Ownership, ownership};
use crate::plan::Planned;

/// What the API server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It would accept it.
    Accepted,
    /// It would refuse it, in its words.
    Refused(String),
    /// The API server gives no result.
    Unasked(String),
}

/// What is there under the name of a planned object, and what would become of it.
pub(super) struct Finding {
    /// Whose the existing object is, if there is one.
    pub ownership: Option<Ownership>,
    /// The answer to the apply.
    pub applied: Answer,
    /// Fields that the installed CRD does not have.
    pub unknown: Vec<String>,
    /// The answer to a pod of its template, if it has one.
    pub pod: Option<Answer>,
    /// Whether the pods of an existing workload would be replaced.
    pub replaces_pods: bool,
}

/// Checks one planned object.
pub(super) async fn look(
    client: &Client,
    owner: &Owner,
    manager: &str,
    object: &Planned,
) -> Result<Finding, kube::Error> {
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &owner.namespace, &object.resource);
    let mut finding = Finding {
        ownership: None,
        applied: Answer::Accepted,
        unknown: Vec::new(),
        pod: pod(client, &owner.namespace, &object.body).await?,
        replaces_pods: false,
    };
    let found = match api.get_opt(&object.key.name).await {
        Ok(found) => found,
        Err(error) => {
            finding.applied = answer(error)?;
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
    let (answered, unknown) = send(&api, params, object, preconditions).await;
    finding.unknown = unknown;
    match answered {
        Ok(applied) => {
            let template = |object: &DynamicObject| object.data["spec"]["template"].clone();
            let changes = |found| template(found) != template(&applied);
            finding.replaces_pods = found.as_ref().is_some_and(changes);
        }
        Err(error) => finding.applied = answer(error)?,
    }
    Ok(finding)
}

/// What the API server says to a pod of a workload. Pod Security, quotas and policies look at pods;
/// a Deployment is accepted whose pods never come.
async fn pod(
    client: &Client,
    namespace: &str,
    workload: &Value,
) -> Result<Option<Answer>, kube::Error> {
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
        Ok(_) => Ok(Some(Answer::Accepted)),
        Err(error) => answer(error).map(Some),
    }
}

/// A pod of a workload, if that has any.
fn pod_of(namespace: &str, workload: &Value) -> Option<Value> {
    let template = &workload["spec"]["template"];
    template["spec"]["containers"].as_array()?;
    let mut pod = template.clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["generateName"] = json!("preflight-");
    pod["metadata"]["namespace"] = json!(namespace);
    let spec = pod["spec"].as_object_mut()?;
    // It may not exist before the resource does.
    spec.remove("serviceAccountName");
    // As a StatefulSet adds the volumes of its claims.
    let claims = workload["spec"]["volumeClaimTemplates"].as_array();
    let claims = claims.into_iter().flatten().map(|pvc| {
        let name = &pvc["metadata"]["name"];
        json!({"name": name, "persistentVolumeClaim": {"claimName": name}})
    });
    let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
    volumes.as_array_mut()?.extend(claims);
    Some(pod)
}

/// Sorts a failure: what the object says, or what keeps us from asking. Any other is an error.
fn answer(error: kube::Error) -> Result<Answer, kube::Error> {
    const UNASKED: [&str; 4] = [
        "cannot get resource",
        "cannot create resource",
        "cannot patch resource",
        "does not support dry run",
    ];
    let kube::Error::Api(status) = &error else {
        return Err(error);
    };
    let message = status.message.as_str();
    if UNASKED.iter().any(|text| message.contains(text))
        || message.contains("error looking up service account")
    {
        return Ok(Answer::Unasked(message.to_owned()));
    }
    match status.code {
        401 | 429 | 502..=504 => Err(error),
        // An object was created or deleted meanwhile.
        404 | 409 => Ok(Answer::Unasked(message.to_owned())),
        // A refusal of an admission policy has no causes, and a webhook that does not answer is an
        // internal error.
        _ => {
            let causes = rejection(status).filter(|text| !text.is_empty());
            Ok(Answer::Refused(
                causes.unwrap_or_else(|| message.to_owned()),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn sorted(code: u16, message: &str) -> Option<Answer> {
        let status = Status {
            code,
            message: message.to_owned(),
            ..Default::default()
        };
        answer(kube::Error::Api(Box::new(status))).ok()
    }

    #[test]
    fn a_pod_of_a_stateful_set_has_the_volumes_of_its_claims() {
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
    fn a_missing_permission_of_ours_is_no_refusal() {
        let rbac = "pods is forbidden: User \"x\" cannot create resource \"pods\" in API group";
        assert_eq!(sorted(403, rbac), Some(Answer::Unasked(rbac.to_owned())));
        let security = "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"";
        assert_eq!(
            sorted(403, security),
            Some(Answer::Refused(security.to_owned()))
        );
        let webhook = "admission webhook \"w\" does not support dry run";
        assert!(matches!(sorted(400, webhook), Some(Answer::Unasked(_))));
        assert!(matches!(sorted(400, "bad"), Some(Answer::Refused(_))));
        let down = "Internal error occurred: failed calling webhook \"w\"";
        assert!(matches!(sorted(500, down), Some(Answer::Refused(_))));
        assert!(matches!(sorted(409, "conflict"), Some(Answer::Unasked(_))));
        assert_eq!(sorted(503, "try again"), None);
    }
}
