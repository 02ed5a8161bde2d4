//! Providers that are played: they encode calls as they are sent, and answer what the oracle has their models say.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::{ModelId, ProviderId};
use farthing_domain::ports::{
    Analyst, Clock as _, Completion, CompletionRequest, PreparedCall, Provider, ProviderFailure,
};
use farthing_domain::registry::Registry;

use super::chance::chance;
use super::clock::SimulatedClock;
use super::events::Conditions;
use super::oracle::Oracle;

/// The shortest time that a call takes, and by how much longer the longest takes.
const TIME: (Duration, Duration) = (Duration::from_millis(600), Duration::from_millis(1_200));

/// What all providers of a run share in one week.
pub(super) struct Company {
    pub(super) seed: u64,
    pub(super) oracle: Arc<Oracle>,
    pub(super) conditions: Conditions,
    /// Counts tokens.
    pub(super) counter: Arc<dyn Analyst>,
    pub(super) clock: Arc<SimulatedClock>,
}

struct PlayedProvider {
    /// Encodes, and is never asked to send.
    codec: Arc<dyn Provider>,
    /// The registry's names of its models, by its own.
    models: HashMap<String, ModelId>,
    company: Arc<Company>,
    /// What the calls ask that were encoded and not sent yet, by their bodies.
    encoded: Mutex<HashMap<Vec<u8>, CompletionRequest>>,
}

/// The providers of `codecs`, played.
pub(super) fn providers(
    codecs: &BTreeMap<ProviderId, Arc<dyn Provider>>,
    registry: &Registry,
    company: &Arc<Company>,
) -> BTreeMap<ProviderId, Arc<dyn Provider>> {
    let apis = || registry.models().iter().filter_map(|spec| Some((spec.api.as_ref()?, &spec.id)));
    let provider = |(id, codec): (&ProviderId, &Arc<dyn Provider>)| {
        let models = apis().filter(|(api, _)| &api.provider == id);
        let provider = PlayedProvider {
            codec: codec.clone(),
            models: models.map(|(api, model)| (api.provider_model.clone(), model.clone())).collect(),
            company: company.clone(),
            encoded: Mutex::default(),
        };
        (id.clone(), Arc::new(provider) as Arc<dyn Provider>)
    };
    codecs.iter().map(provider).collect()
}

impl PlayedProvider {
    fn encoded(&self) -> MutexGuard<'_, HashMap<Vec<u8>, CompletionRequest>> {
        self.encoded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Provider for PlayedProvider {
    fn id(&self) -> &ProviderId {
        self.codec.id()
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        let call = self.codec.encode(request);
        self.encoded().insert(call.body.clone(), request.clone());
        call
    }

    async fn send(&self, call: PreparedCall, _: Duration) -> Result<Completion, ProviderFailure> {
        let Company { seed, oracle, conditions, counter, clock } = self.company.as_ref();
        // Of one request several calls may have been encoded; only the one that is sent is of interest.
        let request = std::mem::take(&mut *self.encoded()).remove(&call.body);
        let asked = request.as_ref().and_then(|request| {
            let query = request.messages.last()?.text.as_str();
            Some((request, query, self.models.get(&request.provider_model)?))
        });
        let Some((request, query, model)) = asked else {
            return Err(ProviderFailure::Unreachable("nothing is known of this call".into()));
        };
        let now = clock.now().millis().to_string();
        let (least, more) = TIME;
        clock.pass(least + more.mul_f64(chance(*seed, &["time", model.as_str(), query])));
        let failing = conditions.hurt_of(model).map_or(0.0, |hurt| hurt.failing);
        if chance(*seed, &["fails", model.as_str(), query, &now]) < failing {
            return Err(ProviderFailure::Broken { reason: "it broke, as the week has it".to_owned() });
        }
        let said = oracle.say(model, query, conditions);
        let said = said.ok_or_else(|| ProviderFailure::Unreachable("nobody knows an answer".into()))?;
        let asked = request.messages.iter().map(|message| counter.count_tokens(message.text.as_str()));
        let (output, most) = (counter.count_tokens(&said.text), u64::from(request.max_output_tokens));
        Ok(Completion {
            text: said.text,
            truncated: output > most,
            input_tokens: counter.count_tokens(&request.system) + asked.sum::<u64>(),
            output_tokens: output.min(most),
        })
    }
}
