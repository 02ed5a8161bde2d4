//! The month's item: opening it, reading it, stopping it, and the prices it goes by.

use std::sync::PoisonError;

use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem};
use farthing_domain::ledger::{LedgerUnavailable, MonthBooks, MonthState, ReserveRefused};
use farthing_domain::money::Usd;
use farthing_domain::time::Month;

use super::rows::{get_money, money, month_key, names, prices_key};
use super::{DynamoLedger, unavailable};
use crate::conditional::{Updated, send_update};
use crate::item::{Item, Malformed, get_text, item, text};
use crate::retry::{BoxError, NotDone, failed, fresh_token, transact};

/// One part in this many of what was charged may be unknown usage.
const UNKNOWN_SHARE: i128 = 20;

impl DynamoLedger {
    /// Makes the ledger go by this process's prices. Whoever has others is refused from now on.
    ///
    /// The prices are written before the months, and a month is only opened by one who has the
    /// written prices: so no month is left with others, whenever it was opened.
    ///
    /// # Errors
    /// [`LedgerUnavailable`]; calling it again completes what was begun.
    pub async fn adopt_prices(&self, month: Month) -> Result<(), LedgerUnavailable> {
        let mine = self.config.price_version.as_str();
        let prices = self.table.get(&prices_key(), true).await.map_err(LedgerUnavailable)?;
        if prices.as_ref().and_then(|item| get_text(item, "price_ver").ok()) != Some(mine) {
            self.update(prices_key(), "SET #pv = :pv", None, mine).await.map_err(unavailable)?;
        }
        // The next month too: a process whose clock runs ahead may have opened it.
        for month in [month, month.next()] {
            let condition = "attribute_exists(PK) AND #pv <> :pv";
            match self.update(month_key(month), "SET #pv = :pv", Some(condition), mine).await {
                Ok(true) => tracing::warn!(%month, price_version = mine, "month {month} goes by other prices now"),
                Ok(false) => {}
                Err(cause) => return Err(unavailable(cause)),
            }
        }
        Ok(())
    }

    /// Sets the price version of an item; `false` when the condition failed.
    async fn update(&self, key: Item, set: &str, condition: Option<&str>, mine: &str) -> Result<bool, BoxError> {
        let update = self.table.client().update_item().table_name(self.table.name());
        let update = update
            .set_key(Some(key))
            .update_expression(set)
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_names(Some(names([("#pv", "price_ver")])))
            .expression_attribute_values(":pv", text(mine));
        Ok(matches!(send_update(&self.table, update).await?, Updated::Yes))
    }

