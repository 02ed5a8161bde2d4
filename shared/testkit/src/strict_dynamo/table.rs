//! The table in memory, its keys and its index.

pub(super) mod index;
pub(super) mod key;

use std::collections::BTreeMap;

use super::evaluation::change::Changes;
use super::value::{Item, Value};
use index::{G1PK, G1SK, Index, place};
use key::Key;

/// All items of the table, by partition and sort key.
pub type Items = BTreeMap<(String, String), Item>;

/// The attribute with the second from which an item may be forgotten.
pub(super) const TTL: &str = "ttl";

/// A table and its index.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) items: Items,
    pub(super) index: Index,
}

impl Table {
    pub(super) fn new(name: String) -> Self {
        Self { name, items: Items::new(), index: Index::default() }
    }

    /// Puts the item where its key says, and returns the one that was there.
    pub(super) fn put(&mut self, key: Key, item: Item) -> Option<Item> {
        let new = place(&key, &item);
        let old_item = self.items.insert(key.clone(), item);
        self.index.replace(old_item.as_ref().and_then(|item| place(&key, item)), new);
        old_item
    }

    /// Takes the item away, if there is one.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Item> {
        let old = self.items.remove(key)?;
        self.index.replace(place(key, &old), None);
        Some(old)
    }

    /// Makes the changes to the item, which is made if it is missing.
    pub(super) fn change(&mut self, key: Key, changes: Changes) {
        if let Some(item) = self.items.get_mut(&key) {
            let moves = changes.iter().any(|(name, _)| name == G1PK || name == G1SK);
            let old = if moves { place(&key, item) } else { None };
            apply(item, changes);
            if moves {
                let new = place(&key, item);
                self.index.replace(old, new);
            }
            return;
        }
        let mut item = key::item(&key);
        apply(&mut item, changes);
        self.put(key, item);
    }

    /// Takes away what may be forgotten at this second.
    pub(super) fn forget_expired(&mut self, now_seconds: i64) {
        let is_expired = |item: &Item| item.get(TTL).and_then(Value::as_i64).is_some_and(|second| second < now_seconds);
        let expired: Vec<Key> =
            self.items.iter().filter(|(_, item)| is_expired(item)).map(|(key, _)| key.clone()).collect();
        for key in expired {
            self.remove(&key);
        }
    }
}

fn apply(item: &mut Item, changes: Changes) {
    for (name, value) in changes {
        match value {
            Some(value) => item.insert(name, value),
            None => item.remove(&name),
        };
    }
}
