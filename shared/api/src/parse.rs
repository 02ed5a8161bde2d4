//! From a body to a request. Whatever is wrong is refused with the field's name and the limit.

use std::collections::BTreeMap;

use farthing_domain::ids::{AgentId, IdempotencyKey, RequestId};
use farthing_domain::money::Usd;
use farthing_domain::outcome::Feedback;
use farthing_domain::policy::Policy;
use farthing_domain::prompt::{Conversation, Message, Prompt, Role};
use farthing_domain::request::{AgentRequest, CacheUse};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// The longest body, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;
/// The most requests in one batch.
pub const MAX_BATCH: usize = 100;
/// The most output tokens that can be asked for.
pub const MAX_OUTPUT_TOKENS: u32 = 8_192;
/// The output tokens of a request that does not say.
pub const DEFAULT_OUTPUT_TOKENS: u32 = 512;

const MAX_METADATA_ENTRIES: usize = 16;
const MAX_METADATA_CHARS: usize = 256;

/// What a request has when it does not say otherwise.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The agent that answers.
    pub agent: AgentId,
    /// The most that one request may cost.
    pub max_cost: Usd,
}

impl Defaults {
    /// The defaults of `agent` under `policy`.
    #[must_use]
    pub fn new(agent: AgentId, policy: &Policy) -> Self {
        Self { agent, max_cost: policy.budget.per_request_usd }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestJson {
    query: Option<String>,
    messages: Option<Vec<MessageJson>>,
    agent: Option<String>,
    max_output_tokens: Option<u64>,
    max_cost_usd: Option<String>,
    cache: Option<String>,
    metadata: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageJson {
    role: String,
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchJson<'a> {
    #[serde(borrow)]
    requests: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedbackJson {
    id: String,
    helpful: bool,
}

/// Reads the body of `POST /api/agents`.
///
/// # Errors
/// [`ApiError`] with status 400 or 413, the field at fault and the limit.
pub fn request(body: &[u8], defaults: &Defaults) -> Result<AgentRequest, ApiError> {
    request_of(text(body)?, defaults)
}

/// Reads the body of `POST /api/agents/batch`: for each item its own text, and the request or what
/// is wrong with it.
///
/// # Errors
/// [`ApiError`] when the batch as a whole cannot be read.
#[expect(clippy::type_complexity, reason = "the pair is read once, where it is made")]
pub fn batch(body: &[u8], defaults: &Defaults) -> Result<Vec<(String, Result<AgentRequest, ApiError>)>, ApiError> {
    let batch: BatchJson<'_> = from_json(text(body)?)?;
    match batch.requests.len() {
        0 => Err(ApiError::bad_field("requests", "must have at least one request")),
        count if count > MAX_BATCH => {
            Err(ApiError::bad_field("requests", format!("has {count} requests; the limit is {MAX_BATCH}")))
        }
        _ => Ok(batch
            .requests
            .into_iter()
            .map(|item| (item.get().to_owned(), request_of(item.get(), defaults)))
            .collect()),
    }
}

/// Reads the body of `POST /api/agents/feedback`: which request, and what its caller says of the answer.
///
/// # Errors
/// [`ApiError`] with status 400 or 413, the field at fault and what was expected.
pub fn feedback(body: &[u8]) -> Result<(RequestId, Feedback), ApiError> {
    let json: FeedbackJson = from_json(text(body)?)?;
    let id = RequestId::parse(&json.id).map_err(|error| ApiError::bad_field("id", error.to_string()))?;
    Ok((id, if json.helpful { Feedback::Helpful } else { Feedback::Unhelpful }))
}

/// Reads the `Idempotency-Key` header.
///
/// # Errors
/// [`ApiError`] with status 400.
pub fn idempotency_key(header: Option<&str>) -> Result<Option<IdempotencyKey>, ApiError> {
    header
        .map(|text| {
            IdempotencyKey::parse(text).map_err(|error| ApiError::bad_field("Idempotency-Key", error.to_string()))
        })
        .transpose()
}

/// SHA-256 of a body, which a repeated key must repeat.
#[must_use]
pub fn payload_hash(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

fn text(body: &[u8]) -> Result<&str, ApiError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(ApiError::body_too_large(body.len(), MAX_BODY_BYTES));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        ApiError::bad_body("invalid_utf8", format!("the body is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    if text.trim().is_empty() {
        return Err(ApiError::bad_body("empty_body", "the body is empty; a JSON object is expected"));
    }
    if is_too_deep(text) {
        return Err(ApiError::bad_body("too_deep", format!("the body nests deeper than the limit of {MAX_DEPTH}")));
    }
    Ok(text)
}

/// Whether arrays and objects nest deeper than [`MAX_DEPTH`]; brackets in strings do not count.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // `?` stands where an object ended before its key was read.
        let is_known = path != "." && !path.ends_with('?');
        ApiError::bad_json(is_known.then_some(path), error.inner())
    })?;
    reader.end().map_err(|error| ApiError::bad_json(None, &error))?;
    Ok(value)
}

fn request_of(text: &str, defaults: &Defaults) -> Result<AgentRequest, ApiError> {
    let json: RequestJson = from_json(text)?;
    let conversation = match (json.query, json.messages) {
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_field("messages", "`query` and `messages` exclude each other; send exactly one"));
        }
        (None, None) => {
            return Err(ApiError::bad_field("query", "is missing; send exactly one of `query` and `messages`"));
        }
        (Some(query), None) => Conversation::of(prompt("query", &query)?),
        (None, Some(messages)) => conversation(messages)?,
    };
    let agent = match json.agent {
        None => defaults.agent.clone(),
        Some(text) => AgentId::parse(&text).map_err(|error| ApiError::bad_field("agent", error.to_string()))?,
    };
    Ok(AgentRequest {
        conversation,
        agent,
        max_output_tokens: output_tokens(json.max_output_tokens)?,
        max_cost: max_cost(json.max_cost_usd.as_deref(), defaults.max_cost)?,
        cache: cache_use(json.cache.as_deref())?,
        metadata: metadata(json.metadata.unwrap_or_default())?,
    })
}

