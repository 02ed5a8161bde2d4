//! DynamoDB inside this process, for a laptop and for tests. No function that is deployed links it.

use std::path::Path;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// DynamoDB in this process, on SQLite, in memory or in a file.
///
/// It is an HTTP client for the AWS SDK that opens no socket: a request is decoded, run by the
/// database and answered on a blocking thread. All stores then run the very code that they run in
/// the cloud. It stands in for the service's conditions, transactions, indexes and errors; it does
/// not throttle, and it sends no `Date`.
#[derive(Clone)]
pub struct EmbeddedDynamo {
    database: Arc<Database>,
}

/// The embedded database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the embedded database cannot be opened")]
pub struct EmbeddedError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl EmbeddedDynamo {
    /// A database that is gone when its last clone is dropped.
    ///
    /// # Errors
    /// [`EmbeddedError`] when SQLite refuses.
    pub fn in_memory() -> Result<Self, EmbeddedError> {
        Database::memory().map(Self::of).map_err(|error| EmbeddedError(error.into()))
    }

    /// The database in the file `path`, which is made if it is missing.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the file cannot be made or is no such database.
    pub fn open(path: &Path) -> Result<Self, EmbeddedError> {
        let path = path.to_str().ok_or_else(|| EmbeddedError("the path is not UTF-8".into()))?;
        Database::new(path).map(Self::of).map_err(|error| EmbeddedError(error.into()))
    }

    fn of(database: Database) -> Self {
        Self { database: Arc::new(database) }
    }
}

impl std::fmt::Debug for EmbeddedDynamo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedDynamo")
    }
}

impl HttpClient for EmbeddedDynamo {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for EmbeddedDynamo {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let database = Arc::clone(&self.database);
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body = request.body().bytes().map(<[u8]>::to_vec);
            let body = body.ok_or_else(|| ConnectorError::user("the body is a stream".into()))?;
            let (status, body) = tokio::task::spawn_blocking(move || answer(&database, &operation, &body))
                .await
                .map_err(|error| ConnectorError::other(error.into(), None))?;
            let status = status.try_into().map_err(|_| ConnectorError::user("no HTTP status".into()))?;
            let mut response = HttpResponse::new(status, body.into());
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(response)
        })
    }
}

/// The status and body that the service would answer.
fn answer(database: &Database, operation: &str, body: &[u8]) -> (u16, String) {
    match run(database, operation, body) {
        Ok(body) => (200, body),
        Err(error) => (error.status_code(), error.to_json()),
    }
}

fn run(database: &Database, operation: &str, body: &[u8]) -> dynoxide::Result<String> {
    match operation {
        "BatchGetItem" => reply(body, |request| database.batch_get_item(request)),
        "CreateTable" => reply(body, |request| database.create_table(request)),
        "DescribeTable" => reply(body, |request| database.describe_table(request)),
        "GetItem" => reply(body, |request| database.get_item(request)),
        "PutItem" => reply(body, |request| database.put_item(request)),
        "Query" => reply(body, |request| database.query(request)),
        "Scan" => reply(body, |request| database.scan(request)),
        "TransactWriteItems" => reply(body, |request| database.transact_write_items(request)),
        "UpdateItem" => reply(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => reply(body, |request| database.update_time_to_live(request)),
        other => Err(DynoxideError::ValidationException(format!("`{other}` is not used by this program"))),
    }
}

fn reply<Request: DeserializeOwned, Response: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Request) -> dynoxide::Result<Response>,
) -> dynoxide::Result<String> {
    let request =
        serde_json::from_slice(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    let response = operation(request)?;
    serde_json::to_string(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
