//! Reading the whole ledger, for its owner.

use farthing_domain::ids::{ModelId, ProviderId};
use farthing_domain::ledger::{AttemptEntry, LedgerUnavailable};
use farthing_domain::time::Month;

use super::rows::{ATTEMPT_PREFIX, attempt_state, get_money, names, recorded};
use super::{DynamoLedger, unavailable};
use crate::item::{Item, Malformed, SK, get_number, get_text, text};
use crate::retry::repeated;

impl DynamoLedger {
    /// Reads the whole table: attempts lie with their requests, and no index has those that are
    /// resolved. An audit is rare, a write for each attempt into an index would not be.
    pub(super) async fn scan_attempts(&self, month: Month) -> Result<Vec<AttemptEntry>, LedgerUnavailable> {
        let (mut entries, mut from) = (Vec::new(), None);
        loop {
            let scan = self.table.client().scan().table_name(self.table.name());
            let scan = scan
                .filter_expression("begins_with(#sk, :attempt) AND #month = :m")
                .set_expression_attribute_names(Some(names([("#sk", SK), ("#month", "month")])))
                .expression_attribute_values(":attempt", text(ATTEMPT_PREFIX))
                .expression_attribute_values(":m", text(month.to_string()))
                .consistent_read(true)
                .set_exclusive_start_key(from);
            let page = repeated(&self.table, || scan.clone().send()).await.map_err(unavailable)?;
            for row in page.items.unwrap_or_default() {
                entries.push(read(&row).map_err(unavailable)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(entries);
            }
        }
    }
}

fn read(row: &Item) -> Result<AttemptEntry, Malformed> {
    Ok(AttemptEntry {
        state: attempt_state(row)?,
        provider: ProviderId::parse(get_text(row, "provider")?).map_err(|_| Malformed("provider"))?,
        model: ModelId::parse(get_text(row, "model")?).map_err(|_| Malformed("model"))?,
        reserved: get_money(row, "amt")?,
        charged: recorded(row)?,
        usage: row.get("usage").map(|_| usage(row)).transpose()?,
    })
}

fn usage(row: &Item) -> Result<(u64, u64), Malformed> {
    let usage = row.get("usage").and_then(|usage| usage.as_m().ok()).ok_or(Malformed("usage"))?;
    Ok((get_number(usage, "in")?, get_number(usage, "out")?))
}
