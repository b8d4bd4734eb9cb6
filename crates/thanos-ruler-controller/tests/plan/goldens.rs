//! The plan of each case: what is left alone, what is changed of the objects of others, and what is
//! applied; and the status after that.

use crate::case::Case;

#[test]
fn plans() {
    plan_testing::goldens::check::<Case>();
}
