//! Kills this process at a named point, so that a test can see what becomes of a request that died
//! there. Compiled with the feature `test-hooks` only, and idle unless `FARTHING_KILL_AT` is set.
//!
//! `FARTHING_KILL_AT=after-reserve:3` kills when the point is reached for the third time; the
//! points are those of [`POINTS`]. The kill is a SIGKILL: nothing is flushed and no destructor
//! runs. Before it, the process writes `killed at after-reserve` to its standard error.

use std::fmt;
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::ProviderId;
use farthing_domain::ledger::{
    Claim, ClaimRefused, ClaimRequest, Finish, LastSweep, LedgerUnavailable, MonthBooks, Reservation, ReserveRefused,
    ReserveRequest, Resolution, Resolved, Swept,
};
use farthing_domain::ports::{Completion, CompletionRequest, Ledger, PreparedCall, Provider, ProviderFailure};
use farthing_domain::time::{Month, Timestamp};
use farthing_gateway::Parts;

use crate::config::InvalidVariable;

const VARIABLE: &str = "FARTHING_KILL_AT";

/// How long a call has been with the transport when the process dies for it. What the provider has
/// done by then is the provider's affair.
const OUTSTANDING: Duration = Duration::from_millis(60);

/// Where a request can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    BeforeAcquire,
    AfterAcquire,
    BeforeReserve,
    AfterReserve,
    BeforeSend,
    AfterSend,
    BeforeReceive,
    AfterReceive,
    BeforeSettle,
    AfterSettle,
    BeforeDone,
    AfterDone,
}

/// Every point by its name, in the order in which a request comes by.
///
/// - `acquire`: before the claim is asked for; after it is committed.
/// - `reserve`: before the reservation is asked for; after it is committed. The gateway has not
///   heard of it yet.
/// - `send`: before the call is given to the transport, the gateway having found that there is time
///   for it; after, while the reply is outstanding.
/// - `receive`: before the reply is there whole; after it was read and decoded, and told to nobody.
///   `before-receive` kills at the same moment as `after-send`: it is for a provider that has
///   begun to reply by then.
/// - `settle`: before the charge is asked for, the gateway having worked it out; after it is
///   committed.
/// - `done`: before the reply is kept for its key; after it is committed. The caller has not been
///   answered yet.
const POINTS: [(&str, Point); 12] = [
    ("before-acquire", Point::BeforeAcquire),
    ("after-acquire", Point::AfterAcquire),
    ("before-reserve", Point::BeforeReserve),
    ("after-reserve", Point::AfterReserve),
    ("before-send", Point::BeforeSend),
    ("after-send", Point::AfterSend),
    ("before-receive", Point::BeforeReceive),
    ("after-receive", Point::AfterReceive),
    ("before-settle", Point::BeforeSettle),
    ("after-settle", Point::AfterSettle),
    ("before-done", Point::BeforeDone),
    ("after-done", Point::AfterDone),
];

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = POINTS.iter().find(|(_, point)| point == self);
        f.write_str(known.map_or("", |(name, _)| name))
    }
}

/// `parts` with the hooks that the environment asks for.
///
/// # Errors
/// [`InvalidVariable`] when it asks for a point that there is not.
#[expect(clippy::disallowed_methods, reason = "`bootstrap` reads the environment")]
pub(crate) fn armed(mut parts: Parts) -> Result<Parts, InvalidVariable> {
    let Ok(value) = std::env::var(VARIABLE) else { return Ok(parts) };
    let trap = Arc::new(Trap::parse(&value)?);
    let hook = |inner| Arc::new(HookedProvider { inner, trap: Arc::clone(&trap) }) as Arc<dyn Provider>;
    parts.providers = parts.providers.into_iter().map(|(id, inner)| (id, hook(inner))).collect();
    parts.ledger = Arc::new(HookedLedger { inner: parts.ledger, trap });
    Ok(parts)
}

/// Kills at one point, at one of the times that it is reached.
#[derive(Debug)]
struct Trap {
    point: Point,
    at: u32,
    reached: AtomicU32,
}

impl Trap {
    fn parse(value: &str) -> Result<Self, InvalidVariable> {
        let (name, at) = value.split_once(':').unwrap_or((value, "1"));
        let point = POINTS.iter().find(|(known, _)| *known == name).map(|(_, point)| *point);
        match (point, at.parse()) {
            (Some(point), Ok(at)) if at > 0 => Ok(Self { point, at, reached: AtomicU32::new(0) }),
            _ => Err(InvalidVariable {
                variable: VARIABLE.to_owned(),
                expected: "a point and how often it is reached, such as `after-reserve:3`".to_owned(),
            }),
        }
    }

    /// Whether the process is to die here. From the chosen time on it always is: a point that was
    /// left before the process died has to be reached again.
    fn is_due(&self, point: Point) -> bool {
        self.point == point && self.reached.fetch_add(1, Ordering::SeqCst) + 1 >= self.at
    }

