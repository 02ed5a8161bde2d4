//! Whether an encoder on this machine gives the vectors that it should.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Encoder, MiniLm, cosine};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How near the vector has to be: processors round differently, a wrong model is far off.
const MIN_COSINE: f32 = 0.999;

#[derive(Deserialize)]
struct Expected {
    text: String,
    vector: Vec<f32>,
}

/// Loads the encoder from `[model, tokenizer]` and compares its vector of one sentence with the
/// one that was recorded.
///
/// # Errors
/// Why it cannot be loaded or run, or how far off the vector is.
pub fn self_test(files: &[PathBuf]) -> Result<(), BoxError> {
    let [model, tokenizer] = files else { return Err("the encoder has two files: model and tokenizer".into()) };
    let encoder = MiniLm::load(model, tokenizer)?;
    let expected: Expected = serde_json::from_str(include_str!("self_test.json"))?;
    let vector = encoder.embed(&expected.text)?;
    let found = cosine(&vector, &expected.vector);
    if vector.len() == expected.vector.len() && found > MIN_COSINE {
        return Ok(());
    }
    Err(format!("its vector is not the recorded one: cosine {found}, expected more than {MIN_COSINE}").into())
}
