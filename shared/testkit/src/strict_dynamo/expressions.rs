//! Expressions that were read before.

use std::collections::HashMap;
use std::sync::Arc;

use super::expression::tree::{Condition, Parsed, Update};
use super::expression::{condition, update};
use super::refusal::{Refusal, invalid};

/// How many expressions of a kind are remembered. A program has a few dozen.
const MOST: usize = 1_024;

/// Expressions by their text. The same ones come again and again.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    conditions: HashMap<String, Arc<Parsed<Condition>>>,
    updates: HashMap<String, Arc<Parsed<Update>>>,
}

impl Expressions {
    pub(super) fn condition(&mut self, text: &str) -> Result<Arc<Parsed<Condition>>, Refusal> {
        remembered(&mut self.conditions, text, "ConditionExpression", condition::parse)
    }

    pub(super) fn key_condition(&mut self, text: &str) -> Result<Arc<Parsed<Condition>>, Refusal> {
        remembered(&mut self.conditions, text, "KeyConditionExpression", condition::parse)
    }

    pub(super) fn filter(&mut self, text: &str) -> Result<Arc<Parsed<Condition>>, Refusal> {
        remembered(&mut self.conditions, text, "FilterExpression", condition::parse)
    }

    pub(super) fn update(&mut self, text: &str) -> Result<Arc<Parsed<Update>>, Refusal> {
        remembered(&mut self.updates, text, "UpdateExpression", update::parse)
    }
}

fn remembered<T>(
    known: &mut HashMap<String, Arc<Parsed<T>>>,
    text: &str,
    kind: &str,
    parse: fn(&str) -> Result<Parsed<T>, String>,
) -> Result<Arc<Parsed<T>>, Refusal> {
    if let Some(parsed) = known.get(text) {
        return Ok(Arc::clone(parsed));
    }
    let parsed = Arc::new(parse(text).map_err(|message| invalid(format!("Invalid {kind}: {message}")))?);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(text.to_owned(), Arc::clone(&parsed));
    Ok(parsed)
}
