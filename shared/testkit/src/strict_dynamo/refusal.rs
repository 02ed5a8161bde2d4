//! What the service answers instead of doing as it was asked.

use serde::Serialize;

use super::value::Item;

/// An error of the service.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request is not one that the service takes.
    Invalid(String),
    /// The body is not JSON.
    Unreadable(String),
    /// There is no such table.
    NoTable,
    /// The table exists.
    TableExists,
    /// The condition failed; with the item as it is, if it was asked for and there is one.
    Condition(Option<Item>),
    /// The transaction was not done, with a reason for each of its writes.
    Cancelled(Vec<Reason>),
    /// The token was used with other parameters.
    TokenMismatch,
}

/// Why a transaction was not done, as far as one of its writes is concerned.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Reason {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

const CONDITION_FAILED: &str = "The conditional request failed";
const SERVICE: &str = "com.amazonaws.dynamodb.v20120810#";

impl Reason {
    /// It was not this write.
    pub(super) const NONE: Self = Self { code: "None", item: None, message: None };

    /// The write's condition failed on this item.
    pub(super) fn condition(item: Option<Item>) -> Self {
        Self { code: "ConditionalCheckFailed", item, message: Some(CONDITION_FAILED.to_owned()) }
    }

    /// The write cannot be done to the item as it is.
    pub(super) const fn invalid(message: String) -> Self {
        Self { code: "ValidationError", item: None, message: Some(message) }
    }
}

/// A request that the service does not take, because of `message`.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::Invalid(message.into())
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "__type")]
    kind: String,
    message: &'a str,
    #[serde(rename = "Item", skip_serializing_if = "Option::is_none")]
    item: Option<&'a Item>,
}

#[derive(Serialize)]
struct Cancelled<'a> {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(rename = "Message")]
    message: String,
    #[serde(rename = "CancellationReasons")]
    reasons: &'a [Reason],
}

impl Refusal {
    /// The status and body that say so.
    pub(super) fn answer(&self) -> (u16, Vec<u8>) {
        let plain = |kind: &str, message: &str| write(kind.to_owned(), message, None);
        let service = |kind: &str, message: &str, item| write(format!("{SERVICE}{kind}"), message, item);
        let body = match self {
            Self::Invalid(message) => plain("com.amazon.coral.validate#ValidationException", message),
            Self::Unreadable(message) => plain("com.amazon.coral.service#SerializationException", message),
            Self::NoTable => service("ResourceNotFoundException", "Requested resource not found", None),
            Self::TableExists => service("ResourceInUseException", "Table already exists", None),
            Self::Condition(item) => service("ConditionalCheckFailedException", CONDITION_FAILED, item.as_ref()),
            Self::TokenMismatch => service(
                "IdempotentParameterMismatchException",
                "Another request with the same client token and different parameters was made",
                None,
            ),
            Self::Cancelled(reasons) => cancelled(reasons),
        };
        (400, body)
    }
}

fn write(kind: String, message: &str, item: Option<&Item>) -> Vec<u8> {
    json(&Body { kind, message, item })
}

fn cancelled(reasons: &[Reason]) -> Vec<u8> {
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    json(&Cancelled { kind: format!("{SERVICE}TransactionCanceledException"), message, reasons })
}

/// Writes a reply. Every reply has text for its keys, so there is none that cannot be written.
pub(super) fn json(reply: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(reply).unwrap_or_default()
}
