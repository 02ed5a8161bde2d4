//! What an author should know about a knowledge folder.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use farthing_domain::guard;

use super::index::IndexError;
use super::matrix::Matrix;
use super::source::{self, Entry, MAX_PASSAGE_WORDS, SourceError};
use crate::encoder::Encoder;

/// The cosine from which two questions are reported as nearly the same.
pub const NEAR_DUPLICATE: f32 = 0.95;

/// Two phrasings of different entries that mean nearly the same.
#[derive(Clone, Debug, PartialEq)]
pub struct NearDuplicate {
    /// One entry and its phrasing.
    pub one: (String, String),
    /// The other entry and its phrasing.
    pub other: (String, String),
    /// Their cosine.
    pub cosine: f32,
}

/// What a knowledge folder holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Files read.
    pub files: usize,
    /// Entries in them.
    pub entries: usize,
    /// Questions and other phrasings of them.
    pub phrasings: usize,
    /// Passages, which are more than the entries when answers are long.
    pub passages: usize,
    /// The id of the entry with the longest answer, and its words.
    pub longest: Option<(String, usize)>,
    /// What makes the knowledge unusable: malformed files, duplicate ids and questions.
    pub faults: Vec<String>,
    /// Phrasings of different entries, with different answers, that an encoder cannot tell apart.
    pub near_duplicates: Vec<NearDuplicate>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
}

impl Report {
    /// Whether the knowledge can be used.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        self.faults.is_empty() && self.entries > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, entries, phrasings, passages, .. } = self;
        writeln!(f, "{files} files, {entries} entries, {phrasings} phrasings, {passages} passages")?;
        if let Some((id, words)) = &self.longest {
            writeln!(f, "longest answer: {id}, {words} words")?;
        }
        for fault in &self.faults {
            writeln!(f, "fault: {fault}")?;
        }
        for NearDuplicate { one, other, cosine } in &self.near_duplicates {
            let ((one, asked), (other, also_asked)) = (one, other);
            writeln!(f, "nearly the same ({cosine:.2}): {one} \"{asked}\" and {other} \"{also_asked}\"")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

/// Looks through the knowledge files in `dir`. Near-duplicates are looked for when there is an
/// encoder. What is wrong in the files is in the report, all of it, and no error.
///
/// # Errors
/// [`IndexError`] when the folder cannot be read or the encoder cannot run.
pub fn check(dir: &Path, encoder: Option<&dyn Encoder>) -> Result<Report, IndexError> {
    let mut report = Report::default();
    let mut entries: Vec<Entry> = Vec::new();
    let files = match source::read_files(dir) {
        Ok(files) => files,
        Err(SourceError::Invalid(fault)) => {
            report.faults.push(fault.to_string());
            return Ok(report);
        }
        Err(error) => return Err(error.into()),
    };
    let mut made = Vec::new();
    for file in &files {
        let read = if file.is_made() {
            source::made::parse(file).map(|lines| made = lines)
        } else {
            source::parse_file(file).map(|more| entries.extend(more))
        };
        if let Err(fault) = read {
            report.faults.push(fault.to_string());
        }
    }
    source::made::add(&mut entries, &made);
    report.files = files.len();
    report.entries = entries.len();
    report.phrasings = entries.iter().map(|entry| entry.phrasings().count()).sum();
    report.passages = entries.iter().map(|entry| entry.passages.len()).sum();
    let longest = entries.iter().map(|entry| (entry.id.clone(), words_of(entry))).max_by_key(|(_, words)| *words);
    report.longest = longest;
    report.faults.extend(source::duplicates(&entries).iter().map(ToString::to_string));
    if entries.is_empty() && report.faults.is_empty() {
        report.faults.push(SourceError::Empty { path: dir.to_owned() }.to_string());
    }
    report.warnings = warnings(&entries);
    if let Some(encoder) = encoder {
        report.near_duplicates = near_duplicates(&entries, encoder)?;
    }
    Ok(report)
}

fn words_of(entry: &Entry) -> usize {
    entry.passages.iter().map(|text| text.split_whitespace().count()).sum()
}

fn warnings(entries: &[Entry]) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut askers: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        for phrasing in entry.phrasings() {
            askers.entry(guard::words(phrasing).join(" ")).or_default().push(entry);
        }
        if entry.also.is_empty() {
            warnings.push(format!("{}: no other phrasing; two or three make it easier to find", entry.id));
        }
        if entry.passages.len() > 1 {
            let words = words_of(entry);
            warnings.push(format!(
                "{}: {words} words; from {MAX_PASSAGE_WORDS} on only a part is given as the answer",
                entry.id
            ));
        }
    }
    for (phrasing, entries) in askers.iter().filter(|(_, entries)| entries.len() > 1) {
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        warnings.push(format!("\"{phrasing}\" is a phrasing of {}", ids.join(" and of ")));
    }
    warnings
}

fn near_duplicates(entries: &[Entry], encoder: &dyn Encoder) -> Result<Vec<NearDuplicate>, IndexError> {
    let all: Vec<(&Entry, &str)> =
        entries.iter().flat_map(|entry| entry.phrasings().map(move |phrasing| (entry, phrasing))).collect();
    let texts: Vec<&str> = all.iter().map(|(_, phrasing)| *phrasing).collect();
    let vectors = encoder.embed_all(&texts)?;
    let columns = vectors.first().map_or(0, Vec::len);
    let matrix = Matrix::new(columns, vectors.concat()).map_err(|_| IndexError::Vectors)?;
    if matrix.rows() != all.len() {
        return Err(IndexError::Vectors);
    }
    let mut found = Vec::new();
    for (at, (entry, phrasing)) in all.iter().enumerate() {
        let cosines = matrix.dot(matrix.row(at));
        for ((other, other_phrasing), cosine) in all.iter().zip(cosines).skip(at + 1) {
            if cosine > NEAR_DUPLICATE && other.id != entry.id && other.passages != entry.passages {
                found.push(NearDuplicate {
                    one: (entry.id.clone(), (*phrasing).to_owned()),
                    other: (other.id.clone(), (*other_phrasing).to_owned()),
                    cosine,
                });
            }
        }
    }
    found.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
    Ok(found)
}
