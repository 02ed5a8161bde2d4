//! Providers that answer what was recorded, and a validator that knows which answers have no words.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::{ModelId, ProviderId};
use farthing_domain::ports::{
    Analyst, Completion, CompletionRequest, ModelUnavailable, PreparedCall, Provider, ProviderFailure, Validation,
    Validator,
};
use farthing_domain::quality::Quality;

use super::traffic::{Recorded, TrafficRow};

/// Stands for an answer whose words are not known. No model says so.
pub(super) const NOT_RECORDED: &str = "\u{1}the words of this answer were not recorded\u{1}";

/// A provider that encodes calls as they are sent, and answers what was recorded.
pub(super) struct RecordedProvider {
    /// Encodes, and is never asked to send.
    pub(super) codec: Arc<dyn Provider>,
    /// The registry's names of its models, by its own.
    pub(super) models: HashMap<String, ModelId>,
    /// The traffic, by query.
    pub(super) tape: Arc<HashMap<String, TrafficRow>>,
    /// Counts tokens.
    pub(super) counter: Arc<dyn Analyst>,
    /// What the calls ask that were encoded and not sent yet, by their bodies.
    pub(super) encoded: Mutex<HashMap<Vec<u8>, CompletionRequest>>,
}

impl RecordedProvider {
    fn encoded(&self) -> MutexGuard<'_, HashMap<Vec<u8>, CompletionRequest>> {
        self.encoded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recorded(&self, request: &CompletionRequest) -> Option<&Recorded> {
        let query = request.messages.last()?.text.as_str();
        self.tape.get(query)?.answer_of(self.models.get(&request.provider_model)?)
    }
}

#[async_trait]
impl Provider for RecordedProvider {
    fn id(&self) -> &ProviderId {
        self.codec.id()
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        let call = self.codec.encode(request);
        self.encoded().insert(call.body.clone(), request.clone());
        call
    }

    async fn send(&self, call: PreparedCall, _: Duration) -> Result<Completion, ProviderFailure> {
        let request = self.encoded().remove(&call.body);
        let recorded = request.as_ref().and_then(|request| Some((request, self.recorded(request)?)));
        let Some((request, recorded)) = recorded else {
            return Err(ProviderFailure::Unreachable("nothing was recorded for this call".into()));
        };
        let (text, output) = match recorded {
            Recorded::Text(text) => (text.clone(), self.counter.count_tokens(text)),
            Recorded::Tokens(tokens) => (NOT_RECORDED.to_owned(), *tokens),
        };
        let asked = request.messages.iter().map(|message| self.counter.count_tokens(message.text.as_str()));
        let most = u64::from(request.max_output_tokens);
        Ok(Completion {
            text,
            truncated: output > most,
            input_tokens: self.counter.count_tokens(&request.system) + asked.sum::<u64>(),
            output_tokens: output.min(most),
        })
    }
}

/// Judges what has words by the real validator, and lets pass what has none.
pub(super) struct JudgesWords(pub(super) Arc<dyn Validator>);

#[async_trait]
impl Validator for JudgesWords {
    async fn validate(&self, validation: Validation<'_>) -> Result<Quality, ModelUnavailable> {
        if validation.answer != NOT_RECORDED {
            return self.0.validate(validation).await;
        }
        Ok(Quality {
            score: 1.0,
            relevance: 1.0,
            coherence: 1.0,
            groundedness: None,
            brand: 1.0,
            toxicity: 0.0,
            hard_fail: None,
        })
    }
}
