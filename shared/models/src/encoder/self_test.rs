//! Whether an encoder on this machine gives the vectors that it should.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Encoder as _, Family, PairReader as _, cosine};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How near the vector has to be: processors round differently, a wrong model is far off.
const MIN_COSINE: f32 = 0.999;

#[derive(Deserialize)]
struct Expected {
    text: String,
    vector: Vec<f32>,
}

/// Loads the encoder and its family from `files` and compares the encoder's vector of one sentence with the one that
/// was recorded; the others have to find a plain question's answer.
///
/// # Errors
/// Why it cannot be loaded or run, or how far off the vector is.
pub fn self_test(files: &[PathBuf]) -> Result<(), BoxError> {
    let files: &[PathBuf; 4] = files.try_into().map_err(|_| "the encoder has four files")?;
    let Family { encoder, knowledge, pair } = Family::load(files)?;
    let [asked, right, wrong] = [
        "How much is it?",
        "What does it cost? It costs 20 euros a month.",
        "Where are you? Our shop is in Main Street.",
    ];
    let [query, near, far] = [knowledge.embed(asked)?, knowledge.embed(right)?, knowledge.embed(wrong)?];
    if cosine(&query, &near) <= cosine(&query, &far) {
        return Err("the knowledge encoder does not find a plain question's answer".into());
    }
    if pair.read(asked, right)?.answers <= pair.read(asked, wrong)?.answers {
        return Err("the pair model does not see a plain question's answer".into());
    }
    let expected: Expected = serde_json::from_str(include_str!("self_test.json"))?;
    let vector = encoder.embed(&expected.text)?;
    let found = cosine(&vector, &expected.vector);
    if vector.len() == expected.vector.len() && found > MIN_COSINE {
        return Ok(());
    }
    Err(format!("its vector is not the recorded one: cosine {found}, expected more than {MIN_COSINE}").into())
}
