//! The API over HTTP on this machine.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use farthing_api::{ApiError, Reply, parse};
use farthing_bootstrap::clock::SystemClock;
use farthing_bootstrap::config::Config;
use farthing_bootstrap::wiring;
use farthing_domain::auth::{Scope, only_authorization};
use farthing_domain::ids::Tenant;
use farthing_gateway::authorize::{Authorize, NotAuthorized};
use farthing_gateway::sweep::Sweep;
use tokio::time::Instant;

use crate::gateway::LocalGateway;
use crate::{ServeArgs, output};

/// How often reservations are swept that nobody resolved.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);

/// How often it is looked whether a week has ended, and how long after the start for the first time: the first questions
/// come before.
const WEEKLY_INTERVAL: Duration = Duration::from_secs(3_600);
const FIRST_REPORT: Duration = Duration::from_secs(60);

struct Server {
    gateway: LocalGateway,
    /// Who lets callers in; none when everybody on this machine may call.
    authorize: Option<Authorize>,
}

pub(crate) async fn run(
    config: &Config,
    ServeArgs { listen, keys }: &ServeArgs,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let needs_keys = *keys || !listen.ip().is_loopback();
    let authorize = if needs_keys { Some(wiring::authorizer(config).await?) } else { None };
    let gateway = LocalGateway::open(config, output::progress()).await?;
    let activated = gateway.activate().await;
    if activated.status != 200 {
        anyhow::bail!("the models were not activated: {}", String::from_utf8_lossy(&activated.body));
    }
    let server = Arc::new(Server { gateway, authorize });
    tokio::spawn(report_weeks(config.clone()));
    tokio::spawn(sweep(Sweep { ledger: Arc::clone(&server.gateway.ledger), clock: Arc::new(SystemClock) }));
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    greet(&listener.local_addr()?, config, needs_keys, json);
    let router = Router::new().fallback(serve).with_state(server);
    axum::serve(listener, router).with_graceful_shutdown(interrupted()).await?;
    Ok(ExitCode::SUCCESS)
}

fn greet(address: &SocketAddr, config: &Config, needs_keys: bool, json: bool) {
    if json {
        output::line(serde_json::json!({"listening": format!("http://{address}")}));
        return;
    }
    let paid: Vec<&str> =
        config.providers.iter().filter(|(_, access)| access.key.is_some()).map(|(id, _)| id.as_str()).collect();
    output::line(format!("Farthing listens on http://{address}"));
    if paid.is_empty() {
        output::line("Paid models: none (set DEEPSEEK_API_KEY, ANTHROPIC_API_KEY or OPENAI_API_KEY to enable them)");
    } else {
        output::line(format!("Paid models: {}", paid.join(", ")));
    }
    if needs_keys {
        output::line("Callers need a key: `cargo run --release -- keys create --tenant <name>` makes one");
        return;
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
        let (parts, body) = request.into_parts();
        let tenant = match self.tenant_of(&parts).await {
            Ok(tenant) => tenant,
            Err(error) => return self.gateway.refuse(&error),
        };
        let text =
            |name: &str| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let announced = text("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or_default();
        let Ok(body) = to_bytes(body, parse::MAX_BODY_BYTES).await else {
            let bytes = announced.max(parse::MAX_BODY_BYTES + 1);
            return self.gateway.refuse(&ApiError::body_too_large(bytes, parse::MAX_BODY_BYTES));
        };
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        self.gateway.handle(tenant, method, path, text("idempotency-key"), body.into()).await
    }

    /// On whose behalf the call comes; none when nobody has to say. What no function serves needs no
    /// key: its reply tells nothing.
    async fn tenant_of(&self, call: &Parts) -> Result<Option<Tenant>, ApiError> {
        let scope = Scope::of_route(call.method.as_str(), call.uri.path());
        let (Some(authorize), Some(scope)) = (&self.authorize, scope) else { return Ok(None) };
        let shown = only_authorization(call.headers.get_all(header::AUTHORIZATION));
        let shown = shown.and_then(|value| value.to_str().ok());
        match authorize.authorize(shown, Some(scope)).await {
            Ok(caller) => Ok(Some(caller.tenant)),
            Err(NotAuthorized::Refused(_)) if shown.is_none() => Err(ApiError::unauthorized()),
            Err(NotAuthorized::Refused(_)) => Err(ApiError::forbidden()),
            Err(NotAuthorized::Unavailable(_)) => Err(ApiError::unavailable("the check of keys")),
        }
    }
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

/// Makes the weekly run when a week has ended, as the schedule of its function has it done. Nothing of it is needed to answer
/// questions: it is put together when it is due, and what it lacks is told then.
async fn report_weeks(config: Config) {
    let mut ticks = tokio::time::interval_at(Instant::now() + FIRST_REPORT, WEEKLY_INTERVAL);
    loop {
        ticks.tick().await;
        if let Err(error) = report_week(&config).await {
            let error: Box<dyn std::error::Error + Send + Sync> = error.into();
            tracing::error!(error = &*error as &dyn std::error::Error, "the weekly run failed");
        }
    }
}

async fn report_week(config: &Config) -> anyhow::Result<()> {
    farthing_optimize::handle(&wiring::optimize(config).await?).await?;
    Ok(())
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
