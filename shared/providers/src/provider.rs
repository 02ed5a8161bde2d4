//! The provider port over HTTP: a codec and the transport.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::ProviderId;
use farthing_domain::ports::{Completion, CompletionRequest, PreparedCall, Provider, ProviderFailure};

use crate::anthropic::Anthropic;
use crate::codec::{Codec, Reply};
use crate::config::{BaseUrl, InvalidBaseUrl, ProviderConfig};
use crate::credential::Credential;
use crate::openai::ChatCompletions;
use crate::transport::Transport;

/// Every provider: a new one is a line here.
const CODECS: [fn() -> Box<dyn Codec>; 3] =
    [|| Box::new(Anthropic), || Box::new(ChatCompletions::openai()), || Box::new(ChatCompletions::deepseek())];

/// Why there is no such provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProvider {
    /// No codec has the name.
    #[error("`{0}` is no provider: expected one of {known}", known = known_providers().join(", "))]
    Unknown(ProviderId),
    /// The codec's own base URL is none.
    #[error("the default base URL of `{id}` is invalid")]
    BaseUrl {
        /// Whose.
        id: ProviderId,
        /// Why.
        #[source]
        cause: InvalidBaseUrl,
    },
}

/// The names of the providers that there are codecs for.
#[must_use]
pub fn known_providers() -> Vec<&'static str> {
    CODECS.iter().map(|codec| codec().name()).collect()
}

/// The provider with the name `id`.
///
/// # Errors
/// [`InvalidProvider`] when there is no codec for it.
pub fn connect(
    id: &ProviderId,
    config: ProviderConfig,
    transport: &Transport,
) -> Result<HttpProvider, InvalidProvider> {
    let mut codecs = CODECS.iter().map(|codec| codec());
    let codec = codecs.find(|codec| codec.name() == id.as_str()).ok_or_else(|| InvalidProvider::Unknown(id.clone()))?;
    let base_url = match config.base_url {
        Some(base_url) => base_url,
        None => BaseUrl::parse(codec.default_base_url())
            .map_err(|cause| InvalidProvider::BaseUrl { id: id.clone(), cause })?,
    };
    Ok(HttpProvider { id: id.clone(), codec, base_url, credential: config.api_key, transport: transport.clone() })
}

/// A provider of paid completions over HTTP.
pub struct HttpProvider {
    id: ProviderId,
    codec: Box<dyn Codec>,
    base_url: BaseUrl,
    credential: Arc<dyn Credential>,
    transport: Transport,
}

impl std::fmt::Debug for HttpProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpProvider").field("id", &self.id).field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for HttpProvider {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        self.codec.encode(request)
    }

    async fn send(&self, call: PreparedCall, limit: Duration) -> Result<Completion, ProviderFailure> {
        let key = self.credential.key().await.map_err(ProviderFailure::Unreachable)?;
        let (url, headers) = (self.base_url.join(call.path), self.codec.headers(&key));
        let received = self.transport.post(url, headers, call.body, limit).await?;
        let reply = Reply { status: received.status, retry_after: received.retry_after, body: &received.body };
        let decoded = self.codec.decode(reply);
        if let Err(ProviderFailure::Unauthorized { .. }) = decoded {
            self.credential.refused().await;
        }
        decoded
    }
}
