//! The cluster under test, as its administrator sees it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::controller::{Program, QUERY};
use crate::wait::eventually;

/// The field manager of the tests.
pub const MANAGER: &str = "e2e";

/// Timeout of changes that the API server and the controllers make.
pub const SOON: Duration = Duration::from_secs(20);

/// The namespace of one test, and the administrator's client.
pub struct Cluster {
    /// The administrator.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
    /// The controller under test.
    pub program: Program,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Cluster {
    /// Connects and creates a namespace.
    ///
    /// # Panics
    /// There is no cluster: tests that need one fail, they do not skip.
    pub async fn new(test: &str) -> Self {
        Self::of(QUERY, test).await
    }

    /// As `new`, for another controller than that of ThanosQuery.
    ///
    /// # Panics
    /// There is no cluster.
    pub async fn of(program: Program, test: &str) -> Self {
        assert!(
            std::env::var_os("KUBECONFIG").is_some(),
            "KUBECONFIG is not set: run hack/test.sh, which starts a cluster"
        );
        let client = Client::try_default().await.expect("a cluster");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("{test}-{}-{number}", std::process::id());
        let cluster = Self {
            client,
            namespace,
            program,
        };
        cluster.make_namespace(&cluster.namespace, json!({})).await;
        cluster
    }

    /// Creates a namespace with labels.
    ///
    /// # Panics
    /// The API server rejects it.
    pub async fn make_namespace(&self, name: &str, labels: Value) {
        let body = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
        });
        let namespace: Namespace = serde_json::from_value(body).expect("a namespace");
        let api: Api<Namespace> = Api::all(self.client.clone());
        api.create(&PostParams::default(), &namespace)
            .await
            .expect("namespace");
    }

    /// The API of an object's kind, in its namespace or the test's.
    ///
    /// # Panics
    /// The object has no kind.
    #[must_use]
    pub fn api(&self, object: &Value) -> Api<DynamicObject> {
        let version = object["apiVersion"].as_str().expect("apiVersion");
        let kind = object["kind"].as_str().expect("kind");
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let resource = match kind {
            // The guessed plural is wrong for this kind.
            "Prometheus" => ApiResource::from_gvk_with_plural(&gvk, "prometheuses"),
            _ => ApiResource::from_gvk(&gvk),
        };
        match kind {
            "Namespace"
            | "CustomResourceDefinition"
            | "ClusterRole"
            | "ClusterRoleBinding"
            | "StorageClass"
            | "MutatingAdmissionPolicy"
            | "MutatingAdmissionPolicyBinding"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding" => Api::all_with(self.client.clone(), &resource),
            _ => {
                let namespace = object["metadata"]["namespace"].as_str();
                let namespace = namespace.unwrap_or(&self.namespace);
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
        }
    }

    /// Applies an object as the administrator, strictly.
    ///
    /// # Errors
    /// The rejection of the API server.
    pub async fn try_apply(&self, object: &Value) -> Result<DynamicObject, kube::Error> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let params = PatchParams::apply(MANAGER).force().validation_strict();
        self.api(object)
            .patch(name, &params, &Patch::Apply(object))
            .await
    }

    /// Applies an object, which must work.
    ///
    /// # Panics
    /// The API server rejects it.
    #[track_caller]
    pub fn apply(&self, object: Value) -> impl Future<Output = DynamicObject> {
        let caller = std::panic::Location::caller();
        async move {
            match self.try_apply(&object).await {
                Ok(applied) => applied,
                Err(error) => panic!("{caller}: cannot apply {object}: {error}"),
            }
        }
    }

    /// Reads an object; `None` if it does not exist.
    ///
    /// # Panics
    /// Any other failure.
    pub async fn get(&self, api_version: &str, kind: &str, name: &str) -> Option<Value> {
        let object = json!({"apiVersion": api_version, "kind": kind});
        let found = self.api(&object).get_opt(name).await.expect("get");
        found.map(|o| serde_json::to_value(o).expect("JSON"))
    }

    /// Names of all objects of a kind in the test's namespace.
    ///
    /// # Panics
    /// Any failure.
    pub async fn names(&self, api_version: &str, kind: &str) -> Vec<String> {
        let object = json!({"apiVersion": api_version, "kind": kind});
        let list = self
            .api(&object)
            .list(&Default::default())
            .await
            .expect("list");
        list.items.iter().map(ResourceExt::name_any).collect()
    }

    /// Deletes an object and waits until it no longer exists.
    ///
    /// # Panics
    /// Any failure.
    pub async fn delete(&self, api_version: &str, kind: &str, name: &str) {
        self.delete_within(api_version, kind, name, SOON).await;
    }

    /// As `delete`, with a limit of its own.
    ///
    /// # Panics
    /// Any failure.
    pub async fn delete_within(&self, api_version: &str, kind: &str, name: &str, limit: Duration) {
        let object = json!({"apiVersion": api_version, "kind": kind});
        let api = self.api(&object);
        let params = DeleteParams::background();
        match api.delete(name, &params).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => return,
            Err(error) => panic!("cannot delete {kind} {name}: {error}"),
        }
        let is_deleted = async || match api.get_opt(name).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err("still there".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        eventually(&format!("{kind} {name} is deleted"), limit, is_deleted).await;
    }

    /// Waits until a condition of a custom resource has a reason, and is about its newest spec.
    /// Returns the whole object.
    pub async fn condition(&self, name: &str, type_: &str, reason: &str) -> Value {
        self.reports(name, type_, ("reason", reason), SOON).await
    }

    /// Waits until a field of a condition (`status`, `reason`) has a value, and is about the newest
    /// spec. Returns the whole object.
    pub async fn reports(
        &self,
        name: &str,
        type_: &str,
        (field, value): (&str, &str),
        limit: Duration,
    ) -> Value {
        let what = format!("{type_} of {name} is {value}");
        let attempt = async || {
            let object = self
                .get("monitoring.thanos.io/v1alpha1", self.program.kind, name)
                .await;
            let object = object.ok_or("no such resource")?;
            let conditions = object["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let found = conditions.iter().find(|c| c["type"] == type_);
            let current = found.is_some_and(|c| {
                c[field] == value && c["observedGeneration"] == object["metadata"]["generation"]
            });
            if current {
                Ok(object)
            } else {
                Err(format!("{:#}", object["status"]))
            }
        };
        eventually(&what, limit, attempt).await
    }
}
