//! Events of the HTTP API's authorizer.

use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::Value;

use super::invocation;

/// Answers the authorizer's events with `handle` until the environment ends. At its errors, which
/// `handle` has logged, API Gateway lets nobody in and remembers nothing.
///
/// # Errors
/// When the runtime interface cannot be reached.
pub async fn run_authorizer<H, F, R, E>(handle: H) -> anyhow::Result<()>
where
    H: Fn(Value) -> F + Send + Sync,
    F: Future<Output = Result<R, E>> + Send,
    R: Serialize,
    E: Into<anyhow::Error>,
{
    let handle = &handle;
    let service = service_fn(|event: LambdaEvent<Value>| async move {
        let result = invocation::run(&event.context, handle(event.payload), |result, _| result).await?;
        result.map_err(|error| lambda_runtime::Error::from(error.into()))
    });
    super::ready();
    lambda_runtime::run(service).await.map_err(|error| anyhow::anyhow!(error))
}
