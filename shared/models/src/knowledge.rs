//! An agent's own knowledge: read from files, embedded once, searched, and answered from.
//!
//! [`source`] reads Markdown and question-and-answer files, [`index`] embeds them and keeps the
//! vectors, [`retrieval`] ranks entries for a query, [`answerability`] says how probable it is that
//! the first of them answers, and [`answerer`] puts these behind the port. [`KnowledgeFiles`] has the
//! indexes from where they are. [`mod@check`] reports what
//! an author should look at.

pub mod answerability;
pub mod answerer;
mod artifact;
pub mod bm25;
pub mod check;
mod files;
pub mod index;
pub mod matrix;
pub mod retrieval;
pub mod source;
#[cfg(test)]
pub(crate) mod test_encoder;
mod tokens;

pub use answerer::KnowledgeAnswerer;
pub use check::check;
pub use files::KnowledgeFiles;
pub use index::KnowledgeIndex;
