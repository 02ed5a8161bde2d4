//! An encoder that remembers what it has read lately.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::encoder::{Embedding, Encoder, EncoderError};

/// Remembers the vectors of the texts it met last. An agent's passages, and answers in their
/// words, come again and again: they are read once.
pub(super) struct Memo {
    encoder: Arc<dyn Encoder>,
    capacity: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    vectors: HashMap<Arc<str>, Arc<Embedding>>,
    oldest_first: VecDeque<Arc<str>>,
}

impl Memo {
    pub(super) fn new(encoder: Arc<dyn Encoder>, capacity: usize) -> Self {
        Self { encoder, capacity, known: Mutex::default() }
    }

    pub(super) fn embed(&self, text: &str) -> Result<Arc<Embedding>, EncoderError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vector) = known().vectors.get(text) {
            return Ok(Arc::clone(vector));
        }
        let vector = Arc::new(self.encoder.embed(text)?);
        let (text, mut known) = (Arc::<str>::from(text), known());
        if known.vectors.insert(Arc::clone(&text), Arc::clone(&vector)).is_none() {
            known.oldest_first.push_back(text);
        }
        while known.oldest_first.len() > self.capacity {
            if let Some(oldest) = known.oldest_first.pop_front() {
                known.vectors.remove(&oldest);
            }
        }
        Ok(vector)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Encoder for Counting {
        fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(vec![text.len() as f32])
        }

        fn count_tokens(&self, text: &str) -> usize {
            text.len()
        }
    }

    #[test]
    fn a_text_is_read_once_until_newer_ones_push_it_out() {
        let encoder = Arc::new(Counting::default());
        let memo = Memo::new(Arc::clone(&encoder) as Arc<dyn Encoder>, 2);
        let read = |texts: &[&str]| {
            texts.iter().for_each(|text| assert_eq!(memo.embed(text).unwrap()[0], text.len() as f32));
            encoder.0.load(Ordering::SeqCst)
        };
        assert_eq!(read(&["a", "a", "bb", "a"]), 2);
        assert_eq!(read(&["ccc"]), 3, "pushes the oldest out");
        assert_eq!(read(&["bb", "ccc"]), 3);
        assert_eq!(read(&["a"]), 4);
    }
}
