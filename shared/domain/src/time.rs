//! Instants, periods and remaining time, as values that others read from a clock.
//!
//! A clock may be set back between two readings. Nothing here underflows then.

mod month;
mod pause;
#[cfg(test)]
mod tests;
mod week;

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub use month::Month;
pub use pause::Pause;
pub use week::Week;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as DynamoDB's time to live wants them.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The instant `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The instant `duration` earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The UTC calendar month of the instant.
    #[must_use]
    pub fn month(self) -> Month {
        Month::of(self.date())
    }

    /// The ISO week of the instant, in UTC.
    #[must_use]
    pub fn week(self) -> Week {
        Week::of(self.date())
    }

    /// The UTC calendar day of the instant, as `2026-11-23`.
    #[must_use]
    pub fn day(self) -> String {
        self.date().to_string()
    }

    /// The first instant of a UTC calendar day.
    fn start_of(day: Date) -> Self {
        Self(day.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_millisecond()))
    }

    fn date(self) -> Date {
        self.instant().to_zoned(TimeZone::UTC).date()
    }

    fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.instant())
    }
}

/// The instant by which a request has to be answered, fixed when its invocation began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// The deadline at `at`.
    #[must_use]
    pub const fn at(at: Timestamp) -> Self {
        Self(at)
    }

    /// The instant itself.
    #[must_use]
    pub const fn instant(self) -> Timestamp {
        self.0
    }

    /// What is left of it at `now`; zero once it has passed.
    #[must_use]
    pub fn left(self, now: Timestamp) -> Duration {
        self.0.since(now)
    }
}
