//! Events of the HTTP API.

use std::future::Future;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farthing_api::{ApiError, Call, Reply};
use farthing_domain::auth::Scope;
use farthing_domain::ids::Tenant;
use farthing_domain::ports::{Clock as _, Ids as _};
use farthing_domain::time::{Deadline, Timestamp};
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use lambda_http::{Body, Error};
use serde_json::Value;

use super::invocation;
use crate::clock::{SystemClock, Ulids};

/// The time between a handler's deadline and its function's, in which the reply gets out.
const RESPONSE_MARGIN: Duration = Duration::from_secs(3);
/// The longest that a handler works, whatever its function is given.
const LONGEST: Duration = Duration::from_secs(26);
/// Where the authorizer's context has the tenant.
const TENANT: &str = "tenant";
/// What log lines say of a route that is none of ours. The path is a caller's words.
const NO_ROUTE: &str = "none";

/// Serves the HTTP API's events, in payload format 2.0, with `handle` until the environment ends.
///
/// An event of another shape gets status 400, and one that no authorizer let pass 403: neither is
/// a failure that would be tried again.
///
/// # Errors
/// When the runtime interface cannot be reached.
pub async fn run<H, F>(handle: H) -> anyhow::Result<()>
where
    H: Fn(Call) -> F + Send + Sync,
    F: Future<Output = Reply> + Send,
{
    let (handle, ids) = (&handle, &Ulids::default());
    let service = service_fn(|LambdaEvent { payload, context }: LambdaEvent<Value>| async move {
        let call = call_of(payload, context.deadline, SystemClock.now());
        let route = call.as_ref().map_or_else(|_| NO_ROUTE.to_owned(), route_of);
        let reply = async {
            match call {
                Ok(call) => handle(call).await,
                Err(error) => error.reply(ids.request_id().as_str()),
            }
        };
        let reply = invocation::run(&context, reply, |reply, duration_ms| {
            let reply = reply.unwrap_or_else(|invocation::Panicked| {
                ApiError::unavailable("the function").reply(ids.request_id().as_str())
            });
            let status = reply.status;
            tracing::info!(
                http.route = route,
                http.status = status,
                duration_ms,
                "replied {status} in {duration_ms} ms"
            );
            reply
        });
        Ok::<_, Error>(response_of(reply.await))
    });
    super::ready();
    lambda_runtime::run(service).await.map_err(|error| anyhow::anyhow!(error))
}

/// The call that an event holds.
///
/// # Errors
/// When it is no event of the HTTP API, or nobody says on whose behalf it comes.
fn call_of(event: Value, function_ends_ms: u64, now: Timestamp) -> Result<Call, ApiError> {
    let malformed = |what: &str| ApiError::bad_body("invalid_event", format!("the event is malformed: {what}"));
    let event: ApiGatewayV2httpRequest =
        serde_json::from_value(event).map_err(|_| malformed("expected an HTTP API event in payload format 2.0"))?;
    let path = event.raw_path.ok_or_else(|| malformed("expected `rawPath`"))?;
    let authorizer = event.request_context.authorizer.unwrap_or_default();
    let tenant = authorizer.fields.get(TENANT).and_then(Value::as_str).and_then(|tenant| Tenant::parse(tenant).ok());
    let tenant = tenant.ok_or_else(ApiError::forbidden)?;
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        STANDARD.decode(body).map_err(|_| malformed("expected `body` in base64"))?
    } else {
        body.into_bytes()
    };
    Ok(Call {
        method: event.request_context.http.method.as_str().to_owned(),
        path,
        idempotency_key: idempotency_key(&event.headers),
        tenant,
        body,
        deadline: deadline(function_ends_ms, now),
    })
}

fn route_of(call: &Call) -> String {
    let is_ours = Scope::of_route(&call.method, &call.path).is_some();
    if is_ours { format!("{} {}", call.method, call.path) } else { NO_ROUTE.to_owned() }
}

fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The handler's deadline: before the function's own, if that is a time to come. Some emulators
/// give a figure that is no time at all.
fn deadline(function_ends_ms: u64, now: Timestamp) -> Deadline {
    let longest = now.plus(LONGEST);
    match i64::try_from(function_ends_ms).map(Timestamp::from_millis) {
        Ok(ends) if ends > now => Deadline::at(longest.min(ends.minus(RESPONSE_MARGIN))),
        _ => Deadline::at(longest),
    }
}

fn response_of(reply: Reply) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = reply.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = reply.status.into();
    response.headers = headers;
    response.body = Some(Body::Text(String::from_utf8_lossy(&reply.body).into_owned()));
    response
}

#[cfg(test)]
mod tests;
