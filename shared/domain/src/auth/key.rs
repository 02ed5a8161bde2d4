//! Keys as text.

use std::fmt;

/// What every key begins with.
const PREFIX: &str = "fk_";
/// The scheme that a key is sent with in an `Authorization` header.
const SCHEME: &str = "Bearer";
/// The letters and digits of ids and secrets.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// The characters of an id: ten bytes.
const ID_CHARS: usize = 16;
/// The characters of a secret: 32 bytes.
const SECRET_CHARS: usize = 52;

/// The name of a key. It opens nothing and may be logged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId(String);

/// Why a text is no id of a key. It does not quote the text, which may be a whole key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a key is {ID_CHARS} of a-z and 2-7: what stands between `fk_` and the second `_`")]
pub struct InvalidApiKeyId;

impl ApiKeyId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`InvalidApiKeyId`].
    pub fn parse(text: &str) -> Result<Self, InvalidApiKeyId> {
        if is_base32(text, ID_CHARS) { Ok(Self(text.to_owned())) } else { Err(InvalidApiKeyId) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key as a caller shows it, of the right shape; whether it opens anything is another question.
///
/// Its `Debug` shows the id alone.
#[derive(Clone)]
pub struct ApiKeyText {
    text: String,
    id: ApiKeyId,
}

/// Why a text is no key. It does not quote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is `fk_`, {ID_CHARS} of a-z and 2-7, `_`, and {SECRET_CHARS} of the same")]
pub struct InvalidApiKey;

/// The random bytes that a key is made of. No two keys may have the same.
#[derive(Clone, Copy)]
pub struct KeyBytes {
    /// Those of the id.
    pub id: [u8; 10],
    /// Those of the secret.
    pub secret: [u8; 32],
}

impl ApiKeyText {
    /// Reads a key.
    ///
    /// # Errors
    /// [`InvalidApiKey`].
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let (id, secret) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or(InvalidApiKey)?;
        if !is_base32(secret, SECRET_CHARS) {
            return Err(InvalidApiKey);
        }
        let id = ApiKeyId::parse(id).map_err(|_| InvalidApiKey)?;
        Ok(Self { text: text.to_owned(), id })
    }

    /// Reads the key in the value of an `Authorization` header: `Bearer <key>`.
    ///
    /// # Errors
    /// [`InvalidApiKey`], also for any other scheme.
    pub fn parse_authorization(header: &str) -> Result<Self, InvalidApiKey> {
        match header.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case(SCHEME) => Self::parse(key),
            _ => Err(InvalidApiKey),
        }
    }

    /// The key that is made of these bytes.
    #[must_use]
    pub fn of(bytes: &KeyBytes) -> Self {
        let id = ApiKeyId(base32(&bytes.id));
        Self { text: format!("{PREFIX}{id}_{}", base32(&bytes.secret)), id }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// The whole key, secret and all: to be shown to its owner once, or hashed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeyText({})", self.id)
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes")
    }
}

/// The value to go by among those of a call's `Authorization` headers: the only one. Two of them are
/// none, as it is not for us to choose.
pub fn only_authorization<T>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values = values.into_iter();
    values.next().filter(|_| values.next().is_none())
}

/// `bytes` in base32, in lower case and without padding.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| (byte >> (7 - at % 8)) & 1);
    let digit = |at: usize| (0..5).fold(0, |digit, offset| (digit << 1) | bit(at + offset));
    (0..bytes.len() * 8).step_by(5).map(|at| char::from(ALPHABET[usize::from(digit(at))])).collect()
}

fn is_base32(text: &str, chars: usize) -> bool {
    text.len() == chars && text.bytes().all(|byte| ALPHABET.contains(&byte))
}
