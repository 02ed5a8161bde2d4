//! An agent's entries with their vectors and words, ready to be searched.

use std::path::{Path, PathBuf};

use farthing_domain::hex::hex;
use farthing_domain::ids::AgentId;

use super::artifact::{self, Stored, Unusable};
use super::bm25::Bm25;
use super::learned::Learned;
use super::matrix::Matrix;
use super::source::{self, Entry, SourceError, SourceFile};
use super::tokens;
use crate::encoder::{Encoder, EncoderError};

/// How many texts are embedded between two calls of the progress callback.
const BATCH: usize = 16;

/// Where an agent's knowledge is, and what its vectors are made with.
#[derive(Clone, Copy, Debug)]
pub struct IndexConfig<'a> {
    /// Whose knowledge.
    pub agent: &'a AgentId,
    /// The folder of knowledge files.
    pub sources: &'a Path,
    /// The folder in which the index file is kept: as `<agent>.knowledge`, or as `<agent>.learned.knowledge`.
    pub artifacts: &'a Path,
    /// A name of the encoder that changes when its vectors do, such as its weights' hash.
    pub encoder_id: &'a str,
    /// What paid answers became, which is indexed too.
    pub learned: Option<&'a Learned>,
}

impl IndexConfig<'_> {
    /// The index file's path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        // Apart, so that neither takes the other's place: some who open the one do not know what was learned.
        let suffix = if self.learned.is_some() { "learned.knowledge" } else { "knowledge" };
        self.artifacts.join(format!("{}.{suffix}", self.agent))
    }

    /// The hash, in hex, of what the index is made of: these sources and this encoder.
    ///
    /// # Errors
    /// [`SourceError`] when the sources cannot be read.
    pub fn version(&self) -> Result<String, SourceError> {
        Ok(hex(&self.content_hash(&self.files()?)))
    }

    fn content_hash(&self, files: &[SourceFile]) -> [u8; 32] {
        let files = files.iter().map(|file| (file.name.as_str(), file.bytes.as_slice()));
        artifact::content_hash(self.encoder_id, files.chain(self.learned.and_then(Learned::hashed)))
    }

    /// All knowledge files, sorted by name.
    fn files(&self) -> Result<Vec<SourceFile>, SourceError> {
        let mut files = source::read_files(self.sources)?;
        files.extend(self.learned.and_then(|learned| learned.file.clone()));
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }
}

/// How far the building of an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Texts embedded.
    pub done: usize,
    /// Texts in all.
    pub total: usize,
}

/// Why an agent has no index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Its sources cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its texts cannot be embedded.
    #[error("the knowledge cannot be embedded")]
    Encoder(#[from] EncoderError),
    /// The index file is damaged, or of other sources.
    #[error("{path} cannot be used")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The encoder gave vectors of several lengths, or with values that are no numbers.
    #[error("the encoder gave unusable vectors")]
    Vectors,
    /// The index file cannot be written.
    #[error("{path} cannot be written")]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

/// A passage's place: its entry and its number within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) entry: u32,
    pub(super) part: u32,
}

/// An agent's searchable knowledge.
#[derive(Clone, Debug)]
pub struct KnowledgeIndex {
    pub(super) entries: Vec<Entry>,
    /// The place of each row of `passages`.
    pub(super) places: Vec<Place>,
    /// The entry of each row of `phrasings`.
    pub(super) phrasing_entries: Vec<u32>,
    pub(super) phrasings: Matrix,
    pub(super) passages: Matrix,
    pub(super) words: Bm25,
    hash: [u8; 32],
}

impl KnowledgeIndex {
    /// Opens the index file at `path`, which has to be of the content whose hash `version` is.
    ///
    /// # Errors
    /// [`IndexError::Unusable`].
    pub fn open(path: &Path, version: &str) -> Result<Self, IndexError> {
        let unusable = |cause: Unusable| IndexError::Unusable { path: path.to_owned(), cause: cause.into() };
        let stored = artifact::read(path).map_err(unusable)?;
        if hex(&stored.hash) == version { Ok(Self::from_stored(stored)) } else { Err(unusable(Unusable::Outdated)) }
    }

    /// Opens the index file of an agent, or builds and writes it when it is missing, damaged, or of
    /// other sources or another encoder. The flag says whether it was built. `on_progress` is called
    /// while texts are embedded.
    ///
    /// # Errors
    /// [`IndexError`]. An index file that cannot be used is no error: it is built anew.
    pub fn open_or_build(
        config: IndexConfig<'_>,
        encoder: &dyn Encoder,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, bool), IndexError> {
        let files = config.files()?;
        let hash = config.content_hash(&files);
        let path = config.path();
        match artifact::read(&path).and_then(|stored| stored.of(&hash)) {
            Ok(stored) => return Ok((Self::from_stored(stored), false)),
            Err(Unusable::Unreadable(cause)) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => {
                let agent = config.agent;
                tracing::info!(agent = %agent, cause = %cause, "the knowledge index of `{agent}` is built anew: {cause}");
            }
        }
        let entries = source::parse(&files).map_err(SourceError::from)?;
        if entries.is_empty() {
            return Err(SourceError::Empty { path: config.sources.to_owned() }.into());
        }
        let stored = embed(entries, hash, encoder, on_progress)?;
        artifact::write(&path, &stored).map_err(|cause| IndexError::Unwritable { path, cause })?;
        Ok((Self::from_stored(stored), true))
    }

