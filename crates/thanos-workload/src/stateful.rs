//! StatefulSets.
