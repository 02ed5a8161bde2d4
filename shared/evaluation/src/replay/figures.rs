//! The figures of requests that were played.

use std::collections::{BTreeMap, BTreeSet};

use farthing_domain::money::Usd;
use serde_json::{Map, Value, json};

use super::played::{End, Played};
use crate::measures::{Interval, interval_in_strata};
use crate::report::number;
use crate::tasks::SEED;

/// The figures of some requests, with 95 % intervals over requests. All shares are of requests, each
/// as often as its weight says.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// How many rows of the traffic.
    pub rows: usize,
    /// By name: `usd_per_1000`, `saved`, `saved_question_alone`, `local`, `cached`, `refused`, `failed`,
    /// `quality` (the mean score of delivered answers whose words are known), `scored` (the share of
    /// requests with such an answer) and `unread` (the share with a paid answer without known words).
    pub values: BTreeMap<&'static str, (f32, Option<Interval>)>,
    /// The share that each paid model answered.
    pub paid: BTreeMap<String, f32>,
}

/// The requests whose figures are told.
pub(super) struct Selection<'a> {
    pub(super) played: &'a [Played],
    /// What the baseline cost for each request of the traffic.
    pub(super) baseline: &'a [Usd],
    /// The same for the question alone.
    pub(super) bare: &'a [Usd],
    /// The rows that are looked at, for each part of the mix.
    pub(super) strata: Vec<Vec<usize>>,
}

type Statistic = fn(&Selection<'_>, &[usize]) -> f32;

const STATISTICS: [(&str, Statistic); 10] = [
    ("usd_per_1000", |all, rows| (1_000.0 * all.mean(rows, |row| dollars(all.played[row].cost))) as f32),
    ("saved", |all, rows| all.saved(rows, all.baseline)),
    ("saved_question_alone", |all, rows| all.saved(rows, all.bare)),
    ("local", |all, rows| all.share(rows, |played| played.end == End::Local)),
    ("cached", |all, rows| all.share(rows, |played| played.end == End::Cached)),
    ("refused", |all, rows| all.share(rows, |played| played.end == End::Refused)),
    ("failed", |all, rows| all.share(rows, |played| matches!(played.end, End::Failed(_)))),
    ("quality", |all, rows| {
        let scored = all.mean(rows, |row| if all.played[row].score.is_some() { 1.0 } else { 0.0 });
        (all.mean(rows, |row| all.played[row].score.map_or(0.0, f64::from)) / scored) as f32
    }),
    ("scored", |all, rows| all.share(rows, |played| played.score.is_some())),
    ("unread", |all, rows| all.share(rows, |played| played.is_unread)),
];

impl Selection<'_> {
    /// The figures of all rows that are looked at.
    pub(super) fn figures(&self) -> Figures {
        let rows: Vec<usize> = self.strata.iter().flatten().copied().collect();
        let value = |(name, statistic): (&'static str, Statistic)| {
            let interval = interval_in_strata(&self.strata, SEED, |drawn| statistic(self, drawn));
            (name, (statistic(self, &rows), interval))
        };
        let models: BTreeSet<&String> = rows.iter().filter_map(|&row| self.played[row].end.paid()).collect();
        let paid = models
            .into_iter()
            .map(|model| (model.clone(), self.share(&rows, |played| played.end.paid() == Some(model))));
        Figures { rows: rows.len(), values: STATISTICS.into_iter().map(value).collect(), paid: paid.collect() }
    }

    /// The weighted mean of `value` over `rows`.
    fn mean(&self, rows: &[usize], value: impl Fn(usize) -> f64) -> f64 {
        let sum: f64 = rows.iter().map(|&row| self.played[row].weight * value(row)).sum();
        sum / rows.iter().map(|&row| self.played[row].weight).sum::<f64>()
    }

    fn share(&self, rows: &[usize], holds: impl Fn(&Played) -> bool) -> f32 {
        self.mean(rows, |row| if holds(&self.played[row]) { 1.0 } else { 0.0 }) as f32
    }

    fn saved(&self, rows: &[usize], against: &[Usd]) -> f32 {
        let paid = self.mean(rows, |row| dollars(self.played[row].cost));
        (1.0 - paid / self.mean(rows, |row| dollars(against[row]))) as f32
    }
}

