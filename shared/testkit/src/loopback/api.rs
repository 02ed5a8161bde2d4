//! The two APIs as the providers serve them: what they refuse and how they answer.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::script::{BYTES_PER_TOKEN, Reply};

/// Which API a call came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Anthropic's Messages API.
    Anthropic,
    /// The Chat Completions API of OpenAI and DeepSeek.
    OpenAi,
}

/// A call that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// Which API it came by.
    pub api: Api,
    /// The provider's name for the model.
    pub model: String,
    /// The most tokens of the completion.
    pub max_tokens: u64,
    /// How many messages it has, the system prompt included.
    pub messages: usize,
    /// The body.
    pub body: Value,
}

impl ReceivedRequest {
    /// The last message of role `user`.
    #[must_use]
    pub fn last_user_message(&self) -> &str {
        let messages = self.body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let last = messages.iter().rev().find(|message| message["role"] == "user");
        last.and_then(|message| message["content"].as_str()).unwrap_or_default()
    }

    /// The system prompt; empty when there is none.
    #[must_use]
    pub fn system(&self) -> &str {
        match self.api {
            Api::Anthropic => self.body["system"].as_str().unwrap_or_default(),
            Api::OpenAi => {
                let first = &self.body["messages"][0];
                first["content"].as_str().filter(|_| first["role"] == "system").unwrap_or_default()
            }
        }
    }

    /// The texts that are charged as input: the system prompt's and every message's.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let messages = self.body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let texts = messages.iter().filter_map(|message| message["content"].as_str());
        self.body["system"].as_str().into_iter().chain(texts)
    }
}

/// A call that the API turned away, free of charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRequest {
    /// The HTTP status.
    pub status: u16,
    /// Why, in the API's words.
    pub message: String,
}

type Refusable<T> = Result<T, RefusedRequest>;

fn refuse<T>(status: u16, message: impl Into<String>) -> Refusable<T> {
    Err(RefusedRequest { status, message: message.into() })
}

