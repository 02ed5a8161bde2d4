//! Secrets that are remembered for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ports::{Clock, SecretSource, SecretText, SecretUnavailable};
use farthing_domain::time::{Pause, Timestamp};

#[cfg(test)]
mod tests;

/// How long a secret that was read is used without another look.
const FRESH_FOR: Duration = Duration::from_secs(300);
/// How long the last good text is used before another try, after one that failed.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The same, when there is no good text: those that came meanwhile must not try one after the other.
const RETRY_AT_FIRST_AFTER: Duration = Duration::from_secs(1);
/// How often, at most, a secret is read because somebody was told that it is wrong.
const FORCED_EVERY: Duration = Duration::from_secs(30);

/// Remembers a secret for five minutes. When it cannot be read then, the last good text is used on.
///
/// One call reads at a time. Those that come meanwhile get the last good text at once; if there is
/// none, they wait for what that call finds.
pub struct CachedSecret<S> {
    source: S,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    known: Option<SecretText>,
    /// While it lasts, nothing is read.
    rest: Option<Pause>,
    /// While it lasts, nobody can have the secret read.
    forced: Option<Pause>,
    /// The name of the secret, once it could not be read.
    name: String,
}

impl<S: SecretSource> CachedSecret<S> {
    /// Remembers what `source` gives.
    pub fn new(source: S, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, state: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// The secret, read although it is remembered: for one who was told that it is wrong, as it is
    /// when it has just been changed. At most once in 30 seconds, so that a provider which refuses
    /// every key is not the cause of a read at every request; otherwise as [`SecretSource::current`].
    ///
    /// # Errors
    /// [`SecretUnavailable`] when it cannot be read and never could.
    pub async fn refreshed(&self) -> Result<SecretText, SecretUnavailable> {
        let _reading = self.reading.lock().await;
        let now = self.clock.now();
        if !self.state().may_be_forced(now) {
            return self.read_unless_rested(now).await;
        }
        self.read(now).await
    }

    async fn read_unless_rested(&self, now: Timestamp) -> Result<SecretText, SecretUnavailable> {
        let remembered = self.state().remembered(now);
        match remembered {
            Some(remembered) => remembered,
            None => self.read(now).await,
        }
    }

    async fn read(&self, now: Timestamp) -> Result<SecretText, SecretUnavailable> {
        let read = self.source.current().await;
        self.state().note(read, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<S: SecretSource> SecretSource for CachedSecret<S> {
    async fn current(&self) -> Result<SecretText, SecretUnavailable> {
        let now = self.clock.now();
        let (remembered, known) = {
            let state = self.state();
            (state.remembered(now), state.known.clone())
        };
        if let Some(remembered) = remembered {
            return remembered;
        }
        let _reading = match (self.reading.try_lock(), known) {
            (Ok(reading), _) => reading,
            (Err(_), Some(known)) => return Ok(known),
            (Err(_), None) => self.reading.lock().await,
        };
        // Somebody may have read it before it was our turn.
        self.read_unless_rested(self.clock.now()).await
    }
}

impl State {
    /// What is answered without reading, if anything is.
    fn remembered(&self, now: Timestamp) -> Option<Result<SecretText, SecretUnavailable>> {
        if !self.rest.is_some_and(|rest| rest.lasts(now)) {
            return None;
        }
        Some(self.known.clone().ok_or_else(|| SecretUnavailable {
            secret: self.name.clone(),
            cause: "it could not be read a moment ago".into(),
        }))
    }

    /// Whether it may be read although it is remembered; if so, it may not be again for a while.
    fn may_be_forced(&mut self, now: Timestamp) -> bool {
        if self.forced.is_some_and(|forced| forced.lasts(now)) {
            return false;
        }
        self.forced = Some(Pause::new(now, FORCED_EVERY));
        true
    }

    /// Notes what was read at `now`, and gives what is known after it.
    fn note(
        &mut self,
        read: Result<SecretText, SecretUnavailable>,
        now: Timestamp,
    ) -> Result<SecretText, SecretUnavailable> {
        match (read, &self.known) {
            (Ok(text), _) => {
                self.rest = Some(Pause::new(now, FRESH_FOR));
                self.known = Some(text.clone());
                Ok(text)
            }
            (Err(error), Some(known)) => {
                let name = &error.secret;
                tracing::warn!(
                    secret.name = name,
                    error = &error as &dyn std::error::Error,
                    "secret `{name}` was not refreshed: the last good text is used on"
                );
                self.rest = Some(Pause::new(now, RETRY_AFTER));
                Ok(known.clone())
            }
            (Err(error), None) => {
                self.rest = Some(Pause::new(now, RETRY_AT_FIRST_AFTER));
                self.name.clone_from(&error.secret);
                Err(error)
            }
        }
    }
}
