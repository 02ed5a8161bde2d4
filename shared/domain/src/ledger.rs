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
