//! Knowledge files: what is in them, and what is wrong with them.
//!
//! Two formats. Markdown (`*.md`): one `# Title`, then entries `## question or heading` with the
//! answer below and, optionally, a line `Also asked: one phrasing | another`. Lines (`*.jsonl`):
//! one object a line, `{"id", "question", "answer", "also": [..]}`. The file [`made::FILE`] beside them
//! has phrasings that a model made ([`made`]). Other files are left alone.

mod jsonl;
pub mod made;
mod markdown;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use farthing_domain::guard;
use serde::{Deserialize, Serialize};

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The most words of a passage; longer answers are cut between paragraphs.
pub const MAX_PASSAGE_WORDS: usize = 120;

/// A question with its answer, or a heading with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name, `<file stem>#<slug>`.
    pub id: String,
    /// The question or heading.
    pub title: String,
    /// Other ways of asking it.
    pub also: Vec<String>,
    /// The answer, as passages of at most [`MAX_PASSAGE_WORDS`] words.
    pub passages: Vec<String>,
    /// The file it is in.
    pub file: String,
    /// The line on which it starts, from 1.
    pub line: usize,
}

impl Entry {
    /// The question and the other ways of asking it.
    pub fn phrasings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.title.as_str()).chain(self.also.iter().map(String::as_str))
    }

    /// The name of the passage at `at`: that of the entry, with a count from the second on.
    #[must_use]
    pub fn passage_id(&self, at: usize) -> String {
        if at == 0 { self.id.clone() } else { format!("{}-{}", self.id, at + 1) }
    }
}

/// What is wrong in a knowledge file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: `{key}`: expected {expected}")]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The part of the entry at fault.
    pub key: String,
    /// What was expected there.
    pub expected: String,
}

impl Fault {
    fn new(file: &str, line: usize, key: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, key: key.into(), expected: expected.into() }
    }
}

/// Why an agent's knowledge cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or the folder cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A file's content is not as it should be.
    #[error(transparent)]
    Invalid(#[from] Fault),
    /// The folder has no knowledge in it.
    #[error("{path} has no entries: expected `*.md` or `*.jsonl` files with at least one")]
    Empty {
        /// Which folder.
        path: PathBuf,
    },
}

/// A knowledge file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name, without the folder.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl SourceFile {
    /// Whether it has the phrasings that a model made, and no entries.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.name == made::FILE
    }
}

