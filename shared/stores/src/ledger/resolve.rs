//! Resolutions: a reservation becomes a charge, once.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use farthing_domain::ledger::{LedgerUnavailable, MonthState, Reservation, Resolution, Resolved};
use farthing_domain::metrics;
use farthing_domain::money::Usd;
use farthing_domain::time::{Month, Timestamp};

use super::rows::{AttemptRow, AttemptState, attempt_key, money, month_key, names};
use super::{DynamoLedger, unavailable};
use crate::item::{G1PK, G1SK, Item, TTL, item, number, text};
use crate::retry::{NotDone, failed, fresh_token, transact_patiently};

/// How often a resolution that met a conflict or a limit is repeated: more often than a reservation,
/// of which a refusal costs nothing. One that is given up is charged in full by the sweeper.
const MOST_REPEATS: u32 = 12;
/// The places of the transaction's writes among its reasons.
const ATTEMPT: usize = 0;

/// How an attempt moves from one state to another, and what that does to its month.
pub(super) struct Move {
    pub(super) from: AttemptState,
    pub(super) to: AttemptState,
    /// What was reserved.
    pub(super) amount: Usd,
    /// What is charged.
    pub(super) charged: Usd,
    /// Input and output tokens, when they are known.
    pub(super) usage: Option<(u64, u64)>,
    /// The month that it was reserved in.
    pub(super) month: Month,
    pub(super) now: Timestamp,
}

/// What became of a move.
pub(super) enum Moved {
    Done,
    /// The attempt was not in the state it was to move from; this is how it was found.
    Otherwise(Option<AttemptRow>),
}

