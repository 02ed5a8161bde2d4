//! How a provider is reached: its address and key.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use reqwest::Url;

use crate::credential::Credential;

/// How one provider is reached.
#[derive(Clone)]
pub struct ProviderConfig {
    /// The key that is paid with; required.
    pub api_key: Arc<dyn Credential>,
    /// Where the API is; by default the provider's public one.
    pub base_url: Option<BaseUrl>,
}

/// An API key. Nothing shows it: its `Debug` is a constant and the headers made of it are marked
/// as sensitive.
#[derive(Clone)]
pub struct Secret {
    plain: HeaderValue,
    bearer: HeaderValue,
}

/// Why a text is no API key. It does not quote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API key is 1 to 512 visible ASCII characters")]
pub struct InvalidSecret;

impl Secret {
    /// Reads a key, without the white space around it.
    ///
    /// # Errors
    /// [`InvalidSecret`] when it is blank, too long or cannot be sent in a header.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim();
        if !(1..=512).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidSecret);
        }
        let sensitive = |text: &str| {
            let mut value = HeaderValue::from_str(text).map_err(|_| InvalidSecret)?;
            value.set_sensitive(true);
            Ok(value)
        };
        Ok(Self { plain: sensitive(text)?, bearer: sensitive(&format!("Bearer {text}"))? })
    }

    /// The key as a header's value.
    #[must_use]
    pub fn plain(&self) -> HeaderValue {
        self.plain.clone()
    }

    /// The key as the value of an `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> HeaderValue {
        self.bearer.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The root of an API: `https`, or `http` on this machine; the calls' paths are put behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is no base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// No absolute URL with a host.
    #[error("must be an absolute URL such as https://api.example.com")]
    NotAbsolute,
    /// Prompts and keys would cross a network in the clear.
    #[error("must use https; http is for loopback hosts only")]
    NotEncrypted,
    /// User info, a query or a fragment.
    #[error("must have no user, password, query or fragment")]
    HasMore,
    /// Ends in `/v1`, which the calls' paths bring along.
    #[error("must not end in /v1, which is added")]
    HasVersion,
}

impl BaseUrl {
    /// Reads a base URL.
    ///
    /// # Errors
    /// [`InvalidBaseUrl`] says what was expected.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidBaseUrl::NotAbsolute)?;
        let Some(host) = url.host_str() else { return Err(InvalidBaseUrl::NotAbsolute) };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(InvalidBaseUrl::NotEncrypted),
            _ => return Err(InvalidBaseUrl::NotAbsolute),
        }
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::HasMore);
        }
        if url.path().trim_end_matches('/').ends_with("/v1") {
            return Err(InvalidBaseUrl::HasVersion);
        }
        Ok(Self(url))
    }

    /// The URL of `path` below this one.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let joined = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_encrypted_unless_it_stays_here() {
        let ok = |text, url: &str| {
            assert_eq!(BaseUrl::parse(text).unwrap().join("/v1/messages").as_str(), url, "{text}");
        };
        ok("https://api.anthropic.com", "https://api.anthropic.com/v1/messages");
        ok("https://proxy.example.com/llm/", "https://proxy.example.com/llm/v1/messages");
        ok("http://127.0.0.1:4010", "http://127.0.0.1:4010/v1/messages");
        ok("http://localhost:4010/", "http://localhost:4010/v1/messages");
        ok(" http://[::1]:4010 ", "http://[::1]:4010/v1/messages");
        let refused = |text, why| assert_eq!(BaseUrl::parse(text), Err(why), "{text}");
        refused("http://api.anthropic.com", InvalidBaseUrl::NotEncrypted);
        refused("http://127.0.0.1.example.com", InvalidBaseUrl::NotEncrypted);
        refused("http://10.0.0.1", InvalidBaseUrl::NotEncrypted);
        refused("ftp://127.0.0.1", InvalidBaseUrl::NotAbsolute);
        refused("unix:/x", InvalidBaseUrl::NotAbsolute);
        refused("api.anthropic.com", InvalidBaseUrl::NotAbsolute);
        refused("", InvalidBaseUrl::NotAbsolute);
        refused("https://me:pw@example.com", InvalidBaseUrl::HasMore);
        refused("https://example.com?x=1", InvalidBaseUrl::HasMore);
        refused("https://example.com#x", InvalidBaseUrl::HasMore);
        refused("https://api.deepseek.com/v1/", InvalidBaseUrl::HasVersion);
    }

    #[test]
    fn a_key_is_shown_by_nothing() {
        let key = Secret::parse(" sk-topsecret\n").unwrap();
        let shown = format!("{key:?} {:?} {:?}", key.plain(), key.bearer());
        assert!(!shown.contains("topsecret"), "{shown}");
        assert_eq!(key.bearer().as_bytes(), b"Bearer sk-topsecret");
    }

    #[test]
    fn a_key_fits_into_a_header() {
        for bad in ["", "  ", "a b", "a\nb", "é", &"x".repeat(513)] {
            assert_eq!(Secret::parse(bad).unwrap_err(), InvalidSecret, "{bad:?}");
        }
    }
}