/// The knowledge files in `dir`, sorted by name, the one with made phrasings among them.
///
/// # Errors
/// [`SourceError`] when one cannot be read or is larger than [`MAX_FILE_BYTES`]; made phrasings may be
/// [`made::MAX_BYTES`].
pub fn read_files(dir: &Path) -> Result<Vec<SourceFile>, SourceError> {
    let unreadable = |path: &Path, cause| SourceError::Unreadable { path: path.to_owned(), cause };
    let mut files = Vec::new();
    for item in std::fs::read_dir(dir).map_err(|cause| unreadable(dir, cause))? {
        let path = item.map_err(|cause| unreadable(dir, cause))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let limit = if name == made::FILE { made::MAX_BYTES } else { MAX_FILE_BYTES };
        if name.starts_with('.') || (name != made::FILE && format_of(name).is_none()) {
            continue;
        }
        let length = std::fs::metadata(&path).map_err(|cause| unreadable(&path, cause))?.len();
        if length > limit {
            return Err(too_large(name, limit).into());
        }
        let bytes = std::fs::read(&path).map_err(|cause| unreadable(&path, cause))?;
        files.push(SourceFile { name: name.to_owned(), bytes });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The entries of `files`, in order; made phrasings come after the owner's own.
///
/// # Errors
/// The first [`Fault`]; ids and questions that are there twice are faults too.
pub fn parse(files: &[SourceFile]) -> Result<Vec<Entry>, Fault> {
    let (mut entries, lines) = parse_apart(files)?;
    made::add(&mut entries, &lines);
    Ok(entries)
}

/// The entries of `files` as the owner wrote them, and the phrasings that a model made.
pub(super) fn parse_apart(files: &[SourceFile]) -> Result<(Vec<Entry>, Vec<made::Line>), Fault> {
    let (mut entries, mut lines) = (Vec::new(), Vec::new());
    for file in files {
        if file.is_made() {
            lines = made::parse(file)?;
        } else {
            entries.extend(parse_file(file)?);
        }
    }
    match duplicates(&entries).into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok((entries, lines)),
    }
}

/// The entries of one file. Ids and questions are not compared.
///
/// # Errors
/// The first [`Fault`].
pub fn parse_file(file: &SourceFile) -> Result<Vec<Entry>, Fault> {
    let name = file.name.as_str();
    let text = text_of(file, MAX_FILE_BYTES)?;
    let entries = match format_of(name) {
        Some(Format::Markdown) => markdown::parse(name, text)?,
        Some(Format::Lines) => jsonl::parse(name, text)?,
        None => return Err(Fault::new(name, 1, "file", "a name that ends in .md or .jsonl")),
    };
    if entries.is_empty() {
        return Err(Fault::new(name, 1, "file", "at least one entry"));
    }
    Ok(entries)
}

/// The file's text without the mark that some editors put at its beginning.
fn text_of(file: &SourceFile, limit: u64) -> Result<&str, Fault> {
    let name = file.name.as_str();
    if file.bytes.len() as u64 > limit {
        return Err(too_large(name, limit));
    }
    let text = std::str::from_utf8(&file.bytes).map_err(|error| {
        let line = 1 + file.bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Fault::new(name, line, "file", "text in UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A fault for each entry whose id or question an earlier one has; case and punctuation aside.
#[must_use]
pub fn duplicates(entries: &[Entry]) -> Vec<Fault> {
    let mut ids: HashMap<&str, &Entry> = HashMap::new();
    let mut questions: HashMap<String, &Entry> = HashMap::new();
    let mut faults = Vec::new();
    for entry in entries {
        let twice = |key, first: &Entry| {
            let expected = format!("one that no other entry has; {}, line {} has the same", first.file, first.line);
            Fault::new(&entry.file, entry.line, key, expected)
        };
        if let Some(first) = questions.insert(guard::words(&entry.title).join(" "), entry) {
            faults.push(twice("question", first));
        } else if let Some(first) = ids.insert(&entry.id, entry) {
            faults.push(twice("id", first));
        }
    }
    faults
}

#[derive(Clone, Copy)]
enum Format {
    Markdown,
    Lines,
}

fn format_of(name: &str) -> Option<Format> {
    match Path::new(name).extension()?.to_str()? {
        "md" => Some(Format::Markdown),
        "jsonl" => Some(Format::Lines),
        _ => None,
    }
}

fn too_large(name: &str, limit: u64) -> Fault {
    Fault::new(name, 1, "file", format!("at most {limit} bytes"))
}

/// The words of `text` joined by `-`: what is left of a question in an id.
fn slug(text: &str) -> String {
    guard::words(text).join("-").chars().take(80).collect::<String>().trim_matches('-').to_owned()
}

fn entry_id(file: &str, slug: &str) -> String {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file);
    format!("{stem}#{slug}")
}

/// Cuts `text` between paragraphs into passages of at most [`MAX_PASSAGE_WORDS`] words; a paragraph
/// that is longer is cut between sentences, and a sentence that is longer between words.
fn passages(text: &str) -> Vec<String> {
    let count = |text: &str| text.split_whitespace().count();
    let mut passages: Vec<String> = Vec::new();
    let mut words_of_last = MAX_PASSAGE_WORDS;
    let mut push = |piece: &str, gap: &str| {
        let words = count(piece);
        match passages.last_mut() {
            Some(last) if words_of_last + words <= MAX_PASSAGE_WORDS => {
                last.push_str(gap);
                last.push_str(piece);
                words_of_last += words;
            }
            _ => {
                passages.push(piece.to_owned());
                words_of_last = words;
            }
        }
    };
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        if count(paragraph) <= MAX_PASSAGE_WORDS {
            push(paragraph, "\n\n");
            continue;
        }
        for sentence in paragraph.split_inclusive(['.', '!', '?', '\n']).map(str::trim) {
            let words: Vec<&str> = sentence.split_whitespace().collect();
            for part in words.chunks(MAX_PASSAGE_WORDS) {
                push(&part.join(" "), " ");
            }
        }
    }
    passages
}
