//! Makes kubelets refresh mounted files at once, by an annotation on the pod. Optional: a
//! cluster that does not grant `patch pods` waits for the kubelet's own period.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use serde_json::json;
use tokio::time::Instant;

/// How long a refusal is remembered.
const REFUSED: Duration = Duration::from_secs(600);

/// Touches pods.
pub struct Refresher {
    client: Client,
    annotation: Option<&'static str>,
    refused: Mutex<Option<Instant>>,
}

impl Refresher {
    /// A refresher that sets `annotation`, if there is one.
    #[must_use]
    pub fn new(client: Client, annotation: Option<&'static str>) -> Self {
        Self {
            client,
            annotation,
            refused: Mutex::new(None),
        }
    }

    /// Sets the annotation of a pod to the digest of the file. A failure costs time, nothing else.
    pub async fn refresh(&self, namespace: &str, pod: &str, digest: u64) {
        let Some(annotation) = self.annotation else {
            return;
        };
        if self.refused().is_some_and(|at| at.elapsed() < REFUSED) {
            return;
        }
        let api: Api<PartialObjectMeta<Pod>> = Api::namespaced(self.client.clone(), namespace);
        let body = json!({"metadata": {"annotations": {annotation: format!("{digest:016x}")}}});
        let answer = api
            .patch_metadata(pod, &PatchParams::default(), &Patch::Merge(body))
            .await;
        match answer {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::info!("pods may not be patched: changed files reach them within 90 s");
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            Err(error) => tracing::debug!(%error, namespace, pod, "pod not refreshed"),
        }
    }

    fn refused(&self) -> Option<Instant> {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
