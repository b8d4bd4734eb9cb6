//! Label selectors. Leaving out a requirement that cannot be read would make a selector select
//! more than its author meant, so a selector is read as a whole or selects nothing.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde::Deserialize;
use serde::de::MapAccess;
use serde::de::value::MapAccessDeserializer;
use serde_json::Value;

use crate::lenient::{Lenient, Shape};

/// A label selector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selector(LabelSelector);

impl<'de> Shape<'de> for Selector {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        let value = Value::deserialize(MapAccessDeserializer::new(object))?;
        Ok(Some(Self(
            serde_json::from_value(value).unwrap_or_else(|_| unreadable()),
        )))
    }
}

/// A selector that no labels meet, and that validation names as malformed.
fn unreadable() -> LabelSelector {
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement::default()]),
        ..Default::default()
    }
}

/// A selector that may be unset.
pub(super) fn optional(selector: Lenient<Selector>) -> Option<LabelSelector> {
    selector.get().map(|Selector(selector)| selector)
}

/// A selector that is empty if unset.
pub(super) fn required(selector: Lenient<Selector>) -> LabelSelector {
    optional(selector).unwrap_or_default()
}
