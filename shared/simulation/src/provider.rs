//! A provider with a meter of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::ProviderId;
use farthing_domain::money::Usd;
use farthing_domain::ports::{Completion, CompletionRequest, PreparedCall, Provider, ProviderFailure};
use farthing_domain::registry::ApiModel;
use tokio::sync::oneshot;

use crate::monitor::RowKey;
use crate::parts;
use crate::plan::Fate;
use crate::process::Life;
use crate::world::Sim;

/// A provider as one process reaches it.
pub(crate) struct SimulatedProvider {
    pub(crate) sim: Arc<Sim>,
    pub(crate) life: Arc<Life>,
    pub(crate) id: ProviderId,
}

/// A call as it arrives.
struct Arrived {
    owner: String,
    model: &'static ApiModel,
    input_bound: u64,
    max_output: u64,
}

type Answer = Result<Completion, ProviderFailure>;

#[async_trait]
impl Provider for SimulatedProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        let asked = request.messages.last().map_or("", |message| message.text.as_str());
        let owner = asked.split_whitespace().next().unwrap_or_default();
        let body =
            format!("{owner} {} {} {}{asked}", request.provider_model, request.max_output_tokens, request.system);
        PreparedCall { path: "/simulated", messages: 2, body: body.into_bytes() }
    }

    async fn send(&self, call: PreparedCall, limit: Duration) -> Answer {
        self.life.may_die(&self.sim, "before a send").await;
        let arrived = Arrived::read(&call);
        let row = self.sim.check_send(&arrived.owner, arrived.worst_case(), &self.life);
        let (answer, answered) = oneshot::channel();
        let fate = self.fate();
        self.sim.note(&self.id.to_string(), &format!("gets a call of {} that will end: {fate:?}", arrived.owner));
        tokio::spawn(work(Arc::clone(&self.sim), arrived, row, fate, limit, answer));
        let Ok(answer) = answered.await else { return std::future::pending().await };
        answer
    }
}

/// What becomes of a process while it waits for a provider, whatever the provider does: it may be
/// gone when the reply is there, or frozen for a while, as a closed laptop is.
pub(crate) struct Interrupted<P>(pub(crate) P, pub(crate) Arc<Sim>, pub(crate) Arc<Life>);

#[async_trait]
impl<P: Provider> Provider for Interrupted<P> {
    fn id(&self) -> &ProviderId {
        self.0.id()
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        self.0.encode(request)
    }

    async fn send(&self, call: PreparedCall, limit: Duration) -> Answer {
        let Self(inner, sim, life) = self;
        let answer = inner.send(call, limit).await;
        life.may_die(sim, "after a provider's reply").await;
        if !sim.is_healed() && sim.chance.happens(sim.plan.faults.freeze) {
            sim.note(&life.name, "is frozen");
            let most = sim.chance.pick(&[45_000, 300_000]);
            tokio::time::sleep(sim.chance.millis(15_000, most)).await;
        }
        answer
    }
}

impl SimulatedProvider {
    /// How the call ends; `None` when well.
    fn fate(&self) -> Option<Fate> {
        let faults = &self.sim.plan.faults;
        (!self.sim.is_healed() && self.sim.chance.happens(faults.provider))
            .then(|| self.sim.chance.pick(&faults.provider_fates))
    }
}

impl Arrived {
    fn read(call: &PreparedCall) -> Self {
        let text = String::from_utf8_lossy(&call.body);
        let mut words = text.split(' ');
        let owner = words.next().unwrap_or_default().to_owned();
        let model = parts::api_model(words.next().unwrap_or_default());
        let max_output = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        Self { owner, model, input_bound: call.input_token_bound(), max_output }
    }

    /// The most that the call can cost.
    fn worst_case(&self) -> Usd {
        self.model.price.cost(self.input_bound, self.max_output)
    }
}

/// What the provider does with a call, whoever still waits for it.
async fn work(
    sim: Arc<Sim>,
    call: Arrived,
    row: Option<RowKey>,
    fate: Option<Fate>,
    limit: Duration,
    answer: oneshot::Sender<Answer>,
) {
    let (least, most) = if sim.plan.is_slow { (9_000, 19_000) } else { (20, sim.chance.pick(&[400, 3_000, 16_000])) };
    tokio::time::sleep(sim.chance.millis(least, most)).await;
    let overcharges = sim.chance.happens(sim.plan.faults.overcharge);
    let input_tokens = sim.chance.between(1, call.input_bound);
    let output_tokens = sim.chance.between(0, call.max_output) * if overcharges { 5 } else { 1 };
    let charges = match fate {
        None | Some(Fate::Truncated | Fate::NoUsage | Fate::Unusable | Fate::TooLate) => true,
        Some(Fate::Silence | Fate::Reset | Fate::ServerError) => sim.chance.happens(500),
        Some(Fate::RateLimited | Fate::Rejected | Fate::Unauthorized | Fate::Unreachable) => false,
    };
    if charges && let Some(row) = row {
        let cost = call.model.price.cost(input_tokens, output_tokens);
        // What is charged for a call whose figures never reach us is bounded by the call alone.
        let is_told = matches!(fate, None | Some(Fate::Unusable));
        let cost = if is_told { cost } else { cost.min(call.worst_case()) };
        sim.bill(row, cost, cost > call.worst_case());
    }
    let broken = |reason: &str| Err(ProviderFailure::Broken { reason: reason.to_owned() });
    let ended = match fate {
        None => Ok(Completion { text: "An answer.".to_owned(), truncated: false, input_tokens, output_tokens }),
        Some(Fate::Silence) => {
            // Held open, so that nothing is heard.
            tokio::time::sleep(limit + Duration::from_secs(60)).await;
            return;
        }
        Some(Fate::TooLate) => {
            tokio::time::sleep(limit).await;
            Ok(Completion { text: "Too late.".to_owned(), truncated: false, input_tokens, output_tokens })
        }
        Some(Fate::Reset) => broken("the connection broke before the reply"),
        Some(Fate::ServerError) => broken("status 500"),
        Some(Fate::Truncated) => broken("the reply was cut off"),
        Some(Fate::NoUsage) => broken("the reply has no usage figures"),
        Some(Fate::RateLimited) => {
            let retry_after = sim.chance.happens(500).then(|| sim.chance.millis(0, 3_000));
            Err(ProviderFailure::RateLimited { retry_after })
        }
        Some(Fate::Unusable) => Err(ProviderFailure::Unusable { reason: "a refusal", input_tokens, output_tokens }),
        Some(Fate::Rejected) => Err(ProviderFailure::Rejected { status: 400 }),
        Some(Fate::Unauthorized) => Err(ProviderFailure::Unauthorized { status: 401 }),
        Some(Fate::Unreachable) => Err(ProviderFailure::Unreachable("no connection".into())),
    };
    // Whoever asked may have given up.
    let _ = answer.send(ended);
}
