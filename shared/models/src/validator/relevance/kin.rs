//! Words that stand for each other in a question and its answer.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::validator::lexis::Token;

/// Words of one line are kin: forms and relatives that no stemmer brings together.
const KIN: &[&[&str]] = &[
    &["write", "wrote", "written", "writer", "author", "novelist", "poet", "book"],
    &["win", "won", "winner", "victory", "beat", "defeat", "champion"],
    &["die", "death", "dead", "killed", "kill", "fatal", "drowned"],
    &["born", "birth", "native", "birthplace"],
    &["buy", "bought", "purchase", "acquire", "purchaser"],
    &["sell", "sold", "sale", "auction"],
    &["found", "founder", "establish", "create", "creator", "set", "start", "begin", "began", "begun"],
    &["lead", "led", "leader", "head", "chief", "chairman", "president", "run"],
    &["make", "made", "maker", "build", "built", "manufacture", "produce", "producer"],
    &["marry", "wife", "husband", "marriage", "wed", "wedding"],
    &["speak", "spoke", "spoken", "language", "tongue"],
    &["live", "population", "inhabitant", "people", "resident", "home"],
    &["cost", "price", "pay", "paid", "fee", "charge", "worth"],
    &["tall", "high", "height"],
    &["long", "length", "last"],
    &["far", "distance", "away", "apart"],
    &["deep", "depth"],
    &["wide", "width"],
    &["old", "age", "aged"],
    &["heavy", "weigh", "weight"],
    &["fast", "speed", "quick"],
    &["hot", "temperature", "degree", "warm", "cold"],
    &["play", "player", "game", "match"],
    &["teach", "taught", "teacher"],
    &["study", "studied", "attend", "graduate", "degree", "student"],
    &["discover", "discovery", "find", "found"],
    &["invent", "invention", "inventor"],
    &["own", "owner", "belong"],
    &["headquarters", "headquarter", "based", "base", "office"],
    &["country", "nation", "state", "national"],
    &["big", "large", "largest", "biggest"],
    &["film", "movie", "direct", "director"],
    &["eat", "ate", "diet", "feed", "food"],
    &["happen", "occur", "place"],
    &["cause", "because", "due", "reason"],
    &["work", "job", "profession", "career", "occupation"],
    &["call", "name", "known"],
    &["fly", "flight", "flew", "plane", "airline"],
    &["shoot", "shot", "fire"],
    &["send", "sent", "ship", "deliver", "delivery", "dispatch", "post"],
    &["cancel", "cancellation", "terminate", "end"],
    &["refund", "reimburse", "money", "back", "return"],
    &["open", "opening", "hours"],
    &["change", "switch", "edit", "update", "amend", "move"],
    &["delete", "remove", "erase"],
    &["bring", "brought", "take", "took"],
    &["need", "require", "must", "necessary"],
    &["allow", "permit", "may", "accept", "welcome"],
    &["broken", "break", "broke", "fault", "damage", "faulty"],
    &["lose", "lost", "loss", "missing"],
    &["choose", "chose", "pick", "select"],
    &["become", "became", "elect", "appoint", "name"],
];

/// From this many letters in common at the start two stems may be of one word.
const LEAST_COMMON: usize = 5;
/// How many letters may follow what two stems have in common.
const MOST_ENDING: usize = 4;

/// The lists that a word is in, a bit for each.
static LISTS: LazyLock<HashMap<&str, u64>> = LazyLock::new(|| {
    let mut lists: HashMap<&str, u64> = HashMap::new();
    for (at, words) in KIN.iter().enumerate() {
        words.iter().for_each(|word| *lists.entry(word).or_default() |= 1 << at);
    }
    lists
});

/// The lists that a word or its stem is in, a bit for each.
pub(in crate::validator) fn lists(word: &str, stem: &str) -> u64 {
    let of = |word: &str| LISTS.get(word).copied().unwrap_or_default();
    of(word) | of(stem)
}

/// How far a word stands for another: 1 for the same stem, less for relatives, 0 otherwise.
pub(super) fn likeness(one: &Token, other: &Token) -> f32 {
    if one.stem == other.stem {
        1.0
    } else if are_of_one_word(&one.stem, &other.stem) {
        0.8
    } else if one.kin & other.kin != 0 {
        0.5
    } else {
        0.0
    }
}

fn are_of_one_word(one: &str, other: &str) -> bool {
    let common = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let is_text = |stem: &str| stem.bytes().all(|byte| byte.is_ascii_alphabetic());
    common >= LEAST_COMMON && one.len().max(other.len()) <= common + MOST_ENDING && is_text(one) && is_text(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_lists_than_bits() {
        assert!(KIN.len() <= 64, "{}", KIN.len());
    }
}
