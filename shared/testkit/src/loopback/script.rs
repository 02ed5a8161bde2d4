//! What a loopback provider answers.

use std::collections::{BTreeMap, VecDeque};

use super::api::ReceivedRequest;
use super::meter::Bill;

/// How one call is answered, and billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A completion with these figures, billed by them even where they are above the call's limit.
    Text {
        /// The answer.
        text: String,
        /// Input tokens.
        input_tokens: u64,
        /// Output tokens.
        output_tokens: u64,
    },
    /// A completion whose tokens are counted as one for every four bytes; it ends at the call's limit.
    Counted {
        /// The answer.
        text: String,
    },
    /// No answer but a refusal, billed by these figures.
    Refusal {
        /// Input tokens.
        input_tokens: u64,
        /// Output tokens.
        output_tokens: u64,
    },
    /// An error. The statuses which say that a call was turned away are free; any other is billed
    /// at the worst, as the provider may have been at work.
    Status {
        /// The HTTP status.
        code: u16,
        /// Seconds in the `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// The connection breaks in the middle of the body. Billed at the worst.
    CutOff,
    /// The connection is reset before the reply. Billed at the worst.
    Reset,
    /// The other reply, later; billed at once.
    Delay {
        /// How much later, in milliseconds.
        ms: u64,
        /// The other reply.
        then: Box<Reply>,
    },
    /// The other reply, of which the first half comes at once and the rest later; billed at once.
    Halting {
        /// How much later, in milliseconds.
        ms: u64,
        /// The other reply.
        then: Box<Reply>,
    },
    /// A completion that does not say what it costs. Billed at the worst.
    NoUsage,
    /// A success that is no JSON. Billed at the worst.
    Malformed,
}

impl Reply {
    /// [`Reply::Text`].
    #[must_use]
    pub fn text(text: &str, input_tokens: u64, output_tokens: u64) -> Self {
        Self::Text { text: text.to_owned(), input_tokens, output_tokens }
    }

    /// [`Reply::Counted`].
    #[must_use]
    pub fn counted(text: &str) -> Self {
        Self::Counted { text: text.to_owned() }
    }

    /// [`Reply::Status`] without `Retry-After`.
    #[must_use]
    pub const fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None }
    }

    /// This reply, `ms` milliseconds later.
    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self::Delay { ms, then: Box::new(self) }
    }

    /// This reply, its second half `ms` milliseconds after the first.
    #[must_use]
    pub fn halting(self, ms: u64) -> Self {
        Self::Halting { ms, then: Box::new(self) }
    }

    /// What the call is billed; `None` when it is free.
    #[must_use]
    pub fn bill(&self, request: &ReceivedRequest) -> Option<Bill> {
        let bill = |(input_tokens, output_tokens)| Bill { model: request.model.clone(), input_tokens, output_tokens };
        match self {
            Self::Status { code: 400..=404 | 413 | 422 | 429, .. } => None,
            Self::Delay { then, .. } | Self::Halting { then, .. } => then.bill(request),
            Self::Text { .. }
            | Self::Counted { .. }
            | Self::Refusal { .. }
            | Self::Status { .. }
            | Self::CutOff
            | Self::Reset
            | Self::NoUsage
            | Self::Malformed => Some(bill(self.tokens(request))),
        }
    }

    /// Input and output tokens. At the worst, a token is a byte of the prompts, each message adds
    /// eight, and the output is as long as the call allows.
    pub(crate) fn tokens(&self, request: &ReceivedRequest) -> (u64, u64) {
        let bytes: usize = request.texts().map(str::len).sum();
        match self {
            Self::Text { input_tokens, output_tokens, .. } | Self::Refusal { input_tokens, output_tokens } => {
                (*input_tokens, *output_tokens)
            }
            Self::Counted { text } => {
                (count(bytes) + 4 * request.messages as u64, count(text.len()).min(request.max_tokens))
            }
            Self::Status { .. }
            | Self::CutOff
            | Self::Reset
            | Self::Delay { .. }
            | Self::Halting { .. }
            | Self::NoUsage
            | Self::Malformed => (bytes as u64 + 8 * request.messages as u64, request.max_tokens),
        }
    }
}

/// How long a token is taken to be where tokens are counted.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

fn count(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN).max(1)
}

/// The replies: first what is queued for the call's model, then the first rule that matches its
/// last user message, then the default.
#[derive(Clone, Debug)]
pub struct Script {
    queues: BTreeMap<String, VecDeque<Reply>>,
    rules: Vec<(String, Reply)>,
    default: Reply,
}

impl Default for Script {
    /// Answers every call with the same sentence.
    fn default() -> Self {
        Self::always(Reply::counted("This is the answer of a loopback provider."))
    }
}

impl Script {
    /// The same reply to every call.
    #[must_use]
    pub const fn always(reply: Reply) -> Self {
        Self { queues: BTreeMap::new(), rules: Vec::new(), default: reply }
    }

    /// One more reply in the queue of `model`, by the provider's name for it.
    #[must_use]
    pub fn then(mut self, model: &str, reply: Reply) -> Self {
        self.queues.entry(model.to_owned()).or_default().push_back(reply);
        self
    }

    /// One more rule: the reply to calls whose last user message contains `needle`.
    #[must_use]
    pub fn when_contains(mut self, needle: &str, reply: Reply) -> Self {
        self.rules.push((needle.to_owned(), reply));
        self
    }

    pub(crate) fn next(&mut self, request: &ReceivedRequest) -> Reply {
        if let Some(reply) = self.queues.get_mut(&request.model).and_then(VecDeque::pop_front) {
            return reply;
        }
        let rule = self.rules.iter().find(|(needle, _)| request.last_user_message().contains(needle));
        rule.map_or(&self.default, |(_, reply)| reply).clone()
    }
}
