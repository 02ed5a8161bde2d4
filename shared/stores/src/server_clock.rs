//! The time that the service states, to notice when ours is wrong.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use farthing_domain::time::Timestamp;
use tokio::time::Instant;

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// The last `Date` that the service sent, and when it came. A service without `Date` has no time.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerClock(Arc<Mutex<Seen>>);

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    has_replied: bool,
    date: Option<(Timestamp, Instant)>,
}

impl ServerClock {
    /// Whether the service has done what it was asked at least once: then its time is known, or that
    /// it tells none.
    pub(crate) fn has_replied(&self) -> bool {
        self.seen().has_replied
    }

    /// How far `now` is from the service's time, either way; `None` while that is not known.
    pub(crate) fn skew(&self, now: Timestamp) -> Option<Duration> {
        let theirs = self.now()?;
        Some(theirs.since(now).max(now.since(theirs)))
    }

    /// What the service's clock shows when ours shows `instant`, if ours shows `now` now. The same
    /// instant while its time is not known.
    pub(crate) fn theirs(&self, instant: Timestamp, now: Timestamp) -> Timestamp {
        match self.now() {
            Some(theirs) => instant.plus(theirs.since(now)).minus(now.since(theirs)),
            None => instant,
        }
    }

    fn now(&self) -> Option<Timestamp> {
        let (date, seen) = self.seen().date?;
        Some(date.plus(seen.elapsed()))
    }

    fn seen(&self) -> Seen {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failure without `Date` says nothing: something before the service may have made it.
    fn note_reply(&self, is_success: bool, date: Option<&str>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).has_replied |= is_success;
        if let Some(date) = date {
            self.note(date);
        }
    }

    fn note(&self, date: &str) {
        let Ok(date) = DateTime::from_str(date, DateTimeFormat::HttpDate) else { return };
        let Ok(millis) = date.to_millis() else { return };
        // A date is in whole seconds: on average half of one has passed.
        let date = Timestamp::from_millis(millis).plus(HALF_A_SECOND);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).date = Some((date, Instant::now()));
    }
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        self.note_reply(response.status().is_success(), response.headers().get("date"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_is_counted_either_way() {
        let clock = ServerClock::default();
        let now = Timestamp::from_millis(784_111_777_000);
        assert_eq!(clock.skew(now), None);
        clock.note_reply(false, None);
        assert!(!clock.has_replied());
        clock.note_reply(true, None);
        assert!(clock.has_replied());
        clock.note("no date");
        assert_eq!(clock.skew(now), None);
        clock.note("Sun, 06 Nov 1994 08:49:37 GMT");
        let ahead = clock.skew(now.plus(Duration::from_secs(3_600))).unwrap();
        let behind = clock.skew(now.minus(Duration::from_secs(3_600))).unwrap();
        assert!(ahead <= Duration::from_secs(3_600) && behind >= Duration::from_secs(3_600));
        assert_eq!(clock.theirs(now.plus(Duration::from_secs(10)), now).since(now).as_secs(), 10);
        let late = now.plus(Duration::from_secs(60));
        assert_eq!(clock.theirs(late, late).since(now).as_secs(), 0, "our clock is a minute ahead");
        assert!(behind - ahead < Duration::from_secs(600), "only the time between the calls differs");
    }
}