fn prompt(field: &str, text: &str) -> Result<Prompt, ApiError> {
    Prompt::parse(text).map_err(|error| ApiError::bad_field(field, error.to_string()))
}

fn conversation(messages: Vec<MessageJson>) -> Result<Conversation, ApiError> {
    let messages = messages
        .into_iter()
        .enumerate()
        .map(|(at, message)| {
            let role = match message.role.as_str() {
                "user" => Role::User,
                "assistant" => Role::Assistant,
                _ => {
                    let field = format!("messages[{at}].role");
                    return Err(ApiError::bad_field(field, "must be `user` or `assistant`"));
                }
            };
            Ok(Message { role, text: prompt(&format!("messages[{at}].content"), &message.content)? })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Conversation::parse(messages).map_err(|error| ApiError::bad_field("messages", error.to_string()))
}

fn output_tokens(asked: Option<u64>) -> Result<u32, ApiError> {
    match asked.map(u32::try_from) {
        None => Ok(DEFAULT_OUTPUT_TOKENS),
        Some(Ok(tokens)) if (1..=MAX_OUTPUT_TOKENS).contains(&tokens) => Ok(tokens),
        Some(_) => Err(ApiError::bad_field(
            "max_output_tokens",
            format!("must be a whole number from 1 to {MAX_OUTPUT_TOKENS}"),
        )),
    }
}

fn max_cost(asked: Option<&str>, limit: Usd) -> Result<Usd, ApiError> {
    let Some(text) = asked else { return Ok(limit) };
    match Usd::parse(text) {
        Ok(cost) if cost <= limit => Ok(cost),
        Ok(_) => Err(ApiError::bad_field("max_cost_usd", format!("must be at most {limit}, the limit of one request"))),
        Err(error) => Err(ApiError::bad_field("max_cost_usd", error.to_string())),
    }
}

fn cache_use(asked: Option<&str>) -> Result<CacheUse, ApiError> {
    match asked {
        None | Some("use") => Ok(CacheUse::Use),
        Some("bypass") => Ok(CacheUse::Bypass),
        Some("refresh") => Ok(CacheUse::Refresh),
        Some(_) => Err(ApiError::bad_field("cache", "must be `use`, `bypass` or `refresh`")),
    }
}

fn metadata(entries: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError> {
    let fits = |text: &str| text.chars().count() <= MAX_METADATA_CHARS;
    if entries.len() > MAX_METADATA_ENTRIES {
        let message = format!("has {} entries; the limit is {MAX_METADATA_ENTRIES}", entries.len());
        return Err(ApiError::bad_field("metadata", message));
    }
    if entries.iter().any(|(key, value)| !fits(key) || !fits(value)) {
        let message = format!("keys and values have at most {MAX_METADATA_CHARS} characters");
        return Err(ApiError::bad_field("metadata", message));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
