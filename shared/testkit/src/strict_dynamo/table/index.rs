//! The index of the table, on a text and a number.

use std::collections::{BTreeMap, BTreeSet};

use super::super::number::Number;
use super::super::refusal::invalid;
use super::super::value::{Item, Value};
use super::Items;
use super::key::{Key, KeyError};

/// The index's name.
pub(in super::super) const INDEX: &str = "G1-index";
/// The index's partition key.
pub(in super::super) const G1PK: &str = "G1PK";
/// The index's sort key, a number.
pub(in super::super) const G1SK: &str = "G1SK";

/// How long an index's partition key may be.
const MOST_BYTES: usize = 2_048;

/// Where the index has an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Place {
    pub(in super::super) partition: String,
    pub(in super::super) sort: Number,
    pub(in super::super) key: Key,
}

/// The items that have both of the index's attributes.
///
/// While it is held it shows what it had when it was held: an index of the service follows its
/// table in its own time.
#[derive(Debug, Default)]
pub(in super::super) struct Index {
    places: BTreeSet<Place>,
    held: Option<BTreeMap<Place, Item>>,
}

/// Where the index would have the item.
pub(super) fn place(key: &Key, item: &Item) -> Option<Place> {
    let (Value::S(partition), Value::N(sort)) = (item.get(G1PK)?, item.get(G1SK)?) else { return None };
    Some(Place { partition: partition.clone(), sort: *sort, key: key.clone() })
}

/// Refuses a value that an attribute of the index may not have.
pub(in super::super) fn check(name: &str, value: &Value) -> Result<(), KeyError> {
    let expected = match name {
        G1PK => "S",
        G1SK => "N",
        _ => return Ok(()),
    };
    if value.kind() != expected {
        return Err(KeyError::Unfit(format!(
            "One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: {expected} \
             Actual: {} IndexName: {INDEX}",
            value.kind()
        )));
    }
    match value {
        Value::S(text) if text.is_empty() => Err(KeyError::Empty(invalid(format!(
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported. \
             The AttributeValue for a key attribute cannot contain an empty string value. IndexName: {INDEX}, \
             IndexKey: {name}"
        )))),
        Value::S(text) if text.len() > MOST_BYTES => Err(KeyError::Unfit(format!(
            "One or more parameter values were invalid: the index key {name} is longer than {MOST_BYTES} bytes"
        ))),
        _ => Ok(()),
    }
}

impl Index {
    pub(super) fn replace(&mut self, old: Option<Place>, new: Option<Place>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.places.remove(&old);
        }
        self.places.extend(new);
    }

    /// Stops following the table, or catches up with it.
    pub(in super::super) fn hold(&mut self, is_held: bool, items: &Items) {
        if !is_held {
            self.held = None;
        } else if self.held.is_none() {
            let items = self.places.iter().filter_map(|place| Some((place.clone(), items.get(&place.key)?.clone())));
            self.held = Some(items.collect());
        }
    }

    /// The items of a partition, in order.
    pub(in super::super) fn partition<'a>(&'a self, name: &'a str, items: &'a Items) -> Vec<(Place, &'a Item)> {
        let first = Place { partition: name.to_owned(), sort: Number::LEAST, key: Key::default() };
        match &self.held {
            Some(held) => {
                let found = held.range(first..).take_while(|(place, _)| place.partition == name);
                found.map(|(place, item)| (place.clone(), item)).collect()
            }
            None => {
                let found = self.places.range(first..).take_while(|place| place.partition == name);
                found.filter_map(|place| Some((place.clone(), items.get(&place.key)?))).collect()
            }
        }
    }
}
