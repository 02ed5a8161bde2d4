//! Figures of other people's models on the same held-out rows.
//!
//! They are measured outside this program, on the rows that its `held-out` command prints, and
//! kept in `peers.json` with a digest of those rows: when the data changes, they are left out.

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::data::ScreenRow;
use crate::screen::Task;
use farthing_domain::hex::hex;

/// One figure of one peer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name and version.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// How it was run.
    pub note: String,
    /// The data file whose held-out rows it was measured on.
    pub data: String,
    /// The digest of those rows.
    pub rows_sha256: String,
    /// The area under its curve.
    pub auc: f32,
}

impl Peer {
    /// Whether its figure is one on these rows.
    pub fn measured_on<'a>(&self, task: Task, rows: impl Iterator<Item = &'a ScreenRow>) -> bool {
        self.data == task.data && self.rows_sha256 == digest(rows)
    }
}

/// A digest of texts and labels, in order.
pub fn digest<'a>(rows: impl Iterator<Item = &'a ScreenRow>) -> String {
    let mut digest = Sha256::new();
    for row in rows {
        digest.update(row.text.as_bytes());
        digest.update([0, row.label]);
    }
    hex(&digest.finalize())
}

/// Reads the peers' figures.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Vec<Peer>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
