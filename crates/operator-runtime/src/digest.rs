//! Stable hashes: equal bytes have equal hashes in every process and version, which the `DefaultHasher`
//! of the standard library does not guarantee. Pure.

use std::io;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

/// Hash of the JSON form of a value. Maps must be sorted (`BTreeMap`, `serde_json::Value`).
#[must_use]
pub fn json_digest<T: Serialize + ?Sized>(value: &T) -> u64 {
    let mut sink = Sink(Xxh3::new());
    serde_json::to_writer(&mut sink, value).expect("a hash sink cannot fail, keys are strings");
    sink.0.digest()
}

/// Hash of the fields that `manager` owns by server-side apply; `None` if it owns none. Excludes the
/// time of the entry, which changes without the fields.
#[must_use]
pub fn owned_digest(fields: Option<&Vec<ManagedFieldsEntry>>, manager: &str) -> Option<u64> {
    fields?
        .iter()
        .find(|entry| {
            entry.manager.as_deref() == Some(manager)
                && entry.operation.as_deref() == Some("Apply")
                && entry.subresource.as_deref().unwrap_or_default().is_empty()
        })
        .map(|entry| json_digest(&(&entry.api_version, entry.fields_v1.as_ref().map(|f| &f.0))))
}

struct Sink(Xxh3);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn digest_is_the_same_in_every_process() {
        assert_eq!(
            json_digest(&json!({"b": 1, "a": [true, "x"]})),
            0x0c61_d44c_9b24_5adf
        );
    }

    #[test]
    fn key_order_does_not_matter() {
        let mut a = serde_json::Map::new();
        a.insert("z".into(), json!(1));
        a.insert("a".into(), json!(2));
        let mut b = serde_json::Map::new();
        b.insert("a".into(), json!(2));
        b.insert("z".into(), json!(1));
        assert_eq!(json_digest(&a), json_digest(&b));
    }

    fn entry(manager: &str, operation: &str, field: &str, time: i64) -> ManagedFieldsEntry {
        serde_json::from_value(json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {field: {}}, "time": jiff::Timestamp::from_second(time).unwrap().to_string(),
        }))
        .unwrap()
    }

    #[test]
    fn owned_digest_depends_only_on_fields_of_our_manager() {
        let ours = owned_digest(Some(&vec![entry("us", "Apply", "f:spec", 1)]), "us");
        assert!(ours.is_some());
        assert_eq!(
            ours,
            owned_digest(
                Some(&vec![
                    entry("kubectl", "Update", "f:data", 5),
                    entry("us", "Apply", "f:spec", 9)
                ]),
                "us"
            ),
            "time and other managers do not matter"
        );
        assert_ne!(
            ours,
            owned_digest(Some(&vec![entry("us", "Apply", "f:data", 1)]), "us")
        );
        assert_eq!(
            None,
            owned_digest(Some(&vec![entry("us", "Update", "f:spec", 1)]), "us")
        );
        assert_eq!(None, owned_digest(None, "us"));
    }
}
