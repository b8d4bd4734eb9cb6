//! Groups of Prometheus rules, judged as a Thanos ruler judges them. Pure.
//!
//! A ruler that is given one bad group keeps its former rules as a whole, and does not start. So
//! nothing may be given to it that it would refuse, and it is known here before it is mounted:
//! [`read_spec`] and [`read_file`] read groups, [`check`] judges one, [`enforce`] keeps one to the
//! data of a tenant, [`add_shadow_label`] marks its alerts, [`without_records`] leaves out the rest, and [`write`] makes a file of them.
//!
//! What is accepted here, Thanos accepts. What Thanos accepts and is refused here is written down
//! in the tests that compare both.

mod add_shadow_label;
mod check;
mod checked;
mod dialect;
mod duration;
mod enforce;
mod file;
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
