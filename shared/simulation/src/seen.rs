//! What came to pass, counted, so that it shows what the worlds were made of.

/// How often something came to pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Calls to providers.
    pub sends: u64,
    /// Calls to the database.
    pub operations: u64,
    /// Reservations that were charged by usage figures.
    pub posted: u64,
    /// Reservations that were charged in full, for want of figures.
    pub posted_unknown: u64,
    /// Reservations that cost nothing.
    pub voided: u64,
    /// Reservations that a sweeper charged in full.
    pub expired: u64,
    /// Charges of a sweeper that a late result corrected.
    pub late: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// Keys that another invocation took over from one that had not let go.
    pub takeovers: u64,
    /// Replies that the month's money is spent or stopped, or that a request is too dear.
    pub refused: u64,
    /// Replies that the month's money is reserved by others.
    pub in_flight: u64,
    /// Replies with an answer.
    pub answered: u64,
    /// Charges above their reservation.
    pub overcharged: u64,
}

impl Seen {
    /// Adds what came to pass elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.fields_mut().into_iter().zip(other.clone().fields_mut()) {
            *sum += *more;
        }
    }

    fn fields_mut(&mut self) -> [&mut u64; 13] {
        let Self { sends, operations, posted, posted_unknown, voided, expired, late, .. } = self;
        let Self { kills, takeovers, refused, in_flight, answered, overcharged, .. } = self;
        [
            sends,
            operations,
            posted,
            posted_unknown,
            voided,
            expired,
            late,
            kills,
            takeovers,
            refused,
            in_flight,
            answered,
            overcharged,
        ]
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} provider calls, {} database calls; ", self.sends, self.operations)?;
        write!(f, "rows: {} posted, {} unknown, {} voided, ", self.posted, self.posted_unknown, self.voided)?;
        write!(f, "{} expired, {} of them late, {} overcharged; ", self.expired, self.late, self.overcharged)?;
        write!(f, "{} kills, {} takeovers; ", self.kills, self.takeovers)?;
        write!(f, "replies: {} answers, {} refused, {} in flight", self.answered, self.refused, self.in_flight)
    }
}
