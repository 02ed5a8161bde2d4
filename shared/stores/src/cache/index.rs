//! The meanings of an agent's cached answers.

use std::collections::HashMap;
use std::time::Duration;

use farthing_domain::cache::CachedAnswer;
use farthing_domain::time::{Pause, Timestamp};

/// A cached answer and its end.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) answer: CachedAnswer,
    pub(super) expires: Timestamp,
}

impl Entry {
    /// Whether it may still be given.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }
}

/// The newest answers of one agent, in no order.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: HashMap<String, Entry>,
    refreshed: Option<Timestamp>,
}

impl Index {
    /// How many answers of an agent are searched by meaning.
    pub(super) const MOST_ENTRIES: usize = 5_000;

    /// Whether it was never read, or longer than `limit` ago.
    pub(super) fn is_stale(&self, now: Timestamp, limit: Duration) -> bool {
        self.refreshed.is_none_or(|refreshed| limit.is_zero() || !Pause::new(refreshed, limit).lasts(now))
    }

    /// When the entries were last read.
    pub(super) fn last_refresh(&self) -> Option<Timestamp> {
        self.refreshed
    }

    /// Notes that all entries were read at `now`, and makes room.
    pub(super) fn refreshed(&mut self, now: Timestamp) {
        self.refreshed = Some(now);
        self.entries.retain(|_, entry| entry.is_live(now));
        self.make_room();
    }

    /// Adds an entry, in place of an older one with its key.
    pub(super) fn add(&mut self, entry: Entry) {
        let known = self.entries.get(&entry.answer.key);
        if known.is_none_or(|known| known.answer.created <= entry.answer.created) {
            self.entries.insert(entry.answer.key.clone(), entry);
        }
        if self.entries.len() > Self::MOST_ENTRIES + Self::MOST_ENTRIES / 10 {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        if self.entries.len() <= Self::MOST_ENTRIES {
            return;
        }
        let mut ages: Vec<Timestamp> = self.entries.values().map(|entry| entry.answer.created).collect();
        let surplus = ages.len() - Self::MOST_ENTRIES;
        let (_, oldest_kept, _) = ages.select_nth_unstable(surplus);
        let oldest_kept = *oldest_kept;
        self.entries.retain(|_, entry| entry.answer.created >= oldest_kept);
    }

    /// The `most` entries whose meaning is nearest to `to`, nearest first, with their similarity.
    pub(super) fn nearest(
        &self,
        to: &[f32],
        min_similarity: f32,
        now: Timestamp,
        most: usize,
    ) -> Vec<(f32, CachedAnswer)> {
        let mut near: Vec<(f32, &Entry)> = self
            .entries
            .values()
            .filter(|entry| entry.is_live(now) && entry.answer.embedding.len() == to.len())
            .map(|entry| (dot(&entry.answer.embedding, to), entry))
            .filter(|(similarity, _)| *similarity >= min_similarity)
            .collect();
        near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.answer.key.cmp(&other.answer.key)));
        near.truncate(most);
        near.into_iter().map(|(similarity, entry)| (similarity, entry.answer.clone())).collect()
    }
}

/// The dot product: of vectors of length 1, their cosine.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums side by side, so that the compiler can use vector registers.
    let mut sums = [0.0_f32; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}
