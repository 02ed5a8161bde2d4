//! Why a request got no answer.

use std::time::Duration;

use farthing_domain::ids::AgentId;
use farthing_domain::ledger::StoredReply;
use farthing_domain::money::Usd;
use farthing_domain::time::Timestamp;

use crate::receipt::Attempt;

/// Why a request got no answer. The variants are what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Name another agent.
    #[error("there is no agent `{0}`")]
    UnknownAgent(AgentId),
    /// Wait for the next month, or raise the budget.
    #[error("the month's budget is spent; it resets at {resets_at}")]
    BudgetExhausted {
        /// When the next month begins.
        resets_at: Timestamp,
        /// What was attempted.
        attempts: Vec<Attempt>,
    },
    /// Try again in a moment: the money is reserved by other requests, not spent.
    #[error("the month's remaining budget is reserved by requests in flight")]
    BudgetInFlight {
        /// How long to wait.
        retry_after: Duration,
        /// What was attempted.
        attempts: Vec<Attempt>,
    },
    /// Raise `max_cost_usd` up to the limit, or ask for less.
    #[error("no step fits the limit of ${limit} for one request")]
    RequestTooExpensive {
        /// The limit that applied.
        limit: Usd,
        /// What was attempted.
        attempts: Vec<Attempt>,
    },
    /// Every step failed or gave nothing fit to be delivered.
    #[error("no step gave an answer fit to be delivered")]
    NoAnswer {
        /// What was attempted.
        attempts: Vec<Attempt>,
        /// The settings that would enable steps which were left out, such as `DEEPSEEK_API_KEY`.
        missing_settings: Vec<String>,
    },
    /// Time ran out.
    #[error("the request was not answered in time")]
    DeadlineExceeded {
        /// What was attempted.
        attempts: Vec<Attempt>,
    },
    /// Try again in a moment: too many requests are in work.
    #[error("too many requests are in work")]
    Overloaded,
    /// Wait: a request with the same key is being answered.
    #[error("a request with this Idempotency-Key is being answered")]
    InProgress {
        /// How long to wait at most.
        retry_after: Duration,
    },
    /// Use another key: this one belongs to another request body.
    #[error("this Idempotency-Key was used with another request body")]
    KeyReused,
    /// The key is done; this is its reply.
    #[error("the request with this Idempotency-Key has been answered")]
    AlreadyAnswered(StoredReply),
    /// Try again later: a store or model that the answer needs is unavailable.
    #[error("{what} is unavailable")]
    Unavailable {
        /// What is unavailable.
        what: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AnswerError {
    /// The stable code for responses and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownAgent(_) => "unknown_agent",
            Self::BudgetExhausted { .. } => "budget_exhausted",
            Self::BudgetInFlight { .. } => "budget_in_flight",
            Self::RequestTooExpensive { .. } => "request_too_expensive",
            Self::NoAnswer { .. } => "no_answer",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::Overloaded => "overloaded",
            Self::InProgress { .. } => "in_progress",
            Self::KeyReused => "idempotency_key_reused",
            Self::AlreadyAnswered(_) => "already_answered",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// Whether the same request may succeed if it is sent again.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::BudgetInFlight { .. }
            | Self::NoAnswer { .. }
            | Self::DeadlineExceeded { .. }
            | Self::Overloaded
            | Self::InProgress { .. }
            | Self::Unavailable { .. } => true,
            Self::UnknownAgent(_)
            | Self::BudgetExhausted { .. }
            | Self::RequestTooExpensive { .. }
            | Self::KeyReused
            | Self::AlreadyAnswered(_) => false,
        }
    }

    /// Whether the same request would always end so, and its key may be closed with this. When the
    /// budget is spent the owner may raise it, and the key must be free for another try.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !self.is_retryable() && !matches!(self, Self::BudgetExhausted { .. })
    }

    /// What was attempted before it ended.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::BudgetExhausted { attempts, .. }
            | Self::BudgetInFlight { attempts, .. }
            | Self::RequestTooExpensive { attempts, .. }
            | Self::NoAnswer { attempts, .. }
            | Self::DeadlineExceeded { attempts } => attempts,
            Self::UnknownAgent(_)
            | Self::Overloaded
            | Self::InProgress { .. }
            | Self::KeyReused
            | Self::AlreadyAnswered(_)
            | Self::Unavailable { .. } => &[],
        }
    }
}
