//! Errors as callers see them, and the only place where an error becomes a status.

use std::time::Duration;

use farthing_domain::money::Usd;
use farthing_gateway::AnswerError;
use farthing_gateway::receipt::total_cost;
use serde_json::{Value, json};

use crate::reply::{Reply, attempt_json};

/// An error as a caller sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The kind of error, of which there are few.
    pub kind: &'static str,
    /// The stable code.
    pub code: &'static str,
    /// What is wrong, in a plain sentence.
    pub message: String,
    /// The field or header at fault.
    pub param: Option<String>,
    /// Whether the same request may succeed if it is sent again.
    pub retryable: bool,
    /// After how long, for the `Retry-After` header.
    pub retry_after: Option<Duration>,
    /// Further members of the error object.
    pub details: Vec<(&'static str, Value)>,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            code,
            message: message.into(),
            param: None,
            retryable: false,
            retry_after: None,
            details: Vec::new(),
        }
    }

    /// A field or header with a wrong value.
    pub fn bad_field(field: impl Into<String>, message: impl AsRef<str>) -> Self {
        let field = field.into();
        let message = format!("`{field}`: {}", message.as_ref());
        Self { param: Some(field), ..Self::new(400, "invalid_request", "invalid_field", message) }
    }

    /// A body that cannot be read at all.
    pub fn bad_body(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", code, message)
    }

    /// A body that is not the expected JSON, at the field with this path if one is known.
    #[must_use]
    pub fn bad_json(path: Option<String>, error: &serde_json::Error) -> Self {
        let mut message = error.to_string();
        if ["surrogate", "hex escape"].iter().any(|words| message.contains(words)) {
            message = format!("half of a surrogate pair is no character: {message}");
        }
        match path.or_else(|| named_field(&message)) {
            Some(field) => Self::bad_field(field, message),
            None => Self::bad_body("invalid_json", format!("the body is not the expected JSON: {message}")),
        }
    }

    /// A body above the limit.
    #[must_use]
    pub fn body_too_large(bytes: usize, limit: usize) -> Self {
        let message = format!("the body has {bytes} bytes; the limit is {limit}");
        Self::new(413, "invalid_request", "body_too_large", message)
    }

    /// A path that does not exist.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(404, "invalid_request", "not_found", "there is no such route")
    }

    /// A request that the caller never made, or that is remembered no more.
    #[must_use]
    pub fn unknown_request() -> Self {
        let message = "`id`: there is no such request of yours in the last 90 days";
        Self { param: Some("id".to_owned()), ..Self::new(404, "invalid_request", "unknown_request", message) }
    }

    /// A request of which the opposite was said before.
    #[must_use]
    pub fn rated_otherwise() -> Self {
        let message = "the opposite was said of this request before, and holds";
        Self::new(409, "conflict", "rated_otherwise", message)
    }

    /// A path that exists, with another method.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(405, "invalid_request", "method_not_allowed", "the route takes another method")
    }

    /// A caller without a key.
    #[must_use]
    pub fn unauthorized() -> Self {
        let message = "a key is needed in the header `Authorization: Bearer <key>`";
        Self::new(401, "unauthorized", "unauthorized", message)
    }

    /// A caller who may not do this.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(403, "unauthorized", "forbidden", "the key is not valid, or does not open this route")
    }

    /// Something that is needed cannot be reached.
    #[must_use]
    pub fn unavailable(what: &str) -> Self {
        Self {
            retryable: true,
            retry_after: Some(Duration::from_secs(2)),
            ..Self::new(503, "unavailable", "unavailable", format!("{what} is unavailable"))
        }
    }

    /// Something that one call at a time can do is being done.
    #[must_use]
    pub fn in_progress(what: &dyn std::error::Error) -> Self {
        Self {
            retryable: true,
            retry_after: Some(Duration::from_secs(5)),
            ..Self::new(409, "conflict", "in_progress", what.to_string())
        }
    }

    /// The reply to the request named `request_id`.
    #[must_use]
    pub fn reply(&self, request_id: &str) -> Reply {
        let mut error = json!({
            "type": self.kind,
            "message": self.message,
            "param": self.param,
            "code": self.code,
            "request_id": request_id,
            "retryable": self.retryable,
        });
        if let Some(members) = error.as_object_mut() {
            members.extend(self.details.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        let retry_after = self.retry_after.map(|after| after.as_millis().div_ceil(1_000).max(1));
        Reply {
            status: self.status,
            retry_after: retry_after.and_then(|seconds| u64::try_from(seconds).ok()),
            body: json!({ "error": error }).to_string().into_bytes(),
        }
    }
}

/// The field that serde names in a message about one it does not know, lacks or has twice: such a
/// message stands at the object, not at the field.
fn named_field(message: &str) -> Option<String> {
    let rest = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))?;
    rest.split_once('`').map(|(field, _)| field.to_owned())
}

/// The status and shape of an error of the gateway.
#[must_use]
pub fn status_of(error: &AnswerError) -> ApiError {
    let (status, kind) = match error {
        AnswerError::UnknownAgent(_) => (400, "invalid_request"),
        AnswerError::BudgetExhausted { .. } | AnswerError::RequestTooExpensive { .. } => (402, "budget"),
        AnswerError::BudgetInFlight { .. } => (429, "budget"),
        AnswerError::NoAnswer { .. } => (502, "no_answer"),
        AnswerError::DeadlineExceeded { .. } => (504, "deadline"),
        AnswerError::Overloaded | AnswerError::Unavailable { .. } => (503, "unavailable"),
        AnswerError::InProgress { .. } | AnswerError::AlreadyAnswered(_) => (409, "idempotency"),
        AnswerError::KeyReused => (422, "idempotency"),
    };
    let mut api = ApiError::new(status, kind, error.code(), message_of(error));
    api.retryable = error.is_retryable();
    api.retry_after = match error {
        AnswerError::BudgetInFlight { retry_after, .. } | AnswerError::InProgress { retry_after } => Some(*retry_after),
        AnswerError::Overloaded | AnswerError::Unavailable { .. } => Some(Duration::from_secs(1)),
        _ => None,
    };
    api.param = match error {
        AnswerError::UnknownAgent(_) => Some("agent".to_owned()),
        AnswerError::KeyReused | AnswerError::InProgress { .. } => Some("Idempotency-Key".to_owned()),
        AnswerError::RequestTooExpensive { .. } => Some("max_cost_usd".to_owned()),
        _ => None,
    };
    api.details = details_of(error);
    api
}

fn message_of(error: &AnswerError) -> String {
    match error {
        AnswerError::NoAnswer { missing_settings, .. } if !missing_settings.is_empty() => {
            format!("{error}; set {} to enable the steps that were left out", missing_settings.join(" or "))
        }
        _ => error.to_string(),
    }
}

fn details_of(error: &AnswerError) -> Vec<(&'static str, Value)> {
    let mut details = Vec::new();
    if let AnswerError::BudgetExhausted { resets_at, .. } = error {
        details.push(("resets_at", json!(resets_at.to_string())));
    }
    let attempts = error.attempts();
    if !attempts.is_empty() {
        let cost: Usd = total_cost(attempts);
        details.push(("attempts", attempts.iter().map(attempt_json).collect::<Vec<Value>>().into()));
        details.push(("cost_usd", json!(cost.to_string())));
    }
    details
}
