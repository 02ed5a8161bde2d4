//! The port of paid completions.

use std::time::Duration;

use async_trait::async_trait;

use crate::ids::ProviderId;
use crate::prompt::Message;

/// What a paid model is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletionRequest {
    /// The provider's own name for the model.
    pub provider_model: String,
    /// The system prompt.
    pub system: String,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The most tokens of the completion; always sent.
    pub max_output_tokens: u32,
}

/// A call that has been encoded and not yet sent. Its body is final: what it can cost at most
/// follows from its length.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedCall {
    /// The path below the provider's base URL.
    pub path: &'static str,
    /// The JSON body.
    pub body: Vec<u8>,
    /// How many messages it has, the system prompt included.
    pub messages: u32,
}

impl std::fmt::Debug for PreparedCall {
    /// The length only: prompts are never logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PreparedCall({} bytes to {})", self.body.len(), self.path)
    }
}

impl PreparedCall {
    /// The most input tokens the call can be charged for: with byte-level tokens a token is at
    /// least one byte of the body, and 64 plus 16 a message cover what a provider adds.
    #[must_use]
    pub fn input_token_bound(&self) -> u64 {
        self.body.len() as u64 + 64 + 16 * u64::from(self.messages)
    }
}

/// A paid answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// Whether it ended because the token limit was reached.
    pub truncated: bool,
    /// Input tokens as charged, cached ones included.
    pub input_tokens: u64,
    /// Output tokens as charged.
    pub output_tokens: u64,
}

impl std::fmt::Debug for Completion {
    /// The figures only: answers are never logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Completion({} in, {} out)", self.input_tokens, self.output_tokens)
    }
}

/// Whether a failed call may have been charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Proven not processed.
    None,
    /// Charged by these figures, although no answer can be used.
    Known {
        /// Input tokens.
        input_tokens: u64,
        /// Output tokens.
        output_tokens: u64,
    },
    /// Not known.
    Unknown,
}

/// Why a call gave no completion. The variants are what a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum ProviderFailure {
    /// Wait, or go elsewhere (429).
    #[error("the provider is rate limited")]
    RateLimited {
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
    },
    /// The call itself is wrong and would be refused again (400, 404, 413, 422).
    #[error("the provider refused the call with status {status}")]
    Rejected {
        /// The HTTP status.
        status: u16,
    },
    /// The key is wrong, or the account is out of credit (401, 402, 403).
    #[error("the provider refused the key with status {status}")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
    },
    /// No connection: nothing was sent.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer did not come in time.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// It broke while working: a 5xx, a reset, a cut-off or unreadable reply.
    #[error("the provider failed: {reason}")]
    Broken {
        /// What was seen, without any text of the reply.
        reason: String,
    },
    /// It answered and charged, but the answer cannot be used (a refusal, no text).
    #[error("the provider gave no usable answer: {reason}")]
    Unusable {
        /// What was seen.
        reason: &'static str,
        /// Input tokens as charged.
        input_tokens: u64,
        /// Output tokens as charged.
        output_tokens: u64,
    },
}

impl ProviderFailure {
    /// Whether the call may have been charged.
    #[must_use]
    pub const fn charge(&self) -> Charge {
        match self {
            Self::RateLimited { .. } | Self::Rejected { .. } | Self::Unauthorized { .. } | Self::Unreachable(_) => {
                Charge::None
            }
            Self::TimedOut | Self::Broken { .. } => Charge::Unknown,
            Self::Unusable { input_tokens, output_tokens, .. } => {
                Charge::Known { input_tokens: *input_tokens, output_tokens: *output_tokens }
            }
        }
    }

    /// Whether it speaks against the provider's health, and not against this one call.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Unauthorized { .. }
            | Self::Unreachable(_)
            | Self::TimedOut
            | Self::Broken { .. } => true,
            Self::Rejected { .. } | Self::Unusable { .. } => false,
        }
    }

    /// The stable name in attempts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Rejected { .. } => "rejected",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Broken { .. } => "provider_error",
            Self::Unusable { .. } => "unusable",
        }
    }
}

/// A provider of paid completions: a codec and a transport.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The provider's name in the registry.
    fn id(&self) -> &ProviderId;

    /// The call that asks `request`. Pure: nothing is sent.
    fn encode(&self, request: &CompletionRequest) -> PreparedCall;

    /// Sends `call` once, whatever happens, and waits at most `limit` for the whole reply.
    ///
    /// # Errors
    /// [`ProviderFailure`], whose [`charge`](ProviderFailure::charge) says what may have been paid.
    async fn send(&self, call: PreparedCall, limit: Duration) -> Result<Completion, ProviderFailure>;
}
