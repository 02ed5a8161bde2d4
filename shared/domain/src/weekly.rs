//! What is learned of a week of outcomes: what it came to, and whether it was another week than usual.

use serde::{Deserialize, Serialize};

pub mod digest;
pub mod drift;
pub mod measures;
pub mod promotion;
pub mod proposals;
pub mod report;
pub mod topics;

pub use digest::Digest;
pub use report::{Line, WeeklyReport};

use crate::time::Week;

/// How far the reading of a week's outcomes has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// How many of its days are read.
    pub days: u32,
    /// What they come to.
    pub digest: Digest,
}

/// A week's report for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// In Markdown.
    pub markdown: String,
    /// As a page of HTML that needs no other file.
    pub html: String,
}

/// The week that others are held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Which one.
    pub week: Week,
    /// What it came to.
    pub digest: Digest,
}
