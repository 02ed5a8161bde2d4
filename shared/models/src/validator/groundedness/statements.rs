//! Short statements, to find the one that denies another.

use std::collections::BTreeSet;

use farthing_domain::guard::words;

use super::lists::OPPOSITE_STEMS;
use crate::sentences::sentences;
use crate::validator::reading::Reading;
use crate::validator::stems::{is_stop_word, stem};

const NEGATIONS: &[&str] = &[
    "not",
    "no",
    "never",
    "none",
    "nothing",
    "cannot",
    "cant",
    "dont",
    "doesnt",
    "didnt",
    "wont",
    "isnt",
    "arent",
    "wasnt",
    "werent",
    "shouldnt",
    "couldnt",
    "wouldnt",
    "havent",
    "hasnt",
    "unable",
    "neither",
    "nor",
    "nobody",
    "nowhere",
    "non",
    "mustnt",
    "impossible",
    "unfortunately",
    "afraid",
];

/// Words that begin a statement of its own.
const JOINTS: &[&str] =
    &["but", "unless", "except", "however", "although", "though", "while", "whereas", "otherwise", "if"];

/// From this share of common words on two statements are about the same.
const SAME: f32 = 0.6;

/// Part of a sentence.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    stems: BTreeSet<String>,
    /// All of its words as stems, small ones included.
    all: BTreeSet<String>,
    is_denied: bool,
    /// Whether something is denied in the sentence that it is part of.
    is_near_denial: bool,
}

/// The statements that a text makes, in order.
pub(super) fn of(text: &str) -> Vec<Statement> {
    let mut all = Vec::new();
    for sentence in sentences(text) {
        let mut statements = Vec::new();
        for part in sentence.split([';', ',', ':', '(', ')', '–', '—']) {
            let mut run: Vec<String> = Vec::new();
            for word in words(part) {
                if JOINTS.contains(&word.as_str()) && !run.is_empty() {
                    statements.push(Statement::new(&run));
                    run.clear();
                }
                run.push(word);
            }
            statements.push(Statement::new(&run));
        }
        let is_near_denial = statements.iter().any(|statement| statement.is_denied);
        all.extend(statements.into_iter().map(|statement| Statement { is_near_denial, ..statement }));
    }
    all
}

impl Statement {
    fn new(words: &[String]) -> Self {
        let stems = words.iter().filter(|word| !is_stop_word(word)).map(|word| stem(word)).collect();
        let negations = words.iter().filter(|word| NEGATIONS.contains(&word.as_str()));
        // "No, you can't" and "I'm afraid not" deny once.
        let is_denied = negations.count() > 0;
        Self { stems, all: words.iter().map(|word| stem(word)).collect(), is_denied, is_near_denial: is_denied }
    }

    /// The share of this statement's words that `other` has.
    fn share(&self, other: &Self) -> f32 {
        let negation = |stem: &&String| NEGATIONS.contains(&stem.as_str());
        let own = self.stems.iter().filter(|stem| !negation(stem)).count();
        if own == 0 {
            return 0.0;
        }
        let shared = self.stems.intersection(&other.stems).filter(|stem| !negation(stem)).count();
        // What is open and what is closed are the same thing, of which the opposite is said.
        (shared + usize::from(have_opposites(&self.stems, &other.stems))) as f32 / own as f32
    }

    fn opposes(&self, other: &Self) -> bool {
        have_opposites(&self.all, &other.all)
    }

    fn denies(&self, other: &Self) -> bool {
        (self.is_denied != other.is_denied) != self.opposes(other)
    }
}

fn have_opposites(ours: &BTreeSet<String>, theirs: &BTreeSet<String>) -> bool {
    let has_only = |stems: &BTreeSet<String>, one: &str, other: &str| stems.contains(one) && !stems.contains(other);
    let differ = |one: &str, two: &str| has_only(ours, one, two) && has_only(theirs, two, one);
    OPPOSITE_STEMS.iter().any(|(one, two)| differ(one, two) || differ(two, one))
}

/// How strongly a sentence makes a statement that the evidence's nearest statement denies.
pub(super) fn conflict(sentence: &str, evidence: &[Statement]) -> f32 {
    let mut strongest = 0.0_f32;
    for statement in of(sentence).iter().filter(|statement| statement.stems.len() >= 2) {
        let share = |other: &Statement| statement.share(other).min(1.0);
        let best = evidence.iter().map(share).fold(0.0, f32::max);
        let mut nearest = evidence.iter().filter(|other| share(other) >= best - 1e-6);
        // In "no, not on cash, cheques or cards" the cards are denied as well.
        let is_plain = |statement: &Statement| statement.is_denied == statement.is_near_denial;
        let denies = |other: &Statement| is_plain(statement) && is_plain(other) && statement.denies(other);
        if best >= SAME && nearest.all(denies) {
            strongest = strongest.max(best);
        }
    }
    strongest
}

/// The sentences of a text, each as one statement.
pub(super) fn whole(text: &str) -> Vec<Statement> {
    sentences(text).iter().map(|sentence| Statement::new(&words(sentence))).collect()
}

/// How strongly "yes" or "no" at the start goes against what the evidence's sentences say on the question.
pub(super) fn conflict_of_lead(reading: &Reading<'_>, evidence: &[Statement]) -> f32 {
    let says_yes = match reading.words.first().map_or("", String::as_str) {
        "yes" | "yep" | "sure" | "certainly" | "absolutely" => true,
        "no" | "nope" | "sorry" | "unfortunately" => false,
        _ => return 0.0,
    };
    let question = Statement::new(&words(reading.validation.query));
    if question.stems.len() < 2 {
        return 0.0;
    }
    let best = evidence.iter().map(|other| question.share(other)).fold(0.0, f32::max).min(1.0);
    let nearest = || evidence.iter().filter(|other| question.share(other) >= best - 1e-6);
    let has_condition = nearest().any(|other| CONDITIONS.iter().any(|word| other.all.contains(*word)));
    let is_against = nearest().all(|other| question.denies(other) == says_yes);
    match (best > 0.0 && is_against, has_condition) {
        (false, _) => 0.0,
        (true, true) => best / 2.0,
        (true, false) => best,
    }
}

/// Stems of words by which a sentence says yes to some and no to others.
const CONDITIONS: &[&str] = &["unless", "except", "onli", "if", "but", "without", "until"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_conflicts_with_the_one_that_denies_it() {
        check("You can bring a dog.", "You can't bring a dog into the café.", true);
        check("You cannot change a booked ticket.", "A booked ticket can be changed.", true);
        check("The shop is open on Sundays.", "The shop is closed on Sundays.", true);
        check("Delivery is not included.", "Delivery is included.", true);
        check("Pay before the course starts.", "Pay after the course starts.", true);
    }

    #[test]
    fn a_statement_does_not_conflict_with_its_own_words() {
        check("You can't bring dogs.", "You can't bring a dog into the café.", false);
        check("The shop is not open on Sundays.", "The shop is closed on Sundays.", false);
        check("Plans are refunded in full.", "Plans are refunded in full, but not after 30 days.", false);
        check("The Studios are bookable.", "Each Studio is bookable.", false);
        check("No, we don't insure art, cash or live animals.", "Art, cash and live animals are not insured.", false);
    }

    #[track_caller]
    fn check(answer: &str, evidence: &str, expected: bool) {
        assert_eq!(conflict(answer, &of(evidence)) > 0.0, expected, "{answer:?} {evidence:?}");
    }
}
