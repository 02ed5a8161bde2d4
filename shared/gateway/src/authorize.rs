//! The use case that lets callers in, and those of the owner who makes and revokes their keys.
//!
//! What a caller can learn by measuring time: a text that has not the shape of a key is refused at
//! once. For any other one, whether its id is known or not, the pepper is taken, the store is asked
//! once, and one keyed hash is made and compared with 32 bytes in a time that does not depend on
//! how many of them are right ([`Mac::verify_slice`](hmac::Mac::verify_slice)). Besides, a hash that
//! cannot be predicted without the pepper makes a near miss say nothing about the secret. Ids are no
//! secrets; what a known one costs more is to read the row that was found.

mod admin;
mod pepper;

use std::error::Error;
use std::sync::Arc;

use farthing_domain::auth::{ApiKeyId, ApiKeyText, Caller, KeyDigest, Refusal, Scope};
use farthing_domain::metrics;
use farthing_domain::ports::{ApiKeys, Clock, SecretSource};

pub use admin::{CreateRefused, KeyAdmin, NewKey, RevokeRefused};
use pepper::Pepper;
pub use pepper::WeakPepper;

/// The reason that is counted when it is not known whether a key is good.
const UNAVAILABLE: &str = "unavailable";
/// What an unknown key is compared with. Nothing is let in by it, not even a key with this hash.
const OF_NO_KEY: KeyDigest = KeyDigest::new([0; 32]);

/// The use case that lets callers in.
pub struct Authorize {
    /// The callers' keys.
    pub keys: Arc<dyn ApiKeys>,
    /// The secret that keys are hashed with, of at least [`WeakPepper::LEAST_CHARS`] characters.
    pub pepper: Arc<dyn SecretSource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why a call is not let in.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthorized {
    /// The caller may not. Why is for the log, which has it already: callers are told no more than
    /// that.
    #[error("the call is refused")]
    Refused(Refusal),
    /// It is not known whether the caller may: the same call may be let in later.
    #[error("it is not known whether the key is good")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl From<Refusal> for NotAuthorized {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Authorize {
    /// Who calls, if the value of the `Authorization` header opens what needs `scope`; no scope means
    /// that there is no such route. Whoever is not let in is logged and counted by reason.
    ///
    /// # Errors
    /// [`NotAuthorized`].
    pub async fn authorize(&self, authorization: Option<&str>, scope: Option<Scope>) -> Result<Caller, NotAuthorized> {
        let shown = match authorization {
            None => Err(Refusal::NoKey),
            Some(header) => ApiKeyText::parse_authorization(header).map_err(|_| Refusal::Malformed),
        };
        let result = match (scope, &shown) {
            (None, _) => Err(Refusal::UnknownRoute.into()),
            (Some(_), Err(refusal)) => Err((*refusal).into()),
            (Some(scope), Ok(key)) => self.judge(key, scope).await,
        };
        if let Err(error) = &result {
            tell(error, shown.as_ref().ok().map(ApiKeyText::id));
        }
        result
    }

    async fn judge(&self, shown: &ApiKeyText, scope: Scope) -> Result<Caller, NotAuthorized> {
        let pepper = Pepper::read(self.pepper.as_ref()).await.map_err(NotAuthorized::Unavailable)?;
        let found = self.keys.get(shown.id()).await.map_err(|error| NotAuthorized::Unavailable(error.into()))?;
        // An unknown key is hashed and compared as a known one is.
        let expected = found.as_ref().map_or(&OF_NO_KEY, |found| &found.digest);
        let is_its_text = pepper.is_digest_of(shown, expected);
        let key = found.ok_or(Refusal::UnknownKey)?.key;
        key.judge(is_its_text, scope, self.clock.now())?;
        Ok(Caller { tenant: key.tenant, key: key.id })
    }
}

/// Logs and counts a call that is not let in, with the id of the key if one was shown.
fn tell(error: &NotAuthorized, id: Option<&ApiKeyId>) {
    let id = id.map_or("none", ApiKeyId::as_str);
    let reason = match error {
        NotAuthorized::Refused(refusal) => {
            let reason = refusal.as_str();
            tracing::info!(key.id = id, auth.reason = reason, "a call with key `{id}` is refused: {refusal}");
            reason
        }
        NotAuthorized::Unavailable(cause) => {
            tracing::error!(key.id = id, error = cause.as_ref() as &dyn Error, "key `{id}` cannot be checked");
            UNAVAILABLE
        }
    };
    ::metrics::counter!(metrics::AUTH_REFUSED, metrics::REASON => reason).increment(1);
}
