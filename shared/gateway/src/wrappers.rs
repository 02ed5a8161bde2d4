//! Wrappers round ports: what holds for every adapter is added once, here.

use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::ProviderId;
use farthing_domain::ports::{Completion, CompletionRequest, PreparedCall, Provider, ProviderFailure};

/// Ends a provider's call when its limit is over, whatever the provider does.
///
/// There is no such wrapper that retries: one send has one reservation, so a repeated call is a
/// new attempt with its own, made by the use case.
#[derive(Clone, Debug)]
pub struct WithTimeout<P> {
    inner: P,
}

impl<P> WithTimeout<P> {
    /// Wraps `inner`.
    pub const fn new(inner: P) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl<P: Provider> Provider for WithTimeout<P> {
    fn id(&self) -> &ProviderId {
        self.inner.id()
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        self.inner.encode(request)
    }

    async fn send(&self, call: PreparedCall, limit: Duration) -> Result<Completion, ProviderFailure> {
        match tokio::time::timeout(limit, self.inner.send(call, limit)).await {
            Ok(result) => result,
            Err(_) => Err(ProviderFailure::TimedOut),
        }
    }
}
