//! `complexity`: columns `text`, `label` (a tier); the tier that the analyst finds most probable.

use farthing_domain::complexity::Tier;

use super::SEED;
use crate::baselines::{tier_by_keywords, tier_by_length};
use crate::door::{Door, EvaluationError};
use crate::measures::{Random, accuracy, confusion, interval, macro_f1};
use crate::report::{Confusion, Report};
use crate::table::Table;

const CLASSES: usize = Tier::ALL.len();

/// How well the tiers of `table` are told.
///
/// # Errors
/// [`EvaluationError`].
pub async fn run(door: &Door, table: &Table) -> Result<Report, EvaluationError> {
    let texts = table.column("text")?.texts();
    let names = Tier::ALL.map(Tier::as_str);
    let actual = table.column("label")?.map(&format!("one of {}", names.join(", ")), |label| {
        names.iter().position(|name| name.eq_ignore_ascii_case(label))
    })?;
    let analyses = door.analyse_all(texts.clone()).await?;
    let predicted: Vec<usize> = analyses.iter().map(|analysis| analysis.complexity.tier() as usize).collect();
    let mut report = Report { n: table.len(), ..Report::default() };
    for (name, measure) in measures() {
        let of = |drawn: &[usize]| {
            let pick = |tiers: &[usize]| drawn.iter().map(|&row| tiers[row]).collect::<Vec<_>>();
            measure(&pick(&predicted), &pick(&actual))
        };
        report.add(name, measure(&predicted, &actual), interval(table.len(), SEED, of));
    }
    let mut random = Random::new(SEED);
    let commonest = (0..CLASSES).max_by_key(|tier| actual.iter().filter(|other| *other == tier).count()).unwrap_or(0);
    let others: [(&'static str, Vec<usize>); 4] = [
        ("random", texts.iter().map(|_| random.below(CLASSES)).collect()),
        ("commonest", vec![commonest; texts.len()]),
        ("prompt length", texts.iter().map(|text| tier_by_length(text) as usize).collect()),
        ("keyword rules", texts.iter().map(|text| tier_by_keywords(text) as usize).collect()),
    ];
    for (name, tiers) in others {
        report.compare(name, measures().map(|(figure, measure)| (figure, measure(&tiers, &actual))).to_vec());
    }
    report.confusion = Some(Confusion { classes: names.to_vec(), counts: confusion(&predicted, &actual, CLASSES) });
    Ok(report)
}

type Measure = fn(&[usize], &[usize]) -> f32;

fn measures() -> [(&'static str, Measure); 2] {
    [("accuracy", accuracy), ("macro_f1", |predicted, actual| macro_f1(predicted, actual, CLASSES))]
}
