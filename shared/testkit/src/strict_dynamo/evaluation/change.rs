//! What an update makes of an item.

use std::collections::BTreeSet;

use super::super::expression::tree::{Action, Path, Step, Term, Update};
use super::super::number::Number;
use super::super::value::{Item, Value};
use super::scope::Scope;

/// Attributes with their new values, or without one when they go.
pub(in super::super) type Changes = Vec<(String, Option<Value>)>;

const NO_ATTRIBUTE: &str = "The provided expression refers to an attribute that does not exist in the item";
const WRONG_TYPE: &str = "An operand in the update expression has an incorrect data type";
const NO_PATH: &str = "The document path provided in the update expression is invalid for update";

/// What `update` makes of `item`, which stays as it is: every operand is read from it.
pub(in super::super) fn changes(update: &Update, item: &Item, scope: Scope<'_>) -> Result<Changes, String> {
    let mut changes = Changes::with_capacity(update.len());
    for (path, action) in update {
        let old = scope.find(item, path);
        let new = match action {
            Action::Set(term) => Some(evaluate(term, item, scope)?),
            Action::Remove => None,
            Action::Add(placeholder) => Some(added(old, operand(placeholder, scope)?)?),
            Action::Delete(placeholder) => without(old, operand(placeholder, scope)?)?,
        };
        let (first, rest) = path.split_first().ok_or(NO_PATH)?;
        let name = scope.name(first).ok_or(NO_PATH)?;
        if rest.is_empty() {
            changes.push((name.to_owned(), new));
            continue;
        }
        // Several actions may go into one attribute.
        let at = match changes.iter().position(|(changed, _)| changed == name) {
            Some(at) => at,
            None => {
                changes.push((name.to_owned(), item.get(name).cloned()));
                changes.len() - 1
            }
        };
        put(changes[at].1.as_mut().ok_or(NO_PATH)?, rest, new, scope)?;
    }
    Ok(changes)
}

fn operand<'a>(placeholder: &str, scope: Scope<'a>) -> Result<&'a Value, String> {
    scope.value(placeholder).ok_or_else(|| NO_ATTRIBUTE.to_owned())
}

fn evaluate(term: &Term, item: &Item, scope: Scope<'_>) -> Result<Value, String> {
    match term {
        Term::Path(path) => scope.find(item, path).cloned().ok_or_else(|| NO_ATTRIBUTE.to_owned()),
        Term::Value(placeholder) => operand(placeholder, scope).cloned(),
        Term::IfMissing(path, otherwise) => match scope.find(item, path) {
            Some(there) => Ok(there.clone()),
            None => evaluate(otherwise, item, scope),
        },
        Term::Append(first, second) => match (evaluate(first, item, scope)?, evaluate(second, item, scope)?) {
            (Value::L(mut first), Value::L(second)) => {
                first.extend(second);
                Ok(Value::L(first))
            }
            _ => Err(WRONG_TYPE.to_owned()),
        },
        Term::Plus(one, other) => calculate(one, other, Number::plus, item, scope),
        Term::Minus(one, other) => calculate(one, other, Number::minus, item, scope),
    }
}

type Calculation = fn(Number, Number) -> Result<Number, super::super::number::NumberError>;

