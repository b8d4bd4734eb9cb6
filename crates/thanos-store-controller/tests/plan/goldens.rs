//! The plan of each case: what is applied, what is left alone, and what is changed of the objects of
//! others.

use crate::case::Case;

#[test]
fn plans() {
    plan_testing::goldens::check::<Case>();
}
