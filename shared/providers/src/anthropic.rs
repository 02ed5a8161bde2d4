//! Anthropic's Messages API.

use farthing_domain::ports::{Completion, CompletionRequest, PreparedCall, ProviderFailure};
use farthing_domain::prompt::Role;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::json;

use crate::codec::{Codec, Reply, broken, read_json, require_success, role_name, turns, usable};
use crate::config::Secret;

/// The codec of Anthropic's Messages API.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anthropic;

/// The API wants the user to speak first; a conversation that a greeting opened gets this turn
/// before it.
const OPENING: &str = "(The assistant opens the conversation.)";

impl Codec for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn default_base_url(&self) -> &'static str {
        "https://api.anthropic.com"
    }

    fn headers(&self, key: &Secret) -> HeaderMap {
        HeaderMap::from_iter([
            (HeaderName::from_static("x-api-key"), key.plain()),
            (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01")),
        ])
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        let mut turns = turns(&request.messages);
        if turns.first().is_some_and(|(role, _)| *role == Role::Assistant) {
            turns.insert(0, (Role::User, OPENING.to_owned()));
        }
        let messages: Vec<_> =
            turns.iter().map(|(role, text)| json!({"role": role_name(*role), "content": text})).collect();
        let mut count = messages.len();
        let mut body = json!({
            "model": request.provider_model,
            "max_tokens": request.max_output_tokens,
            "messages": messages,
        });
        if !request.system.trim().is_empty() {
            body["system"] = json!(request.system);
            count += 1;
        }
        PreparedCall {
            path: "/v1/messages",
            body: body.to_string().into_bytes(),
            messages: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }

    fn decode(&self, reply: Reply<'_>) -> Result<Completion, ProviderFailure> {
        require_success(reply)?;
        let message: MessageReply = read_json(reply.body)?;
        let usage = message.usage.ok_or_else(|| broken("the reply has no usage"))?;
        // Tokens written to or read from the provider's cache are counted apart, and charged.
        let input_tokens = usage
            .input_tokens
            .checked_add(usage.cache_creation_input_tokens.unwrap_or(0))
            .and_then(|sum| sum.checked_add(usage.cache_read_input_tokens.unwrap_or(0)))
            .ok_or_else(|| broken("the reply's usage is beyond any count"))?;
        let stop = message.stop_reason.as_deref().unwrap_or_default();
        let texts = message.content.unwrap_or_default().into_iter().filter(|block| block.kind == "text");
        let completion = Completion {
            text: texts.filter_map(|block| block.text).collect(),
            truncated: matches!(stop, "max_tokens" | "model_context_window_exceeded"),
            input_tokens,
            output_tokens: usage.output_tokens,
        };
        usable(completion, (stop == "refusal").then_some("refusal"))
    }
}

#[derive(Deserialize)]
struct MessageReply {
    content: Option<Vec<Block>>,
    stop_reason: Option<String>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}