fn calculate(one: &Term, other: &Term, how: Calculation, item: &Item, scope: Scope<'_>) -> Result<Value, String> {
    match (evaluate(one, item, scope)?, evaluate(other, item, scope)?) {
        (Value::N(one), Value::N(other)) => how(one, other).map(Value::N).map_err(|error| error.to_string()),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

fn added(old: Option<&Value>, more: &Value) -> Result<Value, String> {
    fn union<T: Ord + Clone>(old: &BTreeSet<T>, more: &BTreeSet<T>) -> BTreeSet<T> {
        old.union(more).cloned().collect()
    }
    match (old, more) {
        (None, Value::N(_) | Value::Texts(_) | Value::Numbers(_) | Value::Bytes(_)) => Ok(more.clone()),
        (Some(Value::N(old)), Value::N(more)) => old.plus(*more).map(Value::N).map_err(|error| error.to_string()),
        (Some(Value::Texts(old)), Value::Texts(more)) => Ok(Value::Texts(union(old, more))),
        (Some(Value::Numbers(old)), Value::Numbers(more)) => Ok(Value::Numbers(union(old, more))),
        (Some(Value::Bytes(old)), Value::Bytes(more)) => Ok(Value::Bytes(union(old, more))),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

/// What is left of a set; `None` when nothing is.
fn without(old: Option<&Value>, less: &Value) -> Result<Option<Value>, String> {
    fn rest<T: Ord + Clone>(old: &BTreeSet<T>, less: &BTreeSet<T>) -> Option<BTreeSet<T>> {
        let rest: BTreeSet<T> = old.difference(less).cloned().collect();
        (!rest.is_empty()).then_some(rest)
    }
    match (old, less) {
        (None, Value::Texts(_) | Value::Numbers(_) | Value::Bytes(_)) => Ok(None),
        (Some(Value::Texts(old)), Value::Texts(less)) => Ok(rest(old, less).map(Value::Texts)),
        (Some(Value::Numbers(old)), Value::Numbers(less)) => Ok(rest(old, less).map(Value::Numbers)),
        (Some(Value::Bytes(old)), Value::Bytes(less)) => Ok(rest(old, less).map(Value::Bytes)),
        _ => Err(WRONG_TYPE.to_owned()),
    }
}

/// Puts a value, or nothing, at the end of the steps.
fn put(into: &mut Value, steps: &[Step], new: Option<Value>, scope: Scope<'_>) -> Result<(), String> {
    let (Value::M(values), Some((first, rest))) = (into, steps.split_first()) else { return Err(NO_PATH.to_owned()) };
    let name = scope.name(first).ok_or(NO_PATH)?;
    if !rest.is_empty() {
        return put(values.get_mut(name).ok_or(NO_PATH)?, rest, new, scope);
    }
    match new {
        Some(new) => values.insert(name.to_owned(), new),
        None => values.remove(name),
    };
    Ok(())
}

/// Refuses an update that goes wrong whatever the item.
pub(in super::super) fn check(update: &Update, scope: Scope<'_>) -> Result<(), String> {
    for (at, (path, action)) in update.iter().enumerate() {
        if path.iter().any(|step| matches!(step, Step::At(_))) {
            return Err("Elements of lists are not written here, only whole lists".to_owned());
        }
        match action {
            Action::Set(term) => check_term(term, scope)?,
            Action::Remove => {}
            Action::Add(placeholder) => check_set(placeholder, "ADD", true, path, scope)?,
            Action::Delete(placeholder) => check_set(placeholder, "DELETE", false, path, scope)?,
        }
        if update[..at].iter().any(|(other, _)| overlap(path, other, scope)) {
            return Err(
                "Two document paths overlap with each other; must remove or rewrite one of these paths".to_owned()
            );
        }
    }
    Ok(())
}

fn overlap(one: &Path, other: &Path, scope: Scope<'_>) -> bool {
    one.iter().zip(other).all(|(one, other)| scope.is_same_step(one, other))
}

fn incorrect(operator: &str, value: &Value) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {}",
        value.kind()
    )
}

fn check_set(
    placeholder: &str,
    clause: &str,
    may_be_number: bool,
    path: &Path,
    scope: Scope<'_>,
) -> Result<(), String> {
    if path.len() > 1 {
        return Err(format!("{clause} can only be used on top-level attributes"));
    }
    match scope.value(placeholder) {
        None | Some(Value::Texts(_) | Value::Numbers(_) | Value::Bytes(_)) => Ok(()),
        Some(Value::N(_)) if may_be_number => Ok(()),
        Some(other) => Err(incorrect(clause, other)),
    }
}

fn check_term(term: &Term, scope: Scope<'_>) -> Result<(), String> {
    let literal = |term: &Term| if let Term::Value(placeholder) = term { scope.value(placeholder) } else { None };
    match term {
        Term::Path(_) | Term::Value(_) => Ok(()),
        Term::IfMissing(_, otherwise) => check_term(otherwise, scope),
        Term::Append(one, other) => [one, other].into_iter().try_for_each(|term| match literal(term) {
            None => check_term(term, scope),
            Some(Value::L(_)) => Ok(()),
            Some(value) => Err(incorrect("list_append", value)),
        }),
        Term::Plus(one, other) | Term::Minus(one, other) => {
            let sign = if matches!(term, Term::Plus(..)) { "+" } else { "-" };
            [one, other].into_iter().try_for_each(|term| match literal(term) {
                None => check_term(term, scope),
                Some(Value::N(_)) => Ok(()),
                Some(value) => Err(incorrect(sign, value)),
            })
        }
    }
}
