//! From Lambda's events to calls, and from replies to responses.

use std::future::Future;
use std::time::Duration;

use farthing_api::{Call, Reply};
use farthing_domain::ids::Tenant;
use farthing_domain::ports::Clock;
use farthing_domain::time::{Deadline, Timestamp};
use lambda_http::http::{Response, header};
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Body, Request, RequestExt, service_fn};
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::clock::SystemClock;
use crate::config::{Config, Place};
use crate::telemetry;

/// The time between a handler's deadline and its function's, in which the reply gets out.
const RESPONSE_MARGIN: Duration = Duration::from_secs(3);
/// The longest that a handler works, whatever its function is given.
const LONGEST: Duration = Duration::from_secs(26);

/// The configuration on Lambda, with log lines and metrics started.
///
/// # Errors
/// When a variable of the environment is wrong.
pub fn config() -> anyhow::Result<Config> {
    let config = Config::from_env(Place::Lambda)?;
    telemetry::start(&config)?;
    telemetry::start_metrics()?;
    Ok(config)
}

/// Serves Lambda's HTTP events with `handle` until the environment ends.
///
/// # Errors
/// When the runtime interface cannot be reached.
pub async fn run<H, F>(config: &Config, handle: H) -> anyhow::Result<()>
where
    H: Fn(Call) -> F + Send + Sync,
    F: Future<Output = Reply> + Send,
{
    let handle = &handle;
    let service = service_fn(|request: Request| async move {
        let reply = handle(call_of(request, config.tenant.clone(), SystemClock.now())).await;
        telemetry::flush_metrics();
        response_of(reply)
    });
    lambda_http::run(service).await.map_err(|error| anyhow::anyhow!(error))
}

/// Runs `handle` at each of a schedule's events, whatever they hold, until the environment ends.
/// What it returns is the invocation's result; its error is the invocation's failure, after which
/// no metric is written: the gauges are of an earlier run then, and counters keep for the next.
///
/// # Errors
/// When the runtime interface cannot be reached.
pub async fn run_scheduled<H, F, R, E>(handle: H) -> anyhow::Result<()>
where
    H: Fn() -> F + Send + Sync,
    F: Future<Output = Result<R, E>> + Send,
    R: Serialize,
    E: Into<anyhow::Error>,
{
    let handle = &handle;
    let service = service_fn(|_: LambdaEvent<IgnoredAny>| async move {
        let result = handle().await.map_err(|error| format!("{:#}", error.into()))?;
        telemetry::flush_metrics();
        Ok::<R, lambda_runtime::Error>(result)
    });
    lambda_runtime::run(service).await.map_err(|error| anyhow::anyhow!(error))
}

fn call_of(request: Request, tenant: Tenant, now: Timestamp) -> Call {
    let function_ends = request.lambda_context_ref().map(|context| context.deadline);
    let (parts, body) = request.into_parts();
    let idempotency_key =
        parts.headers.get("idempotency-key").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        idempotency_key,
        tenant,
        body: body.to_vec(),
        deadline: deadline(function_ends, now),
    }
}

/// The handler's deadline: before the function's own, if that is a time to come. Some emulators
/// give a figure that is no time at all.
fn deadline(function_ends_ms: Option<u64>, now: Timestamp) -> Deadline {
    let longest = now.plus(LONGEST);
    let ends = function_ends_ms.and_then(|millis| i64::try_from(millis).ok()).map(Timestamp::from_millis);
    match ends {
        Some(ends) if ends > now => Deadline::at(longest.min(ends.minus(RESPONSE_MARGIN))),
        _ => Deadline::at(longest),
    }
}

fn response_of(reply: Reply) -> Result<Response<Body>, lambda_http::Error> {
    let response = Response::builder().status(reply.status).header(header::CONTENT_TYPE, "application/json");
    let response = match reply.retry_after {
        Some(seconds) => response.header(header::RETRY_AFTER, seconds),
        None => response,
    };
    Ok(response.body(String::from_utf8_lossy(&reply.body).into_owned().into())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_survives_figures_that_are_no_time() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let left = |ends: Option<u64>| deadline(ends, now).left(now);
        assert_eq!(left(None), LONGEST);
        assert_eq!(left(Some(600_000)), LONGEST);
        assert_eq!(left(Some(u64::MAX)), LONGEST);
        assert_eq!(left(Some(1_700_000_010_000)), Duration::from_secs(7));
        assert_eq!(left(Some(1_700_000_001_000)), Duration::ZERO);
    }
}
