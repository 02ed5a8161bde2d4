//! `relevance`: columns `question`, `answer`, `label` (1 for an answer to the question); the relevance
//! that the validator finds. Rows of one question are one ranking.

use std::collections::HashMap;

use super::SEED;
use super::quality::{Answered, judge_all};
use crate::baselines::{length, shared_words};
use crate::door::{Door, EvaluationError};
use crate::measures::{Random, Ranked, auc, interval, mean_ranked, ranked};
use crate::report::Report;
use crate::table::Table;

/// How well the answers of `table` are ranked.
///
/// # Errors
/// [`EvaluationError`].
pub async fn run(door: &Door, table: &Table) -> Result<Report, EvaluationError> {
    let questions = table.column("question")?.texts();
    let answers = table.column("answer")?.texts();
    let labels = table.column("label")?.flags()?;
    let rows = questions.iter().zip(&answers).map(|(question, answer)| Answered { question, answer, context: "" });
    let scores: Vec<f32> = judge_all(door, rows.collect()).await?.iter().map(|quality| quality.relevance).collect();
    let groups = groups(&questions);
    let mut report = Report { n: table.len(), ..Report::default() };
    let per_question = rank(&groups, &scores, &labels);
    let drawn_mean = |figure: fn(&Ranked) -> f32| {
        interval(per_question.len(), SEED, |drawn| {
            figure(&mean_ranked(drawn.iter().map(|&question| &per_question[question])))
        })
    };
    let mean = mean_ranked(per_question.iter());
    report.add("map", mean.average_precision, drawn_mean(|ranked| ranked.average_precision));
    report.add("mrr", mean.reciprocal_rank, drawn_mean(|ranked| ranked.reciprocal_rank));
    let auc_of = |drawn: &[usize]| {
        let rows: Vec<usize> = drawn.iter().flat_map(|&group| groups[group].iter().copied()).collect();
        let scores: Vec<f32> = rows.iter().map(|&row| scores[row]).collect();
        auc(&scores, &rows.iter().map(|&row| labels[row]).collect::<Vec<_>>())
    };
    report.add("auc", auc(&scores, &labels), interval(groups.len(), SEED, auc_of));
    report.counts.push(("questions", groups.len()));
    report.counts.push(("ranked_questions", per_question.len()));
    let mut random = Random::new(SEED);
    let others: [(&'static str, Vec<f32>); 3] = [
        ("random", answers.iter().map(|_| random.unit()).collect()),
        ("answer length", answers.iter().map(|answer| length(answer)).collect()),
        ("shared words", questions.iter().zip(&answers).map(|(one, other)| shared_words(one, other)).collect()),
    ];
    for (name, scores) in others {
        let mean = mean_ranked(rank(&groups, &scores, &labels).iter());
        let figures = [("map", mean.average_precision), ("mrr", mean.reciprocal_rank), ("auc", auc(&scores, &labels))];
        report.compare(name, figures.to_vec());
    }
    report.notes.push("questions without any right or any wrong answer are left out of map and mrr".to_owned());
    Ok(report)
}

/// The rows of each question, in the order of the file.
fn groups(questions: &[&str]) -> Vec<Vec<usize>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (row, question) in questions.iter().enumerate() {
        let place = *places.entry(question.trim()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(row);
    }
    groups
}

fn rank(groups: &[Vec<usize>], scores: &[f32], labels: &[bool]) -> Vec<Ranked> {
    let of = |rows: &Vec<usize>| {
        let scores: Vec<f32> = rows.iter().map(|&row| scores[row]).collect();
        ranked(&scores, &rows.iter().map(|&row| labels[row]).collect::<Vec<_>>())
    };
    groups.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_question_need_not_stand_together() {
        assert_eq!(groups(&["a", "b", "a ", "c"]), [vec![0, 2], vec![1], vec![3]]);
    }
}
