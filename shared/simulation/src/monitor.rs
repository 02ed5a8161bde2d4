//! The invariants, checked from outside: on the database's items, the providers' meter and the
//! replies that callers get.
//!
//! | Name | What holds |
//! |---|---|
//! | I0 | a month's `avail` is never below zero |
//! | I1 | `avail + reserved + settled = cap − floor + adj`, and each is the sum of its rows |
//! | I2 | `reserved + settled` is at most 95 % of the cap |
//! | I3 | what a provider charges for a call is covered by its row, at every instant |
//! | I4 | when all is quiet and swept, nothing is pending |
//! | I5 | a row resolves once, in the month it was made for, and keeps what it recorded |
//! | I6 | one send has one row, pending and of the worst case; none is sent on a voided one |
//! | I7 | one key has one final answer, one invocation at a time works on it, and nothing is sent once it is done |
//! | I8 | a key costs at most its envelope, over all invocations |
//! | I9 | every final reply is on record, and every ended request is counted once |
//! | I10 | the job of one week has one result, which is kept |
//!
//! I0 and I2 are excused in a month in which a provider charged more than a call can cost: then the
//! charge is recorded in full and the month is stopped, which is checked instead.

mod books;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use farthing_domain::ids::RequestId;
use farthing_domain::jobs::JobClaim;
use farthing_domain::money::Usd;
use farthing_testkit::strict_dynamo::{Item, Items};

pub(crate) use rows::RowKey;
use rows::{Row, RowState};

use crate::seen::Seen;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name, `I0` to `I10`.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

/// The lease of a request that its holder let go.
const LET_GO: i64 = 1;

/// Fails an invariant.
pub(crate) fn broken<T>(invariant: &'static str, found: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { invariant, found: found.into() })
}

/// What is known of a world besides its database.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    rows: BTreeMap<RowKey, RowState>,
    /// The rows that calls were sent under, with what the provider charges for each.
    sends: BTreeMap<RowKey, Usd>,
    /// What each request's envelope was when it was first seen.
    envelopes: BTreeMap<String, i64>,
    /// Who held each request when it was last looked at, and until when.
    holders: BTreeMap<String, (String, i64)>,
    /// Months in which a provider charged more than a call can cost.
    overcharged: BTreeSet<String>,
    /// The one successful reply of each key.
    answers: BTreeMap<u32, String>,
    /// Who ended the weekly job of each week.
    jobs: BTreeMap<String, RequestId>,
    /// Invocations that ended and have to be counted.
    ended: u64,
    /// What all providers charge.
    metered: Usd,
    seen: Seen,
}

impl Monitor {
    /// What came to pass, and what providers charge for it.
    pub(crate) fn seen(&self) -> (Seen, Usd) {
        (Seen { sends: self.sends.len() as u64, ..self.seen.clone() }, self.metered)
    }

    /// A call is about to be sent by the invocation `owner`, which may cost `worst_case`. The row
    /// that it is sent under is returned.
    pub(crate) fn check_send(&mut self, items: &Items, owner: &str, worst_case: Usd) -> Result<RowKey, Violation> {
        let newest = rows::newest_of(items, owner)?;
        let is_unsent = |(key, row): &&(RowKey, Row)| {
            !self.sends.contains_key(key) && matches!(row.state, RowState::Pending | RowState::Expired)
        };
        let Some((key, row)) = newest.iter().find(is_unsent).or(newest.last()).cloned() else {
            return broken("I6", format!("{owner} sends without a row"));
        };
        if self.sends.contains_key(&key) {
            return broken("I6", format!("{owner} sends twice under {}", key.sk));
        }
        if !matches!(row.state, RowState::Pending | RowState::Expired) {
            return broken("I6", format!("{owner} sends under {}, which is {:?}", key.sk, row.state));
        }
        if row.amount < worst_case {
            return broken("I6", format!("{owner} reserved {} for a call of up to {worst_case}", row.amount));
        }
        let state = items.get(&(key.pk.clone(), "META".to_owned())).and_then(|meta| meta.get("st")?.as_s());
        if state != Some("inprog") {
            return broken("I7", format!("{owner} sends for a key that is {state:?}"));
        }
        self.sends.insert(key.clone(), Usd::ZERO);
        Ok(key)
    }

    /// A provider charges `cost` for the call under `row`; more than it can cost if `is_over`.
    pub(crate) fn bill(&mut self, items: &Items, row: &RowKey, cost: Usd, is_over: bool) -> Result<(), Violation> {
        self.metered = self.metered.saturating_add(cost);
        self.seen.overcharged += u64::from(is_over);
        if is_over && let Some(found) = rows::find(items, row)? {
            self.overcharged.insert(found.month);
        }
        if let Some(charged) = self.sends.get_mut(row) {
            *charged = cost;
        }
        self.check_items(items, None)
    }

    /// Checks every item; `prices` are those of the process that wrote last, if one did.
    pub(crate) fn check_items(&mut self, items: &Items, prices: Option<&str>) -> Result<(), Violation> {
        let months = books::read_months(items)?;
        let mut sums = books::Sums::default();
        let mut seen = 0;
        let mut request = rows::Request::default();
        for ((pk, sk), item) in rows::of_requests(items) {
            if sk == "META" {
                request.end(pk, item, &mut self.envelopes)?;
                continue;
            }
            let row = Row::read(item)?;
            seen += 1;
            let key = RowKey::of(pk, sk);
            let charged = self.sends.get(&key).copied();
            request.add(pk, &row, charged);
            self.check_row(key, &row, charged, &months, prices)?;
            sums.add(&row);
        }
        if seen < self.rows.len() {
            return broken("I5", format!("of {} rows only {seen} are left", self.rows.len()));
        }
        months.iter().try_for_each(|month| month.check(&sums, self.overcharged.contains(&month.name)))
    }

