//! The provider port without HTTP.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::ProviderId;
use farthing_domain::ports::{Completion, CompletionRequest, PreparedCall, Provider, ProviderFailure};
use farthing_domain::prompt::Role;
use serde_json::{Value, json};

/// How one `send` ends.
#[derive(Debug)]
pub enum ScriptedResult {
    /// At once.
    Ends(Result<Completion, ProviderFailure>),
    /// Never: whoever called has to give up.
    Hangs,
}

/// A call that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptedCall {
    /// `model`, `system`, `messages` of `role` and `content`, and `max_tokens`.
    pub body: Value,
    /// How long the caller would have waited.
    pub limit: Duration,
}

/// A provider that ends its calls as it is told, and records them. When nothing is left to tell,
/// calls fail as broken.
#[derive(Debug)]
pub struct ScriptedProvider {
    id: ProviderId,
    script: Mutex<(VecDeque<ScriptedResult>, Vec<ScriptedCall>)>,
}

impl ScriptedProvider {
    /// A provider named `id` with nothing to tell yet.
    #[must_use]
    pub const fn new(id: ProviderId) -> Self {
        Self { id, script: Mutex::new((VecDeque::new(), Vec::new())) }
    }

    /// The next call that is not spoken for ends so.
    pub fn push(&self, result: Result<Completion, ProviderFailure>) {
        self.script().0.push_back(ScriptedResult::Ends(result));
    }

    /// The next call that is not spoken for answers `text` with these figures.
    pub fn push_text(&self, text: &str, input_tokens: u64, output_tokens: u64) {
        self.push(Ok(Completion { text: text.to_owned(), truncated: false, input_tokens, output_tokens }));
    }

    /// The next call that is not spoken for never ends.
    pub fn push_hang(&self) {
        self.script().0.push_back(ScriptedResult::Hangs);
    }

    /// The calls that were sent, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<ScriptedCall> {
        self.script().1.clone()
    }

    fn script(&self) -> MutexGuard<'_, (VecDeque<ScriptedResult>, Vec<ScriptedCall>)> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Provider for ScriptedProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        let role = |role| match role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let messages: Vec<Value> = request
            .messages
            .iter()
            .map(|message| json!({"role": role(message.role), "content": message.text.as_str()}))
            .collect();
        let body = json!({
            "model": request.provider_model,
            "system": request.system,
            "messages": messages,
            "max_tokens": request.max_output_tokens,
        });
        PreparedCall {
            path: "/scripted",
            messages: u32::try_from(messages.len()).unwrap_or(u32::MAX).saturating_add(1),
            body: body.to_string().into_bytes(),
        }
    }

    async fn send(&self, call: PreparedCall, limit: Duration) -> Result<Completion, ProviderFailure> {
        let result = {
            let mut script = self.script();
            let body = serde_json::from_slice(&call.body).unwrap_or_default();
            script.1.push(ScriptedCall { body, limit });
            script.0.pop_front()
        };
        match result {
            Some(ScriptedResult::Ends(result)) => result,
            Some(ScriptedResult::Hangs) => std::future::pending().await,
            None => Err(ProviderFailure::Broken { reason: "the script is at its end".to_owned() }),
        }
    }
}
