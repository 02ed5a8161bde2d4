use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farthing_bootstrap::clock::Ulids;
use farthing_domain::ids::{AgentId, RequestId, Tenant};
use farthing_domain::knowledge::{EntryState, LearnedEntry};
use farthing_domain::outcome::{Attempt, Feedback, Outcome, QuantizedVector, QueryRecord, Summary, Words};
use farthing_domain::policy::{Approval, Policy};
use farthing_domain::ports::{
    Clock, LearnedKnowledge as _, OutcomeLog, PolicyVersions as _, Rated, SHARDS, StoreError,
};
use farthing_domain::rollout::Arm;
use farthing_domain::time::{Month, Timestamp, Week};
use farthing_stores::DocumentArchive;
use farthing_testkit::outcomes::{judged, paid};
use farthing_testkit::stores_suite::{OracleJobs, OracleLearned, OracleVersions};
use futures::future::join_all;
use tempfile::TempDir;

use super::*;

mod versions;

/// Outcomes in memory, which are told no more after so many pages: the process dies there.
#[derive(Default)]
struct Outcomes {
    by_shard: BTreeMap<(String, u8), Vec<Outcome>>,
    pages_left: AtomicUsize,
    read: AtomicUsize,
}

#[async_trait]
impl OutcomeLog for Outcomes {
    async fn record(&self, _: &Outcome) -> Result<(), StoreError> {
        Ok(())
    }

    async fn page(
        &self,
        day: &str,
        shard: u8,
        after: Option<&RequestId>,
        most: usize,
    ) -> Result<Vec<Outcome>, StoreError> {
        let left = self.pages_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| StoreError { store: "outcome", cause: "it is dead".into() })?;
        self.read.fetch_add(1, Ordering::Relaxed);
        let all = self.by_shard.get(&(day.to_owned(), shard)).into_iter().flatten();
        let rest = all.filter(|outcome| after.is_none_or(|after| outcome.request > *after));
        Ok(rest.take(most.min(7)).cloned().collect())
    }

    async fn rate(&self, _: &Tenant, _: &RequestId, _: Feedback) -> Result<Rated, StoreError> {
        Ok(Rated::Unknown)
    }

    async fn summary(&self, _: Month) -> Result<Summary, StoreError> {
        Ok(Summary::default())
    }
}

/// A clock that a test sets.
struct Set(Mutex<Timestamp>);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct World {
    outcomes: Arc<Outcomes>,
    jobs: Arc<OracleJobs>,
    versions: Arc<OracleVersions>,
    learned: Arc<OracleLearned>,
    folder: TempDir,
    clock: Arc<Set>,
}

const WEEK: &str = "2026-W48";

fn week() -> Week {
    Week::parse(WEEK).unwrap()
}

impl World {
    /// A week of so many outcomes each day, whose event comes on the Monday after.
    fn new(each_day: u32) -> Self {
        let mut outcomes = Outcomes { pages_left: usize::MAX.into(), ..Outcomes::default() };
        outcomes.add(week(), each_day, 0.9);
        let clock = Arc::new(Set(Mutex::new(week().next().start().plus(Duration::from_secs(3 * 3_600)))));
        Self {
            outcomes: Arc::new(outcomes),
            jobs: Arc::default(),
            versions: Arc::default(),
            learned: Arc::default(),
            folder: TempDir::new().unwrap(),
            clock,
        }
    }

    fn optimize(&self) -> Optimize {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/policy.toml");
        let policy: Policy = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        Optimize {
            jobs: self.jobs.clone(),
            outcomes: self.outcomes.clone(),
            archive: Arc::new(DocumentArchive::in_directory(self.folder.path())),
            versions: self.versions.clone(),
            learned: self.learned.clone(),
            policy,
            ids: Arc::new(Ulids::default()),
            clock: self.clock.clone(),
        }
    }

    fn pass(&self, time: Duration) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.plus(time);
    }

    /// All documents of the archive, by name.
    fn documents(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path()).unwrap().display().to_string();
                    found.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
        found
    }
}

