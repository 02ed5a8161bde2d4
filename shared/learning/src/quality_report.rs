//! Figures of the quality heads on held-out groups.

use std::collections::BTreeMap;

use farthing_evaluation::measures::{Interval, interval, spearman};
use farthing_models::validator::{Findings, QualityHeads, rising};
use serde_json::{Value, json};

use crate::head_file::figure;
use crate::measure::{at_threshold, auc, calibration_error};
use crate::quality::{ANSWERS, Example, Examples, PRIOR, PRIOR_OF_STORED, choice, ranking, scored};
use crate::quality_rows::{Origin, author};
use crate::report::table;

/// Below this score an answer escalates.
const ESCALATE: f32 = 0.6;
/// Above this score an answer is delivered.
const DELIVER: f32 = 0.8;
/// What `policy.toml` ships as `quality.paid_prior`.
const PAID_PRIOR: f32 = 0.8;
/// For the bootstrap.
const SEED: u64 = 11;

/// A set of answers with their scores.
struct Scores<'a> {
    examples: Vec<&'a Example>,
    scores: Vec<f32>,
    labels: Vec<bool>,
}

impl<'a> Scores<'a> {
    fn of(heads: &QualityHeads, examples: Vec<&'a Example>) -> anyhow::Result<Self> {
        let score = |example: &&Example| Ok(heads.weigh(&example.findings, example.must_be_grounded())?.score);
        let scores = examples.iter().map(score).collect::<anyhow::Result<_>>()?;
        let labels = examples.iter().map(|example| example.case.acceptable).collect();
        Ok(Self { examples, scores, labels })
    }

    /// Weights by which the share of acceptable answers is the one that the scores are calibrated for. Solutions have the
    /// share that their models had.
    fn weights(&self) -> Vec<f32> {
        let all_are = |origin: Origin| self.examples.iter().all(|example| example.case.origin == origin);
        if all_are(Origin::Solution) {
            return vec![1.0; self.labels.len()];
        }
        weights(&self.labels, if all_are(Origin::Stored) { PRIOR_OF_STORED } else { PRIOR })
    }

    fn groups(&self) -> Vec<Vec<usize>> {
        choice::by_group(self.examples.iter().map(|example| example.case.group.as_str()))
    }

    /// The 95 % interval of a figure, for which groups are drawn anew.
    fn interval(&self, statistic: &dyn Fn(&[f32], &[bool]) -> f32) -> Option<Interval> {
        let groups = self.groups();
        interval(groups.len(), SEED, |drawn| {
            let rows = drawn.iter().flat_map(|&group| &groups[group]);
            let (scores, labels): (Vec<f32>, Vec<bool>) = rows.map(|&row| (self.scores[row], self.labels[row])).unzip();
            statistic(&scores, &labels)
        })
    }

    /// A figure with its interval.
    fn with_interval(&self, statistic: &dyn Fn(&[f32], &[bool]) -> f32) -> String {
        let range = self.interval(statistic);
        let found = statistic(&self.scores, &self.labels);
        range.map_or_else(|| format!("{found:.3}"), |(low, high)| format!("{found:.3} ({low:.3}–{high:.3})"))
    }
}

fn weights(labels: &[bool], prior: f32) -> Vec<f32> {
    let yes = labels.iter().filter(|&&label| label).count() as f32;
    let no = labels.len() as f32 - yes;
    labels.iter().map(|&label| if label { prior / yes.max(1.0) } else { (1.0 - prior) / no.max(1.0) }).collect()
}

fn of(examples: &[Example], origin: Origin) -> Vec<&Example> {
    examples.iter().filter(|one| one.case.origin == origin).collect()
}

/// What is told of one by one.
fn sets<'a>(heads: &QualityHeads, test: &'a [Example]) -> anyhow::Result<[(&'static str, Scores<'a>); 5]> {
    let labelled = of(test, Origin::Labelled);
    let grounded = |is: bool| labelled.iter().copied().filter(|one| one.must_be_grounded() == is).collect::<Vec<_>>();
    Ok([
        ("with passages", Scores::of(heads, grounded(true))?),
        ("without passages", Scores::of(heads, grounded(false))?),
        ("stored passages, derived", Scores::of(heads, of(test, Origin::Stored))?),
        ("solutions of word problems", Scores::of(heads, of(test, Origin::Solution))?),
        ("all", Scores::of(heads, labelled)?),
    ])
}

/// The figures of the score on the labelled answers among `test`.
pub(crate) fn of_score(heads: &QualityHeads, test: &[Example]) -> anyhow::Result<Value> {
    let mut figures = json!({});
    for (name, scores) in &sets(heads, test)? {
        if !scores.labels.is_empty() {
            figures[*name] = summary(name, scores).1;
        }
    }
    Ok(figures)
}

