//! Alerts that only a shadow sees.

use crate::Checked;
use crate::group::Kind;

/// The alerts of a group with a label, for groups that somebody else evaluates as well. A label of
/// the same name is overwritten; recording rules are left out. Nothing if no alert is left.
#[must_use]
pub fn shade(checked: &Checked, label: &str, value: &str) -> Option<Checked> {
    let mut group = checked.0.clone();
    group.rules.retain(|rule| rule.kind() == Kind::Alert);
    for rule in &mut group.rules {
        rule.labels.insert(label.to_owned(), value.to_owned());
    }
    (!group.rules.is_empty()).then_some(Checked(group))
}

#[cfg(test)]
mod tests {
    use super::shade;
    use crate::{Checked, Group, Kind, Rule};

    #[test]
    fn alerts_stay_and_get_a_label() {
        let alert = |labels: &[(&str, &str)]| Rule {
            alert: "A".to_owned(),
            expr: "up".to_owned(),
            labels: labels
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..Rule::default()
        };
        let record = Rule {
            record: "r".to_owned(),
            expr: "up".to_owned(),
            ..Rule::default()
        };
        let group = |rules: &[&Rule]| {
            Checked(Group {
                name: "g".to_owned(),
                rules: rules.iter().map(|r| (*r).clone()).collect(),
                ..Group::default()
            })
        };
        let before = group(&[&alert(&[("shadow", "{{ $value }}"), ("a", "b")]), &record]);
        let after = shade(&before, "shadow", "true").unwrap();
        assert_eq!(after, group(&[&alert(&[("shadow", "true"), ("a", "b")])]));
        assert_eq!(after.count(Kind::Record), 0);
        assert_eq!(shade(&group(&[&record]), "shadow", "true"), None);
        assert_eq!(shade(&group(&[]), "shadow", "true"), None);
    }
}
