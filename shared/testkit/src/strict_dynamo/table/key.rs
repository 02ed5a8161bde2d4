//! Keys of items.

use super::super::refusal::{Refusal, invalid};
use super::super::value::{Item, Value};

/// The partition and the sort key of an item.
pub(in super::super) type Key = (String, String);

/// The partition key's name.
pub(in super::super) const PK: &str = "PK";
/// The sort key's name.
pub(in super::super) const SK: &str = "SK";

/// How many bytes a partition key and a sort key may have.
const MOST_BYTES: [usize; 2] = [2_048, 1_024];
const NO_MATCH: &str = "The provided key element does not match the schema";

/// A key that cannot be one.
pub(in super::super) enum KeyError {
    /// It is no key of this table. In a transaction, this write is the reason that it is cancelled.
    Unfit(String),
    /// A part of it is empty. No transaction begins with such a key.
    Empty(Refusal),
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unfit(message) => invalid(message),
            KeyError::Empty(refusal) => refusal,
        }
    }
}

/// The key that a request names.
pub(in super::super) fn named(mut key: Item) -> Result<Key, KeyError> {
    let parts = (key.remove(PK), key.remove(SK));
    let (Some(Value::S(partition)), Some(Value::S(sort)), true) = (parts.0, parts.1, key.is_empty()) else {
        return Err(KeyError::Unfit(NO_MATCH.to_owned()));
    };
    checked(partition, sort)
}

/// The key of an item that is to be put.
pub(in super::super) fn of(item: &Item) -> Result<Key, KeyError> {
    let part = |name: &str| match item.get(name) {
        Some(Value::S(text)) => Ok(text.clone()),
        Some(other) => Err(KeyError::Unfit(format!(
            "One or more parameter values were invalid: Type mismatch for key {name} expected: S actual: {}",
            other.kind()
        ))),
        None => Err(KeyError::Unfit(format!(
            "One or more parameter values were invalid: Missing the key {name} in the item"
        ))),
    };
    checked(part(PK)?, part(SK)?)
}

fn checked(partition: String, sort: String) -> Result<Key, KeyError> {
    for (name, text, most) in [(PK, &partition, MOST_BYTES[0]), (SK, &sort, MOST_BYTES[1])] {
        if text.is_empty() {
            return Err(KeyError::Empty(invalid(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain \
                 an empty string value. Key: {name}"
            ))));
        }
        if text.len() > most {
            return Err(KeyError::Unfit(format!(
                "One or more parameter values were invalid: the key {name} is longer than {most} bytes"
            )));
        }
    }
    Ok((partition, sort))
}

/// The attributes of the key.
pub(in super::super) fn item(key: &Key) -> Item {
    Item::from([(PK.to_owned(), Value::S(key.0.clone())), (SK.to_owned(), Value::S(key.1.clone()))])
}
