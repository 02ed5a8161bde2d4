//! Instants, months and remaining time, as values that others read from a clock.

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        let date = self.date();
        Month { year: date.year(), month: date.month() }
    }

    /// The UTC calendar day of the instant, as `2026-11-23`.
    #[must_use]
    pub fn day(self) -> String {
        self.date().to_string()
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

/// A UTC calendar month, the period of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// Reads `2026-11`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let date: Date = format!("{text}-01").parse().ok()?;
        Some(Self { year: date.year(), month: date.month() }).filter(|month| month.to_string() == text)
    }

    /// The first instant of the month.
    #[must_use]
    pub fn start(self) -> Timestamp {
        let start = Date::new(self.year, self.month, 1)
            .ok()
            .and_then(|date| date.to_zoned(TimeZone::UTC).ok())
            .map_or(0, |zoned| zoned.timestamp().as_millisecond());
        Timestamp(start)
    }

    /// The month after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.month == 12 {
            Self { year: self.year + 1, month: 1 }
        } else {
            Self { year: self.year, month: self.month + 1 }
        }
    }

    /// When this month's budget ends and the next one's begins.
    #[must_use]
    pub fn resets_at(self) -> Timestamp {
        self.next().start()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_begins() {
        check("2026-11-23T12:00:00Z", "2026-11", "2026-12-01T00:00:00.000Z");
        check("2026-12-31T23:59:59.999Z", "2026-12", "2027-01-01T00:00:00.000Z");
        check("2028-02-29T00:00:00Z", "2028-02", "2028-03-01T00:00:00.000Z");
        check("2027-01-01T00:00:00Z", "2027-01", "2027-02-01T00:00:00.000Z");
    }

    #[track_caller]
    fn check(instant: &str, month: &str, resets_at: &str) {
        let instant = Timestamp(instant.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        assert_eq!(instant.month().to_string(), month);
        assert_eq!(instant.month().resets_at().to_string(), resets_at);
        assert_eq!(Month::parse(month), Some(instant.month()));
    }

    #[test]
    fn a_month_has_one_spelling() {
        for bad in ["2026-1", "2026-13", "26-01", "2026-11-01", ""] {
            assert_eq!(Month::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn time_left_is_never_negative() {
        let deadline = Deadline::at(Timestamp::from_millis(10));
        assert_eq!(deadline.left(Timestamp::from_millis(11)), Duration::ZERO);
    }
}
