//! `cache`: columns `origin`, `similar`, `label` (1 when an answer to the one is one to the other);
//! whether the answer cache would serve it.

use super::SEED;
use crate::door::{Door, EvaluationError};
use crate::measures::{interval, share};
use crate::report::Report;
use crate::table::Table;
use farthing_gateway::hit_between;
use farthing_models::encoder::cosine;

/// How well the pairs of `table` are told apart.
///
/// # Errors
/// [`EvaluationError`].
pub async fn run(door: &Door, table: &Table) -> Result<Report, EvaluationError> {
    let origins = table.column("origin")?.texts();
    let similar = table.column("similar")?.texts();
    let labels = table.column("label")?.flags()?;
    let (kept, asked) = (door.analyse_all(origins.clone()).await?, door.analyse_all(similar.clone()).await?);
    let cosines: Vec<f32> = kept.iter().zip(&asked).map(|(a, b)| cosine(&a.embedding, &b.embedding)).collect();
    let rules = &door.policy.cache;
    let pairs = origins.iter().zip(&similar).zip(&cosines).collect();
    let served: Vec<bool> = door
        .for_all(pairs, |_, ((origin, query), similarity): ((&&str, &&str), &f32)| async move {
            Ok(hit_between(door.tier.matcher.as_ref(), query, origin, *similarity, rules).await?.is_some())
        })
        .await?;
    let mut report = Report { n: table.len(), ..Report::default() };
    for (at, (name, value)) in figures(&served, &labels).into_iter().enumerate() {
        let of = |drawn: &[usize]| {
            let pick = |flags: &[bool]| drawn.iter().map(|&row| flags[row]).collect::<Vec<_>>();
            figures(&pick(&served), &pick(&labels))[at].1
        };
        report.add(name, value, interval(table.len(), SEED, of));
    }
    let count =
        |served: &[bool], label: bool| served.iter().zip(&labels).filter(|pair| *pair == (&true, &label)).count();
    report.counts.push(("hits", count(&served, true)));
    report.counts.push(("false_hits", count(&served, false)));
    let unguarded: Vec<bool> = cosines.iter().map(|similarity| *similarity >= rules.min_similarity).collect();
    report.compare("similarity alone", figures(&unguarded, &labels).to_vec());
    report.compare("always served", figures(&vec![true; labels.len()], &labels).to_vec());
    report.notes.push(format!(
        "served by meaning from a similarity of {} up, when the guards agree and the model that reads both gives at \
         least {}",
        rules.min_similarity, rules.min_same
    ));
    report.notes.push("false_hits is the number of pairs that were served and are not the same".to_owned());
    Ok(report)
}

fn figures(served: &[bool], labels: &[bool]) -> [(&'static str, f32); 3] {
    let count = |wanted: (bool, bool)| served.iter().zip(labels).filter(|(a, b)| (**a, **b) == wanted).count();
    let (hits, false_hits, misses, passes) =
        (count((true, true)), count((true, false)), count((false, true)), count((false, false)));
    [
        ("precision", share(hits, hits + false_hits)),
        ("recall", share(hits, hits + misses)),
        ("false_hit_rate", share(false_hits, false_hits + passes)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shares() {
        let found = figures(&[true, true, false, false], &[true, false, true, false]);
        assert_eq!(found.map(|(_, value)| value), [0.5, 0.5, 0.5]);
        assert!(figures(&[false], &[true])[0].1.is_nan(), "nothing served determines no precision");
    }
}
