//! Removes fields that an older installed CRD does not have, since the API server rejects the whole
//! object because of them. Pure.

use serde_json::Value;

/// Error of the API server about an unknown field, after its path.
const UNKNOWN: &str = ": field not declared in schema";

/// The body without the unknown field in the `message` of the API server, and that field; `None` for
/// other messages.
pub(crate) fn without(body: &Value, message: &str) -> Option<(Value, String)> {
    let (before, _) = message.split_once(UNKNOWN)?;
    let path = before.rsplit(' ').next()?;
    let mut body = body.clone();
    let (parent, field) = path.rsplit_once('.')?;
    let parent = parent.split('.').try_fold(&mut body, step)?;
    parent.as_object_mut()?.remove(field)?;
    Some((body, path.trim_start_matches('.').to_owned()))
}

/// One step of a path: a field with an optional index.
fn step<'a>(at: &'a mut Value, step: &str) -> Option<&'a mut Value> {
    let (field, index) = match step.split_once('[') {
        Some((field, rest)) => (field, Some(rest.strip_suffix(']')?)),
        None => (step, None),
    };
    let at = match field {
        "" => at,
        field => at.get_mut(field)?,
    };
    match index {
        Some(index) => at.get_mut(index.parse::<usize>().ok()?),
        None => Some(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(path: &str) -> String {
        format!(
            "failed to create typed patch object (ns/x; monitoring.coreos.com/v1, \
             Kind=ServiceMonitor): {path}: field not declared in schema"
        )
    }

    #[test]
    fn only_the_unknown_field_is_removed() {
        let body = json!({"spec": {"jobLabel": "a", "endpoints": [{"port": "http", "new": 1}]}});
        let (less, field) = without(&body, &message(".spec.jobLabel")).unwrap();
        assert_eq!(field, "spec.jobLabel");
        assert_eq!(
            less,
            json!({"spec": {"endpoints": [{"port": "http", "new": 1}]}})
        );
        let (less, _) = without(&less, &message(".spec.endpoints[0].new")).unwrap();
        assert_eq!(less, json!({"spec": {"endpoints": [{"port": "http"}]}}));
    }

    #[test]
    fn other_messages_remove_nothing() {
        let body = json!({"spec": {"endpoints": [{}]}});
        for message in [
            "failed to create typed patch object: .spec.x: expected string",
            &message(".spec.gone"),
            &message(".spec.endpoints[7].new"),
            &message(".spec.endpoints[name=\"a\"].new"),
            "",
        ] {
            assert_eq!(without(&body, message), None, "{message}");
        }
    }
}
