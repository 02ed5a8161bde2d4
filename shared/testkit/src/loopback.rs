//! Loopback providers: paid APIs that answer from a script, over real HTTP on this machine.
//!
//! [`LoopbackProvider`] speaks Anthropic's Messages API and the Chat Completions API of OpenAI and
//! DeepSeek. It refuses what those would refuse, fails in the ways that they fail, and keeps a
//! [`Meter`] of what it would bill, so that a ledger can be held against it. [`ScriptedProvider`]
//! is the `Provider` port without any HTTP, for unit tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use farthing_domain::money::Usd;
use farthing_domain::registry::Price;
use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

mod api;
mod connection;
mod meter;
mod script;
mod scripted;
#[cfg(test)]
mod tests;

pub use api::{Api, ReceivedRequest, RefusedRequest};
pub use meter::{Bill, Billed, Meter};
pub use script::{Reply, Script};
pub use scripted::{ScriptedCall, ScriptedProvider, ScriptedResult};

use connection::{CuttableListener, Scissors};

/// A provider of paid completions on `127.0.0.1`. It ends when it is dropped.
#[derive(Debug)]
pub struct LoopbackProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    script: Script,
    requests: Vec<ReceivedRequest>,
    refused: Vec<RefusedRequest>,
    meter: Meter,
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoopbackProvider {
    /// Starts a provider on a free port. Until it gets a script, it answers every call.
    ///
    /// # Errors
    /// The error of binding the port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/v1/{*path}", post(answer))
            .route("/chat/completions", post(answer_chat))
            .with_state(Arc::clone(&shared))
            .into_make_service_with_connect_info::<Scissors>();
        let server = tokio::spawn(async move {
            // Serving ends with the task only: accept errors are retried inside.
            let _: io::Result<()> = axum::serve(CuttableListener::new(listener), router).await;
        });
        Ok(Self { address, shared, server })
    }

    /// Its base URL, without a slash at the end; the same one serves both APIs.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Replaces the script.
    pub fn script(&self, script: Script) {
        self.shared.books().script = script;
    }

    /// The accepted calls, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.books().requests.clone()
    }

    /// How many calls were accepted.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.books().requests.len()
    }

    /// The calls that the API itself refused: a key, a header or a field was missing or wrong.
    #[must_use]
    pub fn refused(&self) -> Vec<RefusedRequest> {
        self.shared.books().refused.clone()
    }

    /// What has been billed so far. A call is billed when it arrives, whatever becomes of the reply.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.shared.books().meter.clone()
    }

    /// What has been billed so far by the models' prices, as [`Meter::cost`] says.
    #[must_use]
    pub fn cost<'a>(&self, price_of: impl Fn(&str) -> &'a Price) -> Usd {
        self.shared.books().meter.cost(price_of)
    }
}

impl Drop for LoopbackProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer_chat(
    state: State<Arc<Shared>>,
    connection: ConnectInfo<Scissors>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(Path("chat/completions".to_owned()), state, connection, headers, body).await
}

async fn answer(
    Path(path): Path<String>,
    State(shared): State<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let api = match path.as_str() {
        "messages" => Api::Anthropic,
        "chat/completions" => Api::OpenAi,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let request = match api.parse(&headers, &body) {
        Ok(request) => request,
        Err(refused) => {
            let response = json_response(refused.status, &api.error(refused.status, &refused.message));
            shared.books().refused.push(refused);
            return response;
        }
    };
    // Billed before anything else happens, and under the same lock as the script's next reply.
    let reply = {
        let mut books = shared.books();
        let reply = books.script.next(&request);
        if let Some(bill) = reply.bill(&request) {
            books.meter.add(bill);
        }
        books.requests.push(request.clone());
        reply
    };
    play(reply, &request, &scissors).await
}

async fn play(mut reply: Reply, request: &ReceivedRequest, scissors: &Scissors) -> Response {
    let mut halt = None;
    loop {
        match reply {
            Reply::Delay { ms, then } => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                reply = *then;
            }
            Reply::Halting { ms, then } => {
                halt = Some(Duration::from_millis(ms));
                reply = *then;
            }
            reply => {
                let response = respond(reply, request, scissors);
                return match halt {
                    Some(halt) => in_halves(response, halt).await,
                    None => response,
                };
            }
        }
    }
}

/// The response with a pause in the middle of its body.
async fn in_halves(response: Response, pause: Duration) -> Response {
    let (mut head, body) = response.into_parts();
    let Ok(whole) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_GATEWAY.into_response() };
    head.headers.remove(CONTENT_LENGTH);
    let rest = whole.slice(whole.len() / 2..);
    let rest = stream::once(async move {
        tokio::time::sleep(pause).await;
        Ok::<_, io::Error>(rest)
    });
    let first = stream::once(async move { Ok(whole.slice(..whole.len() / 2)) });
    Response::from_parts(head, Body::from_stream(first.chain(rest)))
}

fn respond(reply: Reply, request: &ReceivedRequest, scissors: &Scissors) -> Response {
    let api = request.api;
    match reply {
        Reply::Status { code, retry_after } => {
            let mut response = json_response(code, &api.error(code, "as the script says"));
            if let Some(value) = retry_after.and_then(|seconds| seconds.to_string().parse().ok()) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
            response
        }
        Reply::CutOff => {
            let whole = api.completion(request, &Reply::CutOff).to_string();
            let half = Bytes::copy_from_slice(&whole.as_bytes()[..whole.len() / 2]);
            let body = stream::once(async { Ok(half) }).chain(stream::once(async {
                // What is written at once with the break would not go out any more.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            }));
            ([(CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response()
        }
        Reply::Reset => {
            scissors.cut();
            StatusCode::OK.into_response()
        }
        Reply::NoUsage => {
            let mut completion = api.completion(request, &reply);
            if let Some(fields) = completion.as_object_mut() {
                fields.remove("usage");
            }
            json_response(200, &completion)
        }
        Reply::Malformed => ([(CONTENT_TYPE, "application/json")], "{\"usage\": oops").into_response(),
        Reply::Text { .. }
        | Reply::Counted { .. }
        | Reply::Refusal { .. }
        | Reply::Delay { .. }
        | Reply::Halting { .. } => json_response(200, &api.completion(request, &reply)),
    }
}

fn json_response(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
