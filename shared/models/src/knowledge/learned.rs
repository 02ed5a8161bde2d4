//! Entries that paid answers became, as one more knowledge file beside the owner's own.

use std::collections::HashMap;

use farthing_domain::knowledge::{EntryState, LearnedEntry};
use serde_json::json;

use super::KnowledgeIndex;
use super::source::{self, Entry, MAX_FILE_BYTES, SourceFile};
use crate::encoder::{Embedding, Encoder, EncoderError};

/// What paid answers became, as an agent's index has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The accepted entries, as one more knowledge file; none when there are none.
    pub(super) file: Option<SourceFile>,
    /// The ids of those that were withdrawn: an index without them is another one than that before they were accepted, so
    /// that the answers which were cached then, and proposed them, are not given again.
    pub(super) withdrawn: String,
}

impl Learned {
    /// What there is of `entries` beside the owner's `own` files; none when nothing was accepted or withdrawn. An entry that
    /// is no entry, whose question the owner's files answer, or that finds no more room is left out, and its id alone is
    /// told.
    pub(super) fn beside(own: &[SourceFile], mut entries: Vec<LearnedEntry>) -> Option<Self> {
        entries.sort_by(|one, other| one.id.cmp(&other.id));
        let withdrawn = entries.iter().filter(|entry| entry.state == EntryState::Withdrawn);
        let withdrawn: String = withdrawn.map(|entry| format!("{}\n", entry.id)).collect();
        entries.retain(|entry| entry.state == EntryState::Accepted);
        let learned = Self { file: file_beside(own, entries), withdrawn };
        (learned.file.is_some() || !learned.withdrawn.is_empty()).then_some(learned)
    }

    /// What of it is in the content hash beside the files.
    pub(super) fn hashed(&self) -> Option<(&str, &[u8])> {
        (!self.withdrawn.is_empty()).then_some(("withdrawn", self.withdrawn.as_bytes()))
    }
}

/// `own` with the accepted ones of `entries`, as an index of both has them.
#[must_use]
pub fn with_accepted(mut own: Vec<Entry>, mut entries: Vec<LearnedEntry>) -> Vec<Entry> {
    entries.retain(|entry| entry.state == EntryState::Accepted);
    let parsed = file_beside(&[], entries).and_then(|file| source::parse_file(&file).ok());
    for entry in parsed.into_iter().flatten() {
        own.push(entry);
        if !source::duplicates(&own).is_empty() {
            own.pop();
        }
    }
    own
}

fn file_beside(own: &[SourceFile], entries: Vec<LearnedEntry>) -> Option<SourceFile> {
    // What is wrong with the owner's own files is told by whoever reads them.
    let (mut all, _) = source::parse_apart(own).ok()?;
    let mut bytes = Vec::new();
    for LearnedEntry { id, agent, question, also, answer, .. } in entries {
        let line = json!({"id": id.as_str(), "question": question, "answer": answer, "also": also}).to_string() + "\n";
        let file = SourceFile { name: LearnedEntry::FILE.to_owned(), bytes: line.into_bytes() };
        let fault = match source::parse_file(&file) {
            Err(fault) => Some(fault.key),
            Ok(_) if (bytes.len() + file.bytes.len()) as u64 > MAX_FILE_BYTES => Some("room".to_owned()),
            Ok(parsed) => {
                let before = all.len();
                all.extend(parsed);
                let doubled = source::duplicates(&all).into_iter().next();
                if doubled.is_some() {
                    all.truncate(before);
                }
                doubled.map(|fault| fault.key)
            }
        };
        match fault {
            None => bytes.extend(file.bytes),
            Some(key) => {
                tracing::warn!(%agent, learned.id = %id, learned.fault = key, "the learned entry `{id}` is left out: {key}");
            }
        }
    }
    (!bytes.is_empty()).then(|| SourceFile { name: LearnedEntry::FILE.to_owned(), bytes })
}

/// An encoder that has the vectors of an index at hand, which it made.
pub(super) struct Remembering<'a> {
    inner: &'a dyn Encoder,
    known: HashMap<&'a str, &'a [f32]>,
}

impl<'a> Remembering<'a> {
    /// `inner`, with the vectors of `index`.
    pub(super) fn new(inner: &'a dyn Encoder, index: Option<&'a KnowledgeIndex>) -> Self {
        Self { inner, known: index.into_iter().flat_map(KnowledgeIndex::vectors).collect() }
    }
}

impl Encoder for Remembering<'_> {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        self.known.get(text).map_or_else(|| self.inner.embed(text), |vector| Ok(vector.to_vec()))
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.inner.count_tokens(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::knowledge::test_encoder::HashingEncoder;

    /// Counts what it is asked.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Encoder for Counting {
        fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            HashingEncoder.embed(text)
        }

        fn count_tokens(&self, text: &str) -> usize {
            HashingEncoder.count_tokens(text)
        }
    }

    #[test]
    fn what_an_index_has_is_not_embedded_again() {
        let text = "# Bikes\n\n## How do I lock it?\nPush the lever.\nAlso asked: close it\n\n## Is it free?\nNo.\n";
        let own = SourceFile { name: "bikes.md".to_owned(), bytes: text.into() };
        let index = KnowledgeIndex::build(source::parse(&[own]).unwrap(), &HashingEncoder).unwrap();
        let counting = Counting::default();
        let remembering = Remembering::new(&counting, Some(&index));
        for known in ["How do I lock it?", "close it", "Is it free?", "Push the lever.", "No."] {
            assert_eq!(remembering.embed(known).unwrap(), HashingEncoder.embed(known).unwrap(), "{known}");
        }
        assert_eq!(counting.0.load(Ordering::Relaxed), 0);
        assert_eq!(remembering.embed_all(&["What is new?", "No."]).unwrap().len(), 2);
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
    }
}
