//! The phrasings that a model makes for an agent's entries: which entries have none yet, which phrasings
//! are an entry's own, and the file that keeps them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use farthing_domain::ids::ModelId;
use farthing_domain::money::Usd;

use super::artifact;
use super::index::IndexError;
use super::matrix::Matrix;
use super::source::made::{self, Line, folded};
use super::source::{self, Entry, SourceError};
use crate::cpu::CpuPool;
use crate::encoder::{Encoder, EncoderError, cosine};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An agent's entries, and the phrasings that were made for them.
#[derive(Clone, Debug)]
pub struct KeptPhrasings {
    path: PathBuf,
    entries: Vec<Entry>,
    /// The content's SHA-256 of each entry.
    contents: Vec<String>,
    lines: HashMap<String, Line>,
    /// Whether the file has lines of entries that are gone.
    has_stale: bool,
}

/// Who made phrasings, and for how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeBy {
    /// The model.
    pub model: ModelId,
    /// Input and output tokens as charged.
    pub tokens: (u64, u64),
    /// What it cost.
    pub cost: Usd,
}

impl KeptPhrasings {
    /// Reads the knowledge files in `dir`.
    ///
    /// # Errors
    /// [`SourceError`] when they cannot be used.
    pub fn open(dir: &Path) -> Result<Self, SourceError> {
        let (entries, lines) = source::parse_apart(&source::read_files(dir)?)?;
        if entries.is_empty() {
            return Err(SourceError::Empty { path: dir.to_owned() });
        }
        let contents: Vec<String> = entries.iter().map(made::content_sha256).collect();
        let all = lines.len();
        let mut lines: HashMap<String, Line> = lines.into_iter().map(|line| (line.sha256.clone(), line)).collect();
        let known: HashSet<&String> = contents.iter().collect();
        lines.retain(|sha256, _| known.contains(sha256));
        Ok(Self { path: dir.join(made::FILE), has_stale: lines.len() < all, entries, contents, lines })
    }

    /// The entries, with the owner's own phrasings alone.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The places of the entries for which nothing is kept. One whose list the owner has emptied is none.
    #[must_use]
    pub fn missing(&self) -> Vec<usize> {
        (0..self.entries.len()).filter(|at| !self.lines.contains_key(&self.contents[*at])).collect()
    }

    /// Keeps `phrasings` for the entry at `at`, as far as no other entry has them, and gives how many those
    /// are; with none, nothing is kept. The file is whole or as it was before at every moment.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&mut self, at: usize, phrasings: Vec<String>, by: &MadeBy) -> std::io::Result<usize> {
        let mut taken: HashSet<String> = self.taken(at);
        let phrasings: Vec<String> = phrasings.into_iter().filter(|phrasing| taken.insert(folded(phrasing))).collect();
        let count = phrasings.len();
        if count == 0 {
            return Ok(0);
        }
        let line = Line {
            entry: self.entries[at].id.clone(),
            phrasings,
            model: by.model.to_string(),
            input_tokens: by.tokens.0,
            output_tokens: by.tokens.1,
            cost_usd: by.cost.to_string(),
            sha256: self.contents[at].clone(),
        };
        self.lines.insert(line.sha256.clone(), line);
        self.write()?;
        Ok(count)
    }

    /// Drops the lines of entries that are gone from the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn drop_stale(&mut self) -> std::io::Result<()> {
        if self.has_stale { self.write() } else { Ok(()) }
    }

    /// What the entry at `at` need not be given: what it has, and what others have or were given.
    fn taken(&self, at: usize) -> HashSet<String> {
        let given = (0..self.entries.len()).filter(|other| *other != at);
        let given = given.filter_map(|other| self.lines.get(&self.contents[other]));
        let given = given.flat_map(|line| line.phrasings.iter().map(String::as_str));
        self.entries.iter().flat_map(Entry::phrasings).chain(given).map(folded).collect()
    }

    fn write(&mut self) -> std::io::Result<()> {
        let lines = self.contents.iter().filter_map(|sha256| self.lines.get(sha256));
        artifact::write_whole(&self.path, made::written(lines)?.as_bytes())?;
        self.has_stale = false;
        Ok(())
    }
}

