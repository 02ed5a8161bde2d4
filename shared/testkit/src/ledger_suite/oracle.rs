//! The ledger as a plain value under a lock: what every other ledger is compared with.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::RequestId;
use farthing_domain::ledger::{
    Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, MonthBooks, MonthState, Reservation,
    ReserveRefused, ReserveRequest, Resolution, Resolved, StoredReply, Swept,
};
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_domain::time::{Month, Timestamp};

/// How long after the lease a reservation expires.
const EXPIRY_GRACE: Duration = Duration::from_secs(60);
/// Unknown usage below this does not stop a month.
const UNKNOWN_ALLOWANCE: Usd = Usd::from_nanos(1_000_000_000);

/// A strict ledger in memory: every operation is one change of a value under one lock.
#[derive(Debug)]
pub struct OracleLedger {
    cap: Usd,
    stop_percent: u8,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    months: BTreeMap<Month, MonthBooks>,
    requests: BTreeMap<Key, Request>,
    attempts: BTreeMap<(Key, RequestId, u32), Row>,
    sweeps: BTreeMap<Month, LastSweep>,
}

/// Tenant and key.
type Key = (String, String);

#[derive(Debug)]
struct Request {
    owner: RequestId,
    lease: Timestamp,
    envelope: Usd,
    payload_hash: [u8; 32],
    ended: Option<Option<StoredReply>>,
}

#[derive(Debug)]
struct Row {
    amount: Usd,
    month: Month,
    expires: Timestamp,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pending,
    Resolved(Usd),
    Expired,
    Late(Usd),
}

impl OracleLedger {
    /// A ledger whose months have this cap, of which this percentage may be spent.
    #[must_use]
    pub fn new(cap: Usd, stop_percent: u8) -> Self {
        Self { cap, stop_percent, state: Mutex::default() }
    }

