//! Plays scripts on a ledger.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use farthing_domain::ids::{ModelId, ProviderId, RequestId, Tenant};
use farthing_domain::ledger::{
    Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, Reservation, ReserveRefused,
    ReserveRequest, Resolution, Resolved, StoredReply, Swept,
};
use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use farthing_domain::time::{Month, Timestamp};

use super::step::{Attempt, Step};

/// A quarter past eleven on the last evening of November 2026: three quarters of an hour are left
/// of the month.
const START: Timestamp = Timestamp::from_millis(1_796_080_500_000);
/// How long a lease lasts.
const LEASE: Duration = Duration::from_secs(33);

/// Plays `script` on `ledger`. Each line is a step, `->`, and what must come of it; `ok` when that
/// is left out. Lines that begin with `#` are remarks.
///
/// # Panics
/// When something else comes of a step, or the books do not balance after it.
pub async fn play(ledger: Arc<dyn Ledger>, script: &str) {
    let mut world = World::new(ledger);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (step, expected) = line.split_once("->").unwrap_or((line, "ok"));
        let step: Step = step.parse().unwrap_or_else(|error| panic!("{error}"));
        let came = world.take(step).await;
        assert_eq!(came, expected.trim(), "after `{step}` in\n{script}");
    }
}

/// A ledger, the time, and what was given out.
pub(super) struct World {
    ledger: Arc<dyn Ledger>,
    now: Timestamp,
    claims: HashMap<(u8, char), Claim>,
    reservations: HashMap<Attempt, Reservation>,
    months: BTreeSet<Month>,
    /// Whether a send cost more than was reserved for it: only then may less than nothing be left.
    overdrawn: bool,
}

impl World {
    pub(super) fn new(ledger: Arc<dyn Ledger>) -> Self {
        let months = BTreeSet::from([START.month()]);
        let (claims, reservations) = (HashMap::new(), HashMap::new());
        Self { ledger, now: START, claims, reservations, months, overdrawn: false }
    }

    /// Takes the step and says in words what came of it.
    pub(super) async fn take(&mut self, step: Step) -> String {
        let came = self.act(step).await;
        self.months.insert(self.now.month());
        for month in &self.months {
            self.assert_balanced(*month, step).await;
        }
        came
    }

    /// All books so far, in words.
    pub(super) async fn all_books(&self) -> Vec<String> {
        let mut all = Vec::new();
        for month in &self.months {
            all.push(format!("{month}: {}", self.books(*month).await));
        }
        all
    }

    async fn act(&mut self, step: Step) -> String {
        match step {
            Step::Acquire(key, owner, body, envelope) => self.acquire(key, owner, body, envelope).await,
            Step::Reserve(attempt, amount) => self.reserve(attempt, amount).await,
            Step::Post(attempt, actual) => {
                self.resolve(attempt, Resolution::Posted { actual, input_tokens: 1_000, output_tokens: 100 }).await
            }
            Step::Unknown(attempt) => self.resolve(attempt, Resolution::PostedUnknown).await,
            Step::Void(attempt) => self.resolve(attempt, Resolution::Voided).await,
            Step::Finish(key, owner, status) => {
                let body = format!("{key}{owner}").into_bytes();
                self.finish(key, owner, Some(StoredReply { status, body })).await
            }
            Step::End(key, owner) => self.finish(key, owner, None).await,
            Step::Release(key, owner) => said(self.ledger.release(&self.claim(key, owner)).await.map(|()| "ok".into())),
            Step::Sweep => self.sweep().await,
            Step::LastSweep => self.last_sweep().await,
            Step::Stop => said(self.ledger.set_stopped(self.now.month(), true).await.map(|()| "ok".into())),
            Step::Reopen => said(self.ledger.set_stopped(self.now.month(), false).await.map(|()| "ok".into())),
            Step::Wait(seconds) => {
                self.now = self.now.plus(Duration::from_secs(seconds.into()));
                "ok".to_owned()
            }
            Step::Books => self.books(self.now.month()).await,
        }
    }

    /// The claim that the owner has on the key, or would have.
    fn claim(&self, key: u8, owner: char) -> Claim {
        self.claims.get(&(key, owner)).cloned().unwrap_or_else(|| self.fresh_claim(key, owner))
    }

    fn fresh_claim(&self, key: u8, owner: char) -> Claim {
        Claim {
            tenant: Tenant::parse("tenant").unwrap_or_else(|error| panic!("{error}")),
            key_hash: format!("{key:064x}"),
            owner: RequestId::parse(&format!("{owner:0>26}")).unwrap_or_else(|error| panic!("{error}")),
            lease: self.now.plus(LEASE),
        }
    }

