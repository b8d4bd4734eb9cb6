//! Tolerant decoding: a field of an unexpected type is unset and never an error. Pure.
//!
//! Objects of other operators follow other schemas. An unexpected field must neither stop a watch nor
//! hide the rest of the object. Unused fields are skipped without buffering.
//!
//! A type for such an object declares its fields as [`Lenient`], nested objects as
//! `Lenient<Object<T>>` or `Lenient<Vec<Object<T>>>`, and derives `Deserialize` with
//! `#[serde(default)]`. `#[serde(flatten)]` is not allowed, since it buffers.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The value of a field, if it is set and has the expected type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient<T>(Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Lenient<T> {
    /// The value, if any.
    pub fn get(self) -> Option<T> {
        self.0
    }

    /// A reference to the value, if any.
    pub fn as_ref(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T: Default> Lenient<T> {
    /// The value, or the default of its type.
    pub fn or_default(self) -> T {
        self.0.unwrap_or_default()
    }
}

impl<'de, T: Shape<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData)).map(Self)
    }
}

/// A type that is decoded from some JSON types, and unset by the others.
pub trait Shape<'de>: Sized {
    /// From `true` or `false`.
    fn from_bool(_: bool) -> Option<Self> {
        None
    }

    /// From a whole number.
    fn from_integer(_: i64) -> Option<Self> {
        None
    }

    /// From a string.
    fn from_text(_: &str) -> Option<Self> {
        None
    }

    /// From a list.
    ///
    /// # Errors
    /// The input is not valid JSON.
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    /// From an object.
    ///
    /// # Errors
    /// The input is not valid JSON.
    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> Visitor<'de> for Any<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(T::from_bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(T::from_integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).ok().and_then(T::from_integer))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(T::from_text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::from_list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::from_object(object)
    }
}

impl Shape<'_> for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl Shape<'_> for i64 {
    fn from_integer(value: i64) -> Option<Self> {
        Some(value)
    }
}

impl Shape<'_> for String {
    fn from_text(value: &str) -> Option<Self> {
        Some(value.to_owned())
    }
}

/// The elements of the expected type; the others are dropped.
impl<'de, T: Shape<'de>> Shape<'de> for Vec<T> {
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut found = Self::new();
        while let Some(Lenient(element)) = list.next_element()? {
            found.extend(element);
        }
        Ok(Some(found))
    }
}

/// The entries of the expected type; the others are dropped.
impl<'de, T: Shape<'de>> Shape<'de> for BTreeMap<String, T> {
    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        let mut found = Self::new();
        while let Some((key, Lenient(value))) = object.next_entry()? {
            found.extend(value.map(|value| (key, value)));
        }
        Ok(Some(found))
    }
}

/// Presence of an object with any content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present;

impl<'de> Shape<'de> for Present {
    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(Self))
    }
}

/// Struct with [`Lenient`] fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Shape<'de> for Object<T> {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|fields| Some(Self(fields)))
    }
}

impl<T: Default> Lenient<Object<T>> {
    /// The fields; all unset if there is no object.
    pub fn fields(self) -> T {
        self.or_default().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Sample {
        flag: Lenient<bool>,
        number: Lenient<i64>,
        some_text: Lenient<String>,
        texts: Lenient<Vec<String>>,
        map: Lenient<BTreeMap<String, String>>,
        inner: Lenient<Present>,
        nested: Lenient<Object<Nested>>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Nested {
        number: Lenient<i64>,
    }

    #[test]
    fn expected_types_are_decoded() {
        let json = r#"{"flag": true, "number": -1, "someText": "a", "texts": ["b"], "extra": [1, {}],
            "map": {"k": "v"}, "inner": {"x": [1]}, "nested": {"number": 7, "extra": 1}}"#;
        let expected = Sample {
            flag: Lenient(Some(true)),
            number: Lenient(Some(-1)),
            some_text: Lenient(Some("a".to_owned())),
            texts: Lenient(Some(vec!["b".to_owned()])),
            map: Lenient(Some(BTreeMap::from([("k".to_owned(), "v".to_owned())]))),
            inner: Lenient(Some(Present)),
            nested: Lenient(Some(Object(Nested {
                number: Lenient(Some(7)),
            }))),
        };
        assert_eq!(serde_json::from_str::<Sample>(json).unwrap(), expected);
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(Sample::deserialize(&value).unwrap(), expected);
    }

    #[test]
    fn unexpected_types_are_unset() {
        let values = [
            "null",
            "true",
            "1",
            "-1",
            "1.5",
            "99999999999999999999",
            r#""x""#,
            "[]",
            "[1, [2]]",
            "{}",
            r#"{"a": {"b": 1}}"#,
        ];
        let fields = [
            "flag", "number", "someText", "texts", "map", "inner", "nested",
        ];
        for field in fields {
            let set = values.iter().filter(|value| {
                let json = format!(r#"{{"{field}": {value}}}"#);
                serde_json::from_str::<Sample>(&json).unwrap() != Sample::default()
            });
            let expected = match field {
                "number" | "texts" | "map" | "inner" | "nested" => 2,
                _ => 1,
            };
            assert_eq!(set.count(), expected, "{field}");
        }
    }

    #[test]
    fn unexpected_elements_and_entries_are_dropped() {
        let json = r#"{"texts": ["a", 1, null, ["x"], "b"], "map": {"k": 1, "l": "v", "m": {}}}"#;
        let found: Sample = serde_json::from_str(json).unwrap();
        assert_eq!(found.texts.or_default(), ["a", "b"]);
        assert_eq!(
            found.map.or_default().into_iter().collect::<Vec<_>>(),
            [("l".to_owned(), "v".to_owned())]
        );
        assert_eq!((found.flag.get(), found.number.or_default()), (None, 0));
    }
}
