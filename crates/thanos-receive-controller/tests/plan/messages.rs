//! Condition messages and events.

use crate::case::Case;

#[test]
fn conditions_and_events() {
    plan_testing::messages::check::<Case>();
}