impl Api {
    pub(crate) fn parse(self, headers: &HeaderMap, body: &[u8]) -> Refusable<ReceivedRequest> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let has_key = match self {
            Self::Anthropic => !header("x-api-key").is_empty(),
            Self::OpenAi => header("authorization").strip_prefix("Bearer ").is_some_and(|key| !key.is_empty()),
        };
        if !has_key {
            return refuse(401, "no API key is given");
        }
        if self == Self::Anthropic && header("anthropic-version").is_empty() {
            return refuse(400, "anthropic-version: header is required");
        }
        if !header("content-type").starts_with("application/json") {
            return refuse(400, "content-type: must be application/json");
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return refuse(400, "the body is not valid JSON");
        };
        let Some(fields) = body.as_object() else { return refuse(400, "the body is no object") };
        if let Some(unknown) = fields.keys().find(|name| !self.fields().contains(&name.as_str())) {
            return refuse(400, format!("{unknown}: extra inputs are not permitted"));
        }
        let Some(model) = fields.get("model").and_then(Value::as_str).filter(|model| !model.is_empty()) else {
            return refuse(400, "model: field required");
        };
        let max_tokens = ["max_tokens", "max_completion_tokens"].iter().find_map(|name| fields.get(*name));
        // The real Chat Completions API does not require a limit. A call without one has no worst
        // case, so none may be made.
        let Some(max_tokens) = max_tokens.and_then(Value::as_u64).filter(|limit| *limit > 0) else {
            return refuse(400, "max_tokens: must be at least 1");
        };
        if fields.get("stream").is_some_and(|stream| *stream != json!(false)) {
            return refuse(400, "stream: only false is served here");
        }
        let messages = self.check_messages(&body)?;
        Ok(ReceivedRequest { api: self, model: model.to_owned(), max_tokens, messages, body })
    }

    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Anthropic => {
                &["model", "max_tokens", "messages", "system", "stream", "temperature", "top_p", "stop_sequences"]
            }
            Self::OpenAi => {
                &["model", "max_tokens", "max_completion_tokens", "messages", "stream", "temperature", "top_p", "stop"]
            }
        }
    }

    /// How many messages there are, the system prompt included.
    fn check_messages(self, body: &Value) -> Refusable<usize> {
        let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        if messages.is_empty() {
            return refuse(400, "messages: at least one message is required");
        }
        let roles: &[&str] = match self {
            Self::Anthropic => &["user", "assistant"],
            Self::OpenAi => &["system", "developer", "user", "assistant"],
        };
        for (index, message) in messages.iter().enumerate() {
            if !message["role"].as_str().is_some_and(|role| roles.contains(&role)) {
                return refuse(400, format!("messages.{index}.role: must be one of {}", roles.join(", ")));
            }
            if message["content"].as_str().is_none_or(|text| text.trim().is_empty()) {
                return refuse(400, format!("messages.{index}.content: must be a text that is not blank"));
            }
        }
        if self == Self::OpenAi {
            return Ok(messages.len());
        }
        if messages[0]["role"] != "user" {
            return refuse(400, "messages: first message must use the \"user\" role");
        }
        if messages.windows(2).any(|pair| pair[0]["role"] == pair[1]["role"]) {
            return refuse(400, "messages: roles must alternate between \"user\" and \"assistant\"");
        }
        match &body["system"] {
            Value::Null => Ok(messages.len()),
            Value::String(_) => Ok(messages.len() + 1),
            _ => refuse(400, "system: must be a text"),
        }
    }

    pub(crate) fn error(self, status: u16, message: &str) -> Value {
        let kind = match (self, status) {
            (_, 401) => "authentication_error",
            (_, 403) => "permission_error",
            (_, 404) => "not_found_error",
            (Self::Anthropic, 413) => "request_too_large",
            (_, 429) => "rate_limit_error",
            (Self::Anthropic, 529) => "overloaded_error",
            (Self::Anthropic, 500..) => "api_error",
            (Self::OpenAi, 500..) => "server_error",
            _ => "invalid_request_error",
        };
        match self {
            Self::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
            Self::OpenAi => json!({"error": {"message": message, "type": kind, "param": null, "code": null}}),
        }
    }

    /// The body of a success with the text and the figures of `reply`.
    pub(crate) fn completion(self, request: &ReceivedRequest, reply: &Reply) -> Value {
        let (input_tokens, output_tokens) = reply.tokens(request);
        let text = match reply {
            Reply::Text { text, .. } => text.as_str(),
            Reply::Counted { text } => text_of_tokens(text, output_tokens),
            Reply::CutOff | Reply::NoUsage => "An answer of which nobody knows the price.",
            Reply::Refusal { .. }
            | Reply::Status { .. }
            | Reply::Reset
            | Reply::Delay { .. }
            | Reply::Halting { .. }
            | Reply::Malformed => "",
        };
        let is_refusal = matches!(reply, Reply::Refusal { .. });
        let is_cut = output_tokens >= request.max_tokens;
        match self {
            Self::Anthropic => json!({
                "id": "msg_loopback",
                "type": "message",
                "role": "assistant",
                "model": request.model,
                "content": if text.is_empty() { json!([]) } else { json!([{"type": "text", "text": text}]) },
                "stop_reason": if is_refusal { "refusal" } else if is_cut { "max_tokens" } else { "end_turn" },
                "stop_sequence": null,
                "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens},
            }),
            Self::OpenAi => json!({
                "id": "chatcmpl-loopback",
                "object": "chat.completion",
                "created": 1_700_000_000,
                "model": request.model,
                "choices": [{
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": if is_refusal { Value::Null } else { json!(text) },
                        "refusal": if is_refusal { json!("I cannot help with that.") } else { Value::Null },
                    },
                    "finish_reason": if is_cut { "length" } else { "stop" },
                }],
                "usage": {
                    "prompt_tokens": input_tokens,
                    "completion_tokens": output_tokens,
                    "total_tokens": input_tokens.saturating_add(output_tokens),
                },
            }),
        }
    }
}

/// As much of `text` as counts for so many tokens.
fn text_of_tokens(text: &str, tokens: u64) -> &str {
    let most = usize::try_from(tokens.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX);
    &text[..text.floor_char_boundary(most)]
}
