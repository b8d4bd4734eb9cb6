//! Pairs of a label selector and a namespace selector, the form of every selection of Prometheus
//! Operator. No IO.

mod criteria;
mod scopes;
mod selectors;

pub use criteria::{Labelled, Selection, Unusable};
pub use selectors::Selectors;

pub(crate) use scopes::{Scopes, in_namespace};
