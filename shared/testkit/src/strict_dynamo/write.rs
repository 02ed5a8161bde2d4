//! Writes: checked, judged against the item, done.

use std::sync::Arc;

use super::evaluation::change::{self, Changes};
use super::evaluation::judge;
use super::evaluation::scope::{Names, Scope, Values};
use super::expression::tree::{Condition, Parsed, Update};
use super::expressions::Expressions;
use super::refusal::{Reason, Refusal, invalid};
use super::table::index;
use super::table::key::{self, Key, KeyError, PK, SK};
use super::table::{Items, Table};
use super::value::{Item, Value, size_of};
use super::wire::{Returned, WriteRequest};

/// How many bytes an item may have.
pub(super) const MOST_ITEM_BYTES: usize = 400 * 1_024;
/// How many lists and maps may be within each other.
const MOST_DEPTH: usize = 32;

/// What a write is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Update,
    Delete,
    Check,
}

/// A write whose request was checked.
pub(super) struct Write<'a> {
    pub(super) key: Key,
    item: Option<Item>,
    update: Option<Arc<Parsed<Update>>>,
    condition: Option<Arc<Parsed<Condition>>>,
    names: Option<Names<'a>>,
    values: Option<Values<'a>>,
    kind: Kind,
    shows_item: bool,
}

/// Why a write cannot be done.
pub(super) enum Failure {
    /// Its condition failed; with the item as it is, if that was asked for.
    Condition(Option<Item>),
    /// It cannot be done to the item as it is.
    Unfit(String),
    /// It is one that the service does not take, not even in a transaction.
    Refused(Refusal),
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unfit(message) => Self::Unfit(message),
            KeyError::Empty(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Condition(item) => Self::Condition(item),
            Failure::Unfit(message) => invalid(message),
            Failure::Refused(refusal) => refusal,
        }
    }
}

impl Failure {
    /// The reason for which a transaction is cancelled.
    pub(super) fn reason(self) -> Result<Reason, Refusal> {
        match self {
            Self::Condition(item) => Ok(Reason::condition(item)),
            Self::Unfit(message) => Ok(Reason::invalid(message)),
            Self::Refused(refusal) => Err(refusal),
        }
    }
}

impl<'a> Write<'a> {
    /// Checks all of the request that can be checked without the table. The outer error refuses the
    /// whole request, the inner one this write.
    pub(super) fn new(
        kind: Kind,
        request: WriteRequest<'a>,
        expressions: &mut Expressions,
    ) -> Result<Result<Self, Failure>, Refusal> {
        check_members(kind, &request)?;
        let WriteRequest { item, key, expression_attribute_names: names, expression_attribute_values: values, .. } =
            request;
        let condition = request.condition_expression.map(|text| expressions.condition(text.as_ref())).transpose()?;
        let update = request.update_expression.map(|text| expressions.update(text.as_ref())).transpose()?;
        check_expressions(condition.as_deref(), update.as_deref(), names.as_ref(), values.as_ref())?;
        check_depth(item.iter().flat_map(Item::values))?;
        check_depth(values.iter().flat_map(Values::values))?;
        if item.as_ref().is_some_and(|item| size_of(item) > MOST_ITEM_BYTES) {
            return Err(invalid("Item size has exceeded the maximum allowed size"));
        }
        let key = match (&item, key) {
            (Some(item), _) => key::of(item).and_then(|key| check_index(item).map(|()| key)),
            (None, key) => key::named(key.unwrap_or_default()),
        };
        let shows_item = request.return_values_on_condition_check_failure == Returned::AllOld;
        Ok(key.map_err(Failure::from).map(|key| Self { key, item, update, condition, names, values, kind, shows_item }))
    }

    /// What the write would change of the item, if it may be done. Nothing is changed yet.
    pub(super) fn judge(&self, items: &Items) -> Result<Changes, Failure> {
        static NOTHING: Item = Item::new();
        let scope = Scope::new(self.names.as_ref(), self.values.as_ref());
        let there = items.get(&self.key);
        if let Some(condition) = &self.condition
            && !judge::is_met(&condition.tree, there.unwrap_or(&NOTHING), scope)
        {
            return Err(Failure::Condition(there.filter(|_| self.shows_item).cloned()));
        }
        let Some(update) = &self.update else { return Ok(Changes::new()) };
        let made;
        let item = match there {
            Some(item) => item,
            None => {
                made = key::item(&self.key);
                &made
            }
        };
        let changes = change::changes(&update.tree, item, scope).map_err(Failure::Unfit)?;
        check_changes(item, &changes)?;
        Ok(changes)
    }