    fn reach(&self, point: Point) {
        if self.is_due(point) {
            die(point);
        }
    }

    /// Kills in a while, unless what is awaited has come by then.
    fn reach_while_awaiting(&self, point: Point) -> Awaited {
        let awaited = Awaited::default();
        if self.is_due(point) {
            let has_come = Arc::clone(&awaited.has_come);
            std::thread::spawn(move || {
                std::thread::sleep(OUTSTANDING);
                if !has_come.load(Ordering::SeqCst) {
                    die(point);
                }
            });
        }
        awaited
    }
}

/// Something that is awaited until this is dropped.
#[derive(Default)]
struct Awaited {
    has_come: Arc<AtomicBool>,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.has_come.store(true, Ordering::SeqCst);
    }
}

/// Ends this process as `kill -9` does.
fn die(point: Point) -> ! {
    let _ = writeln!(std::io::stderr(), "killed at {point}");
    let _ = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
    // Only a machine without that program comes here, and then by another signal.
    std::process::abort()
}

struct HookedLedger {
    inner: Arc<dyn Ledger>,
    trap: Arc<Trap>,
}

#[async_trait]
impl Ledger for HookedLedger {
    async fn acquire(&self, request: ClaimRequest) -> Result<Claim, ClaimRefused> {
        self.trap.reach(Point::BeforeAcquire);
        let claim = self.inner.acquire(request).await?;
        self.trap.reach(Point::AfterAcquire);
        Ok(claim)
    }

    async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, ReserveRefused> {
        self.trap.reach(Point::BeforeReserve);
        let reservation = self.inner.reserve(request).await?;
        self.trap.reach(Point::AfterReserve);
        Ok(reservation)
    }

    async fn resolve(
        &self,
        reservation: Reservation,
        resolution: Resolution,
        now: Timestamp,
    ) -> Result<Resolved, LedgerUnavailable> {
        self.trap.reach(Point::BeforeSettle);
        let resolved = self.inner.resolve(reservation, resolution, now).await?;
        self.trap.reach(Point::AfterSettle);
        Ok(resolved)
    }

    async fn finish(&self, finish: Finish) -> Result<bool, LedgerUnavailable> {
        self.trap.reach(Point::BeforeDone);
        let is_done = self.inner.finish(finish).await?;
        self.trap.reach(Point::AfterDone);
        Ok(is_done)
    }

    async fn release(&self, claim: &Claim) -> Result<(), LedgerUnavailable> {
        self.inner.release(claim).await
    }

    async fn sweep(&self, month: Month, now: Timestamp) -> Result<Swept, LedgerUnavailable> {
        self.inner.sweep(month, now).await
    }

    async fn last_sweep(&self, month: Month) -> Result<Option<LastSweep>, LedgerUnavailable> {
        self.inner.last_sweep(month).await
    }

    async fn books(&self, month: Month) -> Result<MonthBooks, LedgerUnavailable> {
        self.inner.books(month).await
    }

    async fn set_stopped(&self, month: Month, stopped: bool) -> Result<(), LedgerUnavailable> {
        self.inner.set_stopped(month, stopped).await
    }
}

struct HookedProvider {
    inner: Arc<dyn Provider>,
    trap: Arc<Trap>,
}

#[async_trait]
impl Provider for HookedProvider {
    fn id(&self) -> &ProviderId {
        self.inner.id()
    }

    fn encode(&self, request: &CompletionRequest) -> PreparedCall {
        self.inner.encode(request)
    }

    async fn send(&self, call: PreparedCall, limit: Duration) -> Result<Completion, ProviderFailure> {
        self.trap.reach(Point::BeforeSend);
        let awaited = [Point::AfterSend, Point::BeforeReceive].map(|point| self.trap.reach_while_awaiting(point));
        let completion = self.inner.send(call, limit).await?;
        drop(awaited);
        self.trap.reach(Point::AfterReceive);
        Ok(completion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_reached_at_the_chosen_time_and_after() {
        check("after-settle:3", Point::AfterSettle, &[false, false, true, true]);
        check("before-acquire", Point::BeforeAcquire, &[true, true]);
        check("before-acquire:1", Point::AfterAcquire, &[false, false]);
    }

    #[track_caller]
    fn check(value: &str, point: Point, due: &[bool]) {
        let trap = Trap::parse(value).unwrap();
        let reached: Vec<bool> = due.iter().map(|_| trap.is_due(point)).collect();
        assert_eq!(reached, due);
    }

    #[test]
    fn what_is_no_point_is_refused() {
        for bad in ["", "after", "after-lunch", "after-send:0", "after-send:-1", "after-send:x", "after-send:1:1"] {
            assert_eq!(Trap::parse(bad).unwrap_err().variable, VARIABLE, "{bad:?}");
        }
    }

    #[test]
    fn every_point_has_one_name() {
        for (name, point) in POINTS {
            assert_eq!(point.to_string(), name);
        }
    }
}
