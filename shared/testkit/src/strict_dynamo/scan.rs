//! Scans of the whole table.

use std::ops::Bound;

use super::evaluation::judge;
use super::evaluation::scope::Scope;
use super::expressions::Expressions;
use super::page::first_page;
use super::refusal::{Refusal, invalid, json};
use super::table::Table;
use super::table::key;
use super::wire::Scan;

/// Runs a scan. The service's order is none; here it is that of the keys.
pub(super) fn run(request: Scan<'_>, table: &Table, expressions: &mut Expressions) -> Result<Vec<u8>, Refusal> {
    if request.limit == Some(0) {
        return Err(invalid("Value '0' at 'limit' failed to satisfy constraint: Member must be at least 1"));
    }
    let scope = Scope::new(request.expression_attribute_names.as_ref(), request.expression_attribute_values.as_ref());
    let filter = request.filter_expression.map(|text| expressions.filter(text.as_ref())).transpose()?;
    if let Some(filter) = &filter {
        scope.check_defined("FilterExpression", filter)?;
        let checked = judge::check(&filter.tree, scope);
        checked.map_err(|message| invalid(format!("Invalid FilterExpression: {message}")))?;
    }
    let (aliases, placeholders) =
        filter.as_ref().map_or((&[][..], &[][..]), |filter| (&filter.aliases[..], &filter.placeholders[..]));
    scope.check_used(&[aliases], &[placeholders])?;
    let start = match request.exclusive_start_key {
        Some(start) => {
            let start = key::named(start).map_err(|_| invalid("The provided starting key is invalid"))?;
            Bound::Excluded(start)
        }
        None => Bound::Unbounded,
    };
    let rows = table.items.range((start, Bound::Unbounded));
    let keeps = |item: &_| filter.as_ref().is_none_or(|filter| judge::is_met(&filter.tree, item, scope));
    Ok(json(&first_page(rows, request.limit, keeps, |key| key::item(key))))
}