    /// The index of `entries`, kept in memory only.
    ///
    /// # Errors
    /// [`IndexError`] when they cannot be embedded.
    pub fn build(entries: Vec<Entry>, encoder: &dyn Encoder) -> Result<Self, IndexError> {
        let texts = |entry: &Entry| {
            entry.phrasings().chain(entry.passages.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
        };
        let parts: Vec<(&str, String)> = entries.iter().map(|entry| (entry.id.as_str(), texts(entry))).collect();
        let hash = artifact::content_hash("", parts.iter().map(|(id, text)| (*id, text.as_bytes())));
        embed(entries, hash, encoder, &mut |_| {}).map(Self::from_stored)
    }

    /// The index of `entries` whose vectors are already known: those of all phrasings, entry by
    /// entry, and those of all passages.
    ///
    /// # Errors
    /// [`IndexError::Vectors`] when there are not as many as there are texts.
    pub fn from_vectors(entries: Vec<Entry>, phrasings: Matrix, passages: Matrix) -> Result<Self, IndexError> {
        let phrasing_count: usize = entries.iter().map(|entry| 1 + entry.also.len()).sum();
        let passage_count: usize = entries.iter().map(|entry| entry.passages.len()).sum();
        let fits = phrasings.rows() == phrasing_count && passages.rows() == passage_count;
        if !fits || phrasings.columns() != passages.columns() {
            return Err(IndexError::Vectors);
        }
        Ok(Self::from_stored(Stored { hash: [0; 32], entries, phrasings, passages }))
    }

    /// The entries, in the order of the files.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many passages the entries have.
    #[must_use]
    pub fn passage_count(&self) -> usize {
        self.places.len()
    }

    /// How long the vectors are.
    #[must_use]
    pub const fn dimensions(&self) -> usize {
        self.phrasings.columns()
    }

    /// The beginning of the content hash: it changes when the sources or the encoder do.
    #[must_use]
    pub fn version(&self) -> String {
        hex(&self.hash[..6])
    }

    /// Each phrasing and each passage with its vector.
    pub(super) fn vectors(&self) -> impl Iterator<Item = (&str, &[f32])> {
        let phrasings = self.entries.iter().flat_map(Entry::phrasings).enumerate();
        let passages = self.entries.iter().flat_map(|entry| entry.passages.iter().map(String::as_str)).enumerate();
        let phrasings = phrasings.map(|(row, text)| (text, self.phrasings.row(row)));
        phrasings.chain(passages.map(|(row, text)| (text, self.passages.row(row))))
    }

    fn from_stored(stored: Stored) -> Self {
        let Stored { hash, entries, phrasings, passages } = stored;
        let mut places = Vec::new();
        let mut phrasing_entries = Vec::new();
        for (at, entry) in (0_u32..).zip(&entries) {
            phrasing_entries.extend(entry.phrasings().map(|_| at));
            places.extend((0_u32..).zip(&entry.passages).map(|(part, _)| Place { entry: at, part }));
        }
        let words = Bm25::new(entries.iter().flat_map(|entry| {
            let asked = tokens::stems(&entry.phrasings().collect::<Vec<_>>().join(" "));
            entry.passages.iter().map(move |text| [asked.clone(), tokens::stems(text)].concat())
        }));
        Self { entries, places, phrasing_entries, phrasings, passages, words, hash }
    }
}

fn embed(
    entries: Vec<Entry>,
    hash: [u8; 32],
    encoder: &dyn Encoder,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<Stored, IndexError> {
    let phrasings: Vec<&str> = entries.iter().flat_map(Entry::phrasings).collect();
    let passages: Vec<&str> = entries.iter().flat_map(|entry| entry.passages.iter().map(String::as_str)).collect();
    let total = phrasings.len() + passages.len();
    let mut done = 0;
    let mut matrix_of = |texts: &[&str]| {
        let mut values = Vec::new();
        let mut columns = 0;
        for batch in texts.chunks(BATCH) {
            for vector in encoder.embed_all(batch)? {
                if columns != 0 && vector.len() != columns {
                    return Err(IndexError::Vectors);
                }
                columns = vector.len();
                values.extend(vector);
            }
            done += batch.len();
            on_progress(Progress { done, total });
        }
        let matrix = Matrix::new(columns, values).map_err(|_| IndexError::Vectors)?;
        if matrix.rows() == texts.len() { Ok(matrix) } else { Err(IndexError::Vectors) }
    };
    let (phrasings, passages) = (matrix_of(&phrasings)?, matrix_of(&passages)?);
    if phrasings.columns() != passages.columns() {
        return Err(IndexError::Vectors);
    }
    Ok(Stored { hash, entries, phrasings, passages })
}
