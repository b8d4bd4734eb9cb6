//! The ServiceMonitor of the controller itself, if Prometheus Operator is installed. Does IO.
//!
//! Its owner is the Service of the controller, so uninstalling the controller deletes it. Without that
//! Service there is nothing to scrape, and no ServiceMonitor.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Client, Resource, ResourceExt};
use kube_facts::optional::Caps;
use operator_runtime::{Leader, Reconciler};
use promop_compat::kind;
use promop_compat::service_monitor::{Endpoint, ServiceMonitor, ServiceMonitorSpec};
use tokio::sync::watch;

use crate::integration::IntegrationArgs;

/// Retry interval after a failure.
const RETRY: Duration = Duration::from_secs(60);

/// Parameters of the ServiceMonitor.
#[derive(Clone, Debug)]
struct SelfMonitor {
    /// Name of the controller, of its Service and of the ServiceMonitor.
    name: &'static str,
    /// Label of the objects of the controller.
    label: &'static str,
    /// Namespace of the controller.
    namespace: String,
    /// Whether the feature gate is enabled.
    desired: bool,
    /// Additional labels, for the selector of a Prometheus.
    labels: BTreeMap<String, String>,
}

/// Reconciles the ServiceMonitor of a controller while it leads.
pub(crate) async fn run<C: Reconciler>(integration: IntegrationArgs, leader: Leader) {
    let monitor = SelfMonitor {
        name: C::NAME,
        label: C::LABEL,
        namespace: leader.namespace,
        desired: integration.prometheus_operator,
        labels: integration.service_monitor_labels.into_iter().collect(),
    };
    monitor.follow(leader.client, leader.detected).await;
}

/// Rules for the ServiceMonitor, in the namespace of the controller.
#[must_use]
pub fn rules(controller: &str) -> Vec<PolicyRule> {
    let rule = |group: &str, resource: &str, names: Option<&str>, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: names.map(|name| vec![name.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..Default::default()
    };
    let monitors = kind::SERVICE_MONITOR.plural;
    // A create cannot be limited to a name.
    vec![
        rule(kind::GROUP, monitors, None, &["create"]),
        rule(
            kind::GROUP,
            monitors,
            Some(controller),
            &["delete", "get", "patch"],
        ),
        rule("", "services", Some(controller), &["get"]),
    ]
}

impl SelfMonitor {
    /// Reconciles the ServiceMonitor whenever its CRD is installed.
    async fn follow(self, client: Client, mut detected: watch::Receiver<Caps>) {
        let mut is_settled = false;
        loop {
            let present = detected.borrow_and_update().has(kind::SERVICE_MONITOR);
            // Changes of other kinds do not affect it.
            is_settled = present && (is_settled || self.reconcile(&client).await.is_ok());
            tokio::select! {
                changed = detected.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(RETRY), if present && !is_settled => {}
            }
        }
    }

    /// Reconciles the ServiceMonitor. Writes nothing if it is as planned.
    async fn reconcile(&self, client: &Client) -> Result<(), kube::Error> {
        let done = self.try_reconcile(client).await;
        if let Err(error) = &done {
            tracing::debug!(%error, "reconcile of the ServiceMonitor of the controller failed");
        }
        done
    }

    async fn try_reconcile(&self, client: &Client) -> Result<(), kube::Error> {
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
                    "a ServiceMonitor with this name has another owner; left unchanged"
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

/// Whether an apply changes nothing. Labels of other field managers are ignored.
fn is_as_planned(stored: &ServiceMonitor, planned: &ServiceMonitor) -> bool {
    let mut labels = planned.labels().iter();
    stored.spec == planned.spec
        && stored.owner_references() == planned.owner_references()
        && labels.all(|(key, value)| stored.labels().get(key) == Some(value))
}
