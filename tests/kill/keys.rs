//! The keyed requests of a campaign, and what was answered to each.

use std::time::Duration;

use farthing_domain::hex::hex;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::server::{Answered, MEDIUM_QUERY};

/// How long a key is left alone after its process died or it was found leased to another.
const PAUSE: Duration = Duration::from_millis(1_500);

/// A request under a key of its own.
pub(crate) struct Key {
    number: usize,
    /// The final reply, once there was one: its status and body.
    answer: Option<(u16, String)>,
    /// How often the final reply came.
    pub(crate) times_answered: u32,
    /// How often it was asked.
    pub(crate) times_asked: u32,
    not_before: Instant,
}

impl Key {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, answer: None, times_answered: 0, times_asked: 0, not_before: Instant::now() }
    }

    /// The header.
    pub(crate) fn name(&self) -> String {
        format!("order-{:05}", self.number)
    }

    /// The hash by which the ledger knows the key.
    pub(crate) fn hash(&self) -> String {
        hex(&Sha256::digest(format!("key:{}", self.name())))
    }

    pub(crate) fn body(&self) -> String {
        let query = format!("{MEDIUM_QUERY} Case {:05}.", self.number);
        json!({"query": query, "max_output_tokens": 96, "cache": "bypass"}).to_string()
    }

    /// The number of the key that a call to a provider was made for.
    pub(crate) fn number_in(user_message: &str) -> usize {
        let number = user_message.rsplit("Case ").next().unwrap();
        number.trim_end_matches('.').parse().unwrap_or_else(|error| panic!("{error}: {user_message}"))
    }

    pub(crate) const fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    pub(crate) fn is_due(&self) -> bool {
        !self.is_answered() && self.not_before <= Instant::now()
    }

    /// Whether its final answer is that its limit is spent.
    pub(crate) fn is_over_its_limit(&self) -> bool {
        self.answer.as_ref().is_some_and(|(status, _)| *status == 402)
    }

    /// Takes note of a reply; `None` when the process died first.
    pub(crate) fn note(&mut self, reply: Option<&Answered>) {
        self.times_asked += 1;
        self.not_before = Instant::now() + PAUSE;
        let Some(reply) = reply else { return };
        let is_final = reply.status == 200 || reply.code() == "request_too_expensive";
        if let Some((status, text)) = &self.answer {
            assert_eq!((reply.status, &reply.text), (*status, text), "{} has two answers", self.name());
            self.times_answered += 1;
        } else if is_final {
            self.answer = Some((reply.status, reply.text.clone()));
            self.times_answered += 1;
        } else {
            let may_be_asked_again = ["in_progress", "no_answer", "deadline_exceeded", "overloaded", "unavailable"];
            assert!(may_be_asked_again.contains(&reply.code()), "{}: {}", reply.status, reply.text);
            if reply.code() != "in_progress" {
                self.not_before = Instant::now();
            }
        }
    }
}
