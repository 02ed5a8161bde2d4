//! When a call to DynamoDB is made again.
//!
//! The SDK's own retries are off, so that what is repeated, and how often, stands here alone.

use std::error::Error;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use farthing_domain::metrics;

use crate::table::Table;

/// How often a call that met a conflict or a limit is repeated.
const MOST_REPEATS: u32 = 5;
/// How often a call is repeated of which it is not known whether it was done.
const MOST_BLIND_REPEATS: u32 = 1;

/// A cause of failure.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What an error of the service says about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Not done, because of load or of another writer: it may be done later.
    Busy,
    /// It is not known whether it was done.
    Unclear,
    /// Not done, and it would not be done later either.
    Refused,
}

fn kind<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Kind {
    match error {
        SdkError::ServiceError(context) => match context.err().code().unwrap_or_default() {
            "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException"
            | "TransactionConflictException"
            | "TransactionInProgressException" => Kind::Busy,
            _ if context.raw().status().is_server_error() => Kind::Unclear,
            _ => Kind::Refused,
        },
        _ => Kind::Unclear,
    }
}

/// Waits before repeat number `repeat`, from 1: full jitter, the limit doubling from 10 to 160 ms.
async fn pause(table: &Table, repeat: u32) {
    let limit = Duration::from_millis(5 << repeat.min(MOST_REPEATS));
    tokio::time::sleep(table.jitter(limit)).await;
}

/// Makes a call that may be made twice, until it is done, refused, or enough was tried.
pub(crate) async fn repeated<T, E, Call>(
    table: &Table,
    call: impl Fn() -> Call,
) -> Result<T, Box<SdkError<E, HttpResponse>>>
where
    E: ProvideErrorMetadata,
    Call: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let (mut repeats, mut blind) = (0, 0);
    loop {
        let error = match call().await {
            Ok(done) => return Ok(done),
            Err(error) => Box::new(error),
        };
        if met_transaction(error.code()) {
            ::metrics::counter!(metrics::TX_CONFLICT).increment(1);
        }
        match kind(&error) {
            Kind::Busy if repeats < MOST_REPEATS => {}
            Kind::Unclear if blind < MOST_BLIND_REPEATS => blind += 1,
            Kind::Busy | Kind::Unclear | Kind::Refused => return Err(error),
        }
        repeats += 1;
        pause(table, repeats).await;
    }
}

/// Whether the error says that the call met a transaction that was under way.
fn met_transaction(code: Option<&str>) -> bool {
    matches!(code, Some("TransactionConflictException" | "TransactionInProgressException"))
}

/// Why a transaction was not done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// At least one condition failed; there is a reason for each of its writes, in order.
    Conditions(Vec<CancellationReason>),
    /// It is not known whether it was done.
    Unclear(BoxError),
    /// It was not done.
    Refused(BoxError),
}

impl NotDone {
    /// The cause, for those to whom no condition is of interest.
    pub(crate) fn into_cause(self) -> BoxError {
        match self {
            Self::Conditions(reasons) => {
                let codes: Vec<_> = reasons.iter().map(|reason| reason.code().unwrap_or("None")).collect();
                format!("the transaction was cancelled: {}", codes.join(", ")).into()
            }
            Self::Unclear(cause) | Self::Refused(cause) => cause,
        }
    }
}

/// Whether the condition of write number `index` failed.
pub(crate) fn failed(reasons: &[CancellationReason], index: usize) -> bool {
    reasons.get(index).and_then(CancellationReason::code) == Some("ConditionalCheckFailed")
}

/// A token of its own for one transaction and its repeats.
pub(crate) fn fresh_token() -> String {
    ulid::Ulid::new().to_string()
}

/// Writes all of `writes` or none. Repeats carry the same token, so they write once.
pub(crate) async fn transact(table: &Table, token: &str, writes: &[TransactWriteItem]) -> Result<(), NotDone> {
    transact_patiently(table, token, writes, MOST_REPEATS).await
}

/// As [`transact`], but a conflict or a limit is met up to `most_repeats` times.
pub(crate) async fn transact_patiently(
    table: &Table,
    token: &str,
    writes: &[TransactWriteItem],
    most_repeats: u32,
) -> Result<(), NotDone> {
    let (mut repeats, mut blind) = (0, 0);
    loop {
        let sent = table
            .client()
            .transact_write_items()
            .set_transact_items(Some(writes.to_vec()))
            .client_request_token(token)
            .send()
            .await;
        let Err(error) = sent else { return Ok(()) };
        if met_transaction(error.code()) || error.as_service_error().is_some_and(is_conflict) {
            ::metrics::counter!(metrics::TX_CONFLICT).increment(1);
        }
        let (kind, not_done) = judge(error);
        if kind == Kind::Unclear {
            ::metrics::counter!(metrics::TX_AMBIGUOUS).increment(1);
        }
        match kind {
            Kind::Busy if repeats < most_repeats => {}
            Kind::Unclear if blind < MOST_BLIND_REPEATS => blind += 1,
            Kind::Busy | Kind::Unclear | Kind::Refused => return Err(not_done),
        }
        repeats += 1;
        pause(table, repeats).await;
    }
}

fn judge(error: SdkError<TransactWriteItemsError, HttpResponse>) -> (Kind, NotDone) {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let reasons = cancelled.cancellation_reasons();
            if (0..reasons.len()).any(|index| failed(reasons, index)) {
                (Kind::Refused, NotDone::Conditions(reasons.to_vec()))
            } else if !reasons.is_empty() && reasons.iter().all(is_passing) {
                (Kind::Busy, NotDone::Refused(error.into()))
            } else {
                (Kind::Refused, NotDone::Refused(error.into()))
            }
        }
        _ => match kind(&error) {
            Kind::Busy => (Kind::Busy, NotDone::Refused(error.into())),
            Kind::Unclear => (Kind::Unclear, NotDone::Unclear(error.into())),
            Kind::Refused => (Kind::Refused, NotDone::Refused(error.into())),
        },
    }
}

/// Whether any write of the transaction met another one.
fn is_conflict(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some("TransactionConflict"))
}

/// Whether the reason is none, or one that passes by itself.
fn is_passing(reason: &CancellationReason) -> bool {
    let code = reason.code().unwrap_or("None");
    matches!(code, "None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
}
