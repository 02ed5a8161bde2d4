//! What can be done to a ledger, as text and as a value.

use std::fmt;
use std::str::FromStr;

use farthing_domain::money::Usd;

/// One send of one owner for one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    /// Which key.
    pub(super) key: u8,
    /// Which invocation.
    pub(super) owner: char,
    /// Which send.
    pub(super) number: u32,
}

/// Something done to a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `acquire KEY OWNER BODY ENVELOPE`: the lease lasts 33 s.
    Acquire(u8, char, u8, Usd),
    /// `reserve KEY OWNER NUMBER AMOUNT`, in the month of the time.
    Reserve(Attempt, Usd),
    /// `post KEY OWNER NUMBER ACTUAL`.
    Post(Attempt, Usd),
    /// `unknown KEY OWNER NUMBER`.
    Unknown(Attempt),
    /// `void KEY OWNER NUMBER`.
    Void(Attempt),
    /// `finish KEY OWNER STATUS`: with a reply.
    Finish(u8, char, u16),
    /// `end KEY OWNER`: without a reply.
    End(u8, char),
    /// `release KEY OWNER`.
    Release(u8, char),
    /// `sweep`: this month and the last.
    Sweep,
    /// `last-sweep`: of this month.
    LastSweep,
    /// `stop`: this month.
    Stop,
    /// `reopen`: this month.
    Reopen,
    /// `wait SECONDS`.
    Wait(u32),
    /// `books`: of this month.
    Books,
}

impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let read = || -> Option<Self> {
            let (verb, rest) = words.split_first()?;
            Some(match (*verb, rest) {
                ("acquire", [key, owner, body, envelope]) => {
                    Self::Acquire(key.parse().ok()?, one(owner)?, body.parse().ok()?, Usd::parse(envelope).ok()?)
                }
                ("reserve", [key, owner, number, amount]) => {
                    Self::Reserve(attempt(key, owner, number)?, Usd::parse(amount).ok()?)
                }
                ("post", [key, owner, number, amount]) => {
                    Self::Post(attempt(key, owner, number)?, Usd::parse(amount).ok()?)
                }
                ("unknown", [key, owner, number]) => Self::Unknown(attempt(key, owner, number)?),
                ("void", [key, owner, number]) => Self::Void(attempt(key, owner, number)?),
                ("finish", [key, owner, status]) => Self::Finish(key.parse().ok()?, one(owner)?, status.parse().ok()?),
                ("end", [key, owner]) => Self::End(key.parse().ok()?, one(owner)?),
                ("release", [key, owner]) => Self::Release(key.parse().ok()?, one(owner)?),
                ("sweep", []) => Self::Sweep,
                ("last-sweep", []) => Self::LastSweep,
                ("stop", []) => Self::Stop,
                ("reopen", []) => Self::Reopen,
                ("wait", [seconds]) => Self::Wait(seconds.parse().ok()?),
                ("books", []) => Self::Books,
                _ => return None,
            })
        };
        read().ok_or_else(|| format!("`{line}` is no step"))
    }
}

fn one(owner: &str) -> Option<char> {
    let mut letters = owner.chars();
    letters.next().filter(|letter| letter.is_ascii_lowercase() && letters.next().is_none())
}

fn attempt(key: &str, owner: &str, number: &str) -> Option<Attempt> {
    Some(Attempt { key: key.parse().ok()?, owner: one(owner)?, number: number.parse().ok()? })
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.key, self.owner, self.number)
    }
}

impl fmt::Display for Step {
    /// The line that reads as this step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acquire(key, owner, body, envelope) => write!(f, "acquire {key} {owner} {body} {envelope}"),
            Self::Reserve(attempt, amount) => write!(f, "reserve {attempt} {amount}"),
            Self::Post(attempt, amount) => write!(f, "post {attempt} {amount}"),
            Self::Unknown(attempt) => write!(f, "unknown {attempt}"),
            Self::Void(attempt) => write!(f, "void {attempt}"),
            Self::Finish(key, owner, status) => write!(f, "finish {key} {owner} {status}"),
            Self::End(key, owner) => write!(f, "end {key} {owner}"),
            Self::Release(key, owner) => write!(f, "release {key} {owner}"),
            Self::Sweep => f.write_str("sweep"),
            Self::LastSweep => f.write_str("last-sweep"),
            Self::Stop => f.write_str("stop"),
            Self::Reopen => f.write_str("reopen"),
            Self::Wait(seconds) => write!(f, "wait {seconds}"),
            Self::Books => f.write_str("books"),
        }
    }
}
