//! The resource definitions as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::v1alpha1::ThanosQuery;

/// The definition of every resource.
///
/// No field is nullable. The API server then drops a null, as it does for its own types; a nullable
/// section would become null when a server-side apply empties it, and `queryFrontend: {}` would
/// switch the frontend off.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    [ThanosQuery::crd()].map(without_nulls).into()
}

fn without_nulls(definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(&definition).unwrap_or_default();
    drop_nullable(&mut value);
    // A definition without a keyword is a definition.
    serde_json::from_value(value).unwrap_or(definition)
}

fn drop_nullable(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| key != "nullable" || !value.is_boolean());
            map.values_mut().for_each(drop_nullable);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nullable),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::definitions;

    #[test]
    fn nothing_is_nullable_and_everything_else_stays() {
        for definition in definitions() {
            let text = serde_json::to_string(&definition).unwrap();
            assert!(!text.contains("\"nullable\""));
            assert!(text.contains("serviceMonitorSelector"));
        }
    }
}
