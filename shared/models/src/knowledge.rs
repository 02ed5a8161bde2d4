//! An agent's own knowledge: read from files, embedded once, searched, and answered from.
//!
//! [`source`] reads Markdown and question-and-answer files, [`index`] embeds them and keeps the
//! vectors, [`retrieval`] ranks entries for a query, [`reranking`] reads the best of them together with
//! it, [`answerability`] says how probable it is that the first of them answers, and [`answerer`] puts these behind the port. [`KnowledgeFiles`] has the
//! indexes from where they are, and [`phrasings`] keeps what a model made. [`mod@check`] reports what
//! an author should look at.

pub mod answerability;
pub mod answerer;
mod artifact;
pub mod bm25;
pub mod check;
mod files;
pub mod index;
mod learned;
pub mod matrix;
pub mod phrasings;
pub mod reranking;
pub mod retrieval;
pub mod source;
#[cfg(test)]
pub(crate) mod test_encoder;
pub(crate) mod tokens;

pub use answerer::KnowledgeAnswerer;
pub use check::check;
pub use files::KnowledgeFiles;
pub use index::KnowledgeIndex;
pub use learned::{Learned, with_accepted};
pub use phrasings::{KeptPhrasings, PhrasingKeeper};
