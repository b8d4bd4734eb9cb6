//! What there is to say of the planned objects of a custom resource. Pure.

use std::collections::BTreeSet;

use super::definitions::first;
use super::dry_run::{Answer, Finding};
use super::row::{Grade, Row};
use crate::ownership::Ownership;

/// How much of a refusal is reported.
const REFUSAL_CHARS: usize = 600;

/// What there is to say of the objects of one custom resource.
pub(super) fn rows(findings: &[(String, Finding)], name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut unasked = BTreeSet::new();
    let (mut created, mut ours) = (0, 0);
    let mut legacy: Vec<String> = Vec::new();
    let mut replaced: Vec<String> = Vec::new();
    for (key, finding) in findings {
        match &finding.ownership {
            None => created += 1,
            Some(Ownership::Ours) => ours += 1,
            Some(Ownership::Legacy) => legacy.push(key.clone()),
            Some(Ownership::Other(holder)) => {
                let found =
                    format!("{key} is not owned by this resource ({holder}) and stays unchanged");
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
            let found = format!("the API server could not be queried: {why}");
            let remedy = "rerun with that permission";
            rows.push(Row::warn(check, name, found).remedy(remedy));
        }
    }
    if !legacy.is_empty() {
        let found = format!(
            "objects of a former operator would be taken over: {}; fields that it wrote and that \
             are not wanted go",
            first(&legacy)
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
            legacy.len()
        );
        rows.insert(0, Row::ok("objects", name, found));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(ownership: Option<Ownership>, pod: Option<Answer>) -> (String, Finding) {
        let finding = Finding {
            ownership,
            applied: Answer::Accepted,
            unknown: Vec::new(),
            pod,
            replaces_pods: false,
        };
        ("Deployment x".to_owned(), finding)
    }

    fn verdicts(findings: &[(String, Finding)]) -> Vec<(Grade, &'static str)> {
        let rows = rows(findings, "Toy ns/a");
        rows.iter().map(|r| (r.verdict, r.check)).collect()
    }

    #[test]
    fn nothing_in_the_way_is_one_row() {
        let findings = [
            finding(None, Some(Answer::Accepted)),
            finding(Some(Ownership::Ours), None),
        ];
        let rows = rows(&findings, "Toy ns/a");
        assert_eq!(rows.len(), 1);
        assert_eq!(
            rows[0].found,
            "2 objects: 1 to create, 1 there, 0 to take over"
        );
    }

    #[test]
    fn adoption_restarts_and_foreign_names_are_each_one_row() {
        let mut taken = finding(Some(Ownership::Legacy), None);
        taken.1.replaces_pods = true;
        assert_eq!(
            verdicts(&[taken]),
            [
                (Grade::Ok, "objects"),
                (Grade::Warn, "take over"),
                (Grade::Warn, "restarts")
            ]
        );
        let theirs = finding(Some(Ownership::Other("Deployment y".to_owned())), None);
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
