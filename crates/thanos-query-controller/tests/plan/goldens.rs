//! The planned objects of each case.

use crate::case::Case;

#[test]
fn plans() {
    plan_testing::goldens::check::<Case>();
}
