//! Writes with a condition, and how to tell that it was not met.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::item::Item;
use crate::retry::{BoxError, repeated};
use crate::table::Table;

/// What came of an update with a condition.
pub(crate) enum Updated {
    Yes,
    /// The item that did not meet the condition, if there is one and it was asked for.
    No(Option<Item>),
}

/// Sends an update that may be sent twice: its condition, or the item that did not meet it, tells the second.
pub(crate) async fn send_update(table: &Table, update: UpdateItemFluentBuilder) -> Result<Updated, BoxError> {
    let error = match repeated(table, || update.clone().send()).await {
        Ok(_) => return Ok(Updated::Yes),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Updated::No(failed.item().cloned())),
        _ => Err(error),
    }
}

/// Whether the write was refused because its condition was not met.
pub(crate) fn is_condition_failed<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}
