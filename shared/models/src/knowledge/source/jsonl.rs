//! Knowledge as one JSON object a line.

use serde_json::{Map, Value};

use super::{Entry, Fault, entry_id, passages, slug};

/// The entries of the file `file`; blank lines are skipped.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Entry>, Fault> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).filter(|(_, line)| !line.is_empty());
    lines.map(|(number, line)| entry(file, number, line)).collect()
}

fn entry(file: &str, line: usize, text: &str) -> Result<Entry, Fault> {
    let fault = |key: &str, expected: &str| Fault::new(file, line, key, expected);
    let object: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| fault("line", "one JSON object on one line"))?;
    if let Some(key) = object.keys().find(|key| !["id", "question", "answer", "also"].contains(&key.as_str())) {
        return Err(fault(key, "no such field: id, question, answer and also are known"));
    }
    let required = |key: &str, expected: &str| {
        let value = object.get(key).and_then(Value::as_str).map(str::trim).filter(|value| !value.is_empty());
        value.ok_or_else(|| fault(key, expected))
    };
    let id = required("id", "a text of a-z, 0-9 and -")?;
    if !id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') || id.len() > 80 {
        return Err(fault("id", "at most 80 of a-z, 0-9 and -"));
    }
    let question = required("question", "a text that is not blank")?;
    if slug(question).is_empty() {
        return Err(fault("question", "a question with words in it"));
    }
    let answer = required("answer", "a text that is not blank")?;
    let also = match object.get("also") {
        None => Vec::new(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::trim).filter(|item| !slug(item).is_empty()).map(str::to_owned))
            .collect::<Option<Vec<String>>>()
            .ok_or_else(|| fault("also", "a list of texts, none of them blank"))?,
        Some(_) => return Err(fault("also", "a list of texts, none of them blank")),
    };
    Ok(Entry {
        id: entry_id(file, id),
        title: question.to_owned(),
        also,
        passages: passages(answer),
        file: file.to_owned(),
        line,
    })
}
