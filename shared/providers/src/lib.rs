//! Paid completions over HTTP.
//!
//! A provider is a [`Codec`] and the [`Transport`]: the codec turns requests into bodies and replies
//! into completions and never does I/O; the transport sends a body once and never looks into it.
//! [`connect`] puts the two together behind `domain`'s `Provider` port. There is no retry anywhere
//! in this crate: one `send` is at most one request on the wire, as one reservation paid for it.
//!
//! A new provider is one codec file, one folder of recorded replies and one line in `provider.rs`.

mod anthropic;
mod codec;
mod config;
mod credential;
mod openai;
mod provider;
mod retry_after;
mod transport;

pub use anthropic::Anthropic;
pub use codec::{Codec, Reply};
pub use config::{BaseUrl, InvalidBaseUrl, InvalidSecret, ProviderConfig, Secret};
pub use credential::Credential;
pub use openai::ChatCompletions;
pub use provider::{HttpProvider, InvalidProvider, connect, known_providers};
pub use transport::{MAX_REPLY_BYTES, Transport, TransportUnavailable};
