//! What is known of a key, and whether it may be used.

use std::collections::BTreeSet;
use std::fmt;

use super::{ApiKeyId, Scope};
use crate::ids::Tenant;
use crate::time::Timestamp;

/// What a key is for, in its owner's words: 1 to [`KeyName::MOST_CHARS`] characters without control
/// characters. It is not looked at otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

/// Why a text is no name of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a key is 1 to {} characters on one line", KeyName::MOST_CHARS)]
pub struct InvalidKeyName;

impl KeyName {
    /// The most characters of a name.
    pub const MOST_CHARS: usize = 64;

    /// Reads a name, without the white space around it.
    ///
    /// # Errors
    /// [`InvalidKeyName`].
    pub fn parse(text: &str) -> Result<Self, InvalidKeyName> {
        let text = text.trim();
        let is_name = (1..=Self::MOST_CHARS).contains(&text.chars().count()) && !text.chars().any(|c| c.is_control());
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidKeyName) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What anyone may know of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Which key.
    pub id: ApiKeyId,
    /// Whose requests are made with it.
    pub tenant: Tenant,
    /// What it opens.
    pub scopes: BTreeSet<Scope>,
    /// What it is for.
    pub name: KeyName,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it opens nothing; never when none.
    pub expires: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
}

/// Whether a key may still be used, whatever it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It may.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked, and stays so whatever the time is.
    Revoked,
}

impl KeyState {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// The keyed hash of a key's text.
///
/// It cannot be compared with `==`, which takes longer the more bytes are right: whoever made the
/// hash compares in a time that says nothing.
#[derive(Clone)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Takes the bytes as a hash.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest")
    }
}

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// What anyone may know.
    pub key: ApiKey,
    /// What its text is recognised by.
    pub digest: KeyDigest,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose request it is.
    pub tenant: Tenant,
    /// The key that was shown.
    pub key: ApiKeyId,
}

/// Why a call is not let in: for log lines and metrics. Callers learn only that it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refusal {
    /// No key was shown.
    #[error("no key was shown")]
    NoKey,
    /// What was shown has not the shape of a key.
    #[error("what was shown is no key")]
    Malformed,
    /// There is no such route.
    #[error("there is no such route")]
    UnknownRoute,
    /// No key has this id.
    #[error("no key has this id")]
    UnknownKey,
    /// The id is right, the secret is not.
    #[error("the secret is wrong")]
    WrongSecret,
    /// The key was revoked.
    #[error("the key was revoked")]
    Revoked,
    /// The key's time is over.
    #[error("the key has expired")]
    Expired,
    /// The key does not open this route.
    #[error("the key does not open this route")]
    LacksScope,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoKey,
        Self::Malformed,
        Self::UnknownRoute,
        Self::UnknownKey,
        Self::WrongSecret,
        Self::Revoked,
        Self::Expired,
        Self::LacksScope,
    ];

    /// Its name in log lines and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::Malformed => "malformed",
            Self::UnknownRoute => "unknown_route",
            Self::UnknownKey => "unknown_key",
            Self::WrongSecret => "wrong_secret",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::LacksScope => "lacks_scope",
        }
    }
}

impl ApiKey {
    /// Whether the key may still be used at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        match (self.revoked, self.expires) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(expires)) if expires <= now => KeyState::Expired,
            (None, _) => KeyState::Active,
        }
    }

    /// Whether the key opens what needs `scope` at `now`, given whether what was shown is its text.
    ///
    /// # Errors
    /// The first [`Refusal`]; of a key that the caller does not have, nothing but that is told.
    pub fn judge(&self, is_its_text: bool, scope: Scope, now: Timestamp) -> Result<(), Refusal> {
        if !is_its_text {
            return Err(Refusal::WrongSecret);
        }
        match self.state(now) {
            KeyState::Revoked => Err(Refusal::Revoked),
            KeyState::Expired => Err(Refusal::Expired),
            KeyState::Active if !self.scopes.contains(&scope) => Err(Refusal::LacksScope),
            KeyState::Active => Ok(()),
        }
    }
}