    /// A request changes hands only when its holder has let go, or does not work on it any more.
    pub(crate) fn check_holders(&mut self, items: &Items, is_working: impl Fn(&str) -> bool) -> Result<(), Violation> {
        for ((pk, _), meta) in rows::of_requests(items).filter(|((_, sk), _)| sk == "META") {
            let (holder, lease) = (rows::text(meta, "ow")?, rows::number(meta, "lease_ms")?);
            match self.holders.get_mut(pk) {
                Some((before, until)) if before == holder => *until = lease,
                Some((before, until)) => {
                    if *until != LET_GO && is_working(before) {
                        return broken("I7", format!("{holder} took over from {before}, which is at work"));
                    }
                    self.seen.takeovers += u64::from(*until != LET_GO);
                    (*before, *until) = (holder.to_owned(), lease);
                }
                None => drop(self.holders.insert(pk.clone(), (holder.to_owned(), lease))),
            }
        }
        Ok(())
    }

    /// An invocation ended the job of a week: it is the only one that did, and its result is kept.
    pub(crate) fn check_job(&mut self, items: &Items, claim: &JobClaim) -> Result<(), Violation> {
        let week = claim.week.to_string();
        if let Some(first) = self.jobs.insert(week.clone(), claim.owner.clone()).filter(|first| *first != claim.owner) {
            return broken("I10", format!("{week} was done by {first} and by {}", claim.owner));
        }
        let item = items.get(&(format!("JOB#{}", claim.job.as_str()), week));
        let result = item.and_then(|item| item.get("result")?.as_s());
        if result == Some(claim.owner.as_str()) { Ok(()) } else { broken("I10", format!("its result is {result:?}")) }
    }

    fn check_row(
        &mut self,
        key: RowKey,
        row: &Row,
        charged: Option<Usd>,
        months: &[books::Month],
        prices: Option<&str>,
    ) -> Result<(), Violation> {
        let is_overcharged = self.overcharged.contains(&row.month);
        match self.rows.get(&key) {
            None => books::check_admission(row, months, prices)?,
            Some(before) => row.check_step_from(before, &key.sk)?,
        }
        if let Some(charged) = charged {
            row.check_cover(charged, is_overcharged, &key.sk)?;
        }
        if self.rows.get(&key) != Some(&row.state) {
            match row.state {
                RowState::Pending => {}
                RowState::Posted(_) => self.seen.posted += 1,
                RowState::PostedUnknown(_) => self.seen.posted_unknown += 1,
                RowState::Voided(_) => self.seen.voided += 1,
                RowState::Expired => self.seen.expired += 1,
                RowState::Late(_) => self.seen.late += 1,
            }
            self.rows.insert(key, row.state.clone());
        }
        Ok(())
    }

    /// An invocation replied. A successful reply to a key is the key's only one.
    pub(crate) fn check_reply(
        &mut self,
        items: &Items,
        key: Option<u32>,
        owner: &str,
        status: u16,
        body: &str,
    ) -> Result<(), Violation> {
        match status {
            200 => self.seen.answered += 1,
            402 => self.seen.refused += 1,
            429 => self.seen.in_flight += 1,
            _ => {}
        }
        let is_own = body.starts_with(owner);
        if is_own && !matches!(status, 409 | 422) {
            self.ended += 1;
        }
        let Some(key) = key.filter(|_| status == 200) else { return Ok(()) };
        if let Some(first) = self.answers.get(&key)
            && first != body
        {
            return broken("I7", format!("key {key} was answered `{first}` and `{body}`"));
        }
        self.answers.insert(key, body.to_owned());
        let is_kept = rows::of_requests(items).any(|(_, item)| is_reply(item, body));
        if is_kept { Ok(()) } else { broken("I9", format!("the reply `{body}` of key {key} is not on record")) }
    }

    /// All is quiet and swept.
    pub(crate) fn check_end(&self, items: &Items, is_calm: bool) -> Result<(), Violation> {
        let mut unknown = 0;
        for ((_, sk), item) in rows::of_requests(items).filter(|((_, sk), _)| sk != "META") {
            let row = Row::read(item)?;
            if row.state == RowState::Pending {
                return broken("I4", format!("{sk} is pending after all was swept"));
            }
            unknown += u32::from(row.is_unknown());
        }
        let months = books::read_months(items)?;
        for month in &months {
            if month.reserved != 0 {
                return broken("I4", format!("{} nano-dollars of {} are still reserved", month.reserved, month.name));
            }
        }
        if is_calm && unknown > 0 {
            return broken("I4", format!("nothing went wrong, and {unknown} rows were charged as unknown"));
        }
        let settled: i64 = months.iter().map(|month| month.settled).sum();
        if settled < self.metered.nanos() && self.overcharged.is_empty() {
            return broken("I3", format!("{} were charged and {settled} are settled", self.metered.nanos()));
        }
        books::check_outcomes(items, is_calm.then_some(self.ended))
    }
}

fn is_reply(meta: &Item, body: &str) -> bool {
    let reply = meta.get("resp").and_then(|reply| reply.as_b());
    reply == Some(body.as_bytes()) && meta.get("st").and_then(|state| state.as_s()) != Some("inprog")
}
