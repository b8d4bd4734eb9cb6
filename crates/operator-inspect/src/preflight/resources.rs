//! Checks each custom resource: its conditions and the dry runs of its objects. Does IO.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use kube::api::ListParams;
use kube::core::ApiResource;
use kube::core::object::HasStatus;
use kube_facts::optional::{Capability, Caps};
use serde::Deserialize as _;
use serde_json::Value;

use super::Extra;
use super::crds::{self, first};
use super::dry_run::dry_run;
use super::objects;
use super::reader::{Reader, is_forbidden};
use super::row::{RERUN, Row};
use operator_runtime::access::{self, Access};
use operator_runtime::cache::owner;
use operator_runtime::conditions::RECONCILED;
use operator_runtime::fit;
use operator_runtime::plan::Plan;
use operator_runtime::probe::ProbeResults;
use operator_runtime::reconciler::{Cluster, Outcome, Reconciler, Verdict, observe_to_end};

/// Concurrent dry runs.
const AT_ONCE: usize = 8;

/// Checks of the custom resources of one controller.
pub(super) struct ResourceChecks<'a, C: Reconciler> {
    pub reconciler: &'a C,
    pub extra: &'a Extra<C>,
    pub reader: &'a Reader,
}

impl<C: Reconciler> ResourceChecks<'_, C> {
    /// Checks every custom resource.
    pub async fn rows(&self, own: &ApiResource, mut caps: Caps) -> Result<Vec<Row>, kube::Error> {
        let mut rows = Vec::new();
        let objects = match self.reader.list(own).await {
            Ok(objects) => objects,
            Err(error) if is_forbidden(&error) => {
                let found = "you are not permitted to list this kind";
                let row = Row::fail("resources", own.kind.clone(), found);
                return Ok(vec![row.remedy(RERUN)]);
            }
            Err(error) => return Err(error),
        };
        if objects.is_empty() {
            let found = "no objects exist; nothing to check";
            return Ok(vec![Row::ok("resources", own.kind.clone(), found)]);
        }
        let mut stores = self.stores(&mut caps, &mut rows).await?;
        let mut unknown = BTreeMap::new();
        let is_kept = |o: &Value| o["metadata"]["deletionTimestamp"].is_null();
        for object in objects.into_iter().filter(is_kept) {
            let name = name(own, &object);
            match C::Resource::deserialize(&object) {
                Ok(resource) => {
                    let checked =
                        self.resource(&mut stores, &caps, Arc::new(resource), &name, &mut unknown);
                    rows.extend(checked.await?);
                }
                Err(error) => {
                    let problem = fit::problem::<C::Resource>(&object, &error);
                    rows.push(Row::fail("spec", name, problem).remedy("correct the field"));
                }
            }
        }
        for (kind, fields) in unknown {
            let fields: Vec<String> = BTreeSet::into_iter(fields).collect();
            let found = format!("the CRD is older and lacks {}", first(&fields));
            let remedy = "upgrade the CRDs of Prometheus Operator; until then these fields have no \
                          effect";
            rows.push(Row::warn(crds::CHECK, kind, found).remedy(remedy));
        }
        Ok(rows)
    }

    /// Fills the stores by one list of each kind, as the watches do.
    async fn stores(&self, caps: &mut Caps, rows: &mut Vec<Row>) -> Result<C::Stores, kube::Error> {
        let mut stores = C::Stores::default();
        for kind in C::related() {
            if kind.capability.is_some_and(|k| !caps.has(k)) {
                continue;
            }
            let load = |object: Value| {
                kind.load(&mut stores, &object);
            };
            let reader = self.reader;
            let params = ListParams {
                label_selector: kind.labels.map(str::to_owned),
                field_selector: kind.fields.map(str::to_owned),
                ..Default::default()
            };
            let listed = reader.each(&kind.resource, &params, kind.cluster_scoped, load);
            match listed.await {
                Ok(()) => {}
                // Not granted by default.
                Err(error) if is_forbidden(&error) && kind.granted_apart => kind.deny(&mut stores),
                Err(error) if is_forbidden(&error) => {
                    kind.deny(&mut stores);
                    if let Some(optional) = kind.capability {
                        caps.set(optional, Capability::Forbidden);
                    }
                    let found =
                        "you are not permitted to list this kind; the checks below ignore it";
                    let row = Row::warn("resources", kind.resource.kind.clone(), found);
                    rows.push(row.remedy(RERUN));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(stores)
    }

    async fn resource(
        &self,
        stores: &mut C::Stores,
        caps: &Caps,
        resource: Arc<C::Resource>,
        name: &str,
        unknown: &mut BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Vec<Row>, kube::Error> {
        let mut access = Access::default();
        let seen = self.observe(stores, caps, &access, &resource);
        for access_check in C::access_checks(&seen) {
            let answer = access::review_access(&self.reader.client, &access_check).await;
            access.remember(access_check, answer);
        }
        let seen = self.observe(stores, caps, &access, &resource);

        let mut rows = Vec::new();
        let verdict = match self.reconciler.plan(&seen) {
            Err(invalid) => Verdict::Invalid(invalid),
            Ok(plan) => {
                rows.extend(self.objects(&plan, &resource, name, unknown).await?);
                Verdict::Applied
            }
        };
        let outcome = Outcome {
            verdict,
            applied_hash: None,
            workloads: Default::default(),
        };
        let previous = resource.status().cloned().unwrap_or_default();
        let status = self.reconciler.status(&seen, &outcome, &previous);
        rows.extend(conditions(
            self.extra,
            C::status_fields(&status).conditions,
            name,
        ));
        rows.extend((self.extra.harms)(&seen).into_iter().map(|harm| {
            match harm.fatal {
                true => Row::fail("values", name, harm.found),
                false => Row::warn("values", name, harm.found),
            }
            .remedy(harm.remedy)
        }));
        if C::paused(&resource) {
            let found = "spec.paused is true; no object is changed until it is unset";
            rows.push(Row::warn("paused", name, found));
        }
        Ok(rows)
    }

    fn observe(
        &self,
        stores: &mut C::Stores,
        caps: &Caps,
        access: &Access,
        resource: &Arc<C::Resource>,
    ) -> C::Observed {
        // Pods are not probed, since a preflight may run outside of the cluster.
        let answers = ProbeResults::default();
        let cluster = Cluster {
            caps,
            access,
            answers: &answers,
            now: Timestamp::now(),
        };
        observe_to_end(self.reconciler, stores, cluster, resource)
    }

    async fn objects(
        &self,
        plan: &Plan,
        resource: &C::Resource,
        name: &str,
        unknown: &mut BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Vec<Row>, kube::Error> {
        let owner = owner(resource);
        let (client, owner) = (&self.reader.client, &owner);
        let mut dry_runs = futures::stream::iter(plan.objects())
            .map(|object| async move {
                let finding = dry_run(client, owner, C::NAME, object).await?;
                Ok::<_, kube::Error>((object, finding))
            })
            .buffered(AT_ONCE);
        let mut findings = Vec::new();
        while let Some(result) = dry_runs.next().await {
            let (object, mut finding) = result?;
            if !finding.unknown.is_empty() {
                let crd = format!("{}.{}", object.resource.plural, object.resource.group);
                let fields = finding.unknown.drain(..);
                unknown.entry(crd).or_default().extend(fields);
            }
            findings.push((object.key.to_string(), finding));
        }
        Ok(objects::rows(&findings, name))
    }
}

fn name(own: &ApiResource, object: &Value) -> String {
    let meta = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    format!("{} {}/{}", own.kind, meta("namespace"), meta("name"))
}

/// The conditions that are not good.
fn conditions<C: Reconciler>(
    extra: &Extra<C>,
    conditions: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition],
    name: &str,
) -> Vec<Row> {
    let bad = conditions.iter().filter_map(|condition| {
        let rule = C::EVENT_CONDITIONS
            .iter()
            .find(|rule| rule.condition == condition.type_)?;
        if condition.status == rule.good {
            return None;
        }
        let found = format!(
            "{}={} {}: {}",
            condition.type_, condition.status, condition.reason, condition.message
        );
        // The conditions without an event at creation may be intended.
        let is_fault = condition.type_ == RECONCILED
            || rule.at_first && !extra.only_warns.contains(&condition.reason.as_str());
        Some(match is_fault {
            true => Row::fail("conditions", name, found),
            false => Row::warn("conditions", name, found),
        })
    });
    bad.collect()
}
