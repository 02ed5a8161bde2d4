//! Reservations: one transaction over the month, the request and the attempt.

use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use farthing_domain::ledger::{LedgerUnavailable, MonthState, Reservation, ReserveRefused, ReserveRequest};
use farthing_domain::money::Usd;

use super::claims::{IN_PROGRESS, envelope_left, is_held};
use super::month::state;
use super::rows::{
    AttemptRow, AttemptState, attempt_key, attempt_token, get_money, money, month_key, names, pending_index,
    request_key,
};
use super::{DynamoLedger, unavailable};
use crate::item::{G1PK, G1SK, Item, Malformed, get_text, item, number, text};
use crate::retry::{BoxError, NotDone, failed, fresh_token, transact};

/// The places of the transaction's writes among its reasons.
const MONTH: usize = 0;
const REQUEST: usize = 1;
const ATTEMPT: usize = 2;

impl DynamoLedger {
    pub(super) async fn reserve_attempt(&self, request: ReserveRequest) -> Result<Reservation, ReserveRefused> {
        if request.amount < Usd::ZERO {
            return Err(unavailable("a negative amount cannot be reserved").into());
        }
        self.refuse_wrong_clock(request.now)?;
        self.open_month(request.month).await?;
        let token = attempt_token(&request.claim, request.attempt);
        let writes = self.reserve_writes(&request, &token).map_err(unavailable)?;
        // The transaction's own token covers its repeats. What lasts is the row's: were it the
        // service's too, asking again for a number that is resolved would look done for ten minutes.
        match transact(&self.table, &fresh_token(), &writes).await {
            Ok(()) => Ok(reservation(request)),
            Err(NotDone::Conditions(reasons)) if !failed(&reasons, ATTEMPT) => {
                Err(self.why_refused(&reasons, &request))
            }
            Err(NotDone::Conditions(_)) => {
                self.own_row(request, &token, "the number of this attempt was used".into()).await
            }
            Err(NotDone::Unclear(cause)) => self.own_row(request, &token, cause).await,
            Err(NotDone::Refused(cause)) => Err(LedgerUnavailable(cause).into()),
        }
    }

    fn reserve_writes(
        &self,
        request: &ReserveRequest,
        token: &str,
    ) -> Result<[TransactWriteItem; 3], aws_sdk_dynamodb::error::BuildError> {
        let month = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(month_key(request.month)))
            .update_expression("SET #avail = #avail - :r, #reserved = #reserved + :r")
            .condition_expression("#st = :open AND #avail >= :r AND #pv = :pv")
            .set_expression_attribute_names(Some(names([
                ("#avail", "avail"),
                ("#reserved", "reserved"),
                ("#st", "st"),
                ("#pv", "price_ver"),
            ])))
            .expression_attribute_values(":r", money(request.amount))
            .expression_attribute_values(":open", text(MonthState::Open.as_str()))
            .expression_attribute_values(":pv", text(&self.config.price_version))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        let envelope = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(request_key(&request.claim)))
            .update_expression("SET #env = #env - :r")
            .condition_expression("#st = :inprog AND #ow = :me AND #env >= :r")
            .set_expression_attribute_names(Some(names([("#env", "env"), ("#st", "st"), ("#ow", "ow")])))
            .expression_attribute_values(":r", money(request.amount))
            .expression_attribute_values(":inprog", text(IN_PROGRESS))
            .expression_attribute_values(":me", text(request.claim.owner.as_str()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()?;
        let attempt = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(self.pending_row(request, token)))
            .condition_expression("attribute_not_exists(PK)")
            .build()?;
        Ok([
            TransactWriteItem::builder().update(month).build(),
            TransactWriteItem::builder().update(envelope).build(),
            TransactWriteItem::builder().put(attempt).build(),
        ])
    }

    fn pending_row(&self, request: &ReserveRequest, token: &str) -> Item {
        let expires = request.claim.lease.plus(self.config.expiry_grace).millis();
        let mut row = attempt_key(&request.claim, request.attempt);
        row.extend(item([
            ("st", text(AttemptState::Pending.as_str())),
            ("amt", money(request.amount)),
            ("month", text(request.month.to_string())),
            ("provider", text(request.provider.as_str())),
            ("model", text(request.model.as_str())),
            ("tok", text(token)),
            ("expires_ms", number(expires)),
            (G1PK, text(pending_index(request.month))),
            (G1SK, number(expires)),
        ]));
        row
    }

    /// Looks whether the attempt's row is ours and pending: then an earlier try of this very
    /// reservation was done. Otherwise it is not known what holds, because of `cause`.
    async fn own_row(
        &self,
        request: ReserveRequest,
        token: &str,
        cause: BoxError,
    ) -> Result<Reservation, ReserveRefused> {
        let key = attempt_key(&request.claim, request.attempt);
        let row = self.table.get(&key, true).await.map_err(LedgerUnavailable)?;
        let row = row.as_ref().map(AttemptRow::read).transpose().map_err(unavailable)?;
        let is_ours = row.is_some_and(|row| {
            row.token == token
                && row.state == AttemptState::Pending
                && row.amount == request.amount
                && row.month == request.month
        });
        if is_ours { Ok(reservation(request)) } else { Err(LedgerUnavailable(cause).into()) }
    }

    /// Which condition failed, when the attempt's did not. Being fenced comes first, since then
    /// the rest is another's concern; the month comes before the request's own limit.
    fn why_refused(&self, reasons: &[CancellationReason], request: &ReserveRequest) -> ReserveRefused {
        let old = |index: usize| reasons.get(index).and_then(CancellationReason::item);
        let decided = (|| {
            let left = match old(REQUEST).filter(|_| failed(reasons, REQUEST)) {
                Some(item) if is_held(item, &request.claim)? => Some(envelope_left(item)?),
                Some(_) => return Ok(ReserveRefused::Fenced),
                None if failed(reasons, REQUEST) => return Ok(ReserveRefused::Fenced),
                None => None,
            };
            match (failed(reasons, MONTH), old(MONTH), left) {
                (true, Some(month), _) => self.why_month_refused(month),
                (true, None, _) => {
                    self.forget_opened(request.month);
                    Ok(ReserveRefused::Unavailable(unavailable("the month's item is gone")))
                }
                (false, _, Some(left)) => Ok(ReserveRefused::RequestLimit { left }),
                (false, _, None) => Ok(ReserveRefused::Unavailable(unavailable("no condition failed"))),
            }
        })();
        decided.unwrap_or_else(|malformed: Malformed| ReserveRefused::Unavailable(unavailable(malformed)))
    }

    fn why_month_refused(&self, month: &Item) -> Result<ReserveRefused, Malformed> {
        if state(month)? != MonthState::Open {
            return Ok(ReserveRefused::Stopped);
        }
        if get_text(month, "price_ver")? != self.config.price_version {
            return Ok(ReserveRefused::PriceVersion);
        }
        if get_money(month, "reserved")? > Usd::ZERO {
            return Ok(ReserveRefused::InFlight);
        }
        Ok(ReserveRefused::Exhausted)
    }
}

fn reservation(request: ReserveRequest) -> Reservation {
    let ReserveRequest { claim, attempt, amount, month, provider: _, model: _, now: _ } = request;
    Reservation { claim, attempt, amount, month }
}
