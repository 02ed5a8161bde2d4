//! Heads as files: small, and with where they come from.

use std::path::Path;

use anyhow::Context;
use farthing_models::heads::FeatureSpec;
use serde_json::{Value, json};

use crate::fit::Linear;

/// The JSON of a softmax head.
#[must_use]
pub fn softmax(features: FeatureSpec, classes: &[&str], fitted: &Linear, temperature: f32) -> Value {
    json!({
        "features": {"name": features.name, "dimension": features.dimension},
        "classes": classes,
        "weights": fitted.weights.iter().map(|row| numbers(row)).collect::<Vec<_>>(),
        "bias": numbers(&fitted.bias),
        "temperature": number(temperature),
    })
}

/// The JSON of a logistic head with its slope and offset.
#[must_use]
pub fn logistic(features: FeatureSpec, fitted: &Linear, (slope, offset): (f32, f32)) -> Value {
    json!({
        "features": {"name": features.name, "dimension": features.dimension},
        "weights": numbers(&fitted.weights[0]),
        "bias": number(fitted.bias[0]),
        "calibration": {"slope": number(slope), "offset": number(offset)},
    })
}

/// Writes a head's file: one line for each entry, so that changes can be read.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, head: &Value) -> anyhow::Result<()> {
    let mut text = String::from("{\n");
    if let Some(entries) = head.as_object() {
        let lines: Vec<String> = entries.iter().map(|(key, value)| format!("{}: {value}", json!(key))).collect();
        text.push_str(&lines.join(",\n"));
    }
    text.push_str("\n}\n");
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("`{}` cannot be written", path.display()))
}

/// The numbers with six significant digits, of which one that is close to 0 needs fewer.
pub(crate) fn numbers(values: &[f32]) -> Vec<Value> {
    values.iter().copied().map(number).collect()
}

pub(crate) fn number(value: f32) -> Value {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or_default();
    if rounded.abs() < 1e-6 || rounded.fract() == 0.0 { json!(rounded as i64) } else { json!(rounded) }
}

/// A figure of a report, with four decimals.
#[must_use]
pub fn figure(value: f32) -> Value {
    json!((f64::from(value) * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_significant_digits() {
        let written = Value::from(numbers(&[0.123_456_78, -1_234.567_8, 0.0, 1e-9, 2.0])).to_string();
        assert_eq!(written, "[0.123457,-1234.57,0,0,2]");
    }
}
