//! The transport: sends a body once and receives the reply.

use std::error::Error;
use std::time::Duration;

use farthing_domain::ports::ProviderFailure;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use crate::codec::broken;
use crate::retry_after;

/// The longest reply that is read, in bytes.
pub const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than the providers' own, so that it is us who close idle connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Sends calls, each at most once. Clones share their connections.
///
/// What could send a body a second time is off, or was verified not to:
/// - reqwest repeats calls that a server turned away, unless told never to;
/// - redirects are not followed;
/// - the connection pool takes another connection when the idle one that it picked is found closed,
///   but only while the connection has not begun to write the call.
///
/// HTTP/1 only: there a connection carries one call, so that one which breaks makes one charge
/// uncertain, and not those of every call that shared it.
#[derive(Clone, Debug)]
pub struct Transport {
    client: Client,
}

/// The HTTP client cannot be built, for instance because there are no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be built")]
pub struct TransportUnavailable(#[source] reqwest::Error);

/// A reply that has been received whole.
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl Transport {
    /// Builds the client; a process needs one.
    ///
    /// # Errors
    /// [`TransportUnavailable`] when TLS cannot be set up.
    pub fn new() -> Result<Self, TransportUnavailable> {
        Client::builder()
            .user_agent(concat!("farthing/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .http1_only()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map(|client| Self { client })
            .map_err(TransportUnavailable)
    }

    /// Posts the JSON `body` once and waits at most `limit` for the whole reply.
    pub(crate) async fn post(
        &self,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Received, ProviderFailure> {
        // One limit over everything: an idle timeout would never end a reply that drips.
        match tokio::time::timeout(limit, self.exchange(url, headers, body)).await {
            Ok(result) => result,
            Err(_) => Err(ProviderFailure::TimedOut),
        }
    }

    async fn exchange(&self, url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<Received, ProviderFailure> {
        // Lets the runtime take in which idle connections have been closed meanwhile. A process that
        // was frozen, as on Lambda, has not heard of it; a call written to such a connection would
        // be charged although nobody received it.
        tokio::task::yield_now().await;
        let request = self.client.post(url).headers(headers).header(CONTENT_TYPE, "application/json").body(body);
        let mut response = request.send().await.map_err(failed_before_reply)?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let retry_after = header(RETRY_AFTER).and_then(|value| retry_after::parse(value, header(DATE)));
        // A failure's status says it all: its body is neither needed nor waited for.
        let body = if status.is_success() { read_body(&mut response).await? } else { Vec::new() };
        Ok(Received { status: status.as_u16(), retry_after, body })
    }
}

async fn read_body(response: &mut Response) -> Result<Vec<u8>, ProviderFailure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed("the reply was cut off", &error))? {
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(broken("the reply is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Only a connection that never came to be proves that nothing was sent.
fn failed_before_reply(error: reqwest::Error) -> ProviderFailure {
    if error.is_connect() {
        ProviderFailure::Unreachable(Box::new(error.without_url()))
    } else {
        failed("the connection broke before the reply", &error)
    }
}

fn failed(what: &str, error: &reqwest::Error) -> ProviderFailure {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    match causes.find_map(|cause| cause.downcast_ref::<std::io::Error>()) {
        Some(cause) if cause.kind() == std::io::ErrorKind::TimedOut => ProviderFailure::TimedOut,
        Some(cause) => broken(format!("{what} ({})", cause.kind())),
        None => broken(what),
    }
}
