//! What the ledger speaks of: claims, reservations, resolutions and the month.

use std::time::Duration;

use crate::ids::{ModelId, ProviderId, RequestId, Tenant};
use crate::money::Usd;
use crate::time::{Month, Timestamp};

/// The right to spend on behalf of one request key, held by one invocation until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose key.
    pub tenant: Tenant,
    /// SHA-256 of the key, in hex.
    pub key_hash: String,
    /// The invocation that holds it.
    pub owner: RequestId,
    /// When it may be taken over.
    pub lease: Timestamp,
}

/// What [`crate::ports::Ledger::acquire`] is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The claim that is wanted.
    pub claim: Claim,
    /// The most that the key may cost, over all its invocations.
    pub envelope: Usd,
    /// SHA-256 of the request body.
    pub payload_hash: [u8; 32],
    /// The time now.
    pub now: Timestamp,
}

/// The reply kept for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReply {
    /// The HTTP status.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// Why a claim was not given.
#[derive(Debug, thiserror::Error)]
pub enum ClaimRefused {
    /// The key is done: send this reply again.
    #[error("the request with this key has been answered")]
    Done(StoredReply),
    /// The key was used with another body.
    #[error("the key was used with another request body")]
    OtherPayload,
    /// Another invocation holds it.
    #[error("a request with this key is being answered")]
    InProgress {
        /// How long its lease lasts.
        retry_after: Duration,
    },
    /// The ledger cannot be reached.
    #[error(transparent)]
    Unavailable(#[from] LedgerUnavailable),
}

/// The ledger cannot be reached, or it is not known what it did.
#[derive(Debug, thiserror::Error)]
#[error("the ledger is unavailable")]
pub struct LedgerUnavailable(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What [`crate::ports::Ledger::reserve`] is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReserveRequest {
    /// On whose behalf.
    pub claim: Claim,
    /// The number of this send among the owner's, from 0.
    pub attempt: u32,
    /// The worst that the send can cost.
    pub amount: Usd,
    /// Whose API will be sent to.
    pub provider: ProviderId,
    /// Which model.
    pub model: ModelId,
    /// The month it is charged to.
    pub month: Month,
    /// The time now.
    pub now: Timestamp,
}

/// Money set aside for one send. It is resolved once: as posted, posted unknown or voided.
#[must_use = "resolve it, or it holds budget until the sweeper charges it in full"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// On whose behalf.
    pub claim: Claim,
    /// The number of the send.
    pub attempt: u32,
    /// What is set aside.
    pub amount: Usd,
    /// The month it is charged to, whatever month it is when it resolves.
    pub month: Month,
}

/// Why money was not set aside.
#[derive(Debug, thiserror::Error)]
pub enum ReserveRefused {
    /// The month's money is spent.
    #[error("the month's budget is spent")]
    Exhausted,
    /// The month's money is set aside by other requests, of which some may come back.
    #[error("the month's remaining budget is reserved by requests in flight")]
    InFlight,
    /// Spending was stopped.
    #[error("spending is stopped")]
    Stopped,
    /// The prices of this process are not the ledger's.
    #[error("the ledger was opened with other prices")]
    PriceVersion,
    /// The request's own limit does not cover it.
    #[error("the request's limit leaves {left}, too little")]
    RequestLimit {
        /// What is left of the limit.
        left: Usd,
    },
    /// Another invocation has taken the key over.
    #[error("another invocation has taken this request over")]
    Fenced,
    /// The ledger cannot be reached: do not send.
    #[error(transparent)]
    Unavailable(#[from] LedgerUnavailable),
}

impl ReserveRefused {
    /// The reason's name in metrics, see [`crate::metrics::BUDGET_REFUSED`].
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::InFlight => "in_flight",
            Self::Stopped => "stopped",
            Self::PriceVersion => "price_version",
            Self::RequestLimit { .. } => "request_limit",
            Self::Fenced => "fenced",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It cost this much, by the provider's own usage figures.
    Posted {
        /// The cost.
        actual: Usd,
        /// Input tokens.
        input_tokens: u64,
        /// Output tokens.
        output_tokens: u64,
    },
    /// It may have cost anything up to the reservation: charge all of it.
    PostedUnknown,
    /// It is proven not to have been processed: nothing is charged.
    Voided,
}

/// What a resolution did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What was charged.
    pub charged: Usd,
    /// Whether the reservation had expired and this corrected its charge.
    pub late: bool,
}

/// Whether the month's money may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonthState {
    /// It may.
    Open,
    /// Stopped by an overage, by too much unknown usage, or by hand.
    Stopped,
    /// The month is over and its books are closed.
    Closed,
}

impl MonthState {
    /// The state's name in the table and in responses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Stopped => "stopped",
            Self::Closed => "closed",
        }
    }
}

/// The books of one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthBooks {
    /// Which month.
    pub month: Month,
    /// Whether its money may be spent.
    pub state: MonthState,
    /// The month's cap.
    pub cap: Usd,
    /// What is kept back of the cap: the last 5 %.
    pub floor: Usd,
    /// What may still be reserved.
    pub available: Usd,
    /// What is reserved and not resolved.
    pub reserved: Usd,
    /// What was charged.
    pub settled: Usd,
    /// The part of it that was charged without usage figures.
    pub unknown: Usd,
    /// What was added to or taken from the cap by hand.
    pub adjusted: Usd,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Reservations that expired and were charged in full.
    pub expired: u32,
    /// What they were charged.
    pub charged: Usd,
    /// Reservations still pending.
    pub pending: u32,
    /// The earliest expiry among the reservations that it found pending, before it charged any.
    pub oldest: Option<Timestamp>,
}

/// The sweep of a month that was made last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSweep {
    /// The time it went by.
    pub at: Timestamp,
    /// What it did.
    pub swept: Swept,
}

/// What became of an attempt, as the ledger keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptState {
    /// Reserved and not resolved.
    Pending,
    /// Charged by the provider's usage figures.
    Posted,
    /// Charged in full for want of usage figures.
    PostedUnknown,
    /// Proven not to have been processed: nothing is charged.
    Voided,
    /// Charged in full by the sweeper.
    Expired,
    /// Expired, and corrected by a result that came late.
    Late,
}

impl AttemptState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Posted, Self::PostedUnknown, Self::Voided, Self::Expired, Self::Late];

    /// The state's name in the table and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Posted => "posted",
            Self::PostedUnknown => "posted_unknown",
            Self::Voided => "voided",
            Self::Expired => "expired",
            Self::Late => "late",
        }
    }
}

/// One attempt as the ledger keeps it, for an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEntry {
    /// What became of it.
    pub state: AttemptState,
    /// Whose API it was for.
    pub provider: ProviderId,
    /// Which model.
    pub model: ModelId,
    /// What was reserved.
    pub reserved: Usd,
    /// What was charged; nothing while it is pending.
    pub charged: Usd,
    /// Input and output tokens, when the provider told them.
    pub usage: Option<(u64, u64)>,
}

/// How a finished key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// Whose key.
    pub claim: Claim,
    /// The reply to be sent again to the same key; `None` when the key was the invocation's own.
    pub reply: Option<StoredReply>,
    /// When the record may be forgotten.
    pub forget_at: Timestamp,
}
