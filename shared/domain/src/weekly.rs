//! What is learned of a week of outcomes: what it came to, and whether it was another week than usual.

use serde::{Deserialize, Serialize};

mod calibration;
pub mod canary;
pub mod candidate;
pub mod digest;
pub mod drift;
pub mod learning;
pub mod measures;
pub mod promotion;
pub mod proposals;
mod replay;
pub mod report;
#[cfg(test)]
mod sketch;
pub mod topics;
mod weights;

pub use digest::Digest;
pub use report::{Line, WeeklyReport};

use crate::rollout::Stage;
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
    /// The stage of the rollout then, if that is known.
    #[serde(default)]
    pub stage: Option<Stage>,
    /// What it came to.
    pub digest: Digest,
}
