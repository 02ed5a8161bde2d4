//! `embed`: the column `text`; the vector of each text, as the heads, the cache and the knowledge see it.

use farthing_domain::ports::Analysis;

use crate::door::{Door, EvaluationError};
use crate::table::Table;

/// The vectors of the texts of `table`, in its order.
///
/// # Errors
/// [`EvaluationError`].
pub async fn run(door: &Door, table: &Table) -> Result<Vec<Vec<f32>>, EvaluationError> {
    let analyses = door.analyse_all(table.column("text")?.texts()).await?;
    Ok(analyses.into_iter().map(|Analysis { embedding, .. }| embedding).collect())
}
