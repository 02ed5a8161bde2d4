//! A DynamoDB that does not always do as it is asked, or say what it did.

pub(crate) mod requests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use farthing_embedded::EmbeddedDynamo;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It does not arrive.
    LostRequest,
    /// It is done, and nobody hears of it.
    LostReply,
    /// It is refused because of load.
    Busy,
    /// It is refused because it met another transaction; for other calls, because of load.
    Conflict,
    /// The service breaks, before it does anything.
    Failure,
    /// It is refused with this error.
    Refused(&'static str),
    /// It is a transaction and cancelled for this reason of its first write.
    Cancelled(&'static str),
}

/// Embedded DynamoDB behind a plan of faults: each call meets the next one, until none is left.
#[derive(Clone, Debug)]
pub(crate) struct Faulty {
    inner: Arc<Mutex<EmbeddedDynamo>>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    date: Arc<Mutex<Option<&'static str>>>,
}

impl Faulty {
    pub(crate) fn new(inner: EmbeddedDynamo) -> Self {
        Self { inner: Arc::new(Mutex::new(inner)), faults: Arc::default(), date: Arc::default() }
    }

    /// Puts another database in the place of the one there was.
    pub(crate) fn replace(&self, other: EmbeddedDynamo) {
        *self.inner.lock().unwrap() = other;
    }

    pub(crate) fn plan(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// How many faults nothing has met yet.
    pub(crate) fn left(&self) -> usize {
        self.faults.lock().unwrap().len()
    }

    /// Sends this `Date` with every reply from now on.
    pub(crate) fn set_date(&self, date: &'static str) {
        *self.date.lock().unwrap() = Some(date);
    }
}

impl HttpClient for Faulty {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Faulty {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (this, inner) = (self.clone(), self.inner.lock().unwrap().clone());
        let fault = self.faults.lock().unwrap().pop_front();
        HttpConnectorFuture::new(async move {
            let is_transaction = request.headers().get("x-amz-target").unwrap_or_default().contains("Transact");
            match fault {
                Some(Fault::LostRequest) => Err(ConnectorError::timeout("the request was lost".into())),
                Some(Fault::LostReply) => {
                    inner.call(request).await?;
                    Err(ConnectorError::timeout("the reply was lost".into()))
                }
                Some(Fault::Conflict) if is_transaction => Ok(cancelled("TransactionConflict")),
                Some(Fault::Cancelled(code)) => Ok(cancelled(code)),
                Some(Fault::Conflict | Fault::Busy) => Ok(refusal(
                    400,
                    r#"{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow down"}"#,
                )),
                Some(Fault::Failure) => Ok(refusal(
                    500,
                    r#"{"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "sorry"}"#,
                )),
                Some(Fault::Refused(code)) => Ok(HttpResponse::new(
                    400.try_into().unwrap(),
                    format!(r#"{{"__type": "com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}}"#).into(),
                )),
                Some(Fault::None) | None => {
                    let mut response = inner.call(request).await?;
                    if let Some(date) = *this.date.lock().unwrap() {
                        response.headers_mut().insert("date", date);
                    }
                    Ok(response)
                }
            }
        })
    }
}

fn cancelled(code: &str) -> HttpResponse {
    let body = format!(
        r#"{{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "cancelled",
            "CancellationReasons": [{{"Code": "{code}"}}, {{"Code": "None"}}, {{"Code": "None"}}]}}"#
    );
    HttpResponse::new(400.try_into().unwrap(), body.into())
}

fn refusal(status: u16, body: &'static str) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), body.into())
}
