//! Shadowed alerts, and omitted recording rules. Pure.

use crate::Checked;
use crate::group::RuleKind;

/// The group with a label on the alerts for which `shadows` is true. It overwrites a label of the same name.
#[must_use]
pub fn add_shadow_label(
    checked: &Checked,
    label: &str,
    value: &str,
    shadows: impl Fn(&str) -> bool,
) -> Checked {
    let mut group = checked.0.clone();
    for rule in &mut group.rules {
        if rule.kind() == RuleKind::Alert && shadows(rule.name()) {
            rule.labels.insert(label.to_owned(), value.to_owned());
        }
    }
    Checked(group)
}

/// The group without the recording rules for which `omits` is true. `None` if no rule is left.
#[must_use]
pub fn without_records(checked: &Checked, omits: impl Fn(&str) -> bool) -> Option<Checked> {
    let mut group = checked.0.clone();
    group
        .rules
        .retain(|rule| rule.kind() == RuleKind::Alert || !omits(rule.name()));
    (!group.rules.is_empty()).then_some(Checked(group))
}

#[cfg(test)]
mod tests {
    use super::{add_shadow_label, without_records};
    use crate::{Checked, Group, Rule};

    #[test]
    fn alerts_get_the_label_and_records_are_omitted() {
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
        let after = add_shadow_label(&before, "shadow", "true", |name| name == "A");
        assert_eq!(after, group(&[&shaded, &record]));
        assert_eq!(
            add_shadow_label(&before, "shadow", "true", |name| name == "r"),
            before
        );
        let without = |of: &Checked, name: &str| without_records(of, |it| it == name);
        assert_eq!(without(&after, "r"), Some(group(&[&shaded])));
        assert_eq!(without(&after, "A"), Some(after.clone()));
        assert_eq!(without(&group(&[&record]), "r"), None);
    }
}
