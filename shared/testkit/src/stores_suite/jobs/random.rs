//! Random steps, taken with a store of jobs and with the oracle side by side.

use std::sync::Arc;

use farthing_domain::ports::Jobs;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::OracleJobs;
use super::script::take;

/// Takes up to forty random steps, `scripts` times, each time with a fresh store that `make` opens
/// and with the oracle: the same must come of every step. Time moves on and back.
///
/// # Panics
/// When the two differ; or when there is no runtime to be had.
pub fn jobs_agree_with_the_oracle(scripts: u32, make: impl AsyncFn() -> Arc<dyn Jobs>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let mut runner = TestRunner::new(Config { cases: scripts, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&vec((any_step(), -30_i64..90), 1..40), |steps| {
        runtime.block_on(async {
            let (jobs, oracle) = (make().await, OracleJobs::default());
            let (mut second, mut played) = (0, String::new());
            for (step, later) in steps {
                second += later;
                let step = format!("{second} {step}");
                let expected = take(&oracle, &step).await;
                played.push_str(&format!("{step} -> {expected}\n"));
                prop_assert_eq!(take(jobs.as_ref(), &step).await, expected, "after:\n{}", played);
            }
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn any_step() -> impl Strategy<Value = String> {
    let week = || 48_u8..50;
    let owner = || prop_oneof![Just('a'), Just('b'), Just('c')];
    prop_oneof![
        3 => (week(), owner()).prop_map(|(week, owner)| format!("begin {week} {owner}")),
        1 => (week(), owner(), 0_u8..2).prop_map(|(week, owner, result)| format!("finish {week} {owner} {result}")),
    ]
}
