//! Reads of a preflight: lists, discovery and CRDs. Does IO.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, PostParams, TypeMeta};
use kube::core::ApiResource;
use serde_json::Value;

use operator_runtime::fit::schema_of;

/// Objects in one page of a list.
const PAGE: u32 = 100;

/// Client and scope of a preflight.
pub struct Reader {
    /// Client.
    pub client: Client,
    /// Namespaces; empty means all.
    pub namespaces: Vec<String>,
}

/// An installed kind.
pub struct Installed {
    /// The CRD, if it exists and is readable.
    pub crd: Option<CustomResourceDefinition>,
    /// Schema of the whole object; null if unreadable.
    pub schema: Value,
}

/// Whether a permission of ours is missing.
pub fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

impl Reader {
    /// The scope of each list: a namespace, or `None` for all.
    pub fn scopes(&self) -> Vec<Option<&str>> {
        match self.namespaces.is_empty() {
            true => vec![None],
            false => self.namespaces.iter().map(|n| Some(n.as_str())).collect(),
        }
    }

    /// Our user name; `None` if the review fails.
    pub async fn user(&self) -> Option<String> {
        let api: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = SelfSubjectReview::default();
        let reviewed = api.create(&PostParams::default(), &review).await.ok()?;
        reviewed.status?.user_info?.username
    }

    /// The namespaces that do not exist.
    pub async fn missing_namespaces(&self) -> Result<Vec<&str>, kube::Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let mut missing = Vec::new();
        for name in &self.namespaces {
            match api.get_metadata_opt(name).await {
                Ok(None) => missing.push(name.as_str()),
                Ok(Some(_)) => {}
                // Without the permission to read namespaces, they are assumed to exist.
                Err(error) if is_forbidden(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// Calls `take` with every object of a kind in the namespaces, as JSON with kind and version. Holds
    /// one page at a time, since in the pod of the controller both share one memory limit.
    pub async fn each(
        &self,
        resource: &ApiResource,
        params: &ListParams,
        everywhere: bool,
        mut take: impl FnMut(Value),
    ) -> Result<(), kube::Error> {
        let scopes = match everywhere {
            true => vec![None],
            false => self.scopes(),
        };
        for scope in scopes {
            let api: Api<DynamicObject> = match scope {
                None => Api::all_with(self.client.clone(), resource),
                Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            };
            let mut params = params.clone().limit(PAGE);
            loop {
                let page = api.list(&params).await?;
                for mut object in page.items {
                    object.types = Some(TypeMeta {
                        api_version: resource.api_version.clone(),
                        kind: resource.kind.clone(),
                    });
                    take(serde_json::to_value(object).map_err(kube::Error::SerdeError)?);
                }
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => params = params.continue_token(&token),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Every object of a kind in the namespaces.
    pub async fn list(&self, resource: &ApiResource) -> Result<Vec<Value>, kube::Error> {
        let mut all = Vec::new();
        let params = ListParams::default();
        self.each(resource, &params, false, |object| all.push(object))
            .await?;
        Ok(all)
    }

    /// A CRD, if it exists and is readable. Listed by name, since controllers have no permission to
    /// get it.
    pub async fn crd(&self, name: &str) -> Result<Option<CustomResourceDefinition>, kube::Error> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let params = ListParams::default().fields(&format!("metadata.name={name}"));
        match api.list(&params).await {
            Ok(list) => Ok(list.items.into_iter().next()),
            Err(error) if is_forbidden(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// CRD and schema of a served kind. Without the permission to read the CRD, the schema is that of
    /// the OpenAPI document.
    pub async fn installed(&self, resource: &ApiResource) -> Result<Installed, kube::Error> {
        let name = format!("{}.{}", resource.plural, resource.group);
        let crd = self.crd(&name).await?;
        let schema = match &crd {
            Some(crd) => schema_of(crd, &resource.version),
            None => self.published(resource).await?,
        };
        Ok(Installed { crd, schema })
    }

    async fn published(&self, resource: &ApiResource) -> Result<Value, kube::Error> {
        let path = format!("/openapi/v3/apis/{}", resource.api_version);
        let request = http::Request::get(path)
            .header(http::header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(kube::Error::HttpError)?;
        let document: Value = match self.client.request(request).await {
            Ok(document) => document,
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => Value::Null,
            Err(error) => return Err(error),
        };
        let schemas = document["components"]["schemas"].as_object();
        let is_kind = |schema: &&Value| {
            let kinds = schema["x-kubernetes-group-version-kind"].as_array();
            kinds.is_some_and(|kinds| {
                kinds
                    .iter()
                    .any(|k| k["kind"] == *resource.kind && k["group"] == *resource.group)
            })
        };
        let found = schemas.and_then(|s| s.values().find(is_kind));
        Ok(found.cloned().unwrap_or_default())
    }
}
