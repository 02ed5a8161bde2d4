//! `routing`: columns `prompt`, `weak_correct`, `strong_correct` (0 to 1) and, if there is one,
//! `weak_response`; how much of the gap between two models is recovered by sending the requests with the
//! greatest predicted gain to the strong one.

use super::SEED;
use crate::baselines::length;
use crate::door::{Door, EvaluationError};
use crate::measures::{Random, Routed, interval, routed};
use crate::report::Report;
use crate::table::Table;

/// How well the requests of `table` are ranked by the gain that the analyst predicts: from the prompt
/// alone, or after reading the weak model's answer where the file has it and it can be checked.
///
/// # Errors
/// [`EvaluationError`].
pub async fn run(door: &Door, table: &Table) -> Result<Report, EvaluationError> {
    let prompts = table.column("prompt")?.texts();
    let weak = table.column("weak_correct")?.shares()?;
    let strong = table.column("strong_correct")?.shares()?;
    let answers = table.optional_column("weak_response").map(|column| column.texts());
    let rows = prompts.iter().enumerate().map(|(row, prompt)| (*prompt, answers.as_ref().map(|all| all[row])));
    let gains = door
        .for_all(rows.collect(), |_, (prompt, answer): (&str, Option<&str>)| async move {
            let analyst = &door.tier.analyst;
            let analysis = analyst.analyse(prompt).await?;
            let Some(answer) = answer else { return Ok(analysis.gain) };
            Ok(analyst.gain_after(&analysis, prompt, answer).await?.unwrap_or(analysis.gain))
        })
        .await?;
    let mut report = Report { n: table.len(), ..Report::default() };
    let all = routed(&gains, &weak, &strong);
    for (name, figure) in FIGURES {
        let of = |drawn: &[usize]| {
            let pick = |values: &[f32]| drawn.iter().map(|&row| values[row]).collect::<Vec<_>>();
            figure(&routed(&pick(&gains), &pick(&weak), &pick(&strong)))
        };
        report.add(name, figure(&all), interval(table.len(), SEED, of));
    }
    let mut random = Random::new(SEED);
    let others: [(&'static str, Vec<f32>); 2] = [
        ("random", prompts.iter().map(|_| random.unit()).collect()),
        ("prompt length", prompts.iter().map(|prompt| length(prompt)).collect()),
    ];
    for (name, gains) in others {
        let found = routed(&gains, &weak, &strong);
        report.compare(name, FIGURES.map(|(name, figure)| (name, figure(&found))).to_vec());
    }
    let read = if answers.is_some() { "after reading the weak model's answer" } else { "from the prompt alone" };
    report.notes.push(format!("the gain is predicted {read}"));
    report.notes.push(format!("right alone: the weak model {:.3}, the strong one {:.3}", all.weak, all.strong));
    Ok(report)
}

type Read = fn(&Routed) -> f32;

const FIGURES: [(&str, Read); 3] =
    [("apgr", |found| found.apgr), ("cpt50", |found| found.cpt50), ("cpt80", |found| found.cpt80)];
