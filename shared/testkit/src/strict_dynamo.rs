//! DynamoDB in memory, as strict as the service.
//!
//! [`StrictDynamo`] is an HTTP client for the AWS SDK that opens no socket. It runs every call at
//! once, in the calling task, on a map under one lock: no thread, no time and no chance are involved,
//! so that the same calls always have the same answers, also under a paused clock.
//!
//! It knows the one table that the stores use, and of the service's operations and members only
//! those that they use. All else is a `ValidationException`, so that nothing is taken for granted.

mod base64;
mod evaluation;
mod expression;
mod expressions;
mod number;
mod page;
mod pairs;
mod query;
mod refusal;
mod scan;
mod schema;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod transaction;
mod value;
mod wire;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;

pub use self::number::{Number, NumberError};
use self::state::State;
pub use self::table::Items;
pub use self::value::{Item, Value};

type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// DynamoDB in memory, with one table. Clones share it.
#[derive(Clone)]
pub struct StrictDynamo {
    state: Arc<Mutex<State>>,
    now_ms: Option<Clock>,
}

impl Default for StrictDynamo {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StrictDynamo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StrictDynamo")
    }
}

impl StrictDynamo {
    /// A service without a table and without a time: it sends no `Date`, and remembers the tokens of
    /// transactions for ever.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::default(), now_ms: None }
    }

    /// A service without a table that takes its time from `now_ms`, in milliseconds since 1970. It
    /// sends a `Date` with every reply, and forgets the tokens of transactions after ten minutes.
    #[must_use]
    pub fn with_clock(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { state: Arc::default(), now_ms: Some(Arc::new(now_ms)) }
    }

    /// The status and body that the service answers an operation with.
    #[must_use]
    pub fn answer(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let now_ms = self.now_ms.as_ref().map(|now_ms| now_ms());
        match self.lock().run(operation, body, now_ms) {
            Ok(body) => (200, body),
            Err(refusal) => refusal.answer(),
        }
    }

    /// The response to a request of the SDK.
    #[must_use]
    pub fn respond(&self, request: &HttpRequest) -> HttpResponse {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let (status, body) = self.answer(operation, request.body().bytes().unwrap_or_default());
        let Ok(status) = StatusCode::try_from(status) else { unreachable!("{status} is no HTTP status") };
        let mut response = HttpResponse::new(status, body.into());
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        if let Some(now_ms) = &self.now_ms {
            response.headers_mut().insert("date", http_date(now_ms()));
        }
        response
    }

    /// Shows all items to `look`. Calls wait meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&Items) -> T) -> T {
        let state = self.lock();
        match &state.table {
            Some(table) => look(&table.items),
            None => look(&Items::new()),
        }
    }

    /// Keeps the index from following the table, or lets it catch up.
    pub fn hold_index(&self, is_held: bool) {
        if let Some(table) = &mut self.lock().table {
            table.index.hold(is_held, &table.items);
        }
    }

    /// Deletes the items whose `ttl` is past at `now_ms`, as the service may do at any time after.
    pub fn forget_expired(&self, now_ms: i64) {
        if let Some(table) = &mut self.lock().table {
            table.forget_expired(now_ms.div_euclid(1_000));
        }
    }

    /// How many calls were answered, refused ones included.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn http_date(now_ms: i64) -> String {
    let seconds = u64::try_from(now_ms.div_euclid(1_000)).unwrap_or_default();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

impl HttpClient for StrictDynamo {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for StrictDynamo {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(self.respond(&request)))
    }
}
