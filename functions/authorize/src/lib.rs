//! Says who may call which route, to the API Gateway that asks before it calls a function.
//!
//! It reads an authorizer's event of type `REQUEST` in payload format 2.0, and answers with a
//! simple response. The caller's tenant goes on to the function that is called.

use std::error::Error;

use farthing_domain::auth::{Caller, Scope, only_authorization};
use farthing_gateway::authorize::{Authorize, NotAuthorized};
use serde::Serialize;
use serde_json::Value;

/// What API Gateway is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
}

/// What the function that is called gets to know of its caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Context {
    tenant: String,
    key: String,
}

/// It is not known whether the caller may.
#[derive(Debug, thiserror::Error)]
#[error("it is not known whether the caller may")]
pub struct NotKnown(#[source] Box<dyn Error + Send + Sync>);

/// The answer to an authorizer's event. Whatever is wrong with the event, nobody is let in.
///
/// # Errors
/// [`NotKnown`] when keys cannot be checked now. API Gateway then answers 500 and remembers nothing;
/// a refusal it would remember, and with it shut out a caller whose key is good.
pub async fn handle(authorize: &Authorize, event: &Value) -> Result<Decision, NotKnown> {
    let scope = event["routeKey"].as_str().and_then(Scope::of_route_key);
    match authorize.authorize(shown(event), scope).await {
        Ok(caller) => Ok(Decision::let_in(&caller)),
        Err(NotAuthorized::Refused(_)) => Ok(Decision { is_authorized: false, context: None }),
        Err(NotAuthorized::Unavailable(cause)) => Err(NotKnown(cause)),
    }
}

impl Decision {
    fn let_in(caller: &Caller) -> Self {
        let context = Context { tenant: caller.tenant.to_string(), key: caller.key.to_string() };
        Self { is_authorized: true, context: Some(context) }
    }
}

/// The value of the `Authorization` header.
fn shown(event: &Value) -> Option<&str> {
    let headers = event["headers"].as_object()?;
    let shown = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let (_, value) = only_authorization(shown)?;
    value.as_str().filter(|value| may_be_remembered(event, value))
}

/// Whether API Gateway remembers the answer for this key on this route alone, if at all. It does so
/// by what the deployment names as identity sources: without the route among them, a key that opens
/// one route would open all for a while.
fn may_be_remembered(event: &Value, shown: &str) -> bool {
    let (sources, route) = (&event["identitySource"], &event["routeKey"]);
    let Some(sources) = sources.as_array() else { return sources.is_null() };
    let has = |wanted: &str| sources.iter().any(|source| source.as_str() == Some(wanted));
    let is_safe = has(shown) && route.as_str().is_some_and(has);
    if !is_safe {
        tracing::error!("the authorizer's identity sources must be `Authorization` and the route: nobody is let in");
    }
    is_safe
}

#[cfg(test)]
mod tests;