impl Outcomes {
    fn add(&mut self, week: Week, each_day: u32, score: f32) {
        for day in 0..7 {
            for number in 0..each_day {
                let at = week.start().plus(Duration::from_secs(86_400 * u64::from(day) + u64::from(number)));
                let outcome = outcome(day * each_day + number, at, score);
                let shard = u8::try_from(number % u32::from(SHARDS)).unwrap();
                self.by_shard.entry((at.day(), shard)).or_default().push(outcome);
            }
        }
    }
}

/// A question that DeepSeek answers, every third one compared at the shadow stage.
fn outcome(number: u32, at: Timestamp, score: f32) -> Outcome {
    let usual = paid(number, at);
    let attempt = Attempt { cost: usual.cost, ..judged("deepseek-chat", "delivered", score) };
    let is_compared = number.is_multiple_of(3);
    Outcome {
        arm: if is_compared { Arm::Shadow } else { Arm::Paid },
        attempts: vec![attempt],
        score: Some(score),
        shadow: is_compared.then(|| judged("knowledge", "compared", 0.9 - 0.001 * (number % 7) as f32)),
        ..usual
    }
}

#[tokio::test]
async fn a_week_has_one_report_that_says_what_it_came_to() {
    let world = World::new(50);
    let made = handle(&world.optimize()).await.unwrap();
    assert_eq!((&made["state"], &made["result"]["week"]), (&json!("made"), &json!(WEEK)));
    let sums = &made["result"]["sums"];
    assert_eq!((&sums["requests"], &sums["origins"]), (&json!(350), &json!([0, 350, 0, 0, 0])), "{sums}");
    assert!((sums["costUsd"].as_f64().unwrap() - 0.028).abs() < 1e-9);

    let (report, pages) = world.optimize().archive.report(week()).await.unwrap().unwrap();
    assert_eq!((report.days.len(), report.days[0].requests, report.weeks.len()), (7, 50, 1));
    let compared = &report.compared[0];
    assert_eq!((compared.cheaper.as_str(), compared.queries, compared.cheaper_passed), ("knowledge", 117, 1.0));
    assert!(report.advice[0].text.starts_with("Let `knowledge` answer more simple questions"), "{:?}", report.advice);
    let month = 0.028 * 365.25 / 12.0 / 7.0;
    assert!((report.advice[0].saves_usd_a_month.unwrap() - month).abs() < 1e-9, "all of it could be saved");
    for line in ["# 2026-W48", "## What to do", "| 2026-11-23 | 50 |", "| knowledge | deepseek-chat | simple | 117 |"] {
        assert!(pages.markdown.contains(line), "no {line:?} in {}", pages.markdown);
    }
    let again = handle(&world.optimize()).await.unwrap();
    assert_eq!((&again["state"], &again["result"]), (&json!("made_before"), &made["result"]));
}

#[tokio::test]
async fn wherever_a_run_is_cut_off_the_next_one_gives_the_same() {
    let whole = World::new(30);
    let expected = handle(&whole.optimize()).await.unwrap();
    let pages = whole.outcomes.read.load(Ordering::Relaxed);
    for cut in [0, 1, pages / 3, pages / 2, pages - 1] {
        let world = World::new(30);
        world.outcomes.pages_left.store(cut, Ordering::Relaxed);
        assert!(matches!(handle(&world.optimize()).await, Err(OptimizeFailed::Store(_))), "at page {cut}");
        world.outcomes.pages_left.store(usize::MAX, Ordering::Relaxed);
        world.pass(Duration::from_millis(1));
        let made = handle(&world.optimize()).await.unwrap();
        assert_eq!((&made["state"], &made["result"]), (&json!("made"), &expected["result"]), "at page {cut}");
        assert_eq!(world.documents(), whole.documents(), "at page {cut}");
        let again = world.outcomes.read.load(Ordering::Relaxed) - cut;
        assert!(again <= pages - cut + pages / 7 + 1, "{again} of {pages} pages were read again after page {cut}");
    }
}

