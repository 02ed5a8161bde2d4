//! The sweeper: what nobody resolved in time is charged in full.

use farthing_domain::ledger::{LastSweep, LedgerUnavailable, Swept};
use farthing_domain::metrics;
use farthing_domain::money::Usd;
use farthing_domain::time::{Month, Timestamp};

use super::resolve::{Move, Moved};
use super::rows::{AttemptState, get_money, money, names, pending_index, sweep_key};
use super::{DynamoLedger, unavailable};
use crate::conditional::is_condition_failed;
use crate::item::{G1PK, INDEX, Item, Malformed, PK, SK, get_number, get_text, item, key, number, text};
use crate::retry::repeated;

/// A pending attempt, as the index has it.
struct PendingRow {
    key: Item,
    amount: Usd,
    expires: Timestamp,
}

impl DynamoLedger {
    pub(super) async fn sweep_month(&self, month: Month, now: Timestamp) -> Result<Swept, LedgerUnavailable> {
        let rows = self.pending_rows(month).await?;
        // An early expiry would be a charge in full for a call that is still under way. Asked only
        // now, since every reply tells the service's time.
        self.refuse_wrong_clock(now)?;
        let mut swept = Swept::default();
        let mut failure = None;
        for row in rows {
            match self.sweep_row(&row, month, now, &mut swept).await {
                Ok(()) => {}
                Err(error) => {
                    // One that cannot be charged does not keep the others from it.
                    tracing::error!(%month, error = &error as &dyn std::error::Error,
                        "an expired reservation of {month} was not charged");
                    failure.get_or_insert(error);
                }
            }
        }
        if swept.expired > 0 {
            ::metrics::counter!(metrics::EXPIRED_POSTED).increment(swept.expired.into());
            tracing::warn!(%month, expired = swept.expired, charged_usd = %swept.charged,
                "{} reservations of {month} expired and were charged in full", swept.expired);
            self.stop_if_too_much_is_unknown(month).await?;
        }
        match failure {
            Some(error) => return Err(error),
            None => self.remember_sweep(month, LastSweep { at: now, swept }).await,
        }
        Ok(swept)
    }

    async fn sweep_row(
        &self,
        row: &Item,
        month: Month,
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), LedgerUnavailable> {
        let row = PendingRow::read(row).map_err(unavailable)?;
        swept.oldest = Some(swept.oldest.map_or(row.expires, |oldest| oldest.min(row.expires)));
        if row.expires >= now {
            swept.pending += 1;
            return Ok(());
        }
        let (from, to, amount) = (AttemptState::Pending, AttemptState::Expired, row.amount);
        let expire = Move { from, to, amount, charged: amount, usage: None, month, now };
        match self.apply(&row.key, &expire).await? {
            Moved::Done => {
                swept.expired += 1;
                swept.charged = swept.charged.saturating_add(amount);
            }
            // Its owner or another sweep resolved it meanwhile, and the index had not heard of it.
            Moved::Otherwise(_) => {}
        }
        Ok(())
    }

    async fn pending_rows(&self, month: Month) -> Result<Vec<Item>, LedgerUnavailable> {
        let (mut rows, mut from) = (Vec::new(), None);
        loop {
            let query = self.table.client().query().table_name(self.table.name()).index_name(INDEX);
            let query = query
                .key_condition_expression("#pk = :pk")
                .set_expression_attribute_names(Some(names([("#pk", G1PK)])))
                .expression_attribute_values(":pk", text(pending_index(month)))
                .set_exclusive_start_key(from);
            let page = repeated(&self.table, || query.clone().send()).await.map_err(unavailable)?;
            rows.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Writes down that the month was swept, unless a later sweep did. The sweep stands without it.
    async fn remember_sweep(&self, month: Month, sweep: LastSweep) {
        let put = self.table.client().put_item().table_name(self.table.name());
        let put = put
            .set_item(Some(write(month, sweep)))
            .condition_expression("attribute_not_exists(PK) OR #at <= :at")
            .set_expression_attribute_names(Some(names([("#at", "at_ms")])))
            .expression_attribute_values(":at", number(sweep.at.millis()));
        match repeated(&self.table, || put.clone().send()).await {
            Ok(_) => {}
            Err(error) if is_condition_failed(&error) => {}
            Err(error) => {
                tracing::error!(%month, error = &*error as &dyn std::error::Error,
                    "the sweep of {month} was not written down");
            }
        }
    }

    pub(super) async fn read_last_sweep(&self, month: Month) -> Result<Option<LastSweep>, LedgerUnavailable> {
        let item = self.table.get(&sweep_key(month), true).await.map_err(LedgerUnavailable)?;
        item.as_ref().map(read).transpose().map_err(unavailable)
    }
}

impl PendingRow {
    fn read(row: &Item) -> Result<Self, Malformed> {
        Ok(Self {
            key: key(get_text(row, PK)?, get_text(row, SK)?),
            amount: get_money(row, "amt")?,
            expires: Timestamp::from_millis(get_number(row, "expires_ms")?),
        })
    }
}

fn write(month: Month, LastSweep { at, swept }: LastSweep) -> Item {
    let mut written = sweep_key(month);
    written.extend(item([
        ("at_ms", number(at.millis())),
        ("expired", number(swept.expired.into())),
        ("charged", money(swept.charged)),
        ("pending", number(swept.pending.into())),
    ]));
    if let Some(oldest) = swept.oldest {
        written.extend(item([("oldest_ms", number(oldest.millis()))]));
    }
    written
}

fn read(written: &Item) -> Result<LastSweep, Malformed> {
    let time = |name| get_number(written, name).map(Timestamp::from_millis);
    let swept = Swept {
        expired: get_number(written, "expired")?,
        charged: get_money(written, "charged")?,
        pending: get_number(written, "pending")?,
        oldest: written.contains_key("oldest_ms").then(|| time("oldest_ms")).transpose()?,
    };
    Ok(LastSweep { at: time("at_ms")?, swept })
}
