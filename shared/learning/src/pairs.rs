//! What the pair model says of pairs, kept in a file between runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Context;
use farthing_domain::hex::hex;
use farthing_models::encoder::{EncoderError, PairLogits, PairReader};
use sha2::{Digest, Sha256};

type Key = [u8; 32];

const RECORD: usize = 32 + 8;

/// A reader that remembers every pair it has read.
pub struct KeptReader<R> {
    reader: R,
    file: PathBuf,
    known: Mutex<HashMap<Key, PairLogits>>,
    read: usize,
}

impl<R: PairReader> KeptReader<R> {
    /// Keeps what `reader` says in `folder`, in a file named by the reader's tensors: another reader
    /// finds nothing of this one's.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(reader: R, tensors: &[u8], folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
        let file = folder.join(format!("pairs-{}.bin", hex(&Sha256::digest(tensors)[..8])));
        let mut known = HashMap::new();
        for record in std::fs::read(&file).unwrap_or_default().chunks_exact(RECORD) {
            let number = |at: usize| record[at..at + 4].try_into().map_or(0.0, f32::from_le_bytes);
            known.insert(record[..32].try_into()?, PairLogits { answers: number(32), same: number(36) });
        }
        let read = known.len();
        Ok(Self { reader, file, known: Mutex::new(known), read })
    }

    /// Writes what is new to the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self) -> anyhow::Result<()> {
        let known = self.known();
        if known.len() == self.read {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(known.len() * RECORD);
        for (key, logits) in known.iter() {
            bytes.extend(key);
            bytes.extend(logits.answers.to_le_bytes());
            bytes.extend(logits.same.to_le_bytes());
        }
        std::fs::write(&self.file, bytes).with_context(|| format!("`{}` cannot be written", self.file.display()))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Key, PairLogits>> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<R: PairReader> PairReader for KeptReader<R> {
    fn read(&self, query: &str, other: &str) -> Result<PairLogits, EncoderError> {
        let key: Key = Sha256::new().chain_update(query).chain_update([0]).chain_update(other).finalize().into();
        if let Some(logits) = self.known().get(&key) {
            return Ok(*logits);
        }
        let logits = self.reader.read(query, other)?;
        self.known().insert(key, logits);
        Ok(logits)
    }
}
