//! What users read in the status and in events.

use crate::case::Case;

#[test]
fn conditions_and_events() {
    plan_testing::messages::check::<Case>();
}
