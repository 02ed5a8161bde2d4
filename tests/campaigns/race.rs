//! Two hundred callers at once for the last ten places of a month.

use std::ops::RangeInclusive;

use farthing_testkit::loopback::{Reply, Script};
use futures::future::join_all;

use crate::prices::{Figures, HALF_A_CENT, body, setup};
use crate::size;

const CALLERS: usize = 200;
const PLACES: usize = 10;

/// How often a status came.
#[derive(Default)]
struct Statuses {
    failed: usize,
    spent: usize,
    in_flight: usize,
    /// There was no room or time for it, or the database did not answer it in time.
    turned_away: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once_for_ten_places_are_never_eleven() {
    let races = size::size("FARTHING_RACES", 10);
    let mut all = Statuses::default();
    let mut sent = Vec::new();
    for _ in 0..races {
        sent.push(race(&mut all).await);
    }
    let range: RangeInclusive<usize> = sent.iter().copied().min().unwrap()..=sent.iter().copied().max().unwrap();
    println!(
        "{races} races of {CALLERS} callers for {PLACES} places: {range:?} admitted in each; of all callers {} were \
         admitted, {} heard that money is spent, {} that it is reserved, {} were turned away for other reasons",
        all.failed, all.spent, all.in_flight, all.turned_away
    );
}

/// Runs one race over a fresh month and returns how many calls the provider had.
async fn race(all: &mut Statuses) -> usize {
    // Half a place is left over, since a reservation is a little more than half a cent.
    let line = HALF_A_CENT * PLACES as i64 + HALF_A_CENT / 2;
    let server = setup(HALF_A_CENT, line).start().await;
    // A reply without usage is charged in full: nothing comes back, and ten fit at any pace.
    server.providers.script(Script::always(Reply::NoUsage.after(100)));
    let replies = join_all((0..CALLERS).map(|_| server.post("/api/agents", body()))).await;
    let mut statuses = Statuses::default();
    for reply in &replies {
        let attempts = reply.attempts();
        let outcome = attempts.last().map_or("", |(_, outcome)| outcome.as_str());
        match (reply.status, reply.code()) {
            (502, "no_answer") if outcome == "ledger_unavailable" => statuses.turned_away += 1,
            (502, "no_answer") => statuses.failed += 1,
            (402, "budget_exhausted") => statuses.spent += 1,
            (429, "budget_in_flight") => statuses.in_flight += 1,
            (503 | 504, _) => statuses.turned_away += 1,
            _ => panic!("{}: {}", reply.status, reply.text),
        }
    }
    let sent = server.providers.calls();
    assert!(sent <= PLACES, "{sent} calls for {PLACES} places");
    // On a machine so slow that some are turned away, their places may stay free, or be paid for in vain.
    let is_as_told = sent == PLACES && statuses.failed == PLACES;
    assert!(is_as_told || statuses.turned_away > 0, "{sent} calls, {} of them told", statuses.failed);
    let Figures { used, reserved, available, .. } = Figures::of(&server).await;
    assert!(used + reserved <= line && available < HALF_A_CENT, "{used} used, {reserved} reserved of {line}");
    assert!(used + reserved >= sent as i64 * HALF_A_CENT, "{sent} calls, but {used} used and {reserved} reserved");
    all.failed += statuses.failed;
    all.spent += statuses.spent;
    all.in_flight += statuses.in_flight;
    all.turned_away += statuses.turned_away;
    sent
}
