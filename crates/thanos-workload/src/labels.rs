//! Labels. Selector labels are immutable and equal to those of the Go operator, so that its workloads are
//! adopted in place. Other labels may change.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use thanos_api::names::label;

use crate::names;

/// A map of labels or annotations.
pub type Map = BTreeMap<String, String>;

/// Text of a label selector, for the scale subresource.
#[must_use]
pub fn selector_text(labels: &Map) -> String {
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(",")
}

/// Identity of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the workload and of its objects.
    pub name: String,
    /// `app.kubernetes.io/name`: the program, such as `thanos-query`.
    pub program: &'static str,
    /// `app.kubernetes.io/component`.
    pub component: &'static str,
    /// Name of the custom resource.
    pub owner: String,
    /// Further selector labels of this kind of workload.
    pub extra: Vec<(&'static str, String)>,
}

impl Identity {
    /// Labels by which the workload, its Services and its budget select the pods. **Never change them**:
    /// they are immutable in existing workloads.
    #[must_use]
    pub fn selector_labels(&self) -> Map {
        let mut labels = Map::from(
            [
                (label::NAME, self.program),
                (label::COMPONENT, self.component),
                (label::PART_OF, label::PART_OF_VALUE),
                (label::MANAGED_BY, label::MANAGED_BY_VALUE),
                (label::INSTANCE, &names::label_value(&self.name)),
                (label::OWNER, &names::label_value(&self.owner)),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned())),
        );
        let extra = self.extra.iter();
        labels.extend(extra.map(|(key, value)| ((*key).to_owned(), value.clone())));
        labels
    }

    /// Label selector of [`Self::selector_labels`].
    #[must_use]
    pub fn selector(&self) -> LabelSelector {
        LabelSelector {
            match_labels: Some(self.selector_labels()),
            ..Default::default()
        }
    }

    /// Labels of the objects and pods: those of the spec, overridden by those of the operator.
    #[must_use]
    pub fn labels(&self, user: Option<&Map>) -> Map {
        let mut labels = user.cloned().unwrap_or_default();
        labels.extend(self.selector_labels());
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These labels exist in clusters. A change that fails this test breaks every installation.
    #[test]
    fn selector_labels_never_change() {
        let identity = Identity {
            name: "thanos-query-main".into(),
            program: "thanos-query",
            component: "query-layer",
            owner: "main".into(),
            extra: vec![(label::QUERY_API, label::TRUE.to_owned())],
        };
        let labels: Vec<String> = identity
            .selector_labels()
            .into_iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(
            labels,
            [
                "app.kubernetes.io/component=query-layer",
                "app.kubernetes.io/instance=thanos-query-main",
                "app.kubernetes.io/managed-by=thanos-operator",
                "app.kubernetes.io/name=thanos-query",
                "app.kubernetes.io/part-of=thanos",
                "operator.thanos.io/owner=main",
                "operator.thanos.io/query-api=true",
            ]
        );
        let user = Map::from([
            (label::NAME.to_owned(), "mine".to_owned()),
            ("team".to_owned(), "a".to_owned()),
        ]);
        let labels = identity.labels(Some(&user));
        assert_eq!(
            labels[label::NAME],
            "thanos-query",
            "labels of the operator take precedence"
        );
        assert_eq!(labels["team"], "a");
    }
}
