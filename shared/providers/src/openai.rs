//! The Chat Completions API, which OpenAI and DeepSeek both serve.

use farthing_domain::ports::{Completion, CompletionRequest, PreparedCall, ProviderFailure};
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::json;

use crate::codec::{Codec, Reply, broken, read_json, require_success, role_name, usable};
use crate::config::Secret;

/// The codec of the Chat Completions API.
#[derive(Clone, Copy, Debug)]
pub struct ChatCompletions {
    name: &'static str,
    default_base_url: &'static str,
    /// The field that limits the output.
    limit_field: &'static str,
}

impl ChatCompletions {
    /// As OpenAI serves it.
    #[must_use]
    pub const fn openai() -> Self {
        Self {
            name: "openai",
            default_base_url: "https://api.openai.com",
            // `max_tokens` is deprecated here, and does not bound the hidden reasoning.
            limit_field: "max_completion_tokens",
        }
    }

    /// As DeepSeek serves it.
    #[must_use]
    pub const fn deepseek() -> Self {
        Self { name: "deepseek", default_base_url: "https://api.deepseek.com", limit_field: "max_tokens" }
    }
}

impl Codec for ChatCompletions {
    fn name(&self) -> &'static str {
        self.name
    }

    fn default_base_url(&self) -> &'static str {
        self.default_base_url
    }

    fn headers(&self, key: &Secret) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, key.bearer())])
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        let system = (!request.system.trim().is_empty()).then(|| json!({"role": "system", "content": request.system}));
        // Neighbours of the same role are allowed here and passed on as they are.
        let conversation = request
            .messages
            .iter()
            .map(|message| json!({"role": role_name(message.role), "content": message.text.as_str()}));
        let messages: Vec<_> = system.into_iter().chain(conversation).collect();
        let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        // `n` is never sent: each further choice would be charged as output of its own.
        let mut body = json!({"model": request.provider_model, "messages": messages, "stream": false});
        body[self.limit_field] = json!(request.max_output_tokens);
        PreparedCall { path: "/v1/chat/completions", body: body.to_string().into_bytes(), messages: count }
    }

    fn decode(&self, reply: Reply<'_>) -> Result<Completion, ProviderFailure> {
        require_success(reply)?;
        let chat: ChatReply = read_json(reply.body)?;
        let usage = chat.usage.ok_or_else(|| broken("the reply has no usage"))?;
        let choice = chat.choices.unwrap_or_default().into_iter().next().unwrap_or_default();
        let message = choice.message.unwrap_or_default();
        let finish = choice.finish_reason.as_deref().unwrap_or_default();
        let unusable_because = match finish {
            "content_filter" => Some("content filter"),
            "insufficient_system_resource" => Some("interrupted"),
            _ if message.refusal.is_some_and(|refusal| !refusal.is_empty()) => Some("refusal"),
            _ => None,
        };
        let completion = Completion {
            text: message.content.unwrap_or_default(),
            truncated: finish == "length",
            input_tokens: usage.prompt_tokens,
            output_tokens: usage.completion_tokens,
        };
        usable(completion, unusable_because)
    }
}

#[derive(Deserialize)]
struct ChatReply {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
}

#[derive(Default, Deserialize)]
struct Choice {
    message: Option<ChatMessage>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct ChatMessage {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
}
