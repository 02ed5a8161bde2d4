//! The API over HTTP on this machine.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use farthing_api::{ApiError, Reply, parse};
use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_gateway::sweep::Sweep;

use crate::gateway::LocalGateway;
use crate::output;

/// How often reservations are swept that nobody resolved.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);

struct Server {
    gateway: LocalGateway,
    keys: Vec<String>,
}

pub(crate) async fn run(config: &Config, listen: &SocketAddr, json: bool) -> anyhow::Result<ExitCode> {
    if !listen.ip().is_loopback() && config.caller_keys.is_empty() {
        anyhow::bail!("{listen} can be reached by others: set FARTHING_KEYS, or listen on 127.0.0.1");
    }
    let gateway = LocalGateway::open(config, output::progress()).await?;
    let activated = gateway.activate().await;
    if activated.status != 200 {
        anyhow::bail!("the models were not activated: {}", String::from_utf8_lossy(&activated.body));
    }
    let server = Arc::new(Server { gateway, keys: config.caller_keys.clone() });
    tokio::spawn(sweep(Sweep { ledger: Arc::clone(&server.gateway.ledger), clock: Arc::new(SystemClock) }));
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    greet(&listener.local_addr()?, config, json);
    let router = Router::new().fallback(serve).with_state(server);
    axum::serve(listener, router).with_graceful_shutdown(interrupted()).await?;
    Ok(ExitCode::SUCCESS)
}

fn greet(address: &SocketAddr, config: &Config, json: bool) {
    if json {
        output::line(serde_json::json!({"listening": format!("http://{address}")}));
        return;
    }
    let paid: Vec<&str> = config.providers.keys().map(|id| id.as_str()).collect();
    output::line(format!("Farthing listens on http://{address}"));
    if paid.is_empty() {
        output::line("Paid models: none (set DEEPSEEK_API_KEY, ANTHROPIC_API_KEY or OPENAI_API_KEY to enable them)");
    } else {
        output::line(format!("Paid models: {}", paid.join(", ")));
    }
    output::line("Try, in another terminal:");
    output::line(format!("  curl -s http://{address}/api/agents -d '{{\"query\": \"What is your pricing?\"}}'"));
    output::line(format!("  curl -s http://{address}/api/budget/status"));
    output::line("  cargo run --release -- ask \"How do I login?\"");
}

async fn serve(State(server): State<Arc<Server>>, request: Request) -> Response {
    // A task of its own: a caller who hangs up does not break off a paid call half-way.
    let worker = Arc::clone(&server);
    match tokio::spawn(async move { worker.answer(request).await }).await {
        Ok(reply) => respond(reply),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a request was broken off");
            respond(server.gateway.refuse(&ApiError::unavailable("the gateway")))
        }
    }
}

impl Server {
    async fn answer(&self, request: Request) -> Reply {
        if !self.may_call(request.headers()) {
            return self.gateway.refuse(&ApiError::unauthorized());
        }
        let (parts, body) = request.into_parts();
        let text =
            |name: &str| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let announced = text("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or_default();
        let Ok(body) = to_bytes(body, parse::MAX_BODY_BYTES).await else {
            let bytes = announced.max(parse::MAX_BODY_BYTES + 1);
            return self.gateway.refuse(&ApiError::body_too_large(bytes, parse::MAX_BODY_BYTES));
        };
        self.gateway.handle(parts.method.as_str(), parts.uri.path(), text("idempotency-key"), body.into()).await
    }

    fn may_call(&self, headers: &HeaderMap) -> bool {
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        self.keys.is_empty() || shown.is_some_and(|shown| self.keys.iter().any(|key| is_same(key, shown)))
    }
}

/// Compares without saying by its duration where the texts differ.
fn is_same(key: &str, shown: &str) -> bool {
    let differences = key.bytes().zip(shown.bytes()).fold(0_u8, |sum, (a, b)| sum | (a ^ b));
    key.len() == shown.len() && differences == 0
}

fn respond(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    if let Some(seconds) = reply.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Sweeps again and again, as the schedule of the sweep function has it done.
async fn sweep(sweep: Sweep) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        if let Err(error) = farthing_sweep::handle(&sweep).await {
            tracing::error!(error = &error as &dyn std::error::Error, "ledger.sweep failed");
        }
    }
}

async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}