    /// Opens `month` if nobody did.
    pub(super) async fn open_month(&self, month: Month) -> Result<(), ReserveRefused> {
        if self.opened.lock().unwrap_or_else(PoisonError::into_inner).contains(&month) {
            return Ok(());
        }
        let line = self.config.stop_line();
        let mut fresh = month_key(month);
        fresh.extend(item([
            ("cap", money(self.config.cap)),
            ("floor", money(self.config.cap.saturating_sub(line))),
            ("avail", money(line)),
            ("reserved", money(Usd::ZERO)),
            ("settled", money(Usd::ZERO)),
            ("unknown", money(Usd::ZERO)),
            ("adj", money(Usd::ZERO)),
            ("st", text(MonthState::Open.as_str())),
            ("price_ver", text(&self.config.price_version)),
        ]));
        let put = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(fresh))
            .condition_expression("attribute_not_exists(PK)")
            .build()
            .map_err(unavailable)?;
        let prices = ConditionCheck::builder()
            .table_name(self.table.name())
            .set_key(Some(prices_key()))
            .condition_expression("attribute_not_exists(PK) OR #pv = :pv")
            .set_expression_attribute_names(Some(names([("#pv", "price_ver")])))
            .expression_attribute_values(":pv", text(&self.config.price_version))
            .build()
            .map_err(unavailable)?;
        let writes = [
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().condition_check(prices).build(),
        ];
        match transact(&self.table, &fresh_token(), &writes).await {
            Ok(()) => {}
            // It is open already: its own prices decide.
            Err(NotDone::Conditions(reasons)) if failed(&reasons, 0) => {}
            Err(NotDone::Conditions(_)) => return Err(ReserveRefused::PriceVersion),
            Err(other) => return Err(unavailable(other.into_cause()).into()),
        }
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(month);
        Ok(())
    }

    /// Forgets that `month` is open, because it was not there.
    pub(super) fn forget_opened(&self, month: Month) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(&month);
    }

    pub(super) async fn read_books(&self, month: Month) -> Result<MonthBooks, LedgerUnavailable> {
        match self.table.get(&month_key(month), true).await.map_err(LedgerUnavailable)? {
            Some(item) => read(&item, month).map_err(unavailable),
            None => {
                let line = self.config.stop_line();
                Ok(MonthBooks {
                    month,
                    state: MonthState::Open,
                    cap: self.config.cap,
                    floor: self.config.cap.saturating_sub(line),
                    available: line,
                    reserved: Usd::ZERO,
                    settled: Usd::ZERO,
                    unknown: Usd::ZERO,
                    adjusted: Usd::ZERO,
                })
            }
        }
    }

    pub(super) async fn set_state_by_hand(&self, month: Month, stopped: bool) -> Result<(), LedgerUnavailable> {
        self.open_month(month).await.map_err(unavailable)?;
        let (from, to) =
            if stopped { (MonthState::Open, MonthState::Stopped) } else { (MonthState::Stopped, MonthState::Open) };
        self.move_state(month, from, to).await?;
        Ok(())
    }

    /// Stops the month when too much of what was charged is unknown usage.
    ///
    /// It is read after the charge and not decided with it: the share cannot be a condition. Should
    /// this process end in between, the next unknown charge decides.
    pub(super) async fn stop_if_too_much_is_unknown(&self, month: Month) -> Result<(), LedgerUnavailable> {
        let books = self.read_books(month).await?;
        let share_is_over = i128::from(books.unknown.nanos()) * UNKNOWN_SHARE > i128::from(books.settled.nanos());
        if books.state == MonthState::Open && share_is_over && books.unknown >= self.config.unknown_allowance {
            let stopped = self.move_state(month, MonthState::Open, MonthState::Stopped).await?;
            if stopped {
                tracing::error!(%month, unknown_usd = %books.unknown, settled_usd = %books.settled,
                    "month {month} is stopped: {} of {} is unknown usage", books.unknown, books.settled);
            }
        }
        Ok(())
    }

    /// Moves the month from one state to another; `false` when it was in a third, or there already.
    async fn move_state(&self, month: Month, from: MonthState, to: MonthState) -> Result<bool, LedgerUnavailable> {
        let update = self.table.client().update_item().table_name(self.table.name());
        let update = update
            .set_key(Some(month_key(month)))
            .update_expression("SET #st = :to")
            .condition_expression("#st = :from")
            .set_expression_attribute_names(Some(names([("#st", "st")])))
            .expression_attribute_values(":from", text(from.as_str()))
            .expression_attribute_values(":to", text(to.as_str()));
        let sent = send_update(&self.table, update).await.map_err(LedgerUnavailable)?;
        Ok(matches!(sent, Updated::Yes))
    }
}

/// The state of the month.
pub(super) fn state(item: &Item) -> Result<MonthState, Malformed> {
    let state = get_text(item, "st")?;
    let known = [MonthState::Open, MonthState::Stopped, MonthState::Closed];
    known.into_iter().find(|known| known.as_str() == state).ok_or(Malformed("st"))
}

fn read(item: &Item, month: Month) -> Result<MonthBooks, Malformed> {
    Ok(MonthBooks {
        month,
        state: state(item)?,
        cap: get_money(item, "cap")?,
        floor: get_money(item, "floor")?,
        available: get_money(item, "avail")?,
        reserved: get_money(item, "reserved")?,
        settled: get_money(item, "settled")?,
        unknown: get_money(item, "unknown")?,
        adjusted: get_money(item, "adj")?,
    })
}
