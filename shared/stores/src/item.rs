//! Reading and writing attributes.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

/// An item's attributes, or its key.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The partition key's name.
pub(crate) const PK: &str = "PK";
/// The sort key's name.
pub(crate) const SK: &str = "SK";
/// The index's name.
pub(crate) const INDEX: &str = "G1-index";
/// The index's partition key.
pub(crate) const G1PK: &str = "G1PK";
/// The index's sort key, a number.
pub(crate) const G1SK: &str = "G1SK";
/// When an item may be forgotten, in seconds since 1970.
pub(crate) const TTL: &str = "ttl";

/// An item that this program cannot have written.
#[derive(Debug, thiserror::Error)]
#[error("attribute `{0}` is missing or malformed")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// A text attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A whole number.
pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A fraction, with every digit that is needed to read it back unchanged; `None` when it is no number.
pub(crate) fn fraction(value: f32) -> Option<AttributeValue> {
    value.is_finite().then(|| AttributeValue::N(value.to_string()))
}

/// Bytes.
pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// The key of an item.
pub(crate) fn key(pk: &str, sk: &str) -> Item {
    Item::from([(PK.to_owned(), text(pk)), (SK.to_owned(), text(sk))])
}

/// An item of these attributes.
pub(crate) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The attribute as text.
pub(crate) fn get_text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Malformed> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or(Malformed(name))
}

/// The attribute as a number.
pub(crate) fn get_number<T: FromStr>(item: &Item, name: &'static str) -> Result<T, Malformed> {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).ok_or(Malformed(name))
}

/// The attribute as bytes.
pub(crate) fn get_bytes<'a>(item: &'a Item, name: &'static str) -> Result<&'a [u8], Malformed> {
    item.get(name).and_then(|value| value.as_b().ok()).map(Blob::as_ref).ok_or(Malformed(name))
}
