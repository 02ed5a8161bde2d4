//! Questions that a cheap and a strong model answered.

use std::path::Path;

use farthing_models::encoder::Encoder;
use farthing_models::gain::{Answered, can_be_checked};
use serde::Deserialize;

use crate::data::{Part, part, read as read_lines};

/// A row as its file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoutingRow {
    pub(super) source: String,
    pub(super) prompt: String,
    /// The cheap model's answer, where it is known.
    #[serde(default)]
    pub(super) answer: Option<String>,
    /// 1 when the cheap model was right.
    weak: u8,
    /// 1 when the strong model was right.
    strong: u8,
}

/// A row as the heads read it.
pub(super) struct Example {
    pub(super) embedding: Vec<f32>,
    pub(super) row: RoutingRow,
}

impl Example {
    pub(super) fn answered(&self) -> Answered {
        Answered { weak: self.row.weak == 1, strong: self.row.strong == 1 }
    }

    /// The cheap model's answer; empty when it is not known.
    pub(super) fn answer(&self) -> &str {
        self.row.answer.as_deref().unwrap_or_default()
    }

    pub(super) fn can_be_checked(&self) -> bool {
        can_be_checked(&self.row.prompt, self.answer())
    }
}

pub(super) fn read(encoder: &dyn Encoder, file: &Path) -> anyhow::Result<Vec<Example>> {
    examples(encoder, read_lines(file)?.into_iter())
}

/// The rows that are held out.
pub(super) fn read_held_out(encoder: &dyn Encoder, file: &Path) -> anyhow::Result<Vec<Example>> {
    let rows: Vec<RoutingRow> = read_lines(file)?;
    examples(encoder, rows.into_iter().filter(|row| part(&row.prompt) == Part::Test))
}

fn examples(encoder: &dyn Encoder, rows: impl Iterator<Item = RoutingRow>) -> anyhow::Result<Vec<Example>> {
    rows.map(|row| Ok(Example { embedding: encoder.embed(&row.prompt)?, row })).collect()
}

/// What is recovered of the gap between the models when `gains` say who is asked.
pub(super) fn recovered<'a>(
    gains: &[f32],
    rows: impl Iterator<Item = &'a Example>,
) -> farthing_evaluation::measures::Routed {
    let right = |yes: bool| f32::from(u8::from(yes));
    let (weak, strong): (Vec<f32>, Vec<f32>) =
        rows.map(|row| (right(row.answered().weak), right(row.answered().strong))).unzip();
    farthing_evaluation::measures::routed(gains, &weak, &strong)
}
