//! The labelled rows, and which of them are held out.

use std::path::Path;

use anyhow::Context;
use farthing_domain::guard::words;
use farthing_models::features::hash;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A query with its tier.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComplexityRow {
    /// The query.
    pub text: String,
    /// Its tier.
    pub tier: farthing_domain::complexity::Tier,
    /// Where the row comes from.
    pub source: String,
    /// `second` for rows of the second sitting, whose style is another.
    #[serde(default)]
    pub kind: Option<String>,
}

/// A text that is, or is not, what a screening head looks for.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenRow {
    /// The text.
    pub text: String,
    /// 1 for yes, 0 for no.
    pub label: u8,
    /// Where the row comes from.
    pub source: String,
    /// What it tests; `pattern` and `swapped` rows were made from patterns or from other rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// An answer to a question, with whether it may be delivered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRow {
    /// Rows of one group are held out together.
    pub group: String,
    /// The question.
    pub question: String,
    /// What the answer may rely on.
    pub passages: Vec<String>,
    /// The answer.
    pub answer: String,
    /// Whether it may be delivered.
    pub acceptable: bool,
    /// What is wrong with it.
    pub flaw: Option<String>,
}

/// What a row is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To fit weights.
    Train,
    /// To choose settings and to calibrate.
    Validation,
    /// To be measured on, once.
    Test,
}

/// The rule by which [`part`] splits, as files and reports state it.
pub const SPLIT_RULE: &str =
    "FNV-1a of the words of the text (or of the group's name): 70 % train, 15 % validation, 15 % test";

/// The part that a row with this text, or of this group, belongs to: the same for texts that
/// differ in case, spaces or punctuation only.
#[must_use]
pub fn part(key: &str) -> Part {
    match hash("split", &words(key).join(" ")) % 100 {
        0..70 => Part::Train,
        70..85 => Part::Validation,
        _ => Part::Test,
    }
}

/// The invented businesses that taught neither the knowledge encoder nor the pair model, whose word on those that did is
/// worth more than on a stranger's. The answerability head is fitted and calibrated on the first two parts; for every other
/// head both are for choosing.
const WORLDS: &[(&str, Part)] = &[
    ("museum", Part::Train),
    ("council", Part::Train),
    ("curtains", Part::Train),
    ("dating_app", Part::Train),
    ("fashion", Part::Validation),
    ("payroll", Part::Validation),
    ("e_signature", Part::Validation),
    ("vegetable_box", Part::Validation),
    ("bank", Part::Test),
    ("vet", Part::Test),
    ("tickets", Part::Test),
    ("bikes", Part::Test),
    ("invoices", Part::Test),
    ("party_supplies", Part::Test),
    ("library_network", Part::Test),
    ("refurbished_phones", Part::Test),
    ("watch_shop", Part::Test),
];

/// The part that the invented business `name` belongs to; `None` for those that taught the pair model.
#[must_use]
pub fn part_of_world(name: &str) -> Option<Part> {
    WORLDS.iter().find(|(held, _)| *held == name).map(|(_, part)| *part)
}

/// Reads a file of JSON lines.
///
/// # Errors
/// When the file or a line of it cannot be read; says which.
pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let row = |(at, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("`{}`, line {}", path.display(), at + 1))
    };
    text.lines().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_the_same_are_held_out_together() {
        assert_eq!(part("How do I  pay?"), part("how do i pay"));
    }

    #[test]
    fn parts_have_the_shares_that_the_rule_states() {
        let count = |wanted: Part| (0..10_000).filter(|i| part(&format!("row {i}")) == wanted).count();
        assert!((6_800..7_200).contains(&count(Part::Train)), "{}", count(Part::Train));
        assert!((1_350..1_650).contains(&count(Part::Test)), "{}", count(Part::Test));
    }
}
