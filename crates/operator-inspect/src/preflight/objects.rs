//! Rows about the planned objects of a custom resource, from their dry runs. Pure.

use std::collections::BTreeSet;

use super::crds::first;
use super::dry_run::{DryRun, Finding};
use super::row::{Grade, RERUN, Row};
use operator_runtime::ownership::Ownership;

/// Maximum length of a message of the API server.
const MESSAGE_CHARS: usize = 600;

/// The rows about the objects of one custom resource.
pub(super) fn rows(findings: &[(String, Finding)], name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut unavailable = BTreeSet::new();
    let (mut created, mut ours) = (0, 0);
    let mut legacy: Vec<String> = Vec::new();
    let mut replaced: Vec<String> = Vec::new();
    for (key, finding) in findings {
        match &finding.ownership {
            None => created += 1,
            Some(Ownership::Ours) => ours += 1,
            Some(Ownership::Legacy) => legacy.push(key.clone()),
            Some(Ownership::Other(holder)) => {
                let found = format!(
                    "{key} already exists and does not belong to this custom resource ({holder})"
                );
                let remedy = format!("delete or rename {key}, or rename the custom resource");
                rows.push(Row::fail("names", name, found).remedy(remedy));
            }
        }
        if finding.replaces_pods {
            replaced.push(key.clone());
        }
        let dry_runs = [
            ("dry run", Some(&finding.applied), String::new()),
            ("pods", finding.pod.as_ref(), "a pod of ".to_owned()),
        ];
        for (check, dry_run, of) in dry_runs {
            match dry_run {
                Some(DryRun::Rejected(why)) => {
                    let why: String = why.chars().take(MESSAGE_CHARS).collect();
                    let found = format!("the API server rejects {of}{key}: {why}");
                    let remedy = "change the named field in the spec of this resource, or the \
                                  policy, quota or webhook that rejects it";
                    rows.push(Row::fail(check, name, found).remedy(remedy));
                }
                Some(DryRun::Unavailable(why)) => {
                    let why: String = why.chars().take(MESSAGE_CHARS).collect();
                    unavailable.insert((check, why));
                }
                Some(DryRun::Accepted) | None => {}
            }
        }
    }
    // One row for each check, since the objects share the cause.
    let mut reported = BTreeSet::new();
    for (check, why) in unavailable {
        if reported.insert(check) {
            let found = format!("no dry run possible: {why}");
            rows.push(Row::warn(check, name, found).remedy(RERUN));
        }
    }
    if !legacy.is_empty() {
        let found = format!(
            "objects of a former operator will be adopted: {}; fields that only it set are removed",
            first(&legacy)
        );
        let remedy = "stop that operator first";
        rows.push(Row::warn("adopt", name, found).remedy(remedy));
    }
    if !replaced.is_empty() {
        let found = format!("the pods of {} will be replaced", first(&replaced));
        let remedy = "start the controller at a suitable time; new pods start before old ones stop";
        rows.push(Row::warn("restarts", name, found).remedy(remedy));
    }
    if rows.iter().all(|r| r.result != Grade::Fail) {
        let found = format!(
            "{} objects: {created} to create, {ours} existing, {} to adopt",
            findings.len(),
            legacy.len()
        );
        rows.insert(0, Row::ok("objects", name, found));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(ownership: Option<Ownership>, pod: Option<DryRun>) -> (String, Finding) {
        let finding = Finding {
            ownership,
            applied: DryRun::Accepted,
            unknown: Vec::new(),
            pod,
            replaces_pods: false,
        };
        ("Deployment x".to_owned(), finding)
    }

    fn results(findings: &[(String, Finding)]) -> Vec<(Grade, &'static str)> {
        let rows = rows(findings, "Toy ns/a");
        rows.iter().map(|r| (r.result, r.check)).collect()
    }

    #[test]
    fn accepted_objects_are_one_row() {
        let findings = [
            finding(None, Some(DryRun::Accepted)),
            finding(Some(Ownership::Ours), None),
        ];
        let rows = rows(&findings, "Toy ns/a");
        assert_eq!(rows.len(), 1);
        assert_eq!(
            rows[0].found,
            "2 objects: 1 to create, 1 existing, 0 to adopt"
        );
    }

    #[test]
    fn adoptions_conflicts_and_rejections_are_reported_once() {
        let mut adopted = finding(Some(Ownership::Legacy), None);
        adopted.1.replaces_pods = true;
        assert_eq!(
            results(&[adopted]),
            [
                (Grade::Ok, "objects"),
                (Grade::Warn, "adopt"),
                (Grade::Warn, "restarts")
            ]
        );
        let theirs = finding(Some(Ownership::Other("Deployment y".to_owned())), None);
        assert_eq!(results(&[theirs]), [(Grade::Fail, "names")]);
        let rejected = finding(None, Some(DryRun::Rejected("PodSecurity".to_owned())));
        assert_eq!(results(&[rejected]), [(Grade::Fail, "pods")]);
        let unavailable = || finding(None, Some(DryRun::Unavailable("cannot".to_owned())));
        assert_eq!(
            results(&[unavailable(), unavailable()]),
            [(Grade::Ok, "objects"), (Grade::Warn, "pods")]
        );
    }
}
