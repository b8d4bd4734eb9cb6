//! How senders of samples find a remote write API: by labels on its Service. The side that offers
//! one and the side that looks for them use the same functions.

use kube_facts::Labels;
use thanos_api::names::label;

use crate::labels::Map;

/// Whether a Service with these labels takes samples.
#[must_use]
pub fn is_offered(labels: &Labels) -> bool {
    let has = |key: &str, value: &str| labels.get(key).is_some_and(|v| v == value);
    has(label::REMOTE_WRITE_API, label::TRUE) && has(label::PART_OF, label::PART_OF_VALUE)
}

/// Labels a Service whose port `remote-write` takes samples.
pub fn offer(labels: &mut Map) {
    labels.insert(label::REMOTE_WRITE_API.to_owned(), label::TRUE.to_owned());
    labels.insert(label::PART_OF.to_owned(), label::PART_OF_VALUE.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_found() {
        let mut labels = Map::new();
        assert!(!is_offered(&labels));
        offer(&mut labels);
        assert!(is_offered(&labels));
    }
}
