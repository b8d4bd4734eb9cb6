//! Alerts that only a shadow sees.

use crate::Checked;
use crate::group::Kind;

/// The group with a label on all its alerts. A label of the same name is overwritten.
#[must_use]
pub fn shade(checked: &Checked, label: &str, value: &str) -> Checked {
    let mut group = checked.0.clone();
    for rule in &mut group.rules {
        if rule.kind() == Kind::Alert {
            rule.labels.insert(label.to_owned(), value.to_owned());
        }
    }
    Checked(group)
}

/// The group without its recording rules, for groups that somebody else evaluates as well. Nothing if
/// no alert is left.
#[must_use]
pub fn without_records(checked: &Checked) -> Option<Checked> {
    let mut group = checked.0.clone();
    group.rules.retain(|rule| rule.kind() == Kind::Alert);
    (!group.rules.is_empty()).then_some(Checked(group))
}

#[cfg(test)]
mod tests {
    use super::{shade, without_records};
    use crate::{Checked, Group, Rule};

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
        let shaded = alert(&[("shadow", "true"), ("a", "b")]);
        let after = shade(&before, "shadow", "true");
        assert_eq!(after, group(&[&shaded, &record]));
        assert_eq!(without_records(&after), Some(group(&[&shaded])));
        assert_eq!(without_records(&group(&[&record])), None);
    }
}
