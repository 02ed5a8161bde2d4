//! Embeddings, kept in a file between runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Context;
use farthing_domain::hex::hex;
use farthing_models::encoder::{Embedding, Encoder, EncoderError};
use farthing_models::features::EMBEDDING;
use sha2::{Digest, Sha256};

type Key = [u8; 32];

/// An encoder that remembers every text it has seen.
pub struct KeptEncoder<E> {
    encoder: E,
    file: PathBuf,
    known: Mutex<HashMap<Key, Embedding>>,
    read: usize,
}

impl<E: Encoder> KeptEncoder<E> {
    /// Keeps the embeddings of `encoder` in `folder`, in a file named by `model`: another model
    /// finds nothing of this one's.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(encoder: E, model: &[u8], folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
        let name = hex(&Sha256::digest(model)[..8]);
        let file = folder.join(format!("embeddings-{name}.bin"));
        let bytes = std::fs::read(&file).unwrap_or_default();
        let mut known = HashMap::new();
        for record in bytes.chunks_exact(32 + 4 * EMBEDDING) {
            let (key, numbers) = record.split_at(32);
            let number = |bytes: &[u8]| bytes.try_into().map_or(0.0, f32::from_le_bytes);
            known.insert(key.try_into()?, numbers.chunks_exact(4).map(number).collect());
        }
        let read = known.len();
        Ok(Self { encoder, file, known: Mutex::new(known), read })
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
        let mut bytes = Vec::with_capacity(known.len() * (32 + 4 * EMBEDDING));
        for (key, embedding) in known.iter() {
            bytes.extend(key);
            embedding.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
        std::fs::write(&self.file, bytes).with_context(|| format!("`{}` cannot be written", self.file.display()))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Embedding>> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<E: Encoder> Encoder for KeptEncoder<E> {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        let key: Key = Sha256::digest(text.as_bytes()).into();
        if let Some(embedding) = self.known().get(&key) {
            return Ok(embedding.clone());
        }
        let embedding = self.encoder.embed(text)?;
        self.known().insert(key, embedding.clone());
        Ok(embedding)
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.encoder.count_tokens(text)
    }
}
