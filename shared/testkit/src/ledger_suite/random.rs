//! Random scripts, played on a ledger and on the oracle side by side.

use std::sync::Arc;

use farthing_domain::money::Usd;
use farthing_domain::ports::Ledger;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::OracleLedger;
use super::script::World;
use super::step::{Attempt, Step};

/// How many steps a random script has at most.
pub const SCRIPT_STEPS: usize = 60;

/// Plays `scripts` random scripts on a ledger that `make` opens and on the oracle: the same must
/// come of every step, and the books must be the same after it. A failure shows the shortest
/// script that was found, which can be pasted into a case.
///
/// # Panics
/// When the two differ; or when there is no runtime to be had.
pub fn agrees_with_the_oracle(scripts: u32, make: impl AsyncFn(Usd, u8) -> Arc<dyn Ledger>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let mut runner = TestRunner::new(Config { cases: scripts, failure_persistence: None, ..Config::default() });
    // From a month that a few sends fill to one in which unknown usage stops spending first.
    let caps = prop_oneof![Just("0.12"), Just("0.5"), Just("60")];
    let scripts = (caps, prop_oneof![Just(95_u8), Just(100)], vec(any_step(), 1..SCRIPT_STEPS));
    let outcome = runner.run(&scripts, |(cap, percent, steps)| {
        runtime.block_on(async {
            let cap = Usd::parse(cap).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let mut ours = World::new(make(cap, percent).await);
            let mut oracle = World::new(Arc::new(OracleLedger::new(cap, percent)));
            let mut played = String::new();
            for step in steps {
                let expected = oracle.take(step).await;
                let came = ours.take(step).await;
                played.push_str(&format!("{step} -> {expected}\n"));
                prop_assert_eq!(&came, &expected, "after cap {} at {} %:\n{}", cap, percent, played);
                prop_assert_eq!(ours.all_books().await, oracle.all_books().await, "after:\n{}", played);
            }
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let key = || 0_u8..3;
    let owner = || prop_oneof![Just('a'), Just('b'), Just('c')];
    let attempt = move || (key(), owner(), 0_u32..4).prop_map(|(key, owner, number)| Attempt { key, owner, number });
    let small = || (0_i64..=50).prop_map(|thousandths| Usd::from_nanos(thousandths * 1_000_000));
    let amount = move || prop_oneof![6 => small(), 1 => Just(Usd::from_nanos(2_000_000_000))];
    let envelope = || prop_oneof![3 => Just(Usd::from_nanos(50_000_000)), 1 => Just(Usd::from_nanos(50_000_000_000))];
    prop_oneof![
        6 => (key(), owner(), 0_u8..2, envelope()).prop_map(|(key, owner, body, envelope)| {
            Step::Acquire(key, owner, u8::from(body == 0 && key == 0), envelope)
        }),
        10 => (attempt(), amount()).prop_map(|(attempt, amount)| Step::Reserve(attempt, amount)),
        5 => (attempt(), amount()).prop_map(|(attempt, actual)| Step::Post(attempt, actual)),
        2 => attempt().prop_map(Step::Unknown),
        2 => attempt().prop_map(Step::Void),
        1 => (key(), owner()).prop_map(|(key, owner)| Step::Finish(key, owner, 200)),
        1 => (key(), owner()).prop_map(|(key, owner)| Step::End(key, owner)),
        1 => (key(), owner()).prop_map(|(key, owner)| Step::Release(key, owner)),
        3 => Just(Step::Sweep),
        1 => Just(Step::LastSweep),
        1 => Just(Step::Stop),
        2 => Just(Step::Reopen),
        3 => (1_u32..100).prop_map(Step::Wait),
        1 => (1_000_u32..3_000).prop_map(Step::Wait),
        1 => Just(Step::Books),
    ]
}
