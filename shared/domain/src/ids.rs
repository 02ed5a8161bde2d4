//! Names of things: one type for each kind, so that none is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Why a text is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is no {kind}: expected {expected}")]
pub struct InvalidId {
    kind: &'static str,
    value: String,
    expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the identifier.
            ///
            /// # Errors
            /// [`InvalidId`], which says what was expected.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { kind: $kind, value: text.chars().take(40).collect(), expected: $expected })
                }
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The name of an agent: a brand profile with its knowledge.
    AgentId, "agent id", "1 to 32 of a-z, 0-9 and -", |text| is_slug(text, 32, "-")
);
id!(
    /// The name of an entry of knowledge that paid answers became.
    EntryId, "entry id", "1 to 80 of a-z, 0-9 and -", |text| is_slug(text, 80, "-")
);
id!(
    /// The name of a model in the registry.
    ModelId, "model id", "1 to 64 of a-z, 0-9, . and -", |text| is_slug(text, 64, "-.")
);
id!(
    /// The name of a provider of paid completions.
    ProviderId, "provider id", "1 to 32 of a-z, 0-9 and -", |text| is_slug(text, 32, "-")
);
id!(
    /// Whose requests these are; budget keys never cross it.
    Tenant, "tenant", "1 to 64 of a-z, 0-9, - and _", |text| is_slug(text, 64, "-_")
);
id!(
    /// The name of one request, unique for each invocation.
    RequestId, "request id", "26 characters of a ULID", |text| {
        text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }
);
id!(
    /// A caller's key: requests with the same key are one request.
    IdempotencyKey, "Idempotency-Key", "1 to 255 visible ASCII characters", |text| {
        (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
);

impl RequestId {
    /// When it was made, as far as it is a ULID.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        const DIGITS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let of = |byte: u8| DIGITS.iter().position(|digit| *digit == byte.to_ascii_uppercase());
        let millis =
            self.0.bytes().take(10).try_fold(0_i64, |sum, byte| Some((sum << 5) | i64::try_from(of(byte)?).ok()?))?;
        (millis < 1 << 48).then(|| Timestamp::from_millis(millis))
    }
}

fn is_slug(text: &str, longest: usize, also: &str) -> bool {
    (1..=longest).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_id_cannot_leave_its_folder() {
        assert!(AgentId::parse("rprd").is_ok());
        for bad in ["", "..", "a/b", "A", "a b", "x\0", &"a".repeat(33)] {
            assert!(AgentId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_request_id_tells_when_it_was_made() {
        let time = |text: &str| RequestId::parse(text).unwrap().time().map(Timestamp::millis);
        // The example of the specification.
        assert_eq!(time("01ARZ3NDEKTSV4RRFFQ69G5FAV"), Some(1_469_922_850_259));
        assert_eq!(time("01arz3ndektsv4rrffq69g5fav"), Some(1_469_922_850_259));
        assert_eq!(time("7ZZZZZZZZZ0000000000000000"), Some((1 << 48) - 1));
        for bad in ["8ZZZZZZZZZ0000000000000000", "01ARZ3NDEUTSV4RRFFQ69G5FAV"] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_expected() {
        let error = AgentId::parse("../etc").unwrap_err();
        assert_eq!(error.to_string(), "`../etc` is no agent id: expected 1 to 32 of a-z, 0-9 and -");
    }
}
