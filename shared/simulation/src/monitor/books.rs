//! The months' books against the sums of their rows.

use std::collections::BTreeMap;

use farthing_testkit::strict_dynamo::Items;

use super::rows::{Row, number, text};
use super::{Violation, broken};

/// The books of one month, as the table has them.
#[derive(Debug)]
pub(super) struct Month {
    pub(super) name: String,
    is_open: bool,
    prices: String,
    line: i64,
    available: i64,
    pub(super) reserved: i64,
    pub(super) settled: i64,
    unknown: i64,
}

/// What rows come to, by month.
#[derive(Debug, Default)]
pub(super) struct Sums(BTreeMap<String, [i64; 3]>);

impl Sums {
    pub(super) fn add(&mut self, row: &Row) {
        let unknown = if row.is_unknown() { row.charged() } else { 0 };
        let more = [row.pending(), row.charged(), unknown];
        match self.0.get_mut(&row.month) {
            Some(sums) => sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more),
            None => drop(self.0.insert(row.month.clone(), more)),
        }
    }
}

/// The months in the table.
pub(super) fn read_months(items: &Items) -> Result<Vec<Month>, Violation> {
    let from = ("BUDGET#".to_owned(), String::new());
    let of_budget = items.range(from..).take_while(|((pk, _), _)| pk.starts_with("BUDGET#"));
    let months = of_budget.filter(|((pk, sk), _)| sk == "LEDGER" && pk != "BUDGET#PRICES");
    months
        .map(|((pk, _), item)| {
            Ok(Month {
                name: pk["BUDGET#".len()..].to_owned(),
                is_open: text(item, "st")? == "open",
                prices: text(item, "price_ver")?.to_owned(),
                line: number(item, "cap")? - number(item, "floor")? + number(item, "adj")?,
                available: number(item, "avail")?,
                reserved: number(item, "reserved")?,
                settled: number(item, "settled")?,
                unknown: number(item, "unknown")?,
            })
        })
        .collect()
}

impl Month {
    pub(super) fn check(&self, sums: &Sums, is_overcharged: bool) -> Result<(), Violation> {
        let Self { name, available, reserved, settled, line, unknown, .. } = self;
        let [pending, charged, unknown_rows] = sums.0.get(name).copied().unwrap_or_default();
        if available + reserved + settled != *line {
            return broken("I1", format!("{name}: {available} + {reserved} + {settled} is not {line}"));
        }
        if (*reserved, *settled, *unknown) != (pending, charged, unknown_rows) {
            let rows = format!("{pending} pending, {charged} charged, {unknown_rows} unknown");
            return broken("I1", format!("{name}: {reserved}, {settled}, {unknown} in the books; rows: {rows}"));
        }
        if *available < 0 && !is_overcharged {
            return broken("I0", format!("{name}: {available} are left"));
        }
        if reserved + settled > *line && !is_overcharged {
            return broken("I2", format!("{name}: {reserved} + {settled} are past the line of {line}"));
        }
        if *available < 0 && self.is_open {
            return broken("I2", format!("{name} is overdrawn by {available} and still open"));
        }
        Ok(())
    }
}

/// A new row is admitted by an open month with the prices of whoever wrote it.
pub(super) fn check_admission(row: &Row, months: &[Month], prices: Option<&str>) -> Result<(), Violation> {
    let Some(month) = months.iter().find(|month| month.name == row.month) else {
        return broken("I1", format!("a row of {}, which has no books", row.month));
    };
    if !month.is_open {
        return broken("I2", format!("a row was admitted to {}, which is stopped", month.name));
    }
    if prices.is_some_and(|prices| prices != month.prices) {
        return broken("I2", format!("a row was admitted to {} with other prices", month.name));
    }
    Ok(())
}

/// Each ended request is counted once: the days' sums are the number of outcomes, which is `ended`
/// where nothing went wrong.
pub(super) fn check_outcomes(items: &Items, ended: Option<u64>) -> Result<(), Violation> {
    let of = |prefix: &'static str| {
        items.range((prefix.to_owned(), String::new())..).take_while(move |((pk, _), _)| pk.starts_with(prefix))
    };
    let outcomes = of("OUTCOME#").count() as u64;
    let mut counted = 0;
    for (_, sums) in of("METRIC#") {
        counted += u64::try_from(number(sums, "total")?).unwrap_or_default();
    }
    if counted != outcomes || ended.is_some_and(|ended| ended != outcomes) {
        return broken("I9", format!("{outcomes} outcomes, {counted} counted, {ended:?} requests ended"));
    }
    Ok(())
}
