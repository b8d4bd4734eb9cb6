//! Selects the ServiceMonitors of a request. No IO.

use super::model::{ClusterFacts, Request};
use super::report::{Findings, Reason, Subject};
use crate::selection::{Selection, Unusable};

/// Selections that can be evaluated; others select nothing and are reported.
pub(super) fn usable<'r>(
    world: &ClusterFacts<'_>,
    request: &Request<'r>,
    findings: &mut Findings,
) -> Vec<&'r Selection> {
    let mut usable = Vec::with_capacity(request.selections.len());
    for (i, selection) in request.selections.iter().enumerate() {
        match selection.check(&world.namespaces) {
            Ok(()) => usable.push(selection),
            Err(unusable) => {
                let reason = match unusable {
                    Unusable::Objects(_) | Unusable::Namespaces(_) => Reason::InvalidSelector,
                    Unusable::Unevaluable => Reason::UnevaluableNamespaceSelector,
                };
                let fields = request.fields.get(i).copied().unwrap_or_default();
                findings.add(reason, Subject::Selection(i), || {
                    unusable.describe(fields.selector, fields.namespaces)
                });
            }
        }
    }
    usable
}
