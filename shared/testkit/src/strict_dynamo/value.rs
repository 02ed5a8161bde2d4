//! Attribute values.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::base64::{self, Base64};
use super::number::Number;

/// The attributes of an item, by name.
pub type Item = BTreeMap<String, Value>;

/// The value of an attribute, as the service has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Value {
    /// Text.
    S(String),
    /// A number.
    N(Number),
    /// Bytes.
    B(#[serde(with = "base64::bytes")] Vec<u8>),
    /// Yes or no.
    #[serde(rename = "BOOL")]
    Bool(bool),
    /// Nothing, said aloud.
    #[serde(rename = "NULL", with = "null")]
    Null,
    /// Values in order.
    L(Vec<Value>),
    /// Values by name.
    M(Item),
    /// Texts, each once.
    #[serde(rename = "SS", with = "set")]
    Texts(BTreeSet<String>),
    /// Numbers, each once.
    #[serde(rename = "NS", with = "set")]
    Numbers(BTreeSet<Number>),
    /// Byte strings, each once.
    #[serde(rename = "BS", with = "byte_set")]
    Bytes(BTreeSet<Vec<u8>>),
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn as_s(&self) -> Option<&str> {
        if let Self::S(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one, and whole.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::N(number) = self { number.as_i64() } else { None }
    }

    /// The bytes, if it is bytes.
    #[must_use]
    pub fn as_b(&self) -> Option<&[u8]> {
        if let Self::B(bytes) = self { Some(bytes) } else { None }
    }

    /// The service's name of its type.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Texts(_) => "SS",
            Self::Numbers(_) => "NS",
            Self::Bytes(_) => "BS",
        }
    }

    /// How many bytes the service counts for it.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size(),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::L(values) => 3 + values.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Self::M(values) => 3 + values.iter().map(|(name, value)| 1 + name.len() + value.size()).sum::<usize>(),
            Self::Texts(texts) => texts.iter().map(String::len).sum(),
            Self::Numbers(numbers) => numbers.iter().map(|number| number.size()).sum(),
            Self::Bytes(all) => all.iter().map(Vec::len).sum(),
        }
    }

    /// How many lists and maps are within each other here.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::L(values) => 1 + values.iter().map(Self::depth).max().unwrap_or(0),
            Self::M(values) => 1 + values.values().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// How many bytes the service counts for the item.
pub(super) fn size_of(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number in a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                Number::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

mod null {
    use super::{Deserialize, Deserializer, Error, Serializer};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match bool::deserialize(deserializer)? {
            true => Ok(()),
            false => Err(D::Error::custom("Null attribute value types must have the value of true")),
        }
    }
}

mod set {
    use super::{BTreeSet, Deserialize, Deserializer, Error, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(set: &BTreeSet<T>, serializer: S) -> Result<S::Ok, S::Error> {
        set.serialize(serializer)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<BTreeSet<T>, D::Error>
    where
        T: Deserialize<'de> + Ord,
        D: Deserializer<'de>,
    {
        let listed = Vec::<T>::deserialize(deserializer)?;
        if listed.is_empty() {
            return Err(D::Error::custom("A set may not be empty"));
        }
        let count = listed.len();
        let set: BTreeSet<T> = listed.into_iter().collect();
        if set.len() < count {
            return Err(D::Error::custom("Input collection contains duplicates"));
        }
        Ok(set)
    }
}

mod byte_set {
    use super::{BTreeSet, Base64, Deserializer, Serializer, base64, set};

    pub(super) fn serialize<S: Serializer>(all: &BTreeSet<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(|bytes| base64::encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Vec<u8>>, D::Error> {
        set::deserialize::<Base64, D>(deserializer).map(|all| all.into_iter().map(|Base64(bytes)| bytes).collect())
    }
}