/// Tells whose a phrasing is, by what it means.
pub struct Nearness {
    encoder: Arc<dyn Encoder>,
    entries: Vec<Entry>,
    asked: Matrix,
    /// The entry of each row of `asked`.
    askers: Vec<usize>,
}

impl Nearness {
    /// Embeds the owner's phrasings of `entries`. Synchronous CPU work.
    ///
    /// # Errors
    /// [`IndexError`] when they cannot be embedded.
    pub fn new(entries: Vec<Entry>, encoder: Arc<dyn Encoder>) -> Result<Self, IndexError> {
        let asked: Vec<(usize, &str)> =
            entries.iter().enumerate().flat_map(|(at, entry)| entry.phrasings().map(move |text| (at, text))).collect();
        let vectors = encoder.embed_all(&asked.iter().map(|(_, text)| *text).collect::<Vec<_>>())?;
        let columns = vectors.first().map_or(0, Vec::len);
        let askers = asked.iter().map(|(at, _)| *at).collect();
        let asked = Matrix::new(columns, vectors.concat()).map_err(|_| IndexError::Vectors)?;
        Ok(Self { encoder, entries, asked, askers })
    }

    /// Those of `phrasings` that are at least as near to the entry at `at`, its questions or its answer, as
    /// to any question of another entry. Synchronous CPU work.
    ///
    /// # Errors
    /// [`EncoderError`] when they cannot be embedded.
    pub fn own(&self, at: usize, phrasings: Vec<String>) -> Result<Vec<String>, EncoderError> {
        let passages: Vec<&str> = self.entries[at].passages.iter().map(String::as_str).collect();
        let passages = self.encoder.embed_all(&passages)?;
        let mut own = Vec::new();
        for phrasing in phrasings {
            let vector = self.encoder.embed(&phrasing)?;
            let mut nearest_own = passages.iter().map(|passage| cosine(passage, &vector)).fold(-1.0, f32::max);
            let mut nearest_other = -1.0;
            for (cosine, asker) in self.asked.dot(&vector).into_iter().zip(&self.askers) {
                let nearest = if *asker == at { &mut nearest_own } else { &mut nearest_other };
                *nearest = f32::max(*nearest, cosine);
            }
            if nearest_own >= nearest_other {
                own.push(phrasing);
            }
        }
        Ok(own)
    }
}

/// Keeps of made phrasings those that are an entry's own.
pub struct PhrasingKeeper {
    kept: KeptPhrasings,
    nearness: Arc<Nearness>,
    pool: CpuPool,
}

impl PhrasingKeeper {
    /// A keeper for the entries of `kept`; `encoder` runs in `pool`.
    ///
    /// # Errors
    /// When the entries cannot be embedded.
    pub async fn new(kept: KeptPhrasings, encoder: Arc<dyn Encoder>, pool: CpuPool) -> Result<Self, BoxError> {
        let entries = kept.entries().to_vec();
        let nearness = pool.run(move || Nearness::new(entries, encoder)).await??;
        Ok(Self { kept, nearness: Arc::new(nearness), pool })
    }

    /// Keeps those of `phrasings` that are the own ones of the entry at `at`, and gives how many they are.
    ///
    /// # Errors
    /// When they cannot be embedded, or the file cannot be written.
    pub async fn keep(&mut self, at: usize, phrasings: Vec<String>, by: &MadeBy) -> Result<usize, BoxError> {
        let nearness = Arc::clone(&self.nearness);
        let own = self.pool.run(move || nearness.own(at, phrasings)).await??;
        Ok(self.kept.keep(at, own, by)?)
    }
}
