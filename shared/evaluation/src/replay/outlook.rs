//! All stages of the rollout side by side.

use std::collections::BTreeMap;
use std::fmt;

use farthing_domain::complexity::Tier;
use farthing_domain::money::Usd;
use farthing_domain::rollout::Stage;
use farthing_gateway::answer::RETRIEVED_PASSAGES;
use farthing_gateway::batch::in_order;
use serde_json::{Map, Value, json};

use super::figures::{Figures, Selection};
use super::played::{Books, Played, Replay};
use super::remembered::Memory;
use crate::door::EvaluationError;
use crate::report::number;

const STAGES: [Stage; 5] = [Stage::Shadow, Stage::Tenth, Stage::Half, Stage::Most, Stage::Full];

/// How many of the stages are played at once.
const AT_ONCE: usize = 3;

/// The figures of one stage.
#[derive(Clone, Debug)]
pub struct StageFigures {
    /// Which.
    pub stage: Stage,
    /// Of all requests.
    pub all: Figures,
    /// Of each part of the mix.
    pub parts: BTreeMap<Tier, Figures>,
}

/// The requests of the full stage of which the local tier was asked first and was not sure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unsure {
    /// How many rows of the traffic.
    pub rows: usize,
    /// How many of them each paid model answered.
    pub models: BTreeMap<String, usize>,
    /// The mean number of input tokens of the call that answered: instructions, retrieved passages and
    /// question.
    pub prompt_tokens: f32,
    /// What they cost each, in dollars, over all their attempts.
    pub usd_each: f32,
}

/// What traffic costs at each stage, and who answers it.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The rows of the traffic.
    pub rows: usize,
    /// The share of each part in the mix.
    pub mix: BTreeMap<Tier, f32>,
    /// The model that costs are compared with.
    pub baseline: String,
    /// What it costs for a thousand requests, in dollars, with the prompts that it gets here.
    pub baseline_usd_per_1000: f32,
    /// The same with the questions alone: no instructions, no passages.
    pub question_alone_usd_per_1000: f32,
    /// Every stage, least rolled out first.
    pub stages: Vec<StageFigures>,
    /// What became of unsure local answers.
    pub unsure: Unsure,
    /// What is to be known about the figures.
    pub notes: Vec<String>,
}

impl Replay {
    /// How many times the traffic is played.
    pub const RUNS: usize = STAGES.len() + 1;

    /// Plays the traffic at every stage, and once with the baseline model alone. `books` are fresh ones
    /// for each of these [`RUNS`](Self::RUNS).
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub async fn outlook(mut self, books: Vec<Books>) -> Result<Outlook, EvaluationError> {
        self.door.tier = Memory::default().remembering(self.door.tier);
        self.look_ahead().await?;
        let policies = std::iter::once(self.policy_of_baseline()).chain(STAGES.map(|stage| self.policy_at(stage)));
        let runs = policies.zip(books).collect();
        let this = &self;
        let played = in_order(runs, AT_ONCE, |_, (policy, books)| this.play(policy, books)).await;
        let mut played = played.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter();
        let baseline: Vec<Usd> = played.next().unwrap_or_default().iter().map(|played| played.cost).collect();
        Ok(self.compare(&baseline, &played.collect::<Vec<_>>()))
    }

    /// Has the local models look at every query once, on all cores: a run goes through them in order.
    async fn look_ahead(&self) -> Result<(), EvaluationError> {
        let queries = self.traffic.rows.iter().map(|row| row.query.as_str()).collect();
        let look = |_, query: &str| {
            let (tier, agent, query) = (&self.door.tier, &self.door.brand.id, query.to_owned());
            async move {
                let analysis = tier.analyst.analyse(&query).await?;
                tier.knowledge.retrieve(agent, &query, &analysis, RETRIEVED_PASSAGES).await?;
                Ok(())
            }
        };
        self.door.for_all(queries, look).await.map(drop)
    }