impl End {
    /// The paid model that answered.
    pub(super) fn paid(&self) -> Option<&String> {
        match self {
            Self::Paid(model) => Some(model),
            Self::Local | Self::Cached | Self::Refused | Self::Failed(_) => None,
        }
    }
}

/// For display and ratios only; the ledger has whole numbers.
fn dollars(amount: Usd) -> f64 {
    amount.as_dollars()
}

impl Figures {
    /// The value named `name`; not a number when there is none.
    #[must_use]
    pub fn value(&self, name: &str) -> f32 {
        self.values.get(name).map_or(f32::NAN, |(value, _)| *value)
    }

    /// Its 95 % interval.
    #[must_use]
    pub fn interval(&self, name: &str) -> Option<Interval> {
        self.values.get(name).and_then(|(_, interval)| *interval)
    }

    /// One JSON object, with the intervals under `intervals`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let values = self.values.iter().map(|(name, (value, _))| ((*name).to_owned(), number(*value)));
        let mut object: Map<String, Value> = values.collect();
        let intervals = self.values.iter().filter_map(|(name, (_, interval))| {
            interval.map(|(low, high)| ((*name).to_owned(), json!([number(low), number(high)])))
        });
        object.insert("intervals".to_owned(), Value::Object(intervals.collect()));
        let paid = self.paid.iter().map(|(model, share)| (model.clone(), number(*share)));
        object.insert("paid".to_owned(), Value::Object(paid.collect()));
        object.insert("rows".to_owned(), json!(self.rows));
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(weight: f64, nanos: i64, end: End, score: Option<f32>) -> Played {
        let cost = Usd::from_nanos(nanos);
        Played { weight, cost, end, score, is_unread: false, unsure_tokens: None }
    }

    #[test]
    fn figures_count_each_row_as_often_as_its_weight_says() {
        let played = [
            played(3.0, 0, End::Local, Some(0.9)),
            played(1.0, 4_000_000, End::Paid("dear".to_owned()), Some(0.5)),
            played(1.0, 1_000_000, End::Paid("cheap".to_owned()), None),
        ];
        let (baseline, bare) = ([Usd::from_nanos(5_000_000); 3], [Usd::from_nanos(2_500_000); 3]);
        let all = Selection { played: &played, baseline: &baseline, bare: &bare, strata: vec![vec![0, 1, 2]] };
        let found = all.figures();
        let is = |name: &str, expected: f32| {
            assert!((found.value(name) - expected).abs() < 1e-5, "{name}: {} is not {expected}", found.value(name));
        };
        // 5 million nano-dollars over 5 requests are a dollar for a thousand.
        is("usd_per_1000", 1.0);
        is("saved", 0.8);
        is("saved_question_alone", 0.6);
        is("local", 0.6);
        is("quality", (3.0 * 0.9 + 0.5) / 4.0);
        is("scored", 0.8);
        assert_eq!(found.paid, BTreeMap::from([("cheap".to_owned(), 0.2), ("dear".to_owned(), 0.2)]));
        assert!(found.interval("local").is_some_and(|(low, high)| low <= 0.6 && high >= 0.6));
        assert_eq!(found.to_json()["paid"]["cheap"], 0.2);
    }

    #[test]
    fn without_any_score_there_is_no_quality() {
        let played = [played(1.0, 0, End::Failed("no_answer"), None)];
        let (baseline, bare) = ([Usd::ZERO], [Usd::ZERO]);
        let all = Selection { played: &played, baseline: &baseline, bare: &bare, strata: vec![vec![0]] };
        assert_eq!(all.figures().to_json()["quality"], Value::Null);
    }
}
