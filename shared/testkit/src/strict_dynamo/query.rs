//! Queries of the table and of its index.

use super::evaluation::judge;
use super::evaluation::scope::Scope;
use super::expression::tree::{Comparator, Condition, Operand};
use super::expressions::Expressions;
use super::page::first_page;
use super::refusal::{Refusal, invalid, json};
use super::table::Table;
use super::table::index::{G1PK, G1SK, INDEX, Place};
use super::table::key::{self, Key, PK, SK};
use super::value::{Item, Value};
use super::wire::{Query, Select};

/// An item, and where it stands among the others of its partition.
type Row<'a> = (Place, &'a Item);

/// Runs a query.
pub(super) fn run(request: Query<'_>, table: &Table, expressions: &mut Expressions) -> Result<Vec<u8>, Refusal> {
    let is_index = match request.index_name.as_deref() {
        None => false,
        Some(INDEX) => true,
        Some(other) => return Err(invalid(format!("The table does not have the specified index: {other}"))),
    };
    if is_index && request.consistent_read {
        return Err(invalid("Consistent reads are not supported on global secondary indexes"));
    }
    if request.limit == Some(0) {
        return Err(invalid("Value '0' at 'limit' failed to satisfy constraint: Member must be at least 1"));
    }
    let scope = Scope::new(request.expression_attribute_names.as_ref(), request.expression_attribute_values.as_ref());
    let parsed = expressions.key_condition(request.key_condition_expression.as_ref())?;
    scope.check_defined("KeyConditionExpression", &parsed)?;
    scope.check_used(&[&parsed.aliases], &[&parsed.placeholders])?;
    let (partition, range) = key_condition(&parsed.tree, is_index, scope).map_err(invalid_condition)?;
    let mut rows = rows(table, is_index, partition);
    rows.retain(|(_, item)| range.is_none_or(|range| judge::is_met(range, item, scope)));
    if !request.scan_index_forward {
        rows.reverse();
    }
    if let Some(start) = request.exclusive_start_key {
        let start = start_place(start, is_index, partition, range, scope)?;
        rows.retain(|(place, _)| if request.scan_index_forward { *place > start } else { *place < start });
    }
    let mut page = first_page(rows.into_iter(), request.limit, |_| true, |place| last_key(place, is_index));
    if request.select == Select::Count {
        page.items = None;
    }
    Ok(json(&page))
}

fn invalid_condition(message: String) -> Refusal {
    invalid(format!("Invalid KeyConditionExpression: {message}"))
}

/// The partition that the condition names, and what it asks of the sort key.
fn key_condition<'a>(
    condition: &'a Condition,
    is_index: bool,
    scope: Scope<'a>,
) -> Result<(&'a str, Option<&'a Condition>), String> {
    let names = if is_index { (G1PK, G1SK) } else { (PK, SK) };
    let (one, other) = match condition {
        Condition::And(one, other) => (&**one, Some(&**other)),
        single => (single, None),
    };
    let partition = |condition| partition_of(condition, names.0, scope);
    let (partition, range) = match (partition(one), other) {
        (Some(partition), other) => (partition, other),
        (None, Some(other)) => (
            partition(other).ok_or_else(|| format!("Query condition missed key schema element: {}", names.0))?,
            Some(one),
        ),
        (None, None) => return Err(format!("Query condition missed key schema element: {}", names.0)),
    };
    let Value::S(partition) = partition else {
        return Err("Condition parameter type does not match schema type".to_owned());
    };
    if partition.is_empty() {
        return Err(format!(
            "The AttributeValue for a key attribute cannot contain an empty string value. Key: {}",
            names.0
        ));
    }
    if let Some(range) = range {
        check_range(range, names.1, if is_index { "N" } else { "S" }, scope)?;
        judge::check(range, scope)?;
    }
    Ok((partition, range))
}

/// The value that the condition says the partition key has.
fn partition_of<'a>(condition: &'a Condition, name: &str, scope: Scope<'a>) -> Option<&'a Value> {
    let Condition::Compare(Operand::Path(path), Comparator::Equal, Operand::Value(value)) = condition else {
        return None;
    };
    let [step] = path.as_slice() else { return None };
    if scope.name(step) == Some(name) { scope.value(value) } else { None }
}

fn check_range(range: &Condition, name: &str, kind: &str, scope: Scope<'_>) -> Result<(), String> {
    let operands = match range {
        Condition::Compare(_, Comparator::NotEqual, _) => vec![],
        Condition::Compare(path, _, value) => vec![path, value],
        Condition::Between(path, least, most) => vec![path, least, most],
        Condition::BeginsWith(path, start) if kind != "N" => vec![path, start],
        _ => vec![],
    };
    let Some((Operand::Path(path), values)) = operands.split_first() else {
        return Err("Invalid operator used in KeyConditionExpression".to_owned());
    };
    if path.len() != 1 || path.first().and_then(|step| scope.name(step)) != Some(name) {
        return Err(format!("Query condition missed key schema element: {name}"));
    }
    for value in values {
        let Operand::Value(placeholder) = value else {
            return Err("KeyConditionExpressions must only compare keys with values".to_owned());
        };
        if scope.value(placeholder).map(Value::kind) != Some(kind) {
            return Err("Condition parameter type does not match schema type".to_owned());
        }
    }
    Ok(())
}

fn rows<'a>(table: &'a Table, is_index: bool, partition: &'a str) -> Vec<Row<'a>> {
    if is_index {
        return table.index.partition(partition, &table.items);
    }
    let first = (partition.to_owned(), String::new());
    let found = table.items.range(first..).take_while(|(key, _)| key.0 == partition);
    found.map(|(key, item)| (place_in_table(key.clone()), item)).collect()
}

/// Where the table has the item: within a partition, by sort key alone.
fn place_in_table(key: Key) -> Place {
    Place { partition: key.0.clone(), sort: 0.into(), key }
}

/// The place that the query is to go on after.
fn start_place(
    mut start: Item,
    is_index: bool,
    partition: &str,
    range: Option<&Condition>,
    scope: Scope<'_>,
) -> Result<Place, Refusal> {
    let whole = start.clone();
    let indexed = if is_index { (start.remove(G1PK), start.remove(G1SK)) } else { (None, None) };
    let key = key::named(start).map_err(|_| invalid("The provided starting key is invalid"))?;
    let place = match indexed {
        (Some(Value::S(partition)), Some(Value::N(sort))) => Place { partition, sort, key },
        (None, None) if !is_index => place_in_table(key),
        _ => return Err(invalid("The provided starting key is invalid")),
    };
    let is_within = range.is_none_or(|range| judge::is_met(range, &whole, scope));
    if place.partition != partition || !is_within {
        return Err(invalid("The provided starting key is outside query boundaries based on provided conditions"));
    }
    Ok(place)
}

fn last_key(place: &Place, is_index: bool) -> Item {
    let mut key = key::item(&place.key);
    if is_index {
        key.insert(G1PK.to_owned(), Value::S(place.partition.clone()));
        key.insert(G1SK.to_owned(), Value::N(place.sort));
    }
    key
}
