//! The codecs on replies as the providers send them, and the transport on real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cassettes;
mod loopback;
mod properties;
mod server;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use farthing_domain::ids::ProviderId;
use farthing_domain::ports::CompletionRequest;
use farthing_domain::prompt::{Message, Prompt, Role};
use farthing_providers::{
    Anthropic, BaseUrl, ChatCompletions, Codec, HttpProvider, ProviderConfig, Secret, Transport, connect,
};

/// Longer than any test takes: only tests of the limit itself use another.
const LONG: Duration = Duration::from_secs(60);

fn codecs() -> [Box<dyn Codec>; 3] {
    [Box::new(Anthropic), Box::new(ChatCompletions::openai()), Box::new(ChatCompletions::deepseek())]
}

fn provider_at(name: &str, url: &str, transport: &Transport) -> HttpProvider {
    let config = ProviderConfig {
        api_key: Arc::new(Secret::parse("sk-test").unwrap()),
        base_url: Some(BaseUrl::parse(url).unwrap()),
    };
    connect(&ProviderId::parse(name).unwrap(), config, transport).unwrap()
}

fn message(role: Role, text: &str) -> Message {
    Message { role, text: Prompt::parse(text).unwrap() }
}

fn request_for(model: &str) -> CompletionRequest {
    CompletionRequest {
        provider_model: model.to_owned(),
        system: "You answer for RPRD.".to_owned(),
        messages: vec![message(Role::User, "What is your pricing?")],
        max_output_tokens: 256,
    }
}
