//! Prepares the local models: `POST /api/models/init`.

use farthing_api::{ApiError, Call, Reply, status as shapes};
use farthing_domain::ports::Ids;
use farthing_gateway::init::{Init, InitRefused};

/// The reply to `call`.
pub async fn handle(init: &Init, ids: &dyn Ids, call: Call) -> Reply {
    let error = match (call.method.as_str(), call.path.as_str()) {
        ("POST", "/api/models/init") => match init.run().await {
            Ok(initialised) => return Reply::ok(&shapes::init_json(&initialised)),
            Err(refused @ InitRefused::InProgress) => ApiError::in_progress(&refused),
            Err(InitRefused::Store(_)) => ApiError::unavailable("the store of the active release"),
        },
        (_, "/api/models/init") => ApiError::method_not_allowed(),
        _ => ApiError::not_found(),
    };
    error.reply(ids.request_id().as_str())
}
