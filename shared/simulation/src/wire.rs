//! The database's words: refusals, and calls in a line.

use std::collections::BTreeMap;

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use serde_json::Value;

/// Why the database did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InternalError,
    Throttled { is_transaction: bool },
    Conflict { is_transaction: bool },
}

impl Refusal {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InternalError => "failed",
            Self::Throttled { .. } => "throttled",
            Self::Conflict { .. } => "refused for a conflict",
        }
    }
}

/// The reply that says so, as the service writes it.
pub(crate) fn refusal(refusal: Refusal) -> HttpResponse {
    let (status, body) = match refusal {
        Refusal::InternalError => (500, error("InternalServerError")),
        Refusal::Throttled { is_transaction: true } => (400, cancelled("ThrottlingError")),
        Refusal::Throttled { is_transaction: false } => (400, error("ThrottlingException")),
        Refusal::Conflict { is_transaction: true } => (400, cancelled("TransactionConflict")),
        Refusal::Conflict { is_transaction: false } => (400, error("TransactionConflictException")),
    };
    let mut response = HttpResponse::new(status.try_into().unwrap_or_else(|_| unreachable!()), body.into());
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn error(name: &str) -> String {
    format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{name}","message":"{name}"}}"#)
}

fn cancelled(code: &str) -> String {
    format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled [{code}, None]","CancellationReasons":[{{"Code":"{code}"}},{{"Code":"None"}}]}}"#
    )
}

/// Whether the call may change an item.
pub(crate) fn may_write(request: &HttpRequest) -> bool {
    !["GetItem", "BatchGetItem", "Query", "Scan"].contains(&operation(request))
}

/// The name of the operation.
fn operation(request: &HttpRequest) -> &str {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

/// The call in a line: what it touches, with which values, and what came of it.
pub(crate) fn summary(request: &HttpRequest, how: &str, response: Option<&HttpResponse>) -> String {
    let operation = operation(request);
    let body: Value = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let writes = body["TransactItems"].as_array();
    let parts: Vec<String> = match writes {
        Some(writes) => writes.iter().flat_map(|write| write.as_object().into_iter().flatten()).map(part).collect(),
        None => vec![part((&String::new(), &body))],
    };
    let came = response.filter(|response| !response.status().is_success()).map(came).unwrap_or_default();
    format!("{operation} {} -> {how}{came}", parts.join("; "))
}

fn part((kind, write): (&String, &Value)) -> String {
    let key = if write["Item"].is_object() { &write["Item"] } else { &write["Key"] };
    let text = |name: &str| key[name]["S"].as_str().map(short).unwrap_or_default();
    let values: BTreeMap<&String, String> = write["ExpressionAttributeValues"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name, plain(value)))
        .filter(|(name, _)| !matches!(name.as_str(), ":t" | ":ttl" | ":b" | ":h" | ":usage"))
        .collect();
    let update = write["UpdateExpression"].as_str().unwrap_or_default();
    let values: Vec<String> = values.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{kind} {} {} [{}] {update}", text("PK"), text("SK"), values.join(" "))
}

fn plain(value: &Value) -> String {
    let inner = value.as_object().and_then(|value| value.values().next());
    inner.map(|value| short(value.as_str().unwrap_or_default())).unwrap_or_default()
}

/// Keys are hashes: their beginnings tell them apart.
fn short(text: &str) -> String {
    text.split('#').map(|part| if part.len() == 64 { &part[..6] } else { part }).collect::<Vec<_>>().join("#")
}

fn came(response: &HttpResponse) -> String {
    let body: Value = response.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let name = body["__type"].as_str().and_then(|name| name.rsplit('#').next()).unwrap_or("error");
    let reasons: Vec<&str> = body["CancellationReasons"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|reason| reason["Code"].as_str().unwrap_or("None"))
        .collect();
    format!(", {name} {reasons:?}")
}
