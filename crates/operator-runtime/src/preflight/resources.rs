//! What would become of each custom resource: the conditions that it would have, and what the API
//! server would say to its objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::core::ApiResource;
use kube::core::object::HasStatus;
use promop_compat::caps::{Capability, Caps, Kind};
use serde_json::Value;

use super::Extra;
use super::definitions::first;
use super::dry_run::{self, Answer, Finding};
use super::reader::{Reader, is_forbidden};
use super::row::{Grade, Row};
use super::schema::unknown_fields;
use crate::access::{self, Access};
use crate::apply::Claim;
use crate::component::{Cluster, Component, Outcome, Verdict};
use crate::conditions::RECONCILED;
use crate::hub::owner;
use crate::plan::{Plan, Planned};

/// How much of a refusal is told.
const REFUSAL_CHARS: usize = 600;

pub(super) struct Look<'a, C: Component> {
    pub component: &'a C,
    pub extra: &'a Extra<C>,
    pub reader: &'a Reader,
    /// The schemas of the kinds of Prometheus Operator that are served.
    pub schemas: Vec<(Kind, Value)>,
}

impl<C: Component> Look<'_, C> {
    /// Looks at every custom resource.
    pub async fn rows(&self, own: &ApiResource, mut caps: Caps) -> Result<Vec<Row>, kube::Error> {
        let mut rows = Vec::new();
        let objects = match self.reader.list(own, None, false).await {
            Ok(objects) => objects,
            Err(error) if is_forbidden(&error) => {
                let row = Row::fail("resources", own.kind.clone(), "you may not list them");
                return Ok(vec![row.remedy("run this as somebody who may")]);
            }
            Err(error) => return Err(error),
        };
        if objects.is_empty() {
            let found = "there is none, so there is nothing to plan";
            return Ok(vec![Row::ok("resources", own.kind.clone(), found)]);
        }
        let views = self.views(&mut caps, &mut rows).await?;
        let mut dropped = BTreeMap::new();
        for object in objects {
            let name = name(own, &object);
            match serde_json::from_value::<C::Resource>(object) {
                Ok(it) => {
                    let told = self.resource(&views, caps, Arc::new(it), &name, &mut dropped);
                    rows.extend(told.await?);
                }
                Err(error) => rows.push(
                    Row::fail("spec", name, format!("it does not fit its schema: {error}"))
                        .remedy("change the field that is named"),
                ),
            }
        }
        for (kind, fields) in dropped {
            let fields: Vec<String> = BTreeSet::into_iter(fields).collect();
            let found = format!("its schema lacks what is written: {}", first(&fields));
            let remedy = "upgrade the definitions of Prometheus Operator; until then these fields \
                          have no effect";
            rows.push(Row::warn("definition", kind, found).remedy(remedy));
        }
        Ok(rows)
    }

    /// Fills the views by one list of each kind, as the watches would.
    async fn views(&self, caps: &mut Caps, rows: &mut Vec<Row>) -> Result<C::Views, kube::Error> {
        let mut views = C::Views::default();
        for kind in C::related() {
            if kind.capability.is_some_and(|k| !caps.has(k)) {
                continue;
            }
            let listed = self
                .reader
                .list(&kind.resource, kind.labels, kind.cluster_scoped)
                .await;
            match listed {
                Ok(objects) => {
                    for object in &objects {
                        kind.load(&mut views, object);
                    }
                }
                Err(error) if is_forbidden(&error) => {
                    kind.deny(&mut views);
                    if let Some(optional) = kind.capability {
                        caps.set(optional, Capability::Forbidden);
                    }
                    let found = "you may not list them, so what follows is decided without";
                    let row = Row::warn("resources", kind.resource.kind.clone(), found);
                    rows.push(row.remedy("run this as somebody who may"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(views)
    }

    async fn resource(
        &self,
        views: &C::Views,
        caps: Caps,
        it: Arc<C::Resource>,
        name: &str,
        dropped: &mut BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Vec<Row>, kube::Error> {
        let mut access = Access::default();
        let seen = self.observe(views, caps, &access, &it);
        for question in C::questions(&seen) {
            let answer = access::ask(&self.reader.client, &question).await;
            access.remember(question, answer);
        }
        let seen = self.observe(views, caps, &access, &it);

        let mut rows = Vec::new();
        let verdict = match self.component.plan(&seen) {
            Err(invalid) => Verdict::Invalid(invalid),
            Ok(plan) => {
                for object in plan.objects() {
                    self.note_dropped(object, dropped);
                }
                rows.extend(self.objects(&plan, &it, name).await?);
                Verdict::Applied
            }
        };
        let outcome = Outcome {
            verdict,
            applied_hash: None,
            workloads: Default::default(),
        };
        let previous = it.status().cloned().unwrap_or_default();
        let status = self.component.status(&seen, &outcome, &previous);
        rows.extend(conditions(self.extra, C::conditions(&status), name));
        rows.extend((self.extra.harms)(&seen).into_iter().map(|harm| {
            match harm.fatal {
                true => Row::fail("values", name, harm.found),
                false => Row::warn("values", name, harm.found),
            }
            .remedy(harm.remedy)
        }));
        if C::paused(&it) {
            let found = "spec.paused is true: nothing is changed until it is unset";
            rows.push(Row::warn("paused", name, found));
        }
        Ok(rows)
    }

    fn observe(
        &self,
        views: &C::Views,
        caps: Caps,
        access: &Access,
        it: &Arc<C::Resource>,
    ) -> C::Observed {
        self.component.observe(views, Cluster { caps, access }, it)
    }

    /// Notes the fields of an object that the installed definition of its kind does not know.
    fn note_dropped(&self, object: &Planned, dropped: &mut BTreeMap<String, BTreeSet<String>>) {
        let is_kind = |(kind, _): &&(Kind, Value)| {
            object.resource.api_version == kind.api_resource().api_version
                && object.key.kind == kind.name()
        };
        if let Some((kind, schema)) = self.schemas.iter().find(is_kind) {
            let schema = &schema["properties"]["spec"];
            let fields = unknown_fields(&object.body["spec"], schema, "spec");
            if !fields.is_empty() {
                dropped.entry(kind.crd_name()).or_default().extend(fields);
            }
        }
    }

    async fn objects(
        &self,
        plan: &Plan,
        it: &C::Resource,
        name: &str,
    ) -> Result<Vec<Row>, kube::Error> {
        let owner = owner(it);
        let mut findings = Vec::new();
        for object in plan.objects() {
            let client = &self.reader.client;
            let finding = dry_run::look(client, &owner, C::NAME, object).await?;
            findings.push((object.key.to_string(), finding));
        }
        Ok(told(&findings, name))
    }
}

fn name(own: &ApiResource, object: &Value) -> String {
    let meta = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    format!("{} {}/{}", own.kind, meta("namespace"), meta("name"))
}

/// The conditions that are not as they should be.
fn conditions<C: Component>(
    extra: &Extra<C>,
    conditions: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition],
    name: &str,
) -> Vec<Row> {
    let bad = conditions.iter().filter_map(|condition| {
        let told = C::TOLD.iter().find(|t| t.condition == condition.type_)?;
        if condition.status == told.good {
            return None;
        }
        let found = format!(
            "{}={} {}: {}",
            condition.type_, condition.status, condition.reason, condition.message
        );
        // What is told from the start is a fault, the rest may be meant so.
        let grave = condition.type_ == RECONCILED
            || told.at_first && !extra.only_warns.contains(&condition.reason.as_str());
        Some(match grave {
            true => Row::fail("conditions", name, found),
            false => Row::warn("conditions", name, found),
        })
    });
    bad.collect()
}

/// What there is to say of the objects of one custom resource.
fn told(findings: &[(String, Finding)], name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut unasked = BTreeSet::new();
    let (mut created, mut ours) = (0, 0);
    let mut former: Vec<String> = Vec::new();
    let mut replaced: Vec<String> = Vec::new();
    for (key, finding) in findings {
        match &finding.claim {
            None => created += 1,
            Some(Claim::Ours) => ours += 1,
            Some(Claim::Former) => former.push(key.clone()),
            Some(Claim::Theirs(holder)) => {
                let found = format!("{key} belongs to someone else ({holder}), and is left alone");
                let remedy = "delete or rename it, or rename this resource";
                rows.push(Row::fail("names", name, found).remedy(remedy));
            }
        }
        if finding.replaces_pods {
            replaced.push(key.clone());
        }
        let answers = [
            ("dry run", Some(&finding.applied), String::new()),
            ("pods", finding.pod.as_ref(), "a pod of ".to_owned()),
        ];
        for (check, answer, of) in answers {
            match answer {
                Some(Answer::Refused(why)) => {
                    let why: String = why.chars().take(REFUSAL_CHARS).collect();
                    let found = format!("the API server refuses {of}{key}: {why}");
                    let remedy = "change what it names in the spec of this resource, or whatever \
                                  refuses it in this namespace";
                    rows.push(Row::fail(check, name, found).remedy(remedy));
                }
                Some(Answer::Unasked(why)) => {
                    let why: String = why.chars().take(REFUSAL_CHARS).collect();
                    unasked.insert((check, why));
                }
                Some(Answer::Accepted) | None => {}
            }
        }
    }
    // One for each check says it: the others have the same cause.
    let mut said = BTreeSet::new();
    for (check, why) in unasked {
        if said.insert(check) {
            let found = format!("the API server could not be asked: {why}");
            let remedy = "run this as somebody who may";
            rows.push(Row::warn(check, name, found).remedy(remedy));
        }
    }
    if !former.is_empty() {
        let found = format!(
            "{} objects of a former operator would be taken over: {}; fields that it wrote and \
             that are not wanted go",
            former.len(),
            first(&former)
        );
        let remedy = "stop that operator first";
        rows.push(Row::warn("take over", name, found).remedy(remedy));
    }
    if !replaced.is_empty() {
        let found = format!("the pods of {} would be replaced", first(&replaced));
        let remedy = "new pods come first; choose the time of the start";
        rows.push(Row::warn("restarts", name, found).remedy(remedy));
    }
    if rows.iter().all(|r| r.verdict != Grade::Fail) {
        let found = format!(
            "{} objects: {created} to create, {ours} there, {} to take over",
            findings.len(),
            former.len()
        );
        rows.insert(0, Row::ok("objects", name, found));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(claim: Option<Claim>, pod: Option<Answer>) -> (String, Finding) {
        let finding = Finding {
            claim,
            applied: Answer::Accepted,
            pod,
            replaces_pods: false,
        };
        ("Deployment x".to_owned(), finding)
    }

    fn verdicts(findings: &[(String, Finding)]) -> Vec<(Grade, &'static str)> {
        let rows = told(findings, "Toy ns/a");
        rows.iter().map(|r| (r.verdict, r.check)).collect()
    }

    #[test]
    fn nothing_in_the_way_is_one_row() {
        let findings = [
            finding(None, Some(Answer::Accepted)),
            finding(Some(Claim::Ours), None),
        ];
        let rows = told(&findings, "Toy ns/a");
        assert_eq!(rows.len(), 1);
        assert_eq!(
            rows[0].found,
            "2 objects: 1 to create, 1 there, 0 to take over"
        );
    }

    #[test]
    fn what_is_in_the_way_is_told_once() {
        let mut taken = finding(Some(Claim::Former), None);
        taken.1.replaces_pods = true;
        assert_eq!(
            verdicts(&[taken]),
            [
                (Grade::Ok, "objects"),
                (Grade::Warn, "take over"),
                (Grade::Warn, "restarts")
            ]
        );
        let theirs = finding(Some(Claim::Theirs("Deployment y".to_owned())), None);
        assert_eq!(verdicts(&[theirs]), [(Grade::Fail, "names")]);
        let refused = finding(None, Some(Answer::Refused("PodSecurity".to_owned())));
        assert_eq!(verdicts(&[refused]), [(Grade::Fail, "pods")]);
        let unasked = || finding(None, Some(Answer::Unasked("cannot".to_owned())));
        assert_eq!(
            verdicts(&[unasked(), unasked()]),
            [(Grade::Ok, "objects"), (Grade::Warn, "pods")]
        );
    }
}
