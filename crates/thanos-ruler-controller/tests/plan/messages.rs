//! The messages of conditions and events in all cases.

use crate::case::Case;

#[test]
fn conditions_and_events() {
    plan_testing::messages::check::<Case>();
}
