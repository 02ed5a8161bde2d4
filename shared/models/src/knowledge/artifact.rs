//! The index as a file.
//!
//! All numbers are little-endian: the magic `FARTKNOW`, the version (u32), the content hash (32
//! bytes), the vectors' length (u32), the rows of phrasings and of passages (u32 each), the length
//! of the JSON section (u64), that section (the entries), the vectors of the phrasings and of the
//! passages (f32), and the SHA-256 of everything before it.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::matrix::Matrix;
use super::source::Entry;

const MAGIC: &[u8; 8] = b"FARTKNOW";
const VERSION: u32 = 1;
const HASH_BYTES: usize = 32;

/// What an index file holds.
#[derive(Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) hash: [u8; HASH_BYTES],
    pub(super) entries: Vec<Entry>,
    pub(super) phrasings: Matrix,
    pub(super) passages: Matrix,
}

/// Why an index file is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("its sources or its encoder have changed")]
    Outdated,
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

/// The content hash over the encoder's name and the sources' names and contents.
pub(super) fn content_hash<'a>(encoder_id: &str, files: impl Iterator<Item = (&'a str, &'a [u8])>) -> [u8; HASH_BYTES] {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    add(encoder_id.as_bytes());
    for (name, bytes) in files {
        add(name.as_bytes());
        add(bytes);
    }
    hash.finalize().into()
}

impl Stored {
    /// Itself, if it is of the content `hash`.
    pub(super) fn of(self, hash: &[u8; HASH_BYTES]) -> Result<Self, Unusable> {
        if &self.hash == hash { Ok(self) } else { Err(Unusable::Outdated) }
    }
}

/// Reads the index file at `path`, whatever content it is of.
pub(super) fn read(path: &Path) -> Result<Stored, Unusable> {
    let bytes = std::fs::read(path).map_err(Unusable::Unreadable)?;
    let mut rest = Reader(&bytes);
    if rest.take(MAGIC.len())? != MAGIC || rest.number()? != VERSION {
        return Err(Unusable::Damaged("it does not begin like an index"));
    }
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(rest.take(HASH_BYTES)?);
    let body = bytes.len().checked_sub(HASH_BYTES).ok_or(Unusable::Damaged("it is cut off"))?;
    if Sha256::digest(&bytes[..body]).as_slice() != &bytes[body..] {
        return Err(Unusable::Damaged("its checksum differs"));
    }
    let columns = rest.number()? as usize;
    let (phrasing_rows, passage_rows) = (rest.number()? as usize, rest.number()? as usize);
    let json = u64::from_le_bytes(rest.take(8)?.try_into().map_err(|_| Unusable::Damaged("it is cut off"))?);
    let json = rest.take(usize::try_from(json).map_err(|_| Unusable::Damaged("its entries are too long"))?)?;
    let entries: Vec<Entry> =
        serde_json::from_slice(json).map_err(|_| Unusable::Damaged("its entries cannot be read"))?;
    let phrasings = rest.matrix(columns, phrasing_rows)?;
    let passages = rest.matrix(columns, passage_rows)?;
    let expected_phrasings: usize = entries.iter().map(|entry| entry.phrasings().count()).sum();
    let expected_passages: usize = entries.iter().map(|entry| entry.passages.len()).sum();
    if rest.0.len() != HASH_BYTES || phrasing_rows != expected_phrasings || passage_rows != expected_passages {
        return Err(Unusable::Damaged("its parts do not fit together"));
    }
    Ok(Stored { hash, entries, phrasings, passages })
}

/// Writes the index file at `path`, which is whole or as it was before at every moment.
pub(super) fn write(path: &Path, stored: &Stored) -> std::io::Result<()> {
    let json = serde_json::to_vec(&stored.entries)?;
    let mut bytes = Vec::new();
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&stored.hash);
    for number in [stored.phrasings.columns(), stored.phrasings.rows(), stored.passages.rows()] {
        bytes.extend_from_slice(&u32::try_from(number).map_err(std::io::Error::other)?.to_le_bytes());
    }
    bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&json);
    for value in stored.phrasings.values().iter().chain(stored.passages.values()) {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    write_whole(path, &bytes)
}

/// Writes the file at `path`, which is whole or as it was before at every moment.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let temporary = temporary_name(path);
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&temporary, path)).inspect_err(|_| {
        // What is left of a failed write is of no use; the error already tells the story.
        let _removed = std::fs::remove_file(&temporary);
    })
}

/// A name beside `path` that no other process or thread writes to.
fn temporary_name(path: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{count}.part", std::process::id()))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unusable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unusable::Damaged("it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Unusable> {
        let bytes = self.take(4)?.try_into().map_err(|_| Unusable::Damaged("it is cut off"))?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn matrix(&mut self, columns: usize, rows: usize) -> Result<Matrix, Unusable> {
        let length = columns.checked_mul(rows).and_then(|count| count.checked_mul(4));
        let bytes = self.take(length.ok_or(Unusable::Damaged("its vectors are too many"))?)?;
        let values = bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        Matrix::new(columns, values.collect()).map_err(|_| Unusable::Damaged("its vectors are no numbers"))
    }
}
