//! Parts of objects that are kept unchanged as JSON text. Pure.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::tolerant_decode::Shape;

/// Maximum depth of a list; deeper values are null. Without it, the recursion limit of the JSON parser
/// would fail the watch of the kind.
const DEPTH: u8 = 32;

/// A list of arbitrary values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List(Vec<Value>);

impl List {
    /// The list as compact JSON.
    pub fn into_text(self) -> Arc<str> {
        Value::Array(self.0).to_string().into()
    }
}

impl<'de> Shape<'de> for List {
    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Levels(DEPTH).list(list).map(|items| Some(Self(items)))
    }
}

/// Reads any value up to a depth.
#[derive(Clone, Copy)]
struct Levels(u8);

impl Levels {
    fn list<'de, A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Value>, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = list.next_element_seed(self.below())? {
            found.push(item);
        }
        Ok(found)
    }

    fn below(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0 {
            0 => IgnoredAny::deserialize(deserializer).map(|_| Value::Null),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Value, A::Error> {
        self.list(list).map(Value::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some(key) = object.next_key()? {
            found.insert(key, object.next_value_seed(self.below())?);
        }
        Ok(Value::Object(found))
    }
}
