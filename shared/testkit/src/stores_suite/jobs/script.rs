//! Steps that are taken with jobs, and what comes of them, in words.

use std::time::Duration;

use farthing_domain::ids::RequestId;
use farthing_domain::jobs::{Job, JobClaim, JobRefused, JobResult};
use farthing_domain::ports::Jobs;
use farthing_domain::time::{Timestamp, Week};

/// Monday, 23 November 2026, 12:00.
const START: Timestamp = Timestamp::from_millis(1_795_435_200_000);
/// How long a lease lasts.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// Plays `script`. Each line is a second, a step, `->` and what must come of it; `#` begins a remark.
///
/// # Panics
/// When something else comes of a step.
pub(super) async fn play(jobs: &dyn Jobs, script: &str) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (step, expected) = line.split_once("->").unwrap_or_else(|| panic!("`{line}` has no `->`"));
        let came = take(jobs, step).await;
        assert_eq!(came, expected.trim(), "after `{}` in\n{script}", step.trim());
    }
}

/// Takes a step, such as `61 begin 48 a` or `300 finish 48 b RESULT`, and says what came of it.
pub(super) async fn take(jobs: &dyn Jobs, step: &str) -> String {
    let words: Vec<&str> = step.split_whitespace().collect();
    let [second, verb, week, owner, result @ ..] = words.as_slice() else { panic!("`{step}` is no step") };
    let now = at(second.parse().unwrap_or_else(|_| panic!("`{second}` is no second")));
    let claim = claim(week.parse().unwrap_or_else(|_| panic!("`{week}` is no week")), owner, now);
    match (*verb, result) {
        ("begin", []) => match jobs.begin(&claim, now).await {
            Ok(()) => "ok".to_owned(),
            Err(JobRefused::Done(result)) => format!("done: {}", result.as_str()),
            Err(JobRefused::Running { retry_after }) => format!("running for {}s", retry_after.as_secs()),
            Err(JobRefused::Store(error)) => panic!("{error}: {:?}", error.cause),
        },
        ("finish", [text]) => match jobs.finish(&claim, &result_of(text)).await {
            Ok(true) => "ok".to_owned(),
            Ok(false) => "another's".to_owned(),
            Err(error) => panic!("{error}: {:?}", error.cause),
        },
        _ => panic!("`{step}` is no step"),
    }
}

/// The longest result that there may be, which is kept whole.
///
/// # Panics
/// When it is not.
pub(super) async fn check_the_longest_result(jobs: &dyn Jobs) {
    let longest = "é".repeat(JobResult::MOST_BYTES / "é".len());
    let (step, now) = (claim(1, "a", at(0)), at(0));
    jobs.begin(&step, now).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(jobs.finish(&step, &result_of(&longest)).await.unwrap_or_else(|error| panic!("{error}")));
    match jobs.begin(&step, now).await {
        Err(JobRefused::Done(result)) => assert!(result.as_str() == longest, "the longest result is not whole"),
        other => panic!("after the longest result: {other:?}"),
    }
}

/// The instant `second` seconds after the start, or before it.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() + second * 1_000)
}

/// The claim of `owner` on a week of 2026, with a lease that begins at `now`.
pub(super) fn claim(week: u8, owner: &str, now: Timestamp) -> JobClaim {
    JobClaim {
        job: Job::Optimize,
        week: Week::parse(&format!("2026-W{week:02}")).unwrap_or_else(|| panic!("2026 has no week {week}")),
        owner: RequestId::parse(&format!("{owner:0>26}")).unwrap_or_else(|error| panic!("{error}")),
        lease: now.plus(LEASE),
    }
}

/// The text as a result.
pub(super) fn result_of(text: &str) -> JobResult {
    JobResult::parse(text).unwrap_or_else(|error| panic!("{error}"))
}
