//! Providers' keys: fixed ones from a laptop's environment, or members of a secret, which may be
//! changed while the process runs.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use farthing_domain::ids::ProviderId;
use farthing_domain::ports::{SecretSource, SecretText, SecretUnavailable};
use farthing_gateway::secrets::CachedSecret;
use farthing_providers::{Credential, Secret};

use crate::config::Config;

type BoxError = Box<dyn Error + Send + Sync>;

/// The longest that a call waits for its key. A key that comes too late is as good as none: nothing
/// has been sent then, and nothing is charged.
const MOST_WAIT: Duration = Duration::from_secs(2);

/// The providers' keys together, as a secret holds them: a JSON object with a member for each.
pub(super) type KeySecret = CachedSecret<Arc<dyn SecretSource>>;

/// One provider's key among those of a secret.
struct Member {
    secret: Arc<KeySecret>,
    name: String,
}

impl Member {
    async fn read(
        &self,
        text: impl Future<Output = Result<SecretText, SecretUnavailable>>,
    ) -> Result<Secret, BoxError> {
        let key = member_of(&in_time(text).await?, &self.name)?
            .ok_or_else(|| format!("the secret has no member `{}`", self.name))?;
        Ok(Secret::parse(&key)?)
    }
}

#[async_trait]
impl Credential for Member {
    async fn key(&self) -> Result<Secret, BoxError> {
        self.read(self.secret.current()).await
    }

    async fn refused(&self) {
        if let Err(error) = self.read(self.secret.refreshed()).await {
            tracing::error!(error = error.as_ref() as &dyn Error, "the key `{}` was not read again", self.name);
        }
    }
}

/// The secret's text, if it can be had within [`MOST_WAIT`].
async fn in_time(text: impl Future<Output = Result<SecretText, SecretUnavailable>>) -> Result<SecretText, BoxError> {
    Ok(tokio::time::timeout(MOST_WAIT, text).await??)
}

/// The key `name` in the secret; `None` when it is absent or blank.
///
/// # Errors
/// When the text is no JSON object of texts. The error quotes nothing of it.
fn member_of(text: &SecretText, name: &str) -> Result<Option<String>, BoxError> {
    let keys: BTreeMap<String, String> =
        serde_json::from_str(text.expose()).map_err(|_| "expected a JSON object with the providers' keys as texts")?;
    Ok(keys.get(name).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()))
}

/// The credentials of the providers that have a key in the environment.
pub(super) fn from_environment(config: &Config) -> anyhow::Result<BTreeMap<ProviderId, Arc<dyn Credential>>> {
    let mut credentials: BTreeMap<ProviderId, Arc<dyn Credential>> = BTreeMap::new();
    for (id, access) in &config.providers {
        if let Some(key) = &access.key {
            let key = Secret::parse(key).with_context(|| access.key_setting.clone())?;
            credentials.insert(id.clone(), Arc::new(key));
        }
    }
    Ok(credentials)
}

/// The credentials of the providers that have a key in `secret`. While it cannot be read, it is
/// taken to have every one: each call looks again.
pub(super) async fn from_secret(config: &Config, secret: Arc<KeySecret>) -> BTreeMap<ProviderId, Arc<dyn Credential>> {
    let text = in_time(secret.current()).await.inspect_err(|error| {
        tracing::error!(error = error.as_ref() as &dyn Error, "the providers' keys cannot be read");
    });
    let mut credentials: BTreeMap<ProviderId, Arc<dyn Credential>> = BTreeMap::new();
    for (id, access) in &config.providers {
        let is_there = text.as_ref().ok().is_none_or(|text| match member_of(text, &access.key_setting) {
            Ok(key) => key.is_some(),
            Err(error) => {
                tracing::error!(error = error.as_ref() as &dyn Error, "the providers' keys cannot be used");
                false
            }
        });
        if is_there {
            let member = Member { secret: secret.clone(), name: access.key_setting.clone() };
            credentials.insert(id.clone(), Arc::new(member));
        }
    }
    credentials
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::clock::SystemClock;
    use crate::config::Place;

    /// A secret with this text, or one that cannot be read.
    struct Kept(Mutex<Option<&'static str>>);

    #[async_trait]
    impl SecretSource for Kept {
        async fn current(&self) -> Result<SecretText, SecretUnavailable> {
            let text = *self.0.lock().unwrap();
            text.map(SecretText::new)
                .ok_or_else(|| SecretUnavailable { secret: "keys".to_owned(), cause: "as the test says".into() })
        }
    }

    fn secret(text: Option<&'static str>) -> (Arc<Kept>, Arc<KeySecret>) {
        let kept = Arc::new(Kept(Mutex::new(text)));
        (kept.clone(), Arc::new(CachedSecret::new(kept as Arc<dyn SecretSource>, Arc::new(SystemClock))))
    }

    /// The providers that have a credential when the secret has this text.
    async fn check(text: Option<&'static str>, expected: &[&str]) {
        let config = Config::read(Place::Lambda, |_| None).unwrap();
        let credentials = from_secret(&config, secret(text).1).await;
        assert_eq!(credentials.keys().map(ProviderId::as_str).collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[tokio::test]
    async fn a_provider_is_used_when_the_secret_has_its_key() {
        check(Some(r#"{"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}"#), &["anthropic", "openai"]).await;
        check(Some(r#"{"DEEPSEEK_API_KEY": " ", "OTHER": "c"}"#), &[]).await;
        check(Some(r#"{"DEEPSEEK_API_KEY": 7}"#), &[]).await;
        check(Some("sk-not-json"), &[]).await;
        check(None, &["anthropic", "deepseek", "openai"]).await;
    }

    #[tokio::test]
    async fn a_key_that_was_changed_is_read_when_the_old_one_is_refused() {
        let config = Config::read(Place::Lambda, |_| None).unwrap();
        let (kept, secret) = secret(Some(r#"{"OPENAI_API_KEY": "old"}"#));
        let credentials = from_secret(&config, secret).await;
        let credential = &credentials[&ProviderId::parse("openai").unwrap()];
        let key = async || credential.key().await.unwrap().plain().to_str().unwrap().to_owned();
        *kept.0.lock().unwrap() = Some(r#"{"OPENAI_API_KEY": "new"}"#);
        assert_eq!(key().await, "old", "it is remembered");
        credential.refused().await;
        assert_eq!(key().await, "new");
    }

    #[tokio::test]
    async fn no_error_quotes_a_key() {
        for text in [r#"{"OPENAI_API_KEY": ["sk-canary"]}"#, "sk-canary", r#"{"OPENAI_API_KEY": "sk-canary é"}"#] {
            let member = Member { secret: secret(Some(text)).1, name: "OPENAI_API_KEY".to_owned() };
            let error = member.key().await.unwrap_err();
            assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
        }
    }
}
