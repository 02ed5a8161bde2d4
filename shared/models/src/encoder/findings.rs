//! What the models found of texts, remembered: for rehearsals, in which the same texts come again and again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Embedding, Encoder, EncoderError, PairLogits, PairReader};

/// What the models found, whoever loads them. It grows with every text and forgets none.
#[derive(Debug, Default)]
pub struct Findings {
    sentences: Memo<String, Embedding>,
    knowledge: Memo<String, Embedding>,
    pairs: Memo<(String, String), PairLogits>,
}

#[derive(Debug)]
struct Memo<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    fn or(&self, key: K, find: impl FnOnce(&K) -> Result<V, EncoderError>) -> Result<V, EncoderError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = find(&key)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
        Ok(found)
    }
}

impl Findings {
    /// The encoder of sentences, the encoder of knowledge and the reader of pairs, with what they find remembered here.
    #[must_use]
    pub fn of(
        self: &Arc<Self>,
        encoders: [Arc<dyn Encoder>; 2],
        reader: Arc<dyn PairReader>,
    ) -> ([Arc<dyn Encoder>; 2], Arc<dyn PairReader>) {
        let [sentences, knowledge] = encoders;
        let remembering =
            |inner, of| Arc::new(Remembering { inner, of, findings: Arc::clone(self) }) as Arc<dyn Encoder>;
        let encoders = [
            remembering(sentences, |findings: &Findings| &findings.sentences),
            remembering(knowledge, |findings: &Findings| &findings.knowledge),
        ];
        (encoders, Arc::new(RememberingReader { inner: reader, findings: Arc::clone(self) }))
    }
}

struct Remembering {
    inner: Arc<dyn Encoder>,
    of: fn(&Findings) -> &Memo<String, Embedding>,
    findings: Arc<Findings>,
}

impl Encoder for Remembering {
    fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
        (self.of)(&self.findings).or(text.to_owned(), |text| self.inner.embed(text))
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.inner.count_tokens(text)
    }
}

struct RememberingReader {
    inner: Arc<dyn PairReader>,
    findings: Arc<Findings>,
}

impl PairReader for RememberingReader {
    fn read(&self, query: &str, other: &str) -> Result<PairLogits, EncoderError> {
        let key = (query.to_owned(), other.to_owned());
        self.findings.pairs.or(key, |(query, other)| self.inner.read(query, other))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Counts what it is asked.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Encoder for Counting {
        fn embed(&self, text: &str) -> Result<Embedding, EncoderError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(vec![text.len() as f32])
        }

        fn count_tokens(&self, text: &str) -> usize {
            text.len()
        }
    }

    impl PairReader for Counting {
        fn read(&self, query: &str, other: &str) -> Result<PairLogits, EncoderError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(PairLogits { answers: query.len() as f32, same: other.len() as f32 })
        }
    }

    #[test]
    fn each_model_is_asked_of_each_text_once() {
        let (findings, models) = (Arc::new(Findings::default()), [(); 3].map(|()| Arc::new(Counting::default())));
        for _ in 0..3 {
            // As if they were loaded anew.
            let ([sentences, knowledge], reader) =
                findings.of([models[0].clone(), models[1].clone()], models[2].clone());
            for text in ["a", "bb"] {
                assert_eq!(sentences.embed(text).unwrap(), [text.len() as f32]);
                assert_eq!(knowledge.embed_all(&[text]).unwrap(), [[text.len() as f32]]);
                assert_eq!(reader.read(text, "ccc").unwrap().same, 3.0);
            }
            assert_ne!(reader.read("a", "bb").unwrap().answers, reader.read("bb", "a").unwrap().answers);
        }
        let asked = models.map(|model| model.0.load(Ordering::Relaxed));
        assert_eq!(asked, [2, 2, 4]);
    }
}
