//! Tells how things stand: `GET /api/models/status` and `GET /api/budget/status`.

use farthing_api::{ApiError, Call, Reply, status as shapes};
use farthing_domain::ports::Ids;
use farthing_gateway::status::Status;

/// The reply to `call`.
pub async fn handle(status: &Status, ids: &dyn Ids, call: Call) -> Reply {
    let result = match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/api/models/status") => Ok(shapes::models_json(&status.models().await)),
        ("GET", "/api/budget/status") => match status.budget().await {
            Ok(books) => Ok(shapes::budget_json(&books, &status.policy)),
            Err(_) => Err(ApiError::unavailable("the ledger")),
        },
        (_, "/api/models/status" | "/api/budget/status") => Err(ApiError::method_not_allowed()),
        _ => Err(ApiError::not_found()),
    };
    match result {
        Ok(body) => Reply::ok(&body),
        Err(error) => error.reply(ids.request_id().as_str()),
    }
}
