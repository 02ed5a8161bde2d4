//! Who may call: callers' keys, what each of them opens, and why one is refused.
//!
//! A key is `fk_<id>_<secret>`. The store knows its id and a keyed hash of the whole text, so that
//! nobody who reads the store can call with what is found there.

mod key;
mod record;
mod scope;
#[cfg(test)]
mod tests;

pub use key::{ApiKeyId, ApiKeyText, InvalidApiKey, InvalidApiKeyId, KeyBytes, base32, only_authorization};
pub use record::{ApiKey, Caller, InvalidKeyName, KeyDigest, KeyName, KeyState, Refusal, StoredKey};
pub use scope::{InvalidScope, Scope};
