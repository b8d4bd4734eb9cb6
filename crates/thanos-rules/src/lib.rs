//! Validates groups of Prometheus rules as a Thanos ruler does. Pure.
//!
//! One bad group makes the reload of a ruler fail as a whole, and prevents its start. So groups are
//! validated before they are mounted: [`read_spec`] and [`read_file`] read groups, [`check`] validates one,
//! [`enforce`] restricts one to the series of a tenant, [`add_shadow_label`] marks its alerts,
//! [`without_records`] omits its recording rules, and [`write`] writes a rule file.
//!
//! Thanos accepts every group that is accepted here. Groups that Thanos accepts and that are rejected here
//! are listed in the tests that compare both.

mod add_shadow_label;
mod check;
mod checked;
mod dialect;
mod enforce;
mod file;
mod functions;
mod group;
mod promql;
mod read;
mod regex;
mod template;
#[cfg(test)]
mod testing;
mod write;

pub use add_shadow_label::{add_shadow_label, without_records};
pub use check::check;
pub use checked::Checked;
pub use dialect::Dialect;
pub use enforce::enforce;
pub use file::read_file;
pub use group::{Group, Rejection, Rule, RuleKind, Strategy};
pub use read::{Read, read_spec};
pub use write::write;
