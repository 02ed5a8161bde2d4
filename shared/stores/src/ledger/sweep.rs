//! The sweeper: what nobody resolved in time is charged in full.

use aws_sdk_dynamodb::types::Select;
use farthing_domain::ledger::{LedgerUnavailable, Swept};
use farthing_domain::time::{Month, Timestamp};

use super::resolve::{Move, Moved};
use super::rows::{AttemptState, get_money, names, pending_index};
use super::{DynamoLedger, unavailable};
use crate::item::{G1PK, G1SK, INDEX, Item, PK, SK, get_text, key, number, text};
use crate::retry::repeated;

impl DynamoLedger {
    pub(super) async fn sweep_month(&self, month: Month, now: Timestamp) -> Result<Swept, LedgerUnavailable> {
        let mut swept = Swept::default();
        for row in self.expired_rows(month, now).await? {
            let amount = get_money(&row, "amt").map_err(unavailable)?;
            let row_key = key(get_text(&row, PK).map_err(unavailable)?, get_text(&row, SK).map_err(unavailable)?);
            let (from, to) = (AttemptState::Pending, AttemptState::Expired);
            let expire = Move { from, to, amount, charged: amount, usage: None, month, now };
            match self.apply(&row_key, &expire).await? {
                Moved::Done => {
                    swept.expired += 1;
                    swept.charged = swept.charged.saturating_add(amount);
                }
                // Its owner resolved it meanwhile, and the index had not heard of it.
                Moved::Otherwise(_) => {}
            }
        }
        if swept.expired > 0 {
            tracing::warn!(%month, expired = swept.expired, charged_usd = %swept.charged,
                "{} reservations of {month} expired and were charged in full", swept.expired);
            self.stop_if_too_much_is_unknown(month).await?;
        }
        swept.pending = self.count_pending(month).await?;
        Ok(swept)
    }

    async fn expired_rows(&self, month: Month, now: Timestamp) -> Result<Vec<Item>, LedgerUnavailable> {
        let (mut rows, mut from) = (Vec::new(), None);
        loop {
            let query = self
                .pending_query(month, from)
                .key_condition_expression("#pk = :pk AND #sk < :now")
                .expression_attribute_names("#sk", G1SK)
                .expression_attribute_values(":now", number(now.millis()));
            let page = repeated(|| query.clone().send()).await.map_err(unavailable)?;
            rows.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(rows);
            }
        }
    }

    async fn count_pending(&self, month: Month) -> Result<u32, LedgerUnavailable> {
        let (mut count, mut from) = (0_u32, None);
        loop {
            let query = self.pending_query(month, from).key_condition_expression("#pk = :pk").select(Select::Count);
            let page = repeated(|| query.clone().send()).await.map_err(unavailable)?;
            count = count.saturating_add(u32::try_from(page.count).unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(count);
            }
        }
    }

    fn pending_query(
        &self,
        month: Month,
        from: Option<Item>,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        let query = self.table.client().query().table_name(self.table.name()).index_name(INDEX);
        query
            .set_expression_attribute_names(Some(names([("#pk", G1PK)])))
            .expression_attribute_values(":pk", text(pending_index(month)))
            .set_exclusive_start_key(from)
    }
}
