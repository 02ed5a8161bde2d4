//! The period of a budget.

use std::fmt;

use jiff::civil::Date;

use super::Timestamp;

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
        Some(Self::of(date)).filter(|month| month.to_string() == text)
    }

    /// The month of a day.
    pub(super) fn of(day: Date) -> Self {
        Self { year: day.year(), month: day.month() }
    }

    /// The first instant of the month.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Date::new(self.year, self.month, 1).map_or(Timestamp::default(), Timestamp::start_of)
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
