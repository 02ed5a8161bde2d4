//! Rests that a clock which is set back does not prolong without end.

use std::time::Duration;

use super::Timestamp;

/// A rest of some length, counted from an instant.
///
/// It is over when its length has passed; and also when the clock turns out to be further before
/// its start than it is long, because then the clock was set back. A clock that is set back by less
/// prolongs it, but it never lasts for more than twice its length after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    from: Timestamp,
    length: Duration,
}

impl Pause {
    /// The pause that begins at `from` and lasts `length`.
    #[must_use]
    pub const fn new(from: Timestamp, length: Duration) -> Self {
        Self { from, length }
    }

    /// Whether it lasts at `now`. Readings of the clock that are a little out of order, as those of
    /// several threads are, do not end it.
    #[must_use]
    pub fn lasts(self, now: Timestamp) -> bool {
        let distance = now.since(self.from).max(self.from.since(now));
        distance < self.length
    }
}
