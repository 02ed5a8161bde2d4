//! A month is spent to its end, while the provider fails in every way that it can.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::money::Usd;
use farthing_testkit::loopback::{Reply, Script};
use futures::future::join_all;

use crate::books::{Books, price_of};
use crate::prices::{Figures, HALF_A_CENT, answer, body, setup};
use crate::server::{DEEPSEEK, Server};
use crate::size;

/// How many requests are in work at once.
const AT_ONCE: usize = 50;
/// How often the books are looked at meanwhile.
const EVERY: Duration = Duration::from_millis(200);
/// Longer than a paid step may take.
const TOO_LATE_MS: u64 = 3_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_month_is_spent_to_within_one_reservation_of_its_line_and_never_past_it() {
    let calls = size::size("FARTHING_CALLS", 400);
    let line = HALF_A_CENT * calls as i64;
    let setup = setup(HALF_A_CENT, line);
    let home = setup.home().await;
    let files = OwnerFiles::load(&home.folder.path().join("infra")).unwrap();
    let metered = || home.providers.cost(|model| price_of(&files, model)).nanos();
    home.providers.script(script(calls));
    let server = setup.start_in(&home);
    let started = Instant::now();
    let is_over = AtomicBool::new(false);
    let (samples, asked) = tokio::join!(watch(&server, line, metered, &is_over), async {
        let asked = join_all((0..AT_ONCE).map(|_| ask_until_spent(&server))).await;
        is_over.store(true, Ordering::SeqCst);
        asked.into_iter().sum::<usize>()
    });
    let took = started.elapsed();
    let (figures, billed, sent) = (Figures::of(&server).await, metered(), home.providers.calls());
    drop(server);
    assert_eq!((figures.line, figures.reserved), (line, 0));
    assert_eq!(figures.state, if figures.available <= 0 { "stopped" } else { "open" });
    assert!(billed <= figures.used && figures.used <= line, "{billed} billed, {} used", figures.used);
    let books = Books::of_copy(&home.folder.path().join("data"));
    books.check_balance();
    let worst = books.attempts().map(|attempt| attempt.amount).max().unwrap();
    assert!(line - figures.used < worst, "{} of {line} used: another call of {worst} would fit", figures.used);
    let count = |states: &[&str]| books.attempts().filter(|row| states.contains(&row.state.as_str())).count();
    // Those whose charge the database did not take in time expire, or are corrected.
    let (posted, unknown) = (count(&["posted", "late"]), count(&["posted_unknown", "expired"]));
    let voided = count(&["voided"]);
    assert_eq!(posted + unknown + voided, books.attempts().count());
    assert!(sent <= books.attempts().count(), "{sent} calls: more than reservations");
    assert!(posted > 0 && unknown > 0 && voided > 0, "{posted} posted, {unknown} unknown, {voided} voided");
    println!(
        "{asked} requests, {sent} calls in {:.0} s ({:.0} a second): {posted} posted, {unknown} charged in full, {voided} \
         free; ${} used of ${}, ${} billed; {samples} looks at the books",
        took.as_secs_f64(),
        sent as f64 / took.as_secs_f64(),
        Usd::from_nanos(figures.used),
        Usd::from_nanos(line),
        Usd::from_nanos(billed),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_stops_when_too_much_of_it_is_unknown() {
    // Four cents a call without usage: the twenty-fifth makes it a dollar, and all of it is unknown.
    let (call, line) = (8 * HALF_A_CENT, 190_000_000_000);
    let server = setup(call, line).start().await;
    server.providers.script(Script::always(Reply::NoUsage));
    for n in 1..=25 {
        let reply = server.post("/api/agents", body()).await;
        assert_eq!((reply.status, reply.code()), (502, "no_answer"), "call {n}: {}", reply.text);
    }
    server.providers.script(Script::always(answer()));
    let refused = server.post("/api/agents", body()).await;
    assert_eq!((refused.status, refused.code()), (402, "budget_exhausted"), "{}", refused.text);
    assert_eq!(refused.attempts()[0].1, "budget_stopped");
    let figures = Figures::of(&server).await;
    assert_eq!((figures.state.as_str(), figures.reserved, server.providers.calls()), ("stopped", 0, 25));
    assert!(figures.used >= 25 * call && figures.available > 188_000_000_000, "{} used", figures.used);
}

/// Good answers with every kind of failure among them. Six of two hundred calls are charged without
/// being known, and so fewer than those 5 % that would stop the month.
fn script(calls: usize) -> Script {
    (0..calls * 2).fold(Script::always(answer()), |script, call| {
        script.then(
            DEEPSEEK,
            match call % 200 {
                10 => Reply::status(500),
                40 => Reply::CutOff,
                70 => Reply::Reset,
                100 => Reply::NoUsage,
                130 => answer().after(TOO_LATE_MS),
                160 => Reply::Malformed,
                25 | 115 => Reply::status(429),
                85 => Reply::status(400),
                145 => answer().halting(20),
                _ => answer(),
            },
        )
    })
}

/// Asks again and again until the money is spent, and returns how often.
async fn ask_until_spent(server: &Server) -> usize {
    for asked in 1.. {
        let reply = server.post("/api/agents", body()).await;
        match (reply.status, reply.code()) {
            (200, _) | (502, "no_answer") | (504, "deadline_exceeded") => {}
            (402, "budget_exhausted") => return asked,
            (429, "budget_in_flight") => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => panic!("{}: {}", reply.status, reply.text),
        }
    }
    unreachable!("a month comes to its end")
}

/// Looks at the books until it is over, and returns how often. What the provider bills is read
/// first: from then on it is either reserved or charged.
async fn watch(server: &Server, line: i64, metered: impl Fn() -> i64, is_over: &AtomicBool) -> usize {
    for looks in 1.. {
        let billed = metered();
        let Figures { used, reserved, .. } = Figures::of(server).await;
        assert!(used + reserved <= line, "{used} used and {reserved} reserved of {line}");
        assert!(billed <= used + reserved, "{billed} billed, but {used} used and {reserved} reserved");
        if is_over.load(Ordering::SeqCst) {
            return looks;
        }
        tokio::time::sleep(EVERY).await;
    }
    unreachable!("a campaign comes to its end")
}