#[tokio::test]
async fn a_thousand_events_fifty_at_a_time_have_one_effect() {
    let world = World::new(20);
    let (mut made, mut before, mut underway) = (0, 0, 0);
    for _ in 0..20 {
        let optimize = world.optimize();
        for result in join_all((0..50).map(|_| handle(&optimize))).await {
            match result {
                Ok(result) if result["state"] == "made" => made += 1,
                Ok(_) => before += 1,
                Err(OptimizeFailed::Underway { .. }) => underway += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    assert_eq!((made, before + underway), (1, 999));
    assert!(before >= 950);
    let once = World::new(20);
    handle(&once.optimize()).await.unwrap();
    assert_eq!(world.documents(), once.documents());
    let (standing, expected) = (world.versions.standing().await.unwrap(), once.versions.standing().await.unwrap());
    assert_eq!((standing.map(|found| found.revision), expected.map(|found| found.revision)), (Some(1), Some(1)));
}

#[tokio::test]
async fn a_week_is_held_against_the_first_one_that_had_enough() {
    let mut world = World::new(40);
    handle(&world.optimize()).await.unwrap();
    let outcomes = Arc::get_mut(&mut world.outcomes).unwrap();
    outcomes.add(week().next(), 40, 0.9);
    outcomes.add(week().next().next(), 40, 0.7);
    let after = |weeks: u32| Duration::from_secs(u64::from(weeks) * 7 * 86_400);

    world.pass(after(1));
    let usual = handle(&world.optimize()).await.unwrap();
    assert_eq!((&usual["result"]["baselineWeek"], &usual["result"]["drift"]), (&json!(WEEK), &json!([])));
    world.pass(after(1));
    let worse = handle(&world.optimize()).await.unwrap();
    let drift = (&worse["result"]["baselineWeek"], &worse["result"]["drift"]);
    assert_eq!(drift, (&json!(WEEK), &json!(["scores", "score_drop"])));
    let (report, pages) = world.optimize().archive.report(week().next().next()).await.unwrap().unwrap();
    let periods: Vec<_> = report.weeks.iter().map(|line| line.period.as_str()).collect();
    assert_eq!(periods, ["2026-W48", "2026-W49", "2026-W50"]);
    let words = &pages.markdown;
    assert!(words.contains("## Drift against 2026-W48") && words.contains("Answers score lower"), "{words}");
}

#[tokio::test]
async fn a_week_without_outcomes_has_a_report_too() {
    let world = World::new(0);
    let made = handle(&world.optimize()).await.unwrap();
    assert_eq!((&made["state"], &made["result"]["sums"]["requests"]), (&json!("made"), &json!(0)));
    assert!(world.optimize().archive.baseline().await.unwrap().is_none(), "nothing is held against nothing");
    assert!(made["result"]["advice"].as_array().unwrap().is_empty());
}

/// An invocation that was silent for longer than its lease and was taken over leaves the other one's report alone.
#[tokio::test]
async fn whoever_was_taken_over_gives_up() {
    let world = World::new(5);
    let (first, second) = (world.optimize(), world.optimize());
    // The second one begins while the first one reads, when its lease is over.
    let claim = farthing_domain::jobs::JobClaim {
        job: farthing_domain::jobs::Job::Optimize,
        week: week().next(),
        owner: RequestId::parse(&"A".repeat(26)).unwrap(),
        lease: world.clock.now().plus(Duration::from_secs(60)),
    };
    first.jobs.begin(&claim, world.clock.now()).await.unwrap();
    let refused = handle(&second).await;
    assert!(matches!(refused, Err(OptimizeFailed::Underway { .. })), "{refused:?}");
    assert!(world.documents().is_empty());
    world.pass(Duration::from_secs(61));
    assert_eq!(handle(&second).await.unwrap()["state"], "made");
}

#[tokio::test]
async fn the_page_has_plots_and_needs_no_other_file() {
    let mut world = World::new(40);
    handle(&world.optimize()).await.unwrap();
    Arc::get_mut(&mut world.outcomes).unwrap().add(week().next(), 40, 0.7);
    world.pass(Duration::from_secs(7 * 86_400));
    handle(&world.optimize()).await.unwrap();
    let page = world.optimize().archive.report(week().next()).await.unwrap().unwrap().1.html;
    for part in
        ["<h1>2026-W49</h1>", "<td>2026-W48</td>", "Who answered</figcaption>", "Drift, in parts", "<svg", "ScoreDrop"]
    {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert_eq!(page.matches("<svg").count(), 5, "nobody said whether answers helped");
    for part in ["<script", "src=", "href=", "NaN", "inf"] {
        assert!(!page.contains(part), "{part:?} in {page}");
    }
}

/// A question that is asked again and again, whose words are kept.
fn asked_again(number: u32, at: Timestamp) -> Outcome {
    let usual = paid(number, at);
    let embedding = QuantizedVector::of(&[1.0, number as f32 / 1_000.0]);
    let query = usual.query.clone().map(|query| QueryRecord { embedding, ..query });
    let question = format!("Do you ship to <island {}>?", number % 2);
    let words = Words::new(&question, "We ship to every island within 9 days.");
    Outcome { query, words: Some(words), ..usual }
}

impl World {
    fn of_one_topic() -> Self {
        let mut world = Self::new(3);
        let outcomes = Arc::get_mut(&mut world.outcomes).unwrap();
        for number in 0..20 {
            let outcome = asked_again(1_000 + number, week().start().plus(Duration::from_secs(number.into())));
            outcomes.by_shard.entry((outcome.at.day(), 0)).or_default().push(outcome);
        }
        world
    }

    async fn learned(&self) -> Vec<LearnedEntry> {
        self.learned.entries(&AgentId::parse("rprd").unwrap()).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_paid_for_again_and_again_is_proposed_once() {
    let world = World::of_one_topic();
    let made = handle(&world.optimize()).await.unwrap();
    let learned = world.learned().await;
    let [entry] = learned.as_slice() else { panic!("{learned:?}") };
    assert_eq!((entry.state, entry.sources.len()), (EntryState::Proposed, 20));
    assert_eq!(entry.answer, "We ship to every island within 9 days.");
    assert_eq!(made["result"]["proposals"], json!([entry.id]));

    let (report, pages) = world.optimize().archive.report(week()).await.unwrap().unwrap();
    assert_eq!((report.proposals.len(), report.proposals[0].questions), (1, 20));
    let command = format!("`farthing knowledge approve {}`", entry.id);
    assert!(
        pages.markdown.contains(&command) && pages.markdown.contains("Do you ship to island "),
        "{}",
        pages.markdown
    );
    assert!(pages.html.contains(&format!("<code>farthing knowledge approve {}</code>", entry.id)), "{}", pages.html);
    assert!(!pages.html.contains("<island"));

    // The next week asks the same, after the owner rejected it.
    let id = entry.id.clone();
    let agent = entry.agent.clone();
    world.learned.set_state(&agent, &id, EntryState::Proposed, EntryState::Rejected).await.unwrap();
    let mut world = world;
    let outcomes = Arc::get_mut(&mut world.outcomes).unwrap();
    for number in 0..20 {
        let at = week().next().start().plus(Duration::from_secs(number.into()));
        outcomes.by_shard.entry((at.day(), 0)).or_default().push(asked_again(2_000 + number, at));
    }
    world.pass(Duration::from_secs(7 * 86_400));
    assert_eq!(handle(&world.optimize()).await.unwrap()["result"]["proposals"], json!([]));
    assert_eq!(world.learned().await.len(), 1);
}

#[tokio::test]
async fn an_owner_who_says_so_need_not_approve() {
    let world = World::of_one_topic();
    let mut optimize = world.optimize();
    optimize.policy.learning.approve = Approval::Automatic;
    handle(&optimize).await.unwrap();
    let learned = world.learned().await;
    assert_eq!(learned[0].state, EntryState::Accepted);
    let pages = optimize.archive.report(week()).await.unwrap().unwrap().1;
    assert!(pages.markdown.contains(&format!("`farthing knowledge withdraw {}`", learned[0].id)), "{}", pages.markdown);
}

#[tokio::test]
async fn a_run_that_was_cut_off_before_its_end_proposes_the_same_again() {
    let (whole, cut) = (World::of_one_topic(), World::of_one_topic());
    handle(&whole.optimize()).await.unwrap();
    let before = cut.optimize();
    let refused = before.run(|_| Err(JobResult::parse(&"x".repeat(JobResult::MOST_BYTES + 1)).unwrap_err())).await;
    assert!(matches!(refused, Err(OptimizeFailed::Result(_))));
    assert_eq!(cut.learned().await, whole.learned().await, "it was proposed before the run broke off");
    cut.pass(Duration::from_millis(1));
    handle(&cut.optimize()).await.unwrap();
    assert_eq!((cut.documents(), cut.learned().await), (whole.documents(), whole.learned().await));
}
