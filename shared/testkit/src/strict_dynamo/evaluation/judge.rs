//! Whether an item meets a condition.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::expression::tree::{Comparator, Condition, Operand, Path};
use super::super::number::Number;
use super::super::value::{Item, Value};
use super::scope::Scope;

/// The types that `attribute_type` knows.
const TYPES: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];

/// Whether `item` meets `condition`. An item that is not there has no attributes.
pub(in super::super) fn is_met(condition: &Condition, item: &Item, scope: Scope<'_>) -> bool {
    let value = |operand| look_up(operand, item, scope);
    match condition {
        Condition::Compare(one, comparator, other) => match (value(one), value(other)) {
            (Some(one), Some(other)) => compare(&one, *comparator, &other),
            _ => *comparator == Comparator::NotEqual,
        },
        Condition::Between(operand, least, most) => match (value(operand), value(least), value(most)) {
            (Some(value), Some(least), Some(most)) => {
                compare(&value, Comparator::AtLeast, &least) && compare(&value, Comparator::AtMost, &most)
            }
            _ => false,
        },
        Condition::In(operand, choices) => {
            let wanted = value(operand);
            wanted.is_some() && choices.iter().any(|choice| value(choice) == wanted)
        }
        Condition::Exists(path) => scope.find(item, path).is_some(),
        Condition::Missing(path) => scope.find(item, path).is_none(),
        Condition::HasType(path, kind) => {
            let found = scope.find(item, path).map(Value::kind);
            found.is_some() && found == value(kind).as_deref().and_then(Value::as_s)
        }
        Condition::BeginsWith(whole, start) => match (value(whole).as_deref(), value(start).as_deref()) {
            (Some(Value::S(whole)), Some(Value::S(start))) => whole.starts_with(start.as_str()),
            (Some(Value::B(whole)), Some(Value::B(start))) => whole.starts_with(start),
            _ => false,
        },
        Condition::Contains(whole, part) => match (value(whole).as_deref(), value(part).as_deref()) {
            (Some(whole), Some(part)) => contains(whole, part),
            _ => false,
        },
        Condition::And(one, other) => is_met(one, item, scope) && is_met(other, item, scope),
        Condition::Or(one, other) => is_met(one, item, scope) || is_met(other, item, scope),
        Condition::Not(inner) => !is_met(inner, item, scope),
    }
}

fn look_up<'a>(operand: &Operand, item: &'a Item, scope: Scope<'a>) -> Option<Cow<'a, Value>> {
    match operand {
        Operand::Path(path) => scope.find(item, path).map(Cow::Borrowed),
        Operand::Value(placeholder) => scope.value(placeholder).map(Cow::Borrowed),
        Operand::Size(path) => {
            let length = match scope.find(item, path)? {
                // The service counts as Java does.
                Value::S(text) => text.encode_utf16().count(),
                Value::B(bytes) => bytes.len(),
                Value::L(values) => values.len(),
                Value::M(values) => values.len(),
                Value::Texts(texts) => texts.len(),
                Value::Numbers(numbers) => numbers.len(),
                Value::Bytes(all) => all.len(),
                Value::N(_) | Value::Bool(_) | Value::Null => return None,
            };
            i64::try_from(length).ok().map(|length| Cow::Owned(Value::N(Number::from(length))))
        }
    }
}

