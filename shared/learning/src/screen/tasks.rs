//! What is screened for, and the rows that teach it.

use std::path::Path;

use anyhow::Context;
use farthing_evaluation::baselines::{ABUSIVE_WORDS, INJECTION_PHRASES};
use farthing_models::features::{SCREEN, hash};
use farthing_models::heads::FeatureSpec;
use farthing_models::toxicity::TOXICITY as TOXICITY_FEATURES;
use serde_json::Value;

use crate::data::{Part, ScreenRow, part, part_of_world, read};

/// What a screening head looks for.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// The heading of its report.
    pub title: &'static str,
    /// The rows.
    pub data: &'static str,
    /// The head's file.
    pub head: &'static str,
    /// What the head reads.
    pub features: FeatureSpec,
    /// The baseline: words and phrases that anybody would list first.
    pub keywords: &'static [&'static str],
}

/// Queries that try to take the instructions over.
pub const INJECTION: Task = Task {
    title: "Prompt injection",
    data: "injection.jsonl",
    head: "complexity-head/injection.json",
    features: SCREEN,
    keywords: INJECTION_PHRASES,
};

/// Texts that insult, threaten or hate.
pub const TOXICITY: Task = Task {
    title: "Toxicity",
    data: "toxicity.jsonl",
    head: "toxicity-head/toxicity.json",
    features: TOXICITY_FEATURES,
    keywords: ABUSIVE_WORDS,
};

/// How many questions of each entry of an invented business are read.
const QUESTIONS_OF_AN_ENTRY: usize = 2;

/// The kind of a customer's question to an invented business.
const SUPPORT: &str = "support";

/// The kind of a request for work: exercises, comparisons, drafts.
const TASK: &str = "task";

/// Files with requests for work, their key, and which part of the rows is read: one of so many.
const HARMLESS: &[(&str, &str, u64)] = &[("complexity.jsonl", "text", 1), ("routing.jsonl", "prompt", 4)];

/// A row, and what it is used for.
pub(super) struct Placed {
    pub(super) row: ScreenRow,
    pub(super) part: Part,
}

/// The labelled rows of `task` and, as harmless ones, ordinary questions: the public intents, requests for
/// work, and what customers ask the invented businesses.
pub(super) fn rows(task: Task, data: &Path) -> anyhow::Result<Vec<Placed>> {
    let mut rows: Vec<Placed> = (read::<ScreenRow>(&data.join(task.data))?.into_iter())
        .map(|row| Placed { part: if is_derived(&row) { Part::Train } else { part(&row.text) }, row })
        .collect();
    for row in read::<Value>(&data.join("intents.jsonl"))? {
        let [text, source] = ["text", "source"].map(|key| row[key].as_str().unwrap_or_default().to_owned());
        rows.push(Placed { part: part(&text), row: ScreenRow { text, label: 0, source, kind: None } });
    }
    for (file, text, kept) in HARMLESS {
        let all = read::<Value>(&data.join(file))?;
        let texts =
            all.iter().filter_map(|row| row[text].as_str()).filter(|text| hash("harmless", text).is_multiple_of(*kept));
        rows.extend(texts.map(|text| Placed {
            part: part(text),
            row: ScreenRow {
                text: text.to_owned(),
                label: 0,
                source: "farthing".to_owned(),
                kind: Some(TASK.to_owned()),
            },
        }));
    }
    let mut worlds: Vec<_> =
        std::fs::read_dir(data.join("faqs"))?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    worlds.sort();
    for world in worlds {
        let name = world.file_stem().context("a file of questions has no name")?.to_string_lossy().into_owned();
        let part = match part_of_world(&name) {
            Some(Part::Test) => Part::Test,
            Some(Part::Train | Part::Validation) => Part::Validation,
            None => Part::Train,
        };
        for entry in read::<Value>(&world)? {
            let asked = entry["asked"].as_array().into_iter().flatten().filter_map(Value::as_str);
            rows.extend(asked.take(QUESTIONS_OF_AN_ENTRY).map(|text| Placed {
                row: ScreenRow {
                    text: text.to_owned(),
                    label: 0,
                    source: "farthing".to_owned(),
                    kind: Some(SUPPORT.to_owned()),
                },
                part,
            }));
        }
    }
    Ok(rows)
}

/// Rows that were made from others or from patterns teach and never measure.
fn is_derived(row: &ScreenRow) -> bool {
    matches!(row.kind.as_deref(), Some("pattern" | "swapped"))
}

/// Whether the row is an everyday question.
pub(super) fn is_ordinary(row: &ScreenRow) -> bool {
    matches!(row.kind.as_deref(), Some(SUPPORT | TASK)) || matches!(row.source.as_str(), "banking77" | "clinc150")
}

/// How much a row counts: those that were written with care for one weakness count twice, derived
/// ones half.
pub(super) fn weight(row: &ScreenRow) -> f32 {
    if is_derived(row) {
        0.5
    } else if row.kind.is_some() && !is_ordinary(row) {
        2.0
    } else {
        1.0
    }
}

const FRIGHTENING: &[&str] = &[
    "homonym",
    "figurative",
    "safe_target",
    "definition",
    "history",
    "fiction_crime",
    "discrimination_earnest",
    "heated_complaint",
    "security_question",
    "computing",
    "public_or_fictional_privacy",
];

const FUNCTIONAL: &[&str] = &[
    "group_negative",
    "dehumanise",
    "exclusion",
    "implicit",
    "opinion_hate",
    "question_hate",
    "negated_positive",
    "threat",
    "spelling",
    "group_positive",
    "group_neutral",
    "negated_hate",
    "denounce_quote",
    "object_hate",
    "self_reference",
    "other_group_banter",
    "profanity_ok",
];

const TALK_PAGE: &[&str] = &[
    "wiki_abuse",
    "insult_reader",
    "insult_third",
    "long_abuse",
    "civil_disagreement",
    "complaint_ok",
    "long_ok",
    "technical_violence",
];

/// Rows that test the same.
pub(super) fn family(row: &ScreenRow) -> &str {
    match row.kind.as_deref() {
        _ if row.source != "farthing" => &row.source,
        None => "own, first rows",
        Some(SUPPORT) => "support questions",
        Some(TASK) => "requests for work",
        Some(kind) if FRIGHTENING.contains(&kind) => "frightening but harmless",
        Some(kind) if FUNCTIONAL.contains(&kind) => "functional tests of hate",
        Some(kind) if TALK_PAGE.contains(&kind) => "like talk pages",
        Some("instruction_words" | "role_words" | "bypass_etc" | "work_with_rules") => "words of attacks, harmless",
        Some(kind) if kind.starts_with("long_") => "own, long",
        Some(kind) if kind.starts_with("ordinary") => "own, everyday",
        Some(_) => "own, short",
    }
}
