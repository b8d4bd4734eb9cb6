//! A ServiceMonitor for the controller itself, where Prometheus Operator is. Does IO.
//!
//! The controller's Service owns it, so it is deleted when the controller is uninstalled. Where
//! there is no such Service, the controller was not installed by its manifests, and there is
//! nothing to scrape.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Client, Resource, ResourceExt};
use promop_compat::caps::{Caps, Kind};
use promop_compat::service_monitor::{Endpoint, ServiceMonitor, ServiceMonitorSpec};
use tokio::sync::watch;

/// How long until a failure is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// What the ServiceMonitor is made of.
#[derive(Clone, Debug)]
pub(crate) struct SelfMonitor {
    /// Name of the controller, of its Service and of the ServiceMonitor.
    pub name: &'static str,
    /// The label by which a controller knows its objects.
    pub label: &'static str,
    /// Where the controller runs.
    pub namespace: String,
    /// Whether the operator's gate is open.
    pub desired: bool,
    /// Further labels: a Prometheus may select ServiceMonitors by them.
    pub labels: BTreeMap<String, String>,
}

impl SelfMonitor {
    /// Follows the presence of the kind until the process ends.
    pub async fn follow(self, client: Client, mut detected: watch::Receiver<Caps>) {
        let mut is_settled = false;
        loop {
            let present = detected.borrow_and_update().has(Kind::ServiceMonitor);
            // Changes of other kinds change nothing here.
            is_settled = present && (is_settled || self.settle(&client).await.is_ok());
            tokio::select! {
                changed = detected.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(RETRY), if present && !is_settled => {}
            }
        }
    }

    /// Brings the ServiceMonitor in line. Writes nothing if it is.
    async fn settle(&self, client: &Client) -> Result<(), kube::Error> {
        let done = self.try_settle(client).await;
        if let Err(error) = &done {
            tracing::debug!(%error, "reconciling the controller's own ServiceMonitor failed");
        }
        done
    }

    async fn try_settle(&self, client: &Client) -> Result<(), kube::Error> {
        let monitors: Api<ServiceMonitor> = Api::namespaced(client.clone(), &self.namespace);
        let stored = monitors.get_opt(self.name).await?;
        let ours = |stored: &ServiceMonitor| {
            stored
                .labels()
                .get(self.label)
                .is_some_and(|v| v == self.name)
        };
        match stored {
            Some(stored) if !ours(&stored) => {
                tracing::info!(
                    name = self.name,
                    "a ServiceMonitor of this name is not owned by this controller and stays unchanged"
                );
                return Ok(());
            }
            Some(_) if !self.desired => {
                monitors.delete(self.name, &DeleteParams::default()).await?;
                return Ok(());
            }
            None if !self.desired => return Ok(()),
            stored => {
                let services: Api<PartialObjectMeta<Service>> =
                    Api::namespaced(client.clone(), &self.namespace);
                let Some(service) = services.get_metadata_opt(self.name).await? else {
                    return Ok(());
                };
                let planned = self.planned(&service.metadata);
                if !stored.is_some_and(|stored| is_as_planned(&stored, &planned)) {
                    let params = PatchParams::apply(self.name).force();
                    let patch = Patch::Apply(&planned);
                    monitors.patch(self.name, &params, &patch).await?;
                }
            }
        }
        Ok(())
    }

    fn planned(&self, service: &ObjectMeta) -> ServiceMonitor {
        let name = "app.kubernetes.io/name";
        let mut labels = self.labels.clone();
        labels.extend([
            (name.to_owned(), self.name.to_owned()),
            (
                "app.kubernetes.io/part-of".to_owned(),
                "thanos-operator".to_owned(),
            ),
            (self.label.to_owned(), self.name.to_owned()),
        ]);
        let selects = BTreeMap::from([(name.to_owned(), self.name.to_owned())]);
        let spec = ServiceMonitorSpec {
            job_label: Some(name.to_owned()),
            selector: LabelSelector {
                match_labels: Some(selects),
                ..Default::default()
            },
            endpoints: vec![Endpoint {
                port: Some("http".to_owned()),
                path: Some("/metrics".to_owned()),
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut monitor = ServiceMonitor::named(&self.namespace, self.name, labels, spec);
        monitor.metadata.owner_references = Some(vec![OwnerReference {
            api_version: Service::api_version(&()).into_owned(),
            kind: Service::kind(&()).into_owned(),
            name: self.name.to_owned(),
            uid: service.uid.clone().unwrap_or_default(),
            ..Default::default()
        }]);
        monitor
    }
}

/// Whether an apply would change nothing. Other clients may add labels.
fn is_as_planned(stored: &ServiceMonitor, planned: &ServiceMonitor) -> bool {
    let mut labels = planned.labels().iter();
    stored.spec == planned.spec
        && stored.owner_references() == planned.owner_references()
        && labels.all(|(key, value)| stored.labels().get(key) == Some(value))
}
