//! What the weekly run takes, how often drift is found where there is none, and how soon where there is some.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farthing_bootstrap::clock::{SystemClock, Ulids};
use farthing_bootstrap::config::{Config, Place};
use farthing_bootstrap::wiring::{self, NoProgress};
use farthing_domain::ids::RequestId;
use farthing_domain::outcome::QuantizedVector;
use farthing_domain::policy::Policy;
use farthing_domain::ports::{Clock as _, OutcomeLog, Passage, SHARDS, Validation};
use farthing_domain::weekly::Digest;
use farthing_domain::weekly::drift::{Measure, changes};
use farthing_embedded::EmbeddedDynamo;
use farthing_gateway::optimize::Optimize;
use farthing_stores::{DocumentArchive, DynamoJobs, DynamoLearned, DynamoOutcomes, DynamoVersions, Table};
use farthing_testkit::outcomes::paid;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::policy;
use crate::server::{ROOT, weights};

/// How many outcomes a week has.
const WEEK: usize = 500;
/// How many weeks are drawn for each figure.
const WEEKS: usize = 200;
/// How many outcomes are read for the time.
const READ: u32 = 7_000;

pub(crate) async fn measure() {
    let mut config = Config::from_env(Place::Laptop).unwrap();
    (config.infra, config.models) = (PathBuf::from(ROOT).join("infra"), Some(weights()));
    let (files, tier) = wiring::local_tier(&config, None, Arc::new(NoProgress)).await.unwrap();
    let brand = files.agents.values().next().unwrap();

    let (mut usual, mut new) = (Vec::new(), Vec::new());
    for row in rows("intents") {
        let of = if row["source"] == "banking77" { &mut usual } else { &mut new };
        let analysis = tier.analyst.analyse(row["text"].as_str().unwrap()).await.unwrap();
        of.push((QuantizedVector::of(&analysis.embedding), analysis.complexity.confidence()));
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for row in rows("answers").into_iter().step_by(2) {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let query = text(&row["question"]);
        let embedding = tier.analyst.analyse(&query).await.unwrap().embedding;
        let passage = |value| Passage { id: String::new(), title: String::new(), text: text(value), score: 0.8 };
        let passages: Vec<Passage> = row["passages"].as_array().unwrap().iter().map(passage).collect();
        let answer = text(&row["answer"]);
        let validation = Validation {
            brand,
            query: &query,
            query_embedding: &embedding,
            answer: &answer,
            passages: &passages,
            must_be_grounded: false,
            prior: files.policy.quality.paid_prior,
            answerability: None,
            system_prompt: "",
        };
        let of = if row["acceptable"] == true { &mut good } else { &mut bad };
        of.push(tier.validator.validate(validation).await.unwrap().score);
    }
    policy::measure(&policy::Scores { good: &good, bad: &bad }, &files.policy);
    let mut traffic = Traffic { usual, new, good, bad, random: StdRng::seed_from_u64(1) };
    drift(&mut traffic, &files.policy);
    reading(&files.policy).await;
}

struct Traffic {
    usual: Vec<(QuantizedVector, f32)>,
    new: Vec<(QuantizedVector, f32)>,
    good: Vec<f32>,
    bad: Vec<f32>,
    random: StdRng,
}

impl Traffic {
    /// A week of which these shares are on new topics, and have bad answers.
    fn week(&mut self, new: f64, bad: f64) -> Digest {
        let mut digest = Digest::default();
        for _ in 0..WEEK {
            let from = if self.random.random_bool(new) { &self.new } else { &self.usual };
            let (embedding, confidence) = from.choose(&mut self.random).unwrap();
            digest.confidences.add(*confidence);
            digest.centroid.add(embedding);
            let name = format!("{:026}", self.random.random::<u64>());
            digest.sample.add(&RequestId::parse(&name).unwrap(), || embedding.clone());
            let scores = if self.random.random_bool(bad) { &self.bad } else { &self.good };
            let score = *scores.choose(&mut self.random).unwrap();
            digest.scores.add(score);
            digest.score.add(score.into());
        }
        digest
    }
}

fn drift(traffic: &mut Traffic, policy: &Policy) {
    println!("drift      weeks of {WEEK} questions to a bank, {WEEKS} drawn each; share with an alarm");
    for (name, new, bad) in [
        ("nothing changed", 0.0, 0.05),
        ("5 % on new topics", 0.05, 0.05),
        ("10 % on new topics", 0.1, 0.05),
        ("20 % on new topics", 0.2, 0.05),
        ("15 % bad answers instead of 5 %", 0.0, 0.15),
        ("25 % bad answers instead of 5 %", 0.0, 0.25),
    ] {
        let (mut alarms, mut any) = (BTreeMap::<Measure, usize>::new(), 0);
        for _ in 0..WEEKS {
            let (before, now) = (traffic.week(0.0, 0.05), traffic.week(new, bad));
            let raised = changes(&before, &now, &policy.drift).into_iter().filter(|change| change.is_alarm);
            let raised: Vec<Measure> = raised.map(|change| change.measure).collect();
            any += usize::from(!raised.is_empty());
            raised.into_iter().for_each(|measure| *alarms.entry(measure).or_default() += 1);
        }
        let share = |count: usize| count as f64 / WEEKS as f64;
        let each: Vec<String> =
            alarms.iter().map(|(measure, count)| format!("{measure:?} {:.3}", share(*count))).collect();
        let delay = if any == 0 { "never".to_owned() } else { format!("in {:.1} weeks", 1.0 / share(any)) };
        println!("drift      {name}: {:.3}, {delay} in the mean; {}", share(any), each.join(", "));
    }
}

/// How long the run reads.
async fn reading(policy: &Policy) {
    let table = Table::over(EmbeddedDynamo::in_memory().unwrap(), "farthing");
    table.create_if_missing().await.unwrap();
    let log = Arc::new(DynamoOutcomes::new(table.clone()));
    let week = SystemClock.now().week().previous();
    let apart = Duration::from_secs(7 * 86_400) / READ;
    for number in 0..READ {
        log.record(&paid(number, week.start().plus(number * apart))).await.unwrap();
    }
    let started = Instant::now();
    for day in 0..7 {
        let day = week.start().plus(day * Duration::from_secs(86_400)).day();
        for shard in 0..SHARDS {
            let mut after = None;
            while let Some(last) = log.page(&day, shard, after.as_ref(), 500).await.unwrap().pop() {
                after = Some(last.request);
            }
        }
    }
    let alone = started.elapsed().as_secs_f64();
    let folder = tempfile::tempdir().unwrap();
    let optimize = Optimize {
        versions: Arc::new(DynamoVersions::new(table.clone())),
        jobs: Arc::new(DynamoJobs::new(table.clone())),
        learned: Arc::new(DynamoLearned::new(table)),
        outcomes: log,
        archive: Arc::new(DocumentArchive::in_directory(folder.path())),
        policy: policy.clone(),
        ids: Arc::new(Ulids::default()),
        clock: Arc::new(SystemClock),
    };
    let started = Instant::now();
    farthing_optimize::handle(&optimize).await.unwrap();
    let run = started.elapsed().as_secs_f64();
    let checkpoint = std::fs::metadata(folder.path().join(week.to_string()).join("checkpoint.json")).unwrap().len();
    println!(
        "weekly     {READ} outcomes: {run:.2} s, reading them alone {alone:.2} s, ratio {:.2}; a million at this rate in \
         {:.1} minutes; a digest has {} KiB",
        run / alone,
        run / f64::from(READ) * 1e6 / 60.0,
        checkpoint / 1_024
    );
}

fn rows(name: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(format!("{ROOT}/shared/learning/data/{name}.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
