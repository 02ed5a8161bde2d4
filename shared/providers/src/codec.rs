//! What all codecs share: the trait, and what a status says whoever sent it.

use std::time::Duration;

use farthing_domain::ports::{Completion, CompletionRequest, PreparedCall, ProviderFailure};
use farthing_domain::prompt::{Message, Role};
use http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::config::Secret;

/// One provider's API, as pure functions.
pub trait Codec: Send + Sync {
    /// The provider's name in the registry.
    fn name(&self) -> &'static str;

    /// The public root of the provider's API.
    fn default_base_url(&self) -> &'static str;

    /// The headers of every call, besides the content's type.
    fn headers(&self, key: &Secret) -> HeaderMap;

    /// The call that asks `request`.
    fn encode(&self, request: &CompletionRequest) -> PreparedCall;

    /// What `reply` means.
    ///
    /// # Errors
    /// [`ProviderFailure`]; one without known usage unless the status proves that nothing is charged.
    fn decode(&self, reply: Reply<'_>) -> Result<Completion, ProviderFailure>;
}

/// A reply that has been received whole.
#[derive(Clone, Copy)]
pub struct Reply<'a> {
    /// The HTTP status.
    pub status: u16,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: &'a [u8],
}

impl std::fmt::Debug for Reply<'_> {
    /// The figures only: answers are never logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply(status {}, {} bytes)", self.status, self.body.len())
    }
}

/// Fails unless the status is a success. Only statuses that every provider sends before any work
/// prove that nothing is charged; all others leave it open.
pub(crate) fn require_success(reply: Reply<'_>) -> Result<(), ProviderFailure> {
    match reply.status {
        200..=299 => Ok(()),
        status @ (400 | 404 | 413 | 422) => Err(ProviderFailure::Rejected { status }),
        status @ (401..=403) => Err(ProviderFailure::Unauthorized { status }),
        429 => Err(ProviderFailure::RateLimited { retry_after: reply.retry_after }),
        status => Err(broken(format!("status {status}"))),
    }
}

/// Reads a success's body. White space around the JSON is no fault: DeepSeek sends blank lines
/// while a request waits in its queue.
pub(crate) fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ProviderFailure> {
    let text = str::from_utf8(body).map_err(|_| broken("the reply is not JSON"))?.trim_ascii();
    serde_json::from_str(text).map_err(|error| {
        // The error's own text may quote the reply, so only its kind is kept.
        broken(match error.classify() {
            Category::Eof if text.is_empty() => "the reply is empty",
            Category::Eof => "the reply is cut off",
            Category::Syntax | Category::Io => "the reply is not JSON",
            Category::Data => "the reply has another shape",
        })
    })
}

pub(crate) fn broken(reason: impl Into<String>) -> ProviderFailure {
    ProviderFailure::Broken { reason: reason.into() }
}

/// The completion, or why what was paid for cannot be used.
pub(crate) fn usable(
    completion: Completion,
    unusable_because: Option<&'static str>,
) -> Result<Completion, ProviderFailure> {
    let no_text = completion.text.trim().is_empty().then_some("no text");
    match unusable_because.or(no_text) {
        None => Ok(completion),
        Some(reason) => Err(ProviderFailure::Unusable {
            reason,
            input_tokens: completion.input_tokens,
            output_tokens: completion.output_tokens,
        }),
    }
}

pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// The messages as turns: neighbours of the same role become one text, with a blank line between.
pub(crate) fn turns(messages: &[Message]) -> Vec<(Role, String)> {
    let mut turns: Vec<(Role, String)> = Vec::with_capacity(messages.len());
    for message in messages {
        match turns.last_mut() {
            Some((role, text)) if *role == message.role => {
                text.push_str("\n\n");
                text.push_str(message.text.as_str());
            }
            _ => turns.push((message.role, message.text.as_str().to_owned())),
        }
    }
    turns
}