/// Which of two values comes first; `None` when they have no order.
fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::S(one), Value::S(other)) => Some(one.cmp(other)),
        (Value::N(one), Value::N(other)) => Some(one.cmp(other)),
        (Value::B(one), Value::B(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// Whether two values compare so. Those of different types are unequal, and in no order.
pub(in super::super) fn compare(one: &Value, comparator: Comparator, other: &Value) -> bool {
    match comparator {
        Comparator::Equal => one == other,
        Comparator::NotEqual => one != other,
        Comparator::Less => order(one, other).is_some_and(Ordering::is_lt),
        Comparator::AtMost => order(one, other).is_some_and(Ordering::is_le),
        Comparator::Greater => order(one, other).is_some_and(Ordering::is_gt),
        Comparator::AtLeast => order(one, other).is_some_and(Ordering::is_ge),
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::S(whole), Value::S(part)) => whole.contains(part.as_str()),
        (Value::B(whole), Value::B(part)) => {
            part.is_empty() || whole.windows(part.len()).any(|window| window == part.as_slice())
        }
        (Value::Texts(texts), Value::S(text)) => texts.contains(text),
        (Value::Numbers(numbers), Value::N(number)) => numbers.contains(number),
        (Value::Bytes(all), Value::B(bytes)) => all.contains(bytes),
        (Value::L(values), part) => values.contains(part),
        _ => false,
    }
}

/// Refuses a condition whose operands cannot be what they have to be, whatever the item.
pub(in super::super) fn check(condition: &Condition, scope: Scope<'_>) -> Result<(), String> {
    match condition {
        Condition::Compare(one, comparator, other) => {
            check_distinct(one, std::slice::from_ref(other), sign(*comparator), scope)?;
            if matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
                return Ok(());
            }
            [one, other].into_iter().try_for_each(|operand| check_ordered(operand, sign(*comparator), scope))
        }
        Condition::Between(operand, least, most) => {
            [operand, least, most].into_iter().try_for_each(|operand| check_ordered(operand, "BETWEEN", scope))?;
            check_bounds(least, most, scope)
        }
        Condition::In(operand, choices) => check_distinct(operand, choices, "IN", scope),
        Condition::Exists(_) | Condition::Missing(_) => Ok(()),
        Condition::HasType(_, kind) => match literal(kind, scope) {
            Some(Value::S(kind)) if TYPES.contains(&kind.as_str()) => Ok(()),
            Some(Value::S(kind)) => {
                Err(format!("Invalid attribute type name found; type: {kind}, valid types: {TYPES:?}"))
            }
            Some(other) => Err(incorrect("attribute_type", other)),
            None => Ok(()),
        },
        Condition::BeginsWith(whole, start) => {
            check_distinct(whole, std::slice::from_ref(start), "begins_with", scope)?;
            let wrong = [whole, start].into_iter().filter_map(|operand| literal(operand, scope));
            match wrong.into_iter().find(|value| !matches!(value, Value::S(_) | Value::B(_))) {
                Some(value) => Err(incorrect("begins_with", value)),
                None => Ok(()),
            }
        }
        Condition::Contains(whole, part) => check_distinct(whole, std::slice::from_ref(part), "contains", scope),
        Condition::And(one, other) | Condition::Or(one, other) => {
            check(one, scope)?;
            check(other, scope)
        }
        Condition::Not(inner) => check(inner, scope),
    }
}

fn literal<'a>(operand: &Operand, scope: Scope<'a>) -> Option<&'a Value> {
    if let Operand::Value(placeholder) = operand { scope.value(placeholder) } else { None }
}

const fn sign(comparator: Comparator) -> &'static str {
    match comparator {
        Comparator::Equal => "=",
        Comparator::NotEqual => "<>",
        Comparator::Less => "<",
        Comparator::AtMost => "<=",
        Comparator::Greater => ">",
        Comparator::AtLeast => ">=",
    }
}

fn incorrect(operator: &str, value: &Value) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {}",
        value.kind()
    )
}

fn check_ordered(operand: &Operand, operator: &str, scope: Scope<'_>) -> Result<(), String> {
    match literal(operand, scope) {
        None | Some(Value::S(_) | Value::N(_) | Value::B(_)) => Ok(()),
        Some(other) => Err(incorrect(operator, other)),
    }
}

fn check_bounds(least: &Operand, most: &Operand, scope: Scope<'_>) -> Result<(), String> {
    let (Some(least), Some(most)) = (literal(least, scope), literal(most, scope)) else { return Ok(()) };
    match order(least, most) {
        None => Err("The BETWEEN operator requires same data type for lower and upper bounds".to_owned()),
        Some(Ordering::Greater) => {
            Err("The BETWEEN operator requires upper bound to be greater than or equal to lower bound".to_owned())
        }
        Some(_) => Ok(()),
    }
}

fn check_distinct(first: &Operand, rest: &[Operand], operator: &str, scope: Scope<'_>) -> Result<(), String> {
    if rest.iter().all(|operand| !is_same(first, operand, scope)) {
        return Ok(());
    }
    Err(format!(
        "The first operand must be distinct from the remaining operands for this operator or function; \
         operator: {operator}"
    ))
}

fn is_same(one: &Operand, other: &Operand, scope: Scope<'_>) -> bool {
    let is_same_path = |one: &Path, other: &Path| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| scope.is_same_step(one, other))
    };
    match (one, other) {
        (Operand::Path(one), Operand::Path(other)) | (Operand::Size(one), Operand::Size(other)) => {
            is_same_path(one, other)
        }
        _ => false,
    }
}