    /// Does the write, whose changes are these.
    pub(super) fn apply(self, changes: Changes, table: &mut Table) {
        match (self.kind, self.item) {
            (Kind::Put, Some(item)) => {
                table.put(self.key, item);
            }
            (Kind::Update, _) => table.change(self.key, changes),
            (Kind::Delete, _) => {
                table.remove(&self.key);
            }
            (Kind::Put | Kind::Check, _) => {}
        }
    }

    /// How many bytes of a transaction it is.
    pub(super) fn size(&self, there: Option<&Item>) -> usize {
        self.item.as_ref().or(there).map_or(0, size_of)
    }
}

fn check_members(kind: Kind, request: &WriteRequest<'_>) -> Result<(), Refusal> {
    let members = (request.item.is_some(), request.key.is_some());
    if members != (kind == Kind::Put, kind != Kind::Put) {
        return Err(invalid("A put needs an item and no key; any other write a key and no item"));
    }
    if kind != Kind::Update && request.update_expression.is_some() {
        return Err(invalid("Only an update has an UpdateExpression"));
    }
    if kind == Kind::Check && request.condition_expression.is_none() {
        return Err(invalid("A condition check needs a ConditionExpression"));
    }
    if request.return_values_on_condition_check_failure == Returned::AllNew {
        return Err(invalid("ReturnValuesOnConditionCheckFailure can only be ALL_OLD or NONE"));
    }
    Ok(())
}

fn check_expressions(
    condition: Option<&Parsed<Condition>>,
    update: Option<&Parsed<Update>>,
    names: Option<&Names<'_>>,
    values: Option<&Values<'_>>,
) -> Result<(), Refusal> {
    if names.is_some_and(Names::is_empty) || values.is_some_and(Values::is_empty) {
        return Err(invalid("ExpressionAttributeNames and ExpressionAttributeValues must not be empty"));
    }
    let scope = Scope::new(names, values);
    if let Some(update) = update {
        scope.check_defined("UpdateExpression", update)?;
        let checked = change::check(&update.tree, scope);
        checked.map_err(|message| invalid(format!("Invalid UpdateExpression: {message}")))?;
        check_keys_stay(&update.tree, scope)?;
    }
    if let Some(condition) = condition {
        scope.check_defined("ConditionExpression", condition)?;
        let checked = judge::check(&condition.tree, scope);
        checked.map_err(|message| invalid(format!("Invalid ConditionExpression: {message}")))?;
    }
    let aliases = [update.map_or(&[][..], |update| &update.aliases), condition.map_or(&[][..], |all| &all.aliases)];
    let placeholders =
        [update.map_or(&[][..], |update| &update.placeholders), condition.map_or(&[][..], |all| &all.placeholders)];
    scope.check_used(&aliases, &placeholders)
}

fn check_keys_stay(update: &Update, scope: Scope<'_>) -> Result<(), Refusal> {
    let written = update.iter().filter_map(|(path, _)| scope.name(path.first()?));
    match written.into_iter().find(|name| [PK, SK].contains(name)) {
        Some(name) => Err(invalid(format!(
            "One or more parameter values were invalid: Cannot update attribute {name}. \
             This attribute is part of the key"
        ))),
        None => Ok(()),
    }
}

fn check_depth<'v>(mut values: impl Iterator<Item = &'v Value>) -> Result<(), Refusal> {
    if values.any(|value| value.depth() > MOST_DEPTH) {
        return Err(invalid("Nesting Levels have exceeded supported limits"));
    }
    Ok(())
}

fn check_index(item: &Item) -> Result<(), KeyError> {
    let keys = [index::G1PK, index::G1SK];
    keys.into_iter()
        .filter_map(|name| Some((name, item.get(name)?)))
        .try_for_each(|(name, value)| index::check(name, value))
}

/// Refuses changes that make an item which cannot be stored.
fn check_changes(item: &Item, changes: &Changes) -> Result<(), Failure> {
    let mut size = size_of(item);
    for (name, value) in changes {
        let counted = |value: &Value| name.len() + value.size();
        size -= item.get(name).map_or(0, counted);
        let Some(value) = value else { continue };
        size += counted(value);
        index::check(name, value)?;
        if value.depth() > MOST_DEPTH {
            return Err(Failure::Unfit("Nesting Levels have exceeded supported limits".to_owned()));
        }
    }
    if size > MOST_ITEM_BYTES {
        return Err(Failure::Unfit("Item size to update has exceeded the maximum allowed size".to_owned()));
    }
    Ok(())
}