impl DynamoLedger {
    pub(super) async fn resolve_attempt(
        &self,
        reservation: &Reservation,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Resolved, LedgerUnavailable> {
        let (to, charged, usage) = match resolution {
            Resolution::Posted { actual, .. } if actual < Usd::ZERO => {
                return Err(unavailable("a cost cannot be negative"));
            }
            Resolution::Posted { actual, input_tokens, output_tokens } => {
                (AttemptState::Posted, actual, Some((input_tokens, output_tokens)))
            }
            Resolution::PostedUnknown => (AttemptState::PostedUnknown, reservation.amount, None),
            Resolution::Voided => (AttemptState::Voided, Usd::ZERO, None),
        };
        let key = attempt_key(&reservation.claim, reservation.attempt);
        let (amount, month) = (reservation.amount, reservation.month);
        let first = Move { from: AttemptState::Pending, to, amount, charged, usage, month, now };
        let found = match self.apply(&key, &first).await? {
            Moved::Done => return Ok(self.resolved(&first).await),
            Moved::Otherwise(found) => found.ok_or_else(|| unavailable("there is no such reservation"))?,
        };
        match found.state {
            AttemptState::Posted | AttemptState::PostedUnknown | AttemptState::Voided => {
                Ok(Resolved { charged: found.recorded, late: false })
            }
            AttemptState::Late => Ok(Resolved { charged: found.recorded, late: true }),
            AttemptState::Pending => Err(unavailable("the reservation is for another amount or month")),
            AttemptState::Expired => {
                let correction = Move { from: AttemptState::Expired, to: AttemptState::Late, ..first };
                match self.apply(&key, &correction).await? {
                    Moved::Done => Ok(self.resolved(&correction).await),
                    // Another delivery of the same result came between.
                    Moved::Otherwise(Some(row)) if row.state == AttemptState::Late => {
                        Ok(Resolved { charged: row.recorded, late: true })
                    }
                    Moved::Otherwise(_) => Err(unavailable("the reservation is for another amount or month")),
                }
            }
        }
    }

    async fn resolved(&self, done: &Move) -> Resolved {
        if done.to == AttemptState::Late {
            ::metrics::counter!(metrics::LATE_CORRECTIONS).increment(1);
        }
        if done.charged > done.amount {
            ::metrics::counter!(metrics::OVERAGE).increment(1);
            tracing::error!(month = %done.month, reserved_usd = %done.amount, charged_usd = %done.charged,
                "month {} is stopped: {} was reserved and {} charged", done.month, done.amount, done.charged);
        }
        if done.to == AttemptState::PostedUnknown
            && let Err(error) = self.stop_if_too_much_is_unknown(done.month).await
        {
            // The charge stands; the next unknown one looks again.
            tracing::error!(month = %done.month, error = &error as &dyn std::error::Error,
                "unknown usage of {} was not looked at", done.month);
        }
        Resolved { charged: done.charged, late: done.to == AttemptState::Late }
    }

    /// Moves the attempt and its month in one transaction.
    pub(super) async fn apply(&self, key: &Item, change: &Move) -> Result<Moved, LedgerUnavailable> {
        let writes = [
            TransactWriteItem::builder().update(self.move_attempt(key, change).map_err(unavailable)?).build(),
            TransactWriteItem::builder().update(self.move_month(change).map_err(unavailable)?).build(),
        ];
        match transact_patiently(&self.table, &fresh_token(), &writes, MOST_REPEATS).await {
            Ok(()) => Ok(Moved::Done),
            Err(NotDone::Conditions(reasons)) if failed(&reasons, ATTEMPT) => {
                let row = reasons.first().and_then(CancellationReason::item);
                row.map(AttemptRow::read).transpose().map(Moved::Otherwise).map_err(unavailable)
            }
            Err(not_done) => Err(LedgerUnavailable(not_done.into_cause())),
        }
    }

    fn move_attempt(&self, key: &Item, change: &Move) -> Result<Update, BuildError> {
        let mut condition = "#st = :from AND #amt = :a AND #month = :m".to_owned();
        let mut set = "SET #st = :to, #rec = :c, #ttl = :ttl".to_owned();
        let mut update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(key.clone()))
            .set_expression_attribute_names(Some(names([
                ("#st", "st"),
                ("#amt", "amt"),
                ("#month", "month"),
                ("#rec", "rec"),
                ("#ttl", TTL),
                ("#g1pk", G1PK),
                ("#g1sk", G1SK),
            ])))
            .expression_attribute_values(":from", text(change.from.as_str()))
            .expression_attribute_values(":to", text(change.to.as_str()))
            .expression_attribute_values(":a", money(change.amount))
            .expression_attribute_values(":c", money(change.charged))
            .expression_attribute_values(":m", text(change.month.to_string()))
            .expression_attribute_values(":ttl", number(change.now.plus(self.config.attempt_retention).seconds()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if change.to == AttemptState::Expired {
            condition.push_str(" AND #expires < :now");
            update = update
                .expression_attribute_names("#expires", "expires_ms")
                .expression_attribute_values(":now", number(change.now.millis()));
        }
        if let Some((input, output)) = change.usage {
            set.push_str(", #usage = :usage");
            let whole = |tokens: u64| AttributeValue::N(tokens.to_string());
            let usage = AttributeValue::M(item([("in", whole(input)), ("out", whole(output))]));
            update = update.expression_attribute_names("#usage", "usage").expression_attribute_values(":usage", usage);
        }
        set.push_str(" REMOVE #g1pk, #g1sk");
        update.update_expression(set).condition_expression(condition).build()
    }

    fn move_month(&self, change: &Move) -> Result<Update, BuildError> {
        let back = number(change.amount.nanos().saturating_sub(change.charged.nanos()));
        let is_late = change.from == AttemptState::Expired;
        let mut update = Update::builder()
            .table_name(self.table.name())
            .set_key(Some(month_key(change.month)))
            .set_expression_attribute_names(Some(names([("#settled", "settled"), ("#avail", "avail")])))
            .expression_attribute_values(":d", back);
        let (mut set, condition) = if is_late {
            ("SET #settled = #settled - :d, #avail = #avail + :d".to_owned(), "#settled >= :d")
        } else {
            update = update
                .expression_attribute_names("#reserved", "reserved")
                .expression_attribute_values(":a", money(change.amount))
                .expression_attribute_values(":c", money(change.charged));
            let set = "SET #reserved = #reserved - :a, #settled = #settled + :c, #avail = #avail + :d";
            (set.to_owned(), "#reserved >= :a")
        };
        let unknown = change.unknown_after().nanos() - change.unknown_before().nanos();
        if unknown != 0 {
            set.push_str(", #unknown = #unknown + :u");
            update = update
                .expression_attribute_names("#unknown", "unknown")
                .expression_attribute_values(":u", number(unknown));
        }
        if change.charged > change.amount {
            set.push_str(", #st = :stopped");
            update = update
                .expression_attribute_names("#st", "st")
                .expression_attribute_values(":stopped", text(MonthState::Stopped.as_str()));
        }
        update.update_expression(set).condition_expression(condition).build()
    }
}

impl Move {
    /// How much of the month's unknown usage is this attempt's before the move.
    fn unknown_before(&self) -> Usd {
        if self.from == AttemptState::Expired { self.amount } else { Usd::ZERO }
    }

    /// How much of it is after the move: a charge without usage figures, unless it is nothing.
    fn unknown_after(&self) -> Usd {
        let is_known = self.usage.is_some() || self.charged == Usd::ZERO;
        if is_known { Usd::ZERO } else { self.charged }
    }
}
