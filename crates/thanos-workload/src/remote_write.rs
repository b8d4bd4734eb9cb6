//! Discovery of remote write APIs by labels of their Services. Servers and clients use the same
//! functions.

use kube_facts::Labels;
use thanos_api::names::label;

use crate::labels::Map;

/// Whether a Service with these labels accepts remote write.
#[must_use]
pub fn is_offered(labels: &Labels) -> bool {
    let has = |key: &str, value: &str| labels.get(key).is_some_and(|v| v == value);
    has(label::REMOTE_WRITE_API, label::TRUE) && has(label::PART_OF, label::PART_OF_VALUE)
}

/// Labels a Service whose port `remote-write` accepts remote write.
pub fn offer(labels: &mut Map) {
    labels.insert(label::REMOTE_WRITE_API.to_owned(), label::TRUE.to_owned());
    labels.insert(label::PART_OF.to_owned(), label::PART_OF_VALUE.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offered_service_is_discovered() {
        let mut labels = Map::new();
        assert!(!is_offered(&labels));
        offer(&mut labels);
        assert!(is_offered(&labels));
    }
}
