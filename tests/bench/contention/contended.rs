//! A model of what an account on AWS does and embedded DynamoDB does not: cancel.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use farthing_embedded::EmbeddedDynamo;
use serde_json::{Value, json};

/// Embedded DynamoDB in which a transaction has its items to itself for a while; one that wants an
/// item meanwhile is cancelled.
#[derive(Clone, Debug)]
pub(crate) struct Contended {
    inner: EmbeddedDynamo,
    window: Duration,
    taken: Arc<Mutex<BTreeSet<String>>>,
}

impl Contended {
    pub(crate) fn new(inner: EmbeddedDynamo, window: Duration) -> Self {
        Self { inner, window, taken: Arc::default() }
    }

    /// Takes the items, all or none; what is taken already is `true` in the error.
    fn take(&self, items: Vec<String>) -> Result<Taken, Vec<bool>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let meets: Vec<bool> = items.iter().map(|item| taken.contains(item)).collect();
        if meets.contains(&true) {
            return Err(meets);
        }
        taken.extend(items.iter().cloned());
        Ok(Taken { items, all: Arc::clone(&self.taken) })
    }
}

/// Items that one transaction has, until this is dropped.
struct Taken {
    items: Vec<String>,
    all: Arc<Mutex<BTreeSet<String>>>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        self.items.iter().for_each(|item| {
            all.remove(item);
        });
    }
}

impl HttpClient for Contended {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Contended {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            let items = items_of(&request);
            if items.is_empty() {
                return this.inner.call(request).await;
            }
            let taken = this.take(items);
            tokio::time::sleep(this.window).await;
            match taken {
                Ok(_taken) => this.inner.call(request).await,
                Err(meets) => Ok(cancelled(&meets)),
            }
        })
    }
}

/// The keys of the items that a transaction writes; none for any other call.
fn items_of(request: &HttpRequest) -> Vec<String> {
    let body: Value = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let writes = body["TransactItems"].as_array().cloned().unwrap_or_default();
    writes.iter().filter_map(|write| write.as_object()?.values().next()).map(key_of).collect()
}

fn key_of(write: &Value) -> String {
    let key = if write["Key"].is_object() { &write["Key"] } else { &write["Item"] };
    format!("{} {}", key["PK"], key["SK"])
}

fn cancelled(meets: &[bool]) -> HttpResponse {
    let code = |meets: &bool| if *meets { "TransactionConflict" } else { "None" };
    let reasons: Vec<Value> = meets.iter().map(|meets| json!({"Code": code(meets)})).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": reasons,
    });
    HttpResponse::new(400.try_into().unwrap(), body.to_string().into())
}