/// Figures on the held-out groups, as JSON and as a section of Markdown; `comparison` is the table of how the score's
/// model was chosen.
pub(crate) fn judge(heads: &QualityHeads, examples: &Examples, comparison: &str) -> anyhow::Result<(Value, String)> {
    let (labelled, strayed) = (of(&examples.test, Origin::Labelled), of(&examples.test, Origin::Strayed));
    let sets = sets(heads, &examples.test)?;
    let all = &sets[4].1;
    let (mut figures, mut lines, mut reliability) = (json!({}), Vec::new(), Vec::new());
    for (name, scores) in &sets {
        let (line, numbers) = summary(name, scores);
        lines.push(line);
        figures[*name] = numbers;
        reliability.extend(reliable(name, scores).into_iter().filter(|_| *name != "all"));
    }
    let by_cosine = auc(&labelled.iter().map(|one| one.cosine).collect::<Vec<_>>(), &all.labels);
    let by_length = auc(&labelled.iter().map(|one| one.case.answer.len() as f32).collect::<Vec<_>>(), &all.labels);
    figures["baselines_auc"] = json!({"chance": 0.5, "cosine": figure(by_cosine), "length": figure(by_length)});
    let mean = all.scores.iter().sum::<f32>() / all.scores.len().max(1) as f32;
    figures["mean_score"] = figure(mean);
    let (ranked, rankings) = ranking::report(heads, examples)?;
    figures["relevance"] = rankings;
    let (across, crossed) = across(examples);
    figures["unknown_author"] = crossed;
    let (flaws, flaw_figures) = flaws(heads, labelled.iter().chain(&strayed))?;
    figures["flaws"] = flaw_figures;
    let groups = all.groups().len();
    let header =
        ["Held-out answers", "Rows", "AUC", "Spearman", "Accuracy at 0.6", "Accuracy at 0.8", "Calibration error"];
    let section = format!(
        "## Answer quality\n\nThe {groups} held-out groups are every third of the four files that were written by other \
         hands than `answers.jsonl`. No weight or setting was fitted \
         to them, but a first split of `answers_more.jsonl`, which held out all groups without passages and learned \
         from none of their author's, had been measured before \
         (AUC 0.725, calibration error 0.208): so much is lost on answers without passages from a hand unknown. \
         Intervals are of 95 %, with groups drawn anew. A score is the \
         probability that an answer is acceptable where {PRIOR_OF_STORED} of the stored answers and {PRIOR} of the others \
         are: stored ones come through the gate of answerability, and of the others nothing is known beforehand. The \
         calibration error weighs the rows accordingly, accuracy gives both labels the same weight. Baselines: chance has \
         AUC 0.500, the cosine of question and answer {by_cosine:.3}, length {by_length:.3}. The mean score is {mean:.2}.\n\n\
         {}\nHow the parts become a score, compared by cross-validation on the rows that are learned from (what ships \
         are the trees that rise, so that no part can make good what another finds, with the calibration of the lower \
         log-loss):\n\n{comparison}\nLearned on all files of answers but one and measured on that, each by a hand of its own:\n\n\
         {across}\nReliability:\n\n{}\n\
         How often a flaw keeps a paid model's answer from being delivered as it is (score at most 0.8) and makes it escalate \
         (below 0.6), where {PAID_PRIOR} of such answers are acceptable before anybody reads them, as the shipped policy says; \
         for acceptable answers these are the errors:\n\n{flaws}\n### Relevance\n\nCandidates of one question, ranked. \
         Factoids are own sentences, of which the wrong ones share words with the question; they are learned from, and \
         each is ranked by a head that was fitted without it. Stored answers are of held-out knowledge bases: the \
         right one, a neighbour and one from afar.\n\n{ranked}",
        table(&header, &lines),
        table(&["Answers", "Scores", "Rows", "Mean score", "Share acceptable"], &reliability),
    );
    Ok((figures, section))
}

fn summary(name: &str, set: &Scores<'_>) -> (Vec<String>, Value) {
    let even = |threshold: f32| {
        let at = at_threshold(&set.scores, &set.labels, threshold);
        f32::midpoint(at.recall, 1.0 - at.false_positives)
    };
    let rank = |scores: &[f32], labels: &[bool]| {
        spearman(scores, &labels.iter().map(|&label| f32::from(u8::from(label))).collect::<Vec<_>>())
    };
    let (area, error) = (auc(&set.scores, &set.labels), calibration_error(&set.scores, &set.labels, &set.weights()));
    let (low, high) = (even(ESCALATE), even(DELIVER));
    let line = vec![
        name.to_owned(),
        set.labels.len().to_string(),
        set.with_interval(&auc),
        set.with_interval(&rank),
        format!("{low:.3}"),
        format!("{high:.3}"),
        format!("{error:.3}"),
    ];
    let (least, most) = set.interval(&auc).unwrap_or((f32::NAN, f32::NAN));
    let numbers = json!({
        "rows": set.labels.len(), "auc": figure(area), "auc_95_percent": [figure(least), figure(most)], "spearman": figure(rank(&set.scores, &set.labels)),
        "accuracy_at_0.6": figure(low), "accuracy_at_0.8": figure(high), "calibration_error": figure(error),
    });
    (line, numbers)
}

