//! The plan of each case: what is applied and onto what, what is left alone, what is changed or deleted
//! of the objects of others, and what the hashrings wait for.

use crate::case::Case;

#[test]
fn plans() {
    plan_testing::goldens::check::<Case>();
}
