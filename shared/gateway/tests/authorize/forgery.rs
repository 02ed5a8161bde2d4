//! Keys that nobody made, close to some that somebody did.

use farthing_domain::auth::base32;
use proptest::prelude::*;
use proptest::sample::Index;

/// A text that is no key which was made.
#[derive(Clone, Debug)]
pub(crate) enum Forgery {
    /// The id of a key, and another secret.
    RandomSecret([u8; 32]),
    /// The secret of a key, and another id.
    RandomId([u8; 10]),
    /// Nothing of a key but its shape.
    Random([u8; 10], [u8; 32]),
    /// A key with one bit of its text changed.
    Bit(Index, u8),
    /// A key with one character changed into another of its alphabet.
    Letter(Index, Index),
    /// A key with two characters in each other's place.
    Exchange(Index, Index),
    /// The id of a key and the secret of another tenant's.
    CrossTenant,
    /// The beginning of a key.
    Truncated(Index),
    /// The end of a key.
    Beheaded(Index),
    /// A key with more behind it.
    Extended(String),
    /// A key behind another prefix.
    Prefix(&'static str),
    /// A key in which some letters are upper case.
    UpperCase(Index, bool),
    /// A key with a character that looks like its own, or like nothing, in its midst.
    Unicode(Index, char),
    /// Any text.
    Anything(String),
}

impl Forgery {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let strange = prop_oneof![
            proptest::sample::select(&['а', 'ｆ', '＿', '\u{200b}', '\u{301}', '\0', '²', '𝐚', ' ', '\n'][..]),
            any::<char>(),
        ];
        prop_oneof![
            any::<[u8; 32]>().prop_map(Self::RandomSecret),
            any::<[u8; 10]>().prop_map(Self::RandomId),
            any::<([u8; 10], [u8; 32])>().prop_map(|(id, secret)| Self::Random(id, secret)),
            (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Self::Bit(at, bit)),
            any::<(Index, Index)>().prop_map(|(at, letter)| Self::Letter(at, letter)),
            any::<(Index, Index)>().prop_map(|(at, other)| Self::Exchange(at, other)),
            Just(Self::CrossTenant),
            any::<Index>().prop_map(Self::Truncated),
            any::<Index>().prop_map(Self::Beheaded),
            "[a-z2-7_]{1,60}|\\PC{1,20}".prop_map(Self::Extended),
            proptest::sample::select(&["", "FK_", "sk_", "fk-", "fk", "_fk_", "fk__", "fk_fk_"][..])
                .prop_map(Self::Prefix),
            any::<(Index, bool)>().prop_map(|(at, all)| Self::UpperCase(at, all)),
            (any::<Index>(), strange).prop_map(|(at, strange)| Self::Unicode(at, strange)),
            "\\PC{0,80}|fk_[a-z2-7]{16}_[a-z2-7]{52}".prop_map(Self::Anything),
        ]
    }

    /// The text, made after `key`, and after `other`, which is another tenant's.
    pub(crate) fn text(&self, key: &str, other: &str) -> String {
        let (id, secret) = (&key[3..19], &key[20..]);
        let with_byte = |at: usize, change: &dyn Fn(u8) -> u8| {
            let changed = key.bytes().enumerate().map(|(place, byte)| if place == at { change(byte) } else { byte });
            changed.map(char::from).collect::<String>()
        };
        match self {
            Self::RandomSecret(bytes) => format!("fk_{id}_{}", base32(bytes)),
            Self::RandomId(bytes) => format!("fk_{}_{secret}", base32(bytes)),
            Self::Random(id, secret) => format!("fk_{}_{}", base32(id), base32(secret)),
            Self::Bit(at, bit) => with_byte(at.index(key.len()), &|byte| byte ^ (1 << bit)),
            Self::Letter(at, letter) => {
                let letter = b"abcdefghijklmnopqrstuvwxyz234567"[letter.index(32)];
                with_byte(at.index(key.len()), &|_| letter)
            }
            Self::Exchange(at, with) => {
                let mut bytes = key.as_bytes().to_vec();
                bytes.swap(at.index(key.len()), with.index(key.len()));
                String::from_utf8(bytes).unwrap()
            }
            Self::CrossTenant => format!("fk_{id}_{}", &other[20..]),
            Self::Truncated(at) => key[..at.index(key.len())].to_owned(),
            Self::Beheaded(at) => key[1 + at.index(key.len())..].to_owned(),
            Self::Extended(more) => format!("{key}{more}"),
            Self::Prefix(prefix) => format!("{prefix}{id}_{secret}"),
            Self::UpperCase(_, true) => key.to_uppercase(),
            Self::UpperCase(at, false) => with_byte(at.index(key.len()), &|byte| byte.to_ascii_uppercase()),
            Self::Unicode(at, strange) => {
                let (before, after) = key.split_at(at.index(key.len()));
                format!("{before}{strange}{}", &after[1..])
            }
            Self::Anything(text) => text.clone(),
        }
    }
}
