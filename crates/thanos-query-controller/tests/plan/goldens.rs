//! The plan of each case: what is applied.

use crate::case::Case;

#[test]
fn plans() {
    plan_testing::goldens::check::<Case>();
}
