//! What happened in a world, line by line.

use std::sync::{Mutex, PoisonError};

/// The lines of one world; none are kept unless they are wanted.
#[derive(Debug, Default)]
pub(crate) struct Trace(Option<Mutex<Vec<String>>>);

impl Trace {
    pub(crate) fn new(is_kept: bool) -> Self {
        Self(is_kept.then(Mutex::default))
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn add(&self, millis: u64, who: &str, what: &str) {
        let Some(lines) = &self.0 else { return };
        let line = format!("{:>8}.{:03} {who:<8} {what}", millis / 1_000, millis % 1_000);
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.as_ref().map(|lines| lines.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }
}
