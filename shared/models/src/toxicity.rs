//! How probable it is that a text is abuse: one head over three readings of the text.
//!
//! The encoder's vector and the words tell what is meant, a small recurrent network that was trained on
//! Wikipedia's talk pages tells insults and obscenity, and cues tell who says what about whom: "I hate
//! them", "nobody should hate them" and "I hate Mondays" share most of their words.

mod comments;
mod cues;
mod tensors;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use comments::{CommentsModel, LABELS};
pub use cues::CUES;

use crate::features::{EMBEDDING, HASHED, screen};
use crate::heads::{FeatureSpec, HeadError, LogisticHead, sigmoid};

/// The features of the toxicity head: those of a screening head, what the network says, and cues.
pub const TOXICITY: FeatureSpec =
    FeatureSpec { name: "minilm-words-comments-cues-1", dimension: EMBEDDING + HASHED + LABELS + CUES };

/// The log-odds of the network count up to here, and are scaled to the size of the other features.
const MOST_LOG_ODDS: f32 = 8.0;
const LOG_ODDS_SCALE: f32 = 0.1;

/// The head, with the network that it reads.
#[derive(Clone, Debug)]
pub struct ToxicityHead {
    head: LogisticHead,
    reader: ToxicityReader,
}

/// What makes the features of the head.
#[derive(Clone, Debug)]
pub struct ToxicityReader(Arc<CommentsModel>);

impl ToxicityReader {
    /// A reader with the contents of the network's file.
    ///
    /// # Errors
    /// [`HeadError`] when the network cannot be used.
    pub fn from_bytes(comments: &[u8]) -> Result<Self, HeadError> {
        Ok(Self(Arc::new(CommentsModel::from_bytes(comments)?)))
    }

    /// The features of [`TOXICITY`].
    #[must_use]
    pub fn features(&self, embedding: &[f32], text: &str) -> Vec<f32> {
        self.complete(screen(embedding, text), text)
    }

    /// The same, from the screening features that the text has.
    fn complete(&self, mut features: Vec<f32>, text: &str) -> Vec<f32> {
        let scaled = |log_odds: f32| log_odds.clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS) * LOG_ODDS_SCALE;
        features.extend(self.0.log_odds(text).map(scaled));
        features.extend(cues::cues(text));
        features
    }
}

impl ToxicityHead {
    /// Reads the head and the network from the contents of their files.
    ///
    /// # Errors
    /// [`HeadError`] of the first that cannot be used.
    pub fn from_files(head: &[u8], comments: &[u8]) -> Result<Self, HeadError> {
        Self::from_json(head, ToxicityReader::from_bytes(comments)?)
    }

    /// Reads the head from the contents of its file.
    ///
    /// # Errors
    /// [`HeadError`] when it cannot be used.
    pub fn from_json(head: &[u8], reader: ToxicityReader) -> Result<Self, HeadError> {
        Ok(Self { head: LogisticHead::from_json(head, TOXICITY)?, reader })
    }

    /// The calibrated probability that a text with this vector is abuse.
    ///
    /// # Errors
    /// [`HeadError::WrongDimension`].
    pub fn probability(&self, embedding: &[f32], text: &str) -> Result<f32, HeadError> {
        Ok(sigmoid(self.log_odds(&screen(embedding, text), text)?))
    }

    /// The log-odds of a text with these screening features.
    pub(crate) fn log_odds(&self, screen: &[f32], text: &str) -> Result<f32, HeadError> {
        self.head.log_odds(&self.reader.complete(screen.to_vec(), text))
    }

    /// The log-odds by the words alone, at little cost: without a vector, and without the network.
    pub(crate) fn log_odds_of_words(&self, screen: &[f32], text: &str) -> Result<f32, HeadError> {
        let mut features = screen.to_vec();
        features.extend([0.0; LABELS]);
        features.extend(cues::cues(text));
        self.head.log_odds(&features)
    }
}
