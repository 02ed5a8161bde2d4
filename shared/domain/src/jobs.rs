//! What is done once a week, by whoever comes first.

use std::time::Duration;

use crate::ids::RequestId;
use crate::ports::StoreError;
use crate::time::{Timestamp, Week};

/// Something that is done once a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// The policy is tuned.
    Optimize,
}

impl Job {
    /// The job's name in the table and in log lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Optimize => "optimize",
        }
    }
}

/// The right to do a week's job, held by one invocation until its lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobClaim {
    /// What is to be done.
    pub job: Job,
    /// For which week.
    pub week: Week,
    /// The invocation that does it.
    pub owner: RequestId,
    /// When it may be taken over.
    pub lease: Timestamp,
}

/// What came of a week's job: a text, JSON as a rule, of at most [`JobResult::MOST_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobResult(String);

/// A result is too long to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the result has {bytes} bytes, of which at most {} are kept", JobResult::MOST_BYTES)]
pub struct ResultTooLong {
    bytes: usize,
}

impl JobResult {
    /// The longest result in bytes: well below what one item of the table holds.
    pub const MOST_BYTES: usize = 64 * 1_024;

    /// Takes the text as a result.
    ///
    /// # Errors
    /// [`ResultTooLong`].
    pub fn parse(text: &str) -> Result<Self, ResultTooLong> {
        if text.len() > Self::MOST_BYTES { Err(ResultTooLong { bytes: text.len() }) } else { Ok(Self(text.to_owned())) }
    }

    /// The result as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a week's job is not to be done now.
#[derive(Debug, thiserror::Error)]
pub enum JobRefused {
    /// It has been done, with this result.
    #[error("the job of this week has been done")]
    Done(JobResult),
    /// Another invocation does it.
    #[error("the job of this week is being done")]
    Running {
        /// How long its lease lasts.
        retry_after: Duration,
    },
    /// The store cannot be reached: it is not known whose the job is.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_has_a_limit() {
        let longest = "x".repeat(JobResult::MOST_BYTES);
        assert_eq!(JobResult::parse(&longest).unwrap().as_str(), longest);
        // What counts is bytes, not letters.
        let refused = JobResult::parse(&"é".repeat(40_000)).unwrap_err();
        assert_eq!(refused.to_string(), "the result has 80000 bytes, of which at most 65536 are kept");
    }
}
