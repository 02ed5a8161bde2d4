//! Keyed hashes of keys.

use std::error::Error;

use farthing_domain::auth::{ApiKeyText, KeyDigest};
use farthing_domain::ports::{SecretSource, SecretText};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The pepper is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pepper has fewer than {} characters", WeakPepper::LEAST_CHARS)]
pub struct WeakPepper;

impl WeakPepper {
    /// The fewest characters of a pepper.
    pub const LEAST_CHARS: usize = 32;
}

/// The secret that keys are hashed with, so that what is in the store cannot be tried out elsewhere.
pub(super) struct Pepper(Hmac<Sha256>);

impl Pepper {
    pub(super) async fn read(source: &dyn SecretSource) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self::parse(&source.current().await?)?)
    }

    fn parse(text: &SecretText) -> Result<Self, WeakPepper> {
        let text = text.expose();
        if text.chars().count() < WeakPepper::LEAST_CHARS {
            return Err(WeakPepper);
        }
        Hmac::new_from_slice(text.as_bytes()).map(Self).map_err(|_| WeakPepper)
    }

    pub(super) fn digest(&self, key: &ApiKeyText) -> KeyDigest {
        KeyDigest::new(self.hash(key).finalize().into_bytes().into())
    }

    /// Whether the key has this digest. How long it takes does not depend on the digest.
    pub(super) fn is_digest_of(&self, key: &ApiKeyText, digest: &KeyDigest) -> bool {
        self.hash(key).verify_slice(digest.bytes()).is_ok()
    }

    fn hash(&self, key: &ApiKeyText) -> Hmac<Sha256> {
        self.0.clone().chain_update(key.expose())
    }
}

#[cfg(test)]
mod tests {
    use farthing_domain::auth::KeyBytes;
    use farthing_domain::hex::hex;

    use super::*;

    #[test]
    fn a_short_pepper_is_refused() {
        assert!(Pepper::parse(&SecretText::new(&"é".repeat(31))).is_err());
        assert!(Pepper::parse(&SecretText::new(&format!("{}\n", "é".repeat(31)))).is_err());
        assert!(Pepper::parse(&SecretText::new(&"p".repeat(32))).is_ok());
    }

    /// As Python's `hmac.new(pepper, key, "sha256")` has it: keys outlive this program's versions.
    #[test]
    fn the_digest_is_hmac_sha256_of_the_whole_text() {
        let pepper = Pepper::parse(&SecretText::new("0123456789abcdef0123456789abcdef")).unwrap();
        let key = ApiKeyText::of(&KeyBytes { id: [1; 10], secret: [2; 32] });
        let expected = "8921fec4f93d1bb75df8429b05764466c8843743e756faeb343b2dab2f9ddab6";
        assert_eq!(hex(pepper.digest(&key).bytes()), expected, "{}", key.expose());
        assert!(pepper.is_digest_of(&key, &pepper.digest(&key)));
    }
}
