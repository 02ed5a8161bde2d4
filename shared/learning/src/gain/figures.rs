//! What the heads recover on the held-out rows.

use farthing_evaluation::measures::{auc, interval};
use serde_json::{Value, json};

use super::rows::{Example, recovered};
use super::{DOMAINS, SEED, heads};
use crate::head_file::figure;
use crate::report::table;

/// Words by which anybody would tell first that a question is for the stronger model.
const KEYWORDS: &[&str] = &[
    "calculate",
    "compute",
    "solve",
    "equation",
    "probability",
    "percent",
    "average",
    "total",
    "prove",
    "derive",
    "except",
    "not",
    "statement",
    "true",
    "false",
    "function",
    "remaining",
    "ratio",
    "theorem",
    "moral",
];

/// The figures of the heads, for their file and as a section; `crossed` is what cross-validation gave.
pub(super) fn judge(head: &Value, test: &[&Example], crossed: &Value) -> anyhow::Result<(Value, String)> {
    let heads = heads(head)?;
    let (mut figures, mut lines) = (json!({}), Vec::new());
    for domain in DOMAINS {
        let rows: Vec<&Example> = test.iter().copied().filter(|row| row.row.source == domain).collect();
        let before =
            rows.iter().map(|row| heads.before(&row.embedding, &row.row.prompt)).collect::<Result<Vec<f32>, _>>()?;
        let of = |measure: fn(&Example) -> f32| rows.iter().map(|row| measure(row)).collect::<Vec<f32>>();
        let mut judged = vec![("this head, question alone", before)];
        if rows.iter().any(|row| row.row.answer.is_some()) {
            let after = rows
                .iter()
                .map(|row| heads.after(&row.embedding, &row.row.prompt, row.answer()))
                .collect::<Result<Vec<f32>, _>>()?;
            let wrong: Vec<bool> = rows.iter().map(|row| !row.answered().weak).collect();
            figures[domain]["auc_of_a_wrong_cheap_answer"] = figure(auc(&after, &wrong));
            judged.push(("this head, the cheap answer read", after));
            judged.push(("length of the cheap answer", of(|row| row.answer().len() as f32)));
        }
        judged.push(("length of the prompt", of(|row| row.row.prompt.len() as f32)));
        judged.push(("keyword list", of(keywords)));
        figures[domain]["rows"] = json!(rows.len());
        figures[domain]["random"] = json!(0.5);
        for (name, gains) in judged {
            let found = recovered(&gains, rows.iter().copied());
            let drawn = |drawn: &[usize]| {
                let gains: Vec<f32> = drawn.iter().map(|&at| gains[at]).collect();
                recovered(&gains, drawn.iter().map(|&at| rows[at])).apgr
            };
            let (low, high) = interval(rows.len(), SEED, drawn).unwrap_or((f32::NAN, f32::NAN));
            figures[domain][name] = json!({
                "apgr": figure(found.apgr), "interval_95": [figure(low), figure(high)],
                "cpt50": figure(found.cpt50), "cpt80": figure(found.cpt80),
            });
            lines.push(vec![
                format!("{domain}, {} rows", rows.len()),
                name.to_owned(),
                format!("{:.3}", found.apgr),
                format!("{low:.3} to {high:.3}"),
                format!("{:.2}", found.cpt50),
                format!("{:.2}", found.cpt80),
            ]);
        }
        lines.push(vec![
            format!("{domain}, {} rows", rows.len()),
            "random".to_owned(),
            "0.500".to_owned(),
            "–".to_owned(),
            "0.50".to_owned(),
            "0.80".to_owned(),
        ]);
    }
    let section = section(&lines, &figures, crossed);
    Ok((figures, section))
}

fn section(lines: &[Vec<String>], figures: &Value, crossed: &Value) -> String {
    let number = |value: &Value| value.as_f64().map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    let header = ["Held-out rows", "Ranked by", "APGR", "95 %", "Calls for 50 %", "Calls for 80 %"];
    let repeated = [
        ("before", "mmlu", "question alone"),
        ("before", "gsm8k", "question alone"),
        ("after", "gsm8k", "cheap answer read"),
    ]
    .map(|(head, domain, name)| {
        let found = &crossed[head][domain];
        vec![domain.to_owned(), name.to_owned(), number(&found["apgr_mean"]), number(&found["apgr_deviation"])]
    });
    let mut thresholds = Vec::new();
    for (head, domain) in [("before", "mmlu"), ("before", "gsm8k"), ("after", "gsm8k")] {
        for at in crossed[head][domain]["thresholds"].as_array().into_iter().flatten() {
            let cell = |key: &str| number(&at[key]);
            thresholds.push(vec![
                format!("{domain}, {head}"),
                cell("gain"),
                cell("called"),
                cell("right"),
                cell("recovered"),
            ]);
        }
    }
    format!(
        "## Gain\n\nWhether the strong model's answer is better than the cheap one's. The heads predict the difference of \
         the probabilities of being right; the highest predictions go to the strong model. APGR is the share of the gap \
         between the models that is recovered, averaged over the shares of strong calls from 0 to 100 %.\n\n{}\n\
         On the GSM8K rows the head that reads the cheap answer tells a wrong one with an AUC of {}. Some labels are \
         of form: a strong answer that is right but ends in a unit or in cents is often counted as wrong, and the \
         heads learn that too.\n\n\
         Cross-validation, 5 folds, on the rows that were not held out:\n\n{}\n\
         Trained on one domain alone and asked about the other: from MMLU to GSM8K {}, from GSM8K to MMLU {}. A head \
         is good for what it was trained on.\n\n\
         What calling the strong model from a predicted gain up would do, on predictions by folds that had not seen the \
         row:\n\n{}",
        table(&header, lines),
        number(&figures["gsm8k"]["auc_of_a_wrong_cheap_answer"]),
        table(&["Rows", "Ranked by", "APGR", "Deviation"], &repeated),
        number(&crossed["mmlu_to_gsm8k"]),
        number(&crossed["gsm8k_to_mmlu"]),
        table(&["Rows, head", "Gain from", "Strong calls", "Answers right", "Gap recovered"], &thresholds),
    )
}

fn keywords(row: &Example) -> f32 {
    farthing_evaluation::baselines::hits(KEYWORDS, &row.row.prompt) as f32
}
