//! Rules for secrets: none is in the template.

use crate::template::{place_of, walk};
use crate::{Fault, Template};

/// What well-known secrets begin with.
const BEGINNINGS: [&str; 9] = ["sk-", "fk_", "AKIA", "ASIA", "ghp_", "xoxb-", "eyJ", "-----BEGIN", "{{resolve:"];
/// Words in the names of variables and properties whose values are secrets.
const WORDS: [&str; 6] = ["KEY", "SECRET", "TOKEN", "PASSWORD", "PEPPER", "CREDENTIAL"];
/// The length from which a word of mixed letters and digits is no word.
const LONG: usize = 24;

/// No text looks like a secret, and no variable whose name says that it is one has a literal value.
#[must_use]
pub fn no_text_is_a_secret(template: &Template) -> Vec<Fault> {
    let mut faults = Vec::new();
    walk(template.root(), "", &mut |path, value| {
        let Some(text) = value.as_str() else { return };
        let looks_so =
            BEGINNINGS.iter().any(|beginning| begins(text, beginning)) || text.split(is_separator).any(is_random);
        faults.extend(Fault::unless(!looks_so, place_of(path), "no text that looks like a secret"));
    });
    let globals = &template.root()["Globals"]["Function"]["Environment"]["Variables"];
    let own = template.functions().map(|function| (function.name, function.property("Environment/Variables")));
    for (place, variables) in own.chain([("Globals", globals)]) {
        let literal =
            variables.as_object().into_iter().flatten().filter(|(name, value)| is_named_so(name) && value.is_string());
        faults.extend(literal.map(|(name, _)| Fault::new(place, format!("a reference in {name}, no literal"))));
    }
    faults
}

/// Secrets are made by Secrets Manager: none has a text in the template.
#[must_use]
pub fn secrets_are_generated(template: &Template) -> Vec<Fault> {
    let secrets = template.of_type("AWS::SecretsManager::Secret");
    secrets
        .filter_map(|secret| {
            let length = secret.property("GenerateSecretString/PasswordLength").as_u64();
            let is_made = secret.property("SecretString").is_null() && length.is_some_and(|length| length >= 32);
            Fault::unless(is_made, secret.name, "GenerateSecretString of 32 characters at least, and no SecretString")
        })
        .collect()
}

fn begins(text: &str, beginning: &str) -> bool {
    text.split(|letter: char| letter.is_whitespace() || "\"'=".contains(letter)).any(|word| word.starts_with(beginning))
}

fn is_separator(letter: char) -> bool {
    !(letter.is_ascii_alphanumeric() || letter == '+')
}

fn is_random(word: &str) -> bool {
    let has = |kind: fn(&char) -> bool| word.chars().filter(kind).count() >= 3;
    word.len() >= LONG && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
}

fn is_named_so(name: &str) -> bool {
    let name = name.to_uppercase();
    WORDS.iter().any(|word| name.contains(word))
}
