//! Candidates of one question, ranked by score.

/// How well the candidates of one question are ranked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// The mean, over the right candidates, of the share of right ones down to each.
    pub average_precision: f32,
    /// One over the rank of the first right candidate.
    pub reciprocal_rank: f32,
}

/// How well `scores` rank the candidates of one question. `None` when none of them is right, or all
/// are: such a question says nothing of a ranking, and is left out as in TREC QA's "clean" test set. Of
/// equal scores a wrong candidate counts as the higher one.
#[must_use]
pub fn ranked(scores: &[f32], labels: &[bool]) -> Option<Ranked> {
    if !labels.contains(&true) || !labels.contains(&false) {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(labels[a].cmp(&labels[b])));
    let right = order.iter().enumerate().filter(|(_, row)| labels[**row]).map(|(at, _)| at + 1);
    let precisions = right.clone().enumerate().map(|(before, rank)| (before + 1) as f32 / rank as f32);
    Some(Ranked { average_precision: super::mean(precisions), reciprocal_rank: 1.0 / right.min()? as f32 })
}

/// The means over questions: mean average precision (MAP) and mean reciprocal rank (MRR).
#[must_use]
pub fn mean_ranked<'a>(questions: impl Iterator<Item = &'a Ranked> + Clone) -> Ranked {
    Ranked {
        average_precision: super::mean(questions.clone().map(|question| question.average_precision)),
        reciprocal_rank: super::mean(questions.map(|question| question.reciprocal_rank)),
    }
}
