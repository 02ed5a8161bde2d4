//! How often weeks change a policy where there is nothing to learn, and how soon where there is.

use std::time::Instant;

use farthing_domain::money::Usd;
use farthing_domain::outcome::{Attempt, Feedback, Outcome};
use farthing_domain::policy::{Policy, Tuning};
use farthing_domain::quality::Quality;
use farthing_domain::rollout::Stage;
use farthing_domain::time::{Timestamp, Week};
use farthing_domain::versions::{Standing, tries_canary};
use farthing_domain::weekly::Digest;
use farthing_domain::weekly::canary::Fate;
use farthing_domain::weekly::learning::learn;
use farthing_domain::weekly::promotion::{Decision, Reason};
use farthing_testkit::outcomes::paid;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

/// Requests of a week, of which one in ten is rated.
const REQUESTS: u32 = 3_000;
const RATED: f64 = 0.1;
/// How often an acceptable answer is called helpful, and another one.
const HELPFUL: (f64, f64) = (0.95, 0.1);
/// How many times each course of weeks is drawn.
const COURSES: u64 = 40;
const WEEKS: u32 = 10;
const CHEAP: &str = "deepseek-chat";
const STRONG: &str = "claude-sonnet";

/// Scores of labelled answers.
pub(crate) struct Scores<'a> {
    pub(crate) good: &'a [f32],
    pub(crate) bad: &'a [f32],
}

/// What became of one course.
#[derive(Default)]
struct Course {
    tried: u32,
    promoted: u32,
    /// The first week after which a version held.
    first: Option<u32>,
    /// The share of delivered answers that were acceptable in the first week, and in the last.
    acceptable: [f64; 2],
}

pub(crate) fn measure(scores: &Scores<'_>, policy: &Policy) {
    println!("policy     {COURSES} courses of {WEEKS} weeks of {REQUESTS} requests, one in ten rated");
    let started = Instant::now();
    for (name, good) in [("as many good answers as scores take for granted", 0.8), ("half as many", 0.4)] {
        let courses: Vec<Course> = (0..COURSES).map(|seed| course(seed, good, scores, policy)).collect();
        let sum = |of: fn(&Course) -> u32| courses.iter().map(of).sum::<u32>();
        let share = |at: usize| courses.iter().map(|course| course.acceptable[at]).sum::<f64>() / COURSES as f64;
        let first: Vec<u32> = courses.iter().filter_map(|course| course.first).collect();
        let after = if first.is_empty() {
            "never".to_owned()
        } else {
            format!("{:.1} weeks", f64::from(first.iter().sum::<u32>()) / first.len() as f64)
        };
        println!(
            "policy     {name}: {} changes tried and {} promoted in {} weeks; a version holds after {after} in {} of {COURSES} \
             courses; of the first week's answers {:.3} are acceptable, of the last week's {:.3}",
            sum(|course| course.tried),
            sum(|course| course.promoted),
            COURSES * u64::from(WEEKS),
            first.len(),
            share(0),
            share(1)
        );
    }
    println!("policy     {:.1} s", started.elapsed().as_secs_f64());
}

fn course(seed: u64, good: f64, scores: &Scores<'_>, policy: &Policy) -> Course {
    let mut random = StdRng::seed_from_u64(seed);
    let mut standing = Standing::untouched(policy.version);
    let mut week = Week::parse("2026-W48").unwrap();
    let mut course = Course::default();
    let decision = Decision { stage: Stage::Full, reason: Reason::Last, evidence: None };
    for number in 1..=WEEKS {
        let (active, tried) = standing.in_force(policy);
        let (mut digest, mut acceptable) = (Digest::default(), 0);
        for at in 0..REQUESTS {
            let name = (seed as u32) * 1_000_000 + number * 10_000 + at;
            let usual = paid(name, week.start());
            let in_force = match &tried {
                Some((share, tried)) if tries_canary(usual.request.as_str(), *share) => tried,
                _ => &active,
            };
            let (outcome, is_good) =
                answered(usual, (&in_force.tuning, in_force.policy.version), good, scores, &mut random);
            acceptable += u32::from(is_good);
            digest.add(&outcome, &policy.quality);
        }
        let (next, step) = learn(&standing, policy, &digest, &decision, (week, Timestamp::default()));
        course.tried += u32::from(step.tried.is_some());
        if step.canary.is_some_and(|verdict| verdict.fate == Fate::Promoted) {
            course.promoted += 1;
            course.first.get_or_insert(number);
        }
        course.acceptable[usize::from(number > 1)] = f64::from(acceptable) / f64::from(REQUESTS);
        (standing, week) = (next, week.next());
    }
    course
}

/// The cheap model's answer where its score is read as one to be delivered, the strong one's elsewhere.
fn answered(
    usual: Outcome,
    (tuning, version): (&Tuning, u32),
    good: f64,
    scores: &Scores<'_>,
    random: &mut StdRng,
) -> (Outcome, bool) {
    let mut draw = |share: f64| {
        let is_good = random.random_bool(share);
        let from = if is_good { scores.good } else { scores.bad };
        (is_good, *from.choose(random).unwrap())
    };
    let first = draw(good);
    let reads = |model: &str, score: f32| tuning.calibration(model).read(score);
    let cheap = attempt(CHEAP, first.1, reads(CHEAP, first.1), 80_000);
    let (attempts, is_good) = if reads(CHEAP, first.1) >= 0.6 {
        (vec![cheap], first.0)
    } else {
        let second = draw(0.95);
        let strong = attempt(STRONG, second.1, reads(STRONG, second.1), 3_000_000);
        (vec![Attempt { outcome: "low_score".to_owned(), ..cheap }, strong], second.0)
    };
    let share = if is_good { HELPFUL.0 } else { HELPFUL.1 };
    let feedback = random
        .random_bool(RATED)
        .then(|| if random.random_bool(share) { Feedback::Helpful } else { Feedback::Unhelpful });
    let cost = attempts.iter().map(|attempt| attempt.cost).sum();
    let score = attempts.last().and_then(|attempt| attempt.score);
    (Outcome { policy: version, attempts, score, cost, feedback, ..usual }, is_good)
}

fn attempt(model: &str, raw: f32, score: f32, cost: i64) -> Attempt {
    let quality = Quality {
        score,
        relevance: raw,
        coherence: raw,
        groundedness: None,
        brand: 1.0,
        toxicity: 0.0,
        hard_fail: None,
    };
    let noted = Attempt { cost: Usd::from_nanos(cost), ..Attempt::skipped(model, "delivered") }.judged(Some(&quality));
    Attempt { raw_score: Some(raw), ..noted }
}