    fn compare(&self, baseline: &[Usd], stages: &[Vec<Played>]) -> Outlook {
        let bare = self.bare_baseline();
        let rows = &self.traffic.rows;
        let rows_of = |part: Tier| (0..rows.len()).filter(|&row| rows[row].part == part).collect::<Vec<_>>();
        let strata = Tier::ALL.map(rows_of);
        let figures =
            |played: &[Played], strata: Vec<Vec<usize>>| Selection { played, baseline, bare: &bare, strata }.figures();
        let stage = |(stage, played): (Stage, &Vec<Played>)| StageFigures {
            stage,
            all: figures(played, strata.to_vec()),
            parts: (Tier::ALL.into_iter().zip(&strata))
                .filter(|(_, rows)| !rows.is_empty())
                .map(|(part, rows)| (part, figures(played, vec![rows.clone()])))
                .collect(),
        };
        let weight: f64 = rows.iter().map(|row| row.weight).sum();
        let per_1000 = |costs: &[Usd]| {
            let sum: f64 = rows.iter().zip(costs).map(|(row, cost)| row.weight * cost.as_dollars()).sum();
            (1_000.0 * sum / weight) as f32
        };
        let share = |part: Tier| rows.iter().filter(|row| row.part == part).map(|row| row.weight).sum::<f64>() / weight;
        Outlook {
            rows: rows.len(),
            mix: Tier::ALL.into_iter().map(|part| (part, share(part) as f32)).collect(),
            baseline: self.door.policy.baseline.to_string(),
            baseline_usd_per_1000: per_1000(baseline),
            question_alone_usd_per_1000: per_1000(&bare),
            unsure: stages.last().map(|played| unsure(played)).unwrap_or_default(),
            stages: STAGES.into_iter().zip(stages).map(stage).collect(),
            notes: NOTES.map(str::to_owned).to_vec(),
        }
    }
}

const NOTES: [&str; 4] = [
    "saved is against the baseline model with the same instructions and passages as here; saved_question_alone \
     against the same model with nothing but the question",
    "tokens are counted by the encoder's tokenizer; providers count by their own",
    "unread answers are paid ones whose words the traffic file does not have: they are taken as good enough to be \
     delivered, their cost counts, and quality leaves them out",
    "quality is the validator's score, not a person's judgement",
];

fn unsure(played: &[Played]) -> Unsure {
    let unsure: Vec<&Played> = played.iter().filter(|played| played.unsure_tokens.is_some()).collect();
    let mut models: BTreeMap<String, usize> = BTreeMap::new();
    unsure
        .iter()
        .filter_map(|played| played.end.paid())
        .for_each(|model| *models.entry(model.clone()).or_default() += 1);
    let rows = unsure.len();
    let tokens: u64 = unsure.iter().filter_map(|played| played.unsure_tokens).sum();
    let cost: Usd = unsure.iter().map(|played| played.cost).sum();
    Unsure {
        rows,
        models,
        prompt_tokens: tokens as f32 / rows as f32,
        usd_each: (cost.as_dollars() / rows as f64) as f32,
    }
}

impl Outlook {
    /// One JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mix: Map<String, Value> =
            self.mix.iter().map(|(part, share)| (part.as_str().to_owned(), number(*share))).collect();
        let stages: Vec<Value> = self
            .stages
            .iter()
            .map(|stage| {
                let mut object = stage.all.to_json();
                object["stage"] = json!(stage.stage.as_str());
                object["rolled_out"] = json!(stage.stage.local_share());
                let parts = stage.parts.iter().map(|(part, figures)| (part.as_str().to_owned(), figures.to_json()));
                object["tiers"] = Value::Object(parts.collect());
                object
            })
            .collect();
        json!({
            "traffic": {"rows": self.rows, "mix": mix},
            "baseline": {
                "model": self.baseline,
                "usd_per_1000": number(self.baseline_usd_per_1000),
                "question_alone_usd_per_1000": number(self.question_alone_usd_per_1000),
            },
            "stages": stages,
            "unsure": {
                "rows": self.unsure.rows,
                "models": self.unsure.models,
                "prompt_tokens": number(self.unsure.prompt_tokens),
                "usd_each": small(self.unsure.usd_each),
            },
            "notes": self.notes,
        })
    }
}

impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mix: Vec<String> = self.mix.iter().map(|(part, share)| format!("{part} {}", percent(*share))).collect();
        writeln!(f, "{} rows: {}", self.rows, mix.join(", "))?;
        writeln!(
            f,
            "{} alone: ${:.3} for 1,000 requests; ${:.3} with the question alone\n",
            self.baseline, self.baseline_usd_per_1000, self.question_alone_usd_per_1000
        )?;
        let names: Vec<String> = self
            .stages
            .iter()
            .map(|stage| format!("{} ({})", stage.stage.as_str(), stage.stage.local_share()))
            .collect();
        line(f, "", &names)?;
        self.block(f, |stage| Some(&stage.all))?;
        let mut models: Vec<&String> = self.stages.iter().flat_map(|stage| stage.all.paid.keys()).collect();
        models.sort();
        models.dedup();
        for model in models {
            let share = |stage: &StageFigures| percent(stage.all.paid.get(model).copied().unwrap_or_default());
            line(f, &format!("paid {model}"), &self.stages.iter().map(share).collect::<Vec<_>>())?;
        }
        for name in ["cached", "refused", "failed", "scored", "unread"] {
            line(f, name, &self.cells(|stage| percent(stage.all.value(name))))?;
        }
        for part in self.mix.keys().filter(|part| self.stages.iter().any(|stage| stage.parts.contains_key(part))) {
            writeln!(f, "\n{part}")?;
            self.block(f, |stage| stage.parts.get(part))?;
        }
        let Unsure { rows, models, prompt_tokens, usd_each } = &self.unsure;
        let models: Vec<String> = models.iter().map(|(model, rows)| format!("{model} {rows}")).collect();
        writeln!(f, "\nat the full stage {rows} rows had an unsure local answer and went to {}", models.join(", "))?;
        writeln!(f, "with prompts of {prompt_tokens:.0} tokens in the mean, ${usd_each:.6} each")?;
        self.notes.iter().try_for_each(|note| writeln!(f, "\n{note}"))
    }
}

type Show = fn(f32) -> String;

/// What is shown with its interval: its title, its name among the figures, and how it is written.
const SHOWN: [(&str, &str, Show); 5] = [
    ("for 1,000 requests", "usd_per_1000", |value| format!("${value:.3}")),
    ("saved", "saved", percent),
    ("saved, question alone", "saved_question_alone", percent),
    ("local", "local", percent),
    ("quality", "quality", |value| format!("{value:.3}")),
];

impl Outlook {
    fn cells(&self, cell: impl Fn(&StageFigures) -> String) -> Vec<String> {
        self.stages.iter().map(cell).collect()
    }

    /// Cost, savings, the local share and quality, each with its interval below.
    fn block<'a>(
        &'a self,
        f: &mut fmt::Formatter<'_>,
        of: impl Fn(&'a StageFigures) -> Option<&'a Figures>,
    ) -> fmt::Result {
        for (title, name, show) in SHOWN {
            let figures = || self.stages.iter().map(&of);
            let value = |figures: Option<&Figures>| figures.map_or(f32::NAN, |figures| figures.value(name));
            let shown = |value: f32| if value.is_finite() { show(value) } else { "–".to_owned() };
            line(f, title, &figures().map(|figures| shown(value(figures))).collect::<Vec<_>>())?;
            let interval = |figures: Option<&Figures>| {
                let interval = figures.and_then(|figures| figures.interval(name));
                interval.map_or_else(String::new, |(low, high)| format!("{} … {}", show(low), show(high)))
            };
            line(f, "", &figures().map(interval).collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// A sum of dollars that is small, to the nano-dollar; `null` when it is none.
fn small(dollars: f32) -> Value {
    let rounded = (f64::from(dollars) * 1e9).round() / 1e9;
    if rounded.is_finite() { json!(rounded) } else { Value::Null }
}

fn line(f: &mut fmt::Formatter<'_>, title: &str, cells: &[String]) -> fmt::Result {
    write!(f, "{title:24}")?;
    cells.iter().try_for_each(|cell| write!(f, "{cell:>20}"))?;
    writeln!(f)
}

fn percent(share: f32) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::super::played::End;
    use super::*;

    #[test]
    fn unsure_answers_are_those_that_were_paid_for_after_the_local_tier() {
        let played = |end, unsure_tokens, nanos| Played {
            weight: 1.0,
            cost: Usd::from_nanos(nanos),
            end,
            score: None,
            is_unread: false,
            unsure_tokens,
        };
        let found = unsure(&[
            played(End::Local, None, 0),
            played(End::Paid("cheap".to_owned()), Some(500), 100_000),
            played(End::Paid("cheap".to_owned()), Some(700), 300_000),
            played(End::Paid("dear".to_owned()), None, 9_000_000),
        ]);
        assert_eq!((found.rows, found.models), (2, BTreeMap::from([("cheap".to_owned(), 2)])));
        assert!((found.prompt_tokens - 600.0).abs() < 1e-3 && (found.usd_each - 0.0002).abs() < 1e-9);
    }
}
