//! Answers requests: `POST /api/agents`, `POST /api/agents/batch` and `POST /api/agents/feedback`.

use std::sync::Arc;

use farthing_api::parse::{self, Defaults};
use farthing_api::{ApiError, Call, Reply, reply};
use farthing_domain::ports::Ids;
use farthing_domain::request::{AgentRequest, RequestContext};
use farthing_gateway::{Answering, batch};

/// What the function needs; made once, before the first call.
#[derive(Clone)]
pub struct Inference {
    /// The use case.
    pub answering: Arc<Answering>,
    /// What a request has when it does not say otherwise.
    pub defaults: Defaults,
    /// Names for requests.
    pub ids: Arc<dyn Ids>,
}

/// The reply to `call`.
pub async fn handle(inference: &Inference, call: Call) -> Reply {
    let id = inference.ids.request_id();
    let result = match (call.method.as_str(), call.path.as_str()) {
        ("POST", "/api/agents") => one(inference, &call).await,
        ("POST", "/api/agents/batch") => many(inference, &call).await,
        ("POST", "/api/agents/feedback") => feedback(inference, &call).await,
        (_, "/api/agents" | "/api/agents/batch" | "/api/agents/feedback") => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found()),
    };
    result.unwrap_or_else(|error| error.reply(id.as_str()))
}

async fn one(inference: &Inference, call: &Call) -> Result<Reply, ApiError> {
    let request = parse::request(&call.body, &inference.defaults)?;
    answer(inference, call, call.idempotency_key.as_deref(), &call.body, &request).await
}

async fn many(inference: &Inference, call: &Call) -> Result<Reply, ApiError> {
    parse::idempotency_key(call.idempotency_key.as_deref())?;
    let items = parse::batch(&call.body, &inference.defaults)?;
    let in_flight = inference.answering.policy().limits.batch_in_flight;
    let replies = batch::in_order(items, in_flight, |index, (text, item)| async move {
        // Each item is a request of its own, so that a repeated batch repeats each reply.
        let key = call.idempotency_key.as_ref().map(|key| format!("{key}/{index}"));
        let answered = match item {
            Ok(request) => answer(inference, call, key.as_deref(), text.as_bytes(), &request).await,
            Err(error) => Err(error),
        };
        answered.unwrap_or_else(|error| error.reply(inference.ids.request_id().as_str()))
    })
    .await;
    let succeeded = replies.iter().filter(|reply| reply.status == 200).count();
    let head = format!("{{\"succeeded\":{succeeded},\"failed\":{},\"results\":[", replies.len() - succeeded);
    let bodies: Vec<Vec<u8>> = replies.into_iter().map(|reply| reply.body).collect();
    let body = [head.as_bytes(), &bodies.join(&b','), b"]}"].concat();
    Ok(Reply { status: 200, retry_after: None, body })
}

async fn feedback(inference: &Inference, call: &Call) -> Result<Reply, ApiError> {
    let (request, feedback) = parse::feedback(&call.body)?;
    let rated = inference.answering.rate(&call.tenant, &request, feedback).await;
    reply::rated(rated.ok(), &request, feedback)
}

async fn answer(
    inference: &Inference,
    call: &Call,
    key: Option<&str>,
    payload: &[u8],
    request: &AgentRequest,
) -> Result<Reply, ApiError> {
    let context = RequestContext {
        id: inference.ids.request_id(),
        tenant: call.tenant.clone(),
        key: parse::idempotency_key(key)?,
        payload_hash: parse::payload_hash(payload),
        deadline: call.deadline,
    };
    Ok(inference.answering.reply(&context, request, |result| reply::of(result, context.id.as_str())).await)
}
