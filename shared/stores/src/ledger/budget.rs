//! The budget of a month that is open already, when the owner changes it.

use farthing_domain::ledger::LedgerUnavailable;
use farthing_domain::money::Usd;
use farthing_domain::time::Month;

use super::rows::{get_money, money, month_key, names};
use super::{DynamoLedger, unavailable};
use crate::conditional::is_condition_failed;
use crate::item::Item;

impl DynamoLedger {
    /// Gives `month` this process's cap and stop line, if it was opened with others. A line below
    /// what is spent and reserved leaves less than nothing available: nothing more is reserved.
    ///
    /// # Errors
    /// [`LedgerUnavailable`]; the month keeps one budget or the other, never a mixture.
    pub async fn adopt_budget(&self, month: Month) -> Result<(), LedgerUnavailable> {
        let Some(item) = self.table.get(&month_key(month), true).await.map_err(LedgerUnavailable)? else {
            return Ok(());
        };
        let (cap, line) = (self.config.cap, self.config.stop_line());
        let floor = cap.saturating_sub(line);
        let (old_cap, old_floor) = budget_of(&item)?;
        if (old_cap, old_floor) == (cap, floor) {
            return Ok(());
        }
        let old_line = old_cap.saturating_sub(old_floor);
        let more = Usd::from_nanos(line.nanos().saturating_sub(old_line.nanos()));
        let update = self.table.client().update_item().table_name(self.table.name());
        // Compare and set: whoever else changes it at the same time changes it once.
        let sent = update
            .set_key(Some(month_key(month)))
            .update_expression("SET #cap = :cap, #floor = :floor, #avail = #avail + :more")
            .condition_expression("#cap = :old_cap AND #floor = :old_floor")
            .set_expression_attribute_names(Some(names([("#cap", "cap"), ("#floor", "floor"), ("#avail", "avail")])))
            .expression_attribute_values(":cap", money(cap))
            .expression_attribute_values(":floor", money(floor))
            .expression_attribute_values(":more", money(more))
            .expression_attribute_values(":old_cap", money(old_cap))
            .expression_attribute_values(":old_floor", money(old_floor))
            .send()
            .await;
        match sent {
            Ok(_) => tracing::warn!(%month, cap_usd = %cap, "month {month} has a cap of ${cap} now"),
            Err(error) if is_condition_failed(&error) => {}
            Err(error) => return Err(unavailable(error)),
        }
        Ok(())
    }
}

fn budget_of(item: &Item) -> Result<(Usd, Usd), LedgerUnavailable> {
    let read = |name| get_money(item, name).map_err(unavailable);
    Ok((read("cap")?, read("floor")?))
}
