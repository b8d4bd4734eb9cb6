//! The plan of each case: applied objects, unchanged objects, and patches of foreign objects.

use crate::case::Case;

#[test]
fn plans() {
    plan_testing::goldens::check::<Case>();
}