    async fn acquire(&mut self, key: u8, owner: char, body: u8, envelope: Usd) -> String {
        let claim = self.fresh_claim(key, owner);
        let request = ClaimRequest { claim: claim.clone(), envelope, payload_hash: [body; 32], now: self.now };
        match self.ledger.acquire(request).await {
            Ok(given) if given == claim => {
                self.claims.insert((key, owner), given);
                "ok".to_owned()
            }
            Ok(given) => format!("another claim: {given:?}"),
            Err(ClaimRefused::Done(reply)) => format!("done {} {}", reply.status, String::from_utf8_lossy(&reply.body)),
            Err(ClaimRefused::OtherPayload) => "other payload".to_owned(),
            Err(ClaimRefused::InProgress { retry_after }) => format!("in progress for {retry_after:?}"),
            Err(ClaimRefused::Unavailable(_)) => "unavailable".to_owned(),
        }
    }

    async fn reserve(&mut self, attempt: Attempt, amount: Usd) -> String {
        let request = ReserveRequest {
            claim: self.claim(attempt.key, attempt.owner),
            attempt: attempt.number,
            amount,
            provider: ProviderId::parse("provider").unwrap_or_else(|error| panic!("{error}")),
            model: ModelId::parse("model").unwrap_or_else(|error| panic!("{error}")),
            month: self.now.month(),
            now: self.now,
        };
        match self.ledger.reserve(request).await {
            Ok(reservation) => {
                self.reservations.insert(attempt, reservation);
                "ok".to_owned()
            }
            Err(ReserveRefused::Exhausted) => "exhausted".to_owned(),
            Err(ReserveRefused::InFlight) => "in flight".to_owned(),
            Err(ReserveRefused::Stopped) => "stopped".to_owned(),
            Err(ReserveRefused::PriceVersion) => "price version".to_owned(),
            Err(ReserveRefused::RequestLimit { left }) => format!("request limit, {left} left"),
            Err(ReserveRefused::Fenced) => "fenced".to_owned(),
            Err(ReserveRefused::Unavailable(_)) => "unavailable".to_owned(),
        }
    }

    async fn resolve(&mut self, attempt: Attempt, resolution: Resolution) -> String {
        let Some(reservation) = self.reservations.get(&attempt).cloned() else { return "no reservation".to_owned() };
        if let Resolution::Posted { actual, .. } = resolution {
            self.overdrawn |= actual > reservation.amount;
        }
        let resolved = self.ledger.resolve(reservation, resolution, self.now).await;
        said(resolved.map(|Resolved { charged, late }| {
            let when = if late { " late" } else { "" };
            format!("charged {charged}{when}")
        }))
    }

    async fn finish(&self, key: u8, owner: char, reply: Option<StoredReply>) -> String {
        let forget_at = self.now.plus(Duration::from_secs(24 * 3_600));
        let finish = Finish { claim: self.claim(key, owner), reply, forget_at };
        said(self.ledger.finish(finish).await.map(|is_mine| if is_mine { "ok" } else { "taken over" }.to_owned()))
    }

    async fn sweep(&self) -> String {
        let mut all = Swept::default();
        for month in &self.months {
            match self.ledger.sweep(*month, self.now).await {
                Ok(swept) => {
                    all.expired += swept.expired;
                    all.pending += swept.pending;
                    all.charged = all.charged.saturating_add(swept.charged);
                }
                Err(_) => return "unavailable".to_owned(),
            }
        }
        format!("{} expired for {}, {} pending", all.expired, all.charged, all.pending)
    }

    async fn last_sweep(&self) -> String {
        let Ok(last) = self.ledger.last_sweep(self.now.month()).await else { return "unavailable".to_owned() };
        let Some(LastSweep { at, swept }) = last else { return "never".to_owned() };
        let seconds = |later: Timestamp, earlier: Timestamp| (later.millis() - earlier.millis()) / 1_000;
        let oldest = swept.oldest.map_or("none due".to_owned(), |oldest| format!("due in {} s", seconds(oldest, at)));
        let ago = seconds(self.now, at);
        format!("{} expired for {}, {} pending, {oldest}, {ago} s ago", swept.expired, swept.charged, swept.pending)
    }

    async fn books(&self, month: Month) -> String {
        let Ok(books) = self.ledger.books(month).await else { return "unavailable".to_owned() };
        format!(
            "{}: {} free, {} reserved, {} charged, {} unknown",
            books.state.as_str(),
            books.available,
            books.reserved,
            books.settled,
            books.unknown
        )
    }

    async fn assert_balanced(&self, month: Month, step: Step) {
        let books = self.ledger.books(month).await.unwrap_or_else(|error| panic!("no books after `{step}`: {error}"));
        let nanos = Usd::nanos;
        let held = nanos(books.available) + nanos(books.reserved) + nanos(books.settled);
        let had = nanos(books.cap) - nanos(books.floor) + nanos(books.adjusted);
        assert_eq!(held, had, "after `{step}` the books of {month} do not balance: {books:?}");
        let is_sound = books.reserved >= Usd::ZERO
            && books.unknown >= Usd::ZERO
            && books.unknown <= books.settled
            && (self.overdrawn || books.available >= Usd::ZERO);
        assert!(is_sound, "after `{step}` the books of {month} are not sound: {books:?}");
    }
}

fn said(came: Result<String, LedgerUnavailable>) -> String {
    came.unwrap_or_else(|_| "unavailable".to_owned())
}
