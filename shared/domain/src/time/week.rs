//! The period of the weekly job.

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use serde::{Deserialize, Serialize};

use super::Timestamp;

const LENGTH: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A week of ISO 8601 in UTC: it begins on a Monday, and belongs to the year that has most of its
/// days. So 1 January 2027 is in `2026-W53`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Week {
    year: i16,
    week: i8,
}

impl Week {
    /// Reads `2026-W48`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let monday: ISOWeekDate = format!("{text}-1").parse().ok()?;
        Some(Self { year: monday.year(), week: monday.week() }).filter(|week| week.to_string() == text)
    }

    /// The week of a day.
    pub(super) fn of(day: Date) -> Self {
        let day = day.iso_week_date();
        Self { year: day.year(), week: day.week() }
    }

    /// The first instant of the week, on its Monday.
    #[must_use]
    pub fn start(self) -> Timestamp {
        ISOWeekDate::new(self.year, self.week, Weekday::Monday)
            .map_or(Timestamp::default(), |monday| Timestamp::start_of(monday.date()))
    }

    /// The week after this one.
    #[must_use]
    pub fn next(self) -> Self {
        self.start().plus(LENGTH).week()
    }

    /// The week before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        self.start().minus(LENGTH).week()
    }
}

/// A text that is no week.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no week: expected one of ISO 8601 such as 2026-W48")]
pub struct InvalidWeek(String);

impl TryFrom<String> for Week {
    type Error = InvalidWeek;

    fn try_from(text: String) -> Result<Self, InvalidWeek> {
        Self::parse(&text).ok_or(InvalidWeek(text))
    }
}

impl From<Week> for String {
    fn from(week: Week) -> Self {
        week.to_string()
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.week)
    }
}