/// The ten ranges of a reliability diagram, empty ones left out.
fn reliable(name: &str, set: &Scores<'_>) -> Vec<Vec<String>> {
    let weights = set.weights();
    let range = |at: usize| {
        let within: Vec<usize> =
            (0..set.scores.len()).filter(|&row| ((set.scores[row] * 10.0) as usize).min(9) == at).collect();
        let sum = |of: &dyn Fn(usize) -> f32| within.iter().map(|&row| weights[row] * of(row)).sum::<f32>();
        let all = sum(&|_| 1.0);
        (!within.is_empty()).then(|| {
            vec![
                name.to_owned(),
                format!("{:.1}–{:.1}", at as f32 / 10.0, (at + 1) as f32 / 10.0),
                within.len().to_string(),
                format!("{:.2}", sum(&|row| set.scores[row]) / all),
                format!("{:.2}", sum(&|row| f32::from(u8::from(set.labels[row]))) / all),
            ]
        })
    };
    (0..10).filter_map(range).collect()
}

/// What is left when the answers to judge come from a file that nothing was learned from.
fn across(examples: &Examples) -> (String, Value) {
    let rows = scored(&examples.learn);
    let (mut lines, mut figures) = (Vec::new(), json!({}));
    let (mut pooled, mut labelled) = (Vec::new(), Vec::new());
    let mut tell = |name: String, scores: &[f32], labels: &[bool]| {
        let (area, error) = (auc(scores, labels), calibration_error(scores, labels, &weights(labels, PRIOR)));
        figures[&name] = json!({"auc": figure(area), "calibration_error": figure(error)});
        lines.push(vec![name, labels.len().to_string(), format!("{area:.3}"), format!("{error:.3}")]);
    };
    for (file, (name, _)) in ANSWERS.iter().enumerate() {
        let (own, others): (Vec<_>, Vec<_>) = rows.iter().cloned().partition(|row| author(&row.group) == Some(file));
        let counted: Vec<choice::Scored> = own.into_iter().filter(|row| row.counts).collect();
        let scores = choice::transferred(&rising(), &others, &counted);
        let labels: Vec<bool> = counted.iter().map(|row| row.acceptable).collect();
        tell(format!("the others → {name}"), &scores, &labels);
        pooled.extend(scores);
        labelled.extend(labels);
    }
    tell("all".to_owned(), &pooled, &labelled);
    (table(&["Learned on → measured on", "Rows", "AUC", "Calibration error"], &lines), figures)
}

/// The same findings of an answer that a paid model gave.
fn as_paid(findings: &Findings) -> Findings {
    Findings { prior: PAID_PRIOR, ..findings.clone() }
}

fn flaws<'a>(heads: &QualityHeads, examples: impl Iterator<Item = &'a &'a Example>) -> anyhow::Result<(String, Value)> {
    let mut by_flaw: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for example in examples {
        let flaw = match example.case.origin {
            Origin::Strayed => "answer to another question (derived)",
            Origin::Labelled | Origin::Stored | Origin::Factoid | Origin::Paired | Origin::Solution => {
                example.case.flaw.as_deref().unwrap_or("acceptable")
            }
        };
        let with = if example.must_be_grounded() { "with passages" } else { "without" };
        by_flaw
            .entry(format!("{flaw}, {with}"))
            .or_default()
            .push(heads.weigh(&as_paid(&example.findings), example.must_be_grounded())?.score);
    }
    let (mut lines, mut figures) = (Vec::new(), json!({}));
    for (flaw, scores) in by_flaw {
        let share = |holds: &dyn Fn(f32) -> bool| {
            scores.iter().filter(|&&score| holds(score)).count() as f32 / scores.len() as f32
        };
        let (held, escalated) = (share(&|score| score <= DELIVER), share(&|score| score < ESCALATE));
        figures[&flaw] = json!({"rows": scores.len(), "not_delivered": figure(held), "escalated": figure(escalated)});
        lines.push(vec![flaw, scores.len().to_string(), format!("{held:.2}"), format!("{escalated:.2}")]);
    }
    Ok((table(&["Flaw", "Rows", "Not delivered", "Escalated"], &lines), figures))
}
