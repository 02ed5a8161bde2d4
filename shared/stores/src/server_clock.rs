//! The time that the service states, to notice when ours is wrong.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use farthing_domain::time::Timestamp;

/// The last `Date` that the service sent, and when it came. A service without `Date` has no time.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerClock(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl ServerClock {
    /// How far `now` is from the service's time, either way; `None` while that is not known.
    pub(crate) fn skew(&self, now: Timestamp) -> Option<Duration> {
        let (date, seen) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let theirs = date.plus(seen.elapsed());
        Some(theirs.since(now).max(now.since(theirs)))
    }

    fn note(&self, date: &str) {
        let Ok(date) = DateTime::from_str(date, DateTimeFormat::HttpDate) else { return };
        let Ok(millis) = date.to_millis() else { return };
        let seen = (Timestamp::from_millis(millis), Instant::now());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
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
        if let Some(date) = context.response().headers().get("date") {
            self.note(date);
        }
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
        clock.note("no date");
        assert_eq!(clock.skew(now), None);
        clock.note("Sun, 06 Nov 1994 08:49:37 GMT");
        let ahead = clock.skew(now.plus(Duration::from_secs(3_600))).unwrap();
        let behind = clock.skew(now.minus(Duration::from_secs(3_600))).unwrap();
        assert!(ahead <= Duration::from_secs(3_600) && behind >= Duration::from_secs(3_600));
        assert!(behind - ahead < Duration::from_secs(600), "only the time between the calls differs");
    }
}
