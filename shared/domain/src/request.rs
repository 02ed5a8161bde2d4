//! A request that has been understood.

use std::collections::BTreeMap;

use crate::ids::{AgentId, IdempotencyKey, RequestId, Tenant};
use crate::money::Usd;
use crate::prompt::Conversation;
use crate::time::Deadline;

/// Whether a request may be answered from the answer cache, and its answer kept there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheUse {
    /// Read and write.
    #[default]
    Use,
    /// Neither read nor write.
    Bypass,
    /// Write a fresh answer without reading an old one.
    Refresh,
}

/// One question to one agent, with the caller's limits.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentRequest {
    /// What is asked.
    pub conversation: Conversation,
    /// Whose voice and knowledge answer.
    pub agent: AgentId,
    /// The most tokens of an answer.
    pub max_output_tokens: u32,
    /// The most that the answer may cost over all attempts.
    pub max_cost: Usd,
    /// How the answer cache is used.
    pub cache: CacheUse,
    /// The caller's own labels; carried, never interpreted.
    pub metadata: BTreeMap<String, String>,
}

/// What surrounds a request: who asks, under which name, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// This invocation's own name.
    pub id: RequestId,
    /// Whose budget key it is.
    pub tenant: Tenant,
    /// The caller's key, when it sent one.
    pub key: Option<IdempotencyKey>,
    /// SHA-256 of the request body, which a repeated key must repeat.
    pub payload_hash: [u8; 32],
    /// By when the answer must have been sent.
    pub deadline: Deadline,
}
