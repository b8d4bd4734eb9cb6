//! Tests against a real node.
