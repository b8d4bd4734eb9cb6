//! Two selectors as references into an object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::criteria::{Selection, Unusable};
use kube_facts::namespaces::{Membership, NamespaceScope, Namespaces, Place};
use kube_facts::selector::{self, requirements};
use kube_facts::{Key, Labels};

/// Two optional selectors of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selectors<'a> {
    /// Namespace of the object.
    pub own: &'a str,
    /// Label selector. `None` selects nothing, an empty one everything.
    pub objects: Option<&'a LabelSelector>,
    /// Namespace selector. `None` is the own namespace, an empty one all.
    pub namespaces: Option<&'a LabelSelector>,
}

const EVERYTHING: &LabelSelector = &LabelSelector {
    match_expressions: None,
    match_labels: None,
};

impl<'a> Selectors<'a> {
    /// Selectors of everything in one namespace.
    #[must_use]
    pub fn all_of(own: &'a str) -> Self {
        Self {
            own,
            objects: Some(EVERYTHING),
            namespaces: None,
        }
    }

    /// The corresponding selection; `None` if they select nothing.
    #[must_use]
    pub fn selection(&self) -> Option<Selection> {
        Some(Selection {
            selector: self.objects?.clone(),
            scope: NamespaceScope::from_selector(self.namespaces),
        })
    }

    /// Checks whether they can be evaluated.
    ///
    /// # Errors
    /// Reason.
    pub fn check(&self, namespaces: &Namespaces<'_>) -> Result<(), Unusable> {
        let with = |objects: &LabelSelector| Selection {
            selector: objects.clone(),
            scope: NamespaceScope::from_selector(self.namespaces),
        };
        match self.objects {
            Some(objects) => with(objects).check(namespaces),
            // Nothing has to be evaluated, but malformed selectors are rejected.
            None => with(EVERYTHING).validate(),
        }
    }

    /// Whether a change of the object `key` can affect the selection: whether it was or is now
    /// selected, according to its labels before and after the change. `None` is an absent object.
    ///
    /// An empty selection lists the nearest candidates, which every change can affect.
    #[must_use]
    pub fn is_affected_by(
        &self,
        namespaces: &Namespaces<'_>,
        key: &Key,
        old: Option<&Labels>,
        new: Option<&Labels>,
    ) -> bool {
        let mut labels = [old, new].into_iter().flatten();
        // Labels first: they exclude most objects at no cost.
        labels.any(|labels| selector::selects(self.objects, labels))
            && self.membership_in(&namespaces.place(&key.namespace)) == Membership::In
            && self.are_well_formed()
    }

    /// Whether the selection depends on namespace labels.
    #[must_use]
    pub fn read_namespaces(&self) -> bool {
        let mut namespaces = self.namespaces.into_iter().flat_map(requirements);
        self.objects.is_some() && namespaces.next().is_some()
    }

    pub(crate) fn membership_in(&self, place: &Place<'_>) -> Membership {
        place.selected_by(self.namespaces, self.own)
    }

    pub(crate) fn are_well_formed(&self) -> bool {
        let mut both = [self.objects, self.namespaces].into_iter().flatten();
        both.all(|selector| selector::validate(selector).is_ok())
    }
}
