//! Makes kubelets refresh mounted files at once by an annotation on the pod. Optional: without the
//! permission to patch pods, the kubelet refreshes them within 90 s. Does IO.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use serde_json::json;
use tokio::time::Instant;

/// Time without another attempt after a denial.
const DENIED: Duration = Duration::from_secs(600);

/// Annotates pods.
pub struct Refresher {
    client: Client,
    annotation: Option<&'static str>,
    denied: Mutex<Option<Instant>>,
}

impl Refresher {
    /// Sets `annotation`; `None` disables it.
    #[must_use]
    pub fn new(client: Client, annotation: Option<&'static str>) -> Self {
        Self {
            client,
            annotation,
            denied: Mutex::new(None),
        }
    }

    /// Sets the annotation of a pod to the digest of the file. A failure only delays the refresh.
    pub async fn refresh(&self, namespace: &str, pod: &str, digest: u64) {
        let Some(annotation) = self.annotation else {
            return;
        };
        if self.denied().is_some_and(|at| at.elapsed() < DENIED) {
            return;
        }
        let api: Api<PartialObjectMeta<Pod>> = Api::namespaced(self.client.clone(), namespace);
        let body = json!({"metadata": {"annotations": {annotation: format!("{digest:016x}")}}});
        let patched = api
            .patch_metadata(pod, &PatchParams::default(), &Patch::Merge(body))
            .await;
        match patched {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::info!("no permission to patch pods; changed files reach them within 90 s");
                *self.denied.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            Err(error) => tracing::debug!(%error, namespace, pod, "pod not refreshed"),
        }
    }

    fn denied(&self) -> Option<Instant> {
        *self.denied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