    fn fresh(&self, month: Month) -> MonthBooks {
        let line = self.cap.percent_floor(self.stop_percent);
        MonthBooks {
            month,
            state: MonthState::Open,
            cap: self.cap,
            floor: self.cap.saturating_sub(line),
            available: line,
            reserved: Usd::ZERO,
            settled: Usd::ZERO,
            unknown: Usd::ZERO,
            adjusted: Usd::ZERO,
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key(claim: &Claim) -> Key {
    (claim.tenant.to_string(), claim.key_hash.clone())
}

fn refused<T, E: From<LedgerUnavailable>>(why: &'static str) -> Result<T, E> {
    Err(LedgerUnavailable(why.into()).into())
}

fn minus(one: Usd, other: Usd) -> Usd {
    Usd::from_nanos(one.nanos() - other.nanos())
}

/// Charges a pending amount.
fn charge(books: &mut MonthBooks, amount: Usd, charged: Usd, is_unknown: bool) {
    books.reserved = minus(books.reserved, amount);
    correct(books, amount, charged, if is_unknown { charged } else { Usd::ZERO });
    books.settled = books.settled.saturating_add(amount);
}

/// Makes a charge of `amount` one of `charged`, of which this much more is unknown usage.
fn correct(books: &mut MonthBooks, amount: Usd, charged: Usd, unknown: Usd) {
    books.settled = minus(books.settled, minus(amount, charged));
    books.available = books.available.saturating_add(minus(amount, charged));
    books.unknown = books.unknown.saturating_add(unknown);
    if charged > amount {
        books.state = MonthState::Stopped;
    }
}

fn stop_if_too_much_is_unknown(books: &mut MonthBooks) {
    let share_is_over = books.unknown.nanos() * 20 > books.settled.nanos();
    if books.state == MonthState::Open && share_is_over && books.unknown >= UNKNOWN_ALLOWANCE {
        books.state = MonthState::Stopped;
    }
}

#[async_trait]
impl Ledger for OracleLedger {
    async fn acquire(&self, request: ClaimRequest) -> Result<Claim, ClaimRefused> {
        let ClaimRequest { claim, envelope, payload_hash, now } = request;
        self.change(|state| {
            let (owner, lease) = (claim.owner.clone(), claim.lease);
            let Some(held) = state.requests.get_mut(&key(&claim)) else {
                state.requests.insert(key(&claim), Request { owner, lease, envelope, payload_hash, ended: None });
                return Ok(claim);
            };
            match &held.ended {
                _ if held.payload_hash != payload_hash => Err(ClaimRefused::OtherPayload),
                Some(Some(reply)) => Err(ClaimRefused::Done(reply.clone())),
                Some(None) => refused("it ended without a reply"),
                None if held.owner == owner || held.lease < now => {
                    (held.owner, held.lease) = (owner, lease);
                    Ok(claim)
                }
                None => Err(ClaimRefused::InProgress { retry_after: held.lease.since(now) }),
            }
        })
    }

    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, ReserveRefused> {
        let ReserveRequest { claim, attempt, amount, month, .. } = request;
        if amount < Usd::ZERO {
            return refused("a negative amount");
        }
        self.change(|state| {
            let books = state.months.entry(month).or_insert_with(|| self.fresh(month));
            let place = (key(&claim), claim.owner.clone(), attempt);
            let expires = claim.lease.plus(EXPIRY_GRACE);
            let reservation = Reservation { claim, attempt, amount, month };
            if let Some(row) = state.attempts.get(&place) {
                let is_same = row.fate == Fate::Pending && (row.amount, row.month) == (amount, month);
                return if is_same { Ok(reservation) } else { refused("the number was used") };
            }
            let held = state.requests.get_mut(&place.0);
            let held = held.filter(|held| held.ended.is_none() && held.owner == place.1);
            let held = held.ok_or(ReserveRefused::Fenced)?;
            if books.state != MonthState::Open {
                return Err(ReserveRefused::Stopped);
            }
            if books.available < amount {
                let in_flight = books.reserved > Usd::ZERO;
                return Err(if in_flight { ReserveRefused::InFlight } else { ReserveRefused::Exhausted });
            }
            if held.envelope < amount {
                return Err(ReserveRefused::RequestLimit { left: held.envelope });
            }
            held.envelope = minus(held.envelope, amount);
            books.available = minus(books.available, amount);
            books.reserved = books.reserved.saturating_add(amount);
            state.attempts.insert(place, Row { amount, month, expires, fate: Fate::Pending });
            Ok(reservation)
        })
    }

    async fn resolve(
        &self,
        reservation: Reservation,
        resolution: Resolution,
        _now: Timestamp,
    ) -> Result<Resolved, LedgerUnavailable> {
        let Reservation { claim, attempt, amount, month } = reservation;
        let (charged, is_unknown) = match resolution {
            Resolution::Posted { actual, .. } if actual < Usd::ZERO => return refused("a negative cost"),
            Resolution::Posted { actual, .. } => (actual, false),
            Resolution::PostedUnknown => (amount, true),
            Resolution::Voided => (Usd::ZERO, false),
        };
        self.change(|state| {
            let row = state.attempts.get_mut(&(key(&claim), claim.owner, attempt));
            let Some(row) = row.filter(|row| (row.amount, row.month) == (amount, month)) else {
                return refused("no such reservation");
            };
            let Some(books) = state.months.get_mut(&month) else { return refused("no such month") };
            match row.fate {
                Fate::Resolved(charged) => Ok(Resolved { charged, late: false }),
                Fate::Late(charged) => Ok(Resolved { charged, late: true }),
                Fate::Pending => {
                    charge(books, amount, charged, is_unknown);
                    row.fate = Fate::Resolved(charged);
                    if is_unknown {
                        stop_if_too_much_is_unknown(books);
                    }
                    Ok(Resolved { charged, late: false })
                }
                Fate::Expired => {
                    let unknown = if is_unknown { Usd::ZERO } else { minus(Usd::ZERO, amount) };
                    correct(books, amount, charged, unknown);
                    row.fate = Fate::Late(charged);
                    Ok(Resolved { charged, late: true })
                }
            }
        })
    }

    async fn finish(&self, finish: Finish) -> Result<bool, LedgerUnavailable> {
        Ok(self.change(|state| {
            let Some(held) = state.requests.get_mut(&key(&finish.claim)) else { return false };
            if held.owner == finish.claim.owner && held.ended.is_none() {
                held.ended = Some(finish.reply);
            }
            held.owner == finish.claim.owner
        }))
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerUnavailable> {
        self.change(|state| {
            let held = state.requests.get_mut(&key(claim));
            if let Some(held) = held.filter(|held| held.owner == claim.owner && held.ended.is_none()) {
                held.lease = Timestamp::from_millis(1);
            }
        });
        Ok(())
    }

    async fn sweep(&self, month: Month, now: Timestamp) -> Result<Swept, LedgerUnavailable> {
        Ok(self.change(|state| {
            let mut swept = Swept::default();
            let books = state.months.entry(month).or_insert_with(|| self.fresh(month));
            for row in state.attempts.values_mut().filter(|row| row.fate == Fate::Pending && row.month == month) {
                swept.oldest = Some(swept.oldest.map_or(row.expires, |oldest| oldest.min(row.expires)));
                if row.expires < now {
                    charge(books, row.amount, row.amount, true);
                    row.fate = Fate::Expired;
                    swept.expired += 1;
                    swept.charged = swept.charged.saturating_add(row.amount);
                } else {
                    swept.pending += 1;
                }
            }
            if swept.expired > 0 {
                stop_if_too_much_is_unknown(books);
            }
            if state.sweeps.get(&month).is_none_or(|last| last.at <= now) {
                state.sweeps.insert(month, LastSweep { at: now, swept });
            }
            swept
        }))
    }

    async fn last_sweep(&self, month: Month) -> Result<Option<LastSweep>, LedgerUnavailable> {
        Ok(self.change(|state| state.sweeps.get(&month).copied()))
    }

    async fn books(&self, month: Month) -> Result<MonthBooks, LedgerUnavailable> {
        Ok(self.change(|state| state.months.get(&month).cloned().unwrap_or_else(|| self.fresh(month))))
    }

    async fn set_stopped(&self, month: Month, stopped: bool) -> Result<(), LedgerUnavailable> {
        self.change(|state| {
            let books = state.months.entry(month).or_insert_with(|| self.fresh(month));
            books.state = if stopped { MonthState::Stopped } else { MonthState::Open };
        });
        Ok(())
    }
}
