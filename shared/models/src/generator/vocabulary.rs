//! The tokenizer of a GGUF file, as a `tokenizer.json`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::gguf::{Gguf, GgufError};

/// The number that llama.cpp gives tokens that mean something to the model and not to a reader.
const CONTROL: i128 = 3;

/// The tokenizer that the file describes: byte pairs, parted as the model was trained.
///
/// # Errors
/// [`GgufError::Key`] when it has no tokenizer, or one of a kind that is not known.
pub(super) fn tokenizer_json(file: &Gguf<'_>) -> Result<Value, GgufError> {
    let wrong = |key: &str, expected, found: &str| GgufError::Key {
        key: key.to_owned(),
        expected,
        found: format!("`{found}`"),
    };
    let model = file.text("tokenizer.ggml.model")?;
    if model != "gpt2" {
        return Err(wrong("tokenizer.ggml.model", "`gpt2`, byte pairs", model));
    }
    let parts = file.text("tokenizer.ggml.pre")?;
    let bytes = |with_pattern: bool| json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": with_pattern });
    let (parting, whole_words_first) = match parts {
        "smollm" => (vec![json!({ "type": "Digits", "individual_digits": true }), bytes(true)], false),
        "llama-bpe" => {
            let split = json!({
                "type": "Split", "pattern": { "Regex": LLAMA_3 }, "behavior": "Isolated", "invert": false,
            });
            (vec![split, bytes(false)], true)
        }
        other => return Err(wrong("tokenizer.ggml.pre", "`smollm` or `llama-bpe`", other)),
    };
    let tokens = file.texts("tokenizer.ggml.tokens")?;
    let kinds = file.integers("tokenizer.ggml.token_type")?;
    let merges = file.texts("tokenizer.ggml.merges")?;
    let special = |(id, (token, kind)): (usize, (&&str, &i128))| {
        (*kind == CONTROL).then(|| {
            json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            })
        })
    };
    let special: Vec<Value> = tokens.iter().zip(&kinds).enumerate().filter_map(special).collect();
    let ids: BTreeMap<&str, usize> = tokens.iter().enumerate().map(|(id, token)| (*token, id)).collect();
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": special,
        "normalizer": null,
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": parting },
        "post_processor": null,
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": whole_words_first,
            "vocab": ids,
            "merges": merges.iter().filter_map(|merge| merge.split_once(' ')).collect::<Vec<_>>(),
        },
    }))
}

/// How Llama 3 parts a text before its bytes are paired, as its `tokenizer.json` has it.
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
