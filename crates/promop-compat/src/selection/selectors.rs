//! Two selectors as they stand in an object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{Selection, Unusable};
use kube_facts::namespaces::{Membership, NamespaceScope, Namespaces, Place};
use kube_facts::selector::{self, requirements};
use kube_facts::{Key, Labels};

/// The two selectors as they stand in an object, which may lack either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selectors<'a> {
    /// The namespace of the object that holds them.
    pub own: &'a str,
    /// The labels of objects. `None` selects nothing, an empty one everything.
    pub objects: Option<&'a LabelSelector>,
    /// The namespaces of objects. `None` is the own one, an empty one all.
    pub namespaces: Option<&'a LabelSelector>,
}

const EVERYTHING: &LabelSelector = &LabelSelector {
    match_expressions: None,
    match_labels: None,
};

impl<'a> Selectors<'a> {
    /// Those that select everything in one namespace.
    #[must_use]
    pub fn all_of(own: &'a str) -> Self {
        Self {
            own,
            objects: Some(EVERYTHING),
            namespaces: None,
        }
    }

    /// The selection that they mean; `None` if they select nothing.
    #[must_use]
    pub fn selection(&self) -> Option<Selection> {
        Some(Selection {
            selector: self.objects?.clone(),
            scope: NamespaceScope::from_selector(self.namespaces),
        })
    }

    /// Whether they can be evaluated.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, namespaces: &Namespaces<'_>) -> Result<(), Unusable> {
        let with = |objects: &LabelSelector| Selection {
            selector: objects.clone(),
            scope: NamespaceScope::from_selector(self.namespaces),
        };
        match self.objects {
            Some(objects) => with(objects).check(namespaces),
            // Nothing is to be evaluated, but what is malformed is refused all the same.
            None => with(EVERYTHING).validate(),
        }
    }

    /// Whether a change of the object `key` can change what they select: whether it was or is now
    /// selected, going by its labels before and after the change. `None` is an object that is not
    /// there.
    ///
    /// Where nothing is selected, the nearest candidates are named instead; whoever shows those
    /// looks again at every change.
    #[must_use]
    pub fn is_affected_by(
        &self,
        namespaces: &Namespaces<'_>,
        key: &Key,
        old: Option<&Labels>,
        new: Option<&Labels>,
    ) -> bool {
        let mut labels = [old, new].into_iter().flatten();
        // Labels first: they rule out most, and cost nothing.
        labels.any(|labels| selector::selects(self.objects, labels))
            && self.look_in(&namespaces.place(&key.namespace)) == Membership::In
            && self.are_well_formed()
    }

    /// Whether what they select depends on the labels of namespaces.
    #[must_use]
    pub fn read_namespaces(&self) -> bool {
        let mut namespaces = self.namespaces.into_iter().flat_map(requirements);
        self.objects.is_some() && namespaces.next().is_some()
    }

    pub(crate) fn look_in(&self, place: &Place<'_>) -> Membership {
        place.selected_by(self.namespaces, self.own)
    }

    pub(crate) fn are_well_formed(&self) -> bool {
        let mut both = [self.objects, self.namespaces].into_iter().flatten();
        both.all(|selector| selector::validate(selector).is_ok())
    }
}
