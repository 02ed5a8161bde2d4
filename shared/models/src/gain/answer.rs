//! What an answer tells of itself: whether its arithmetic is right, uses what the question gives and
//! leads to what it says in the end.

use std::collections::BTreeSet;

use super::arithmetic::{Equation, close, equations, numbers, split_marks};
use super::named::Named;
use super::question::{Question, count_of, pieces, share};

/// How many features an answer has.
pub(super) const ANSWER: usize = 52;

/// An answer is read up to here; what follows is no longer an answer to a question.
const MOST_BYTES: usize = 16_384;

/// Numbers that need no source: counts of months, hours and the like.
const ORDINARY: [f64; 16] =
    [0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 7.0, 10.0, 12.0, 24.0, 30.0, 52.0, 60.0, 100.0, 365.0, 1000.0];

/// Words of one who is not sure; `t` is what is left of "can't" and "doesn't".
const HEDGES: &[&str] = &[
    "however",
    "wait",
    "but",
    "actually",
    "assume",
    "assuming",
    "suppose",
    "mistake",
    "sorry",
    "cannot",
    "unclear",
    "note",
    "unfortunately",
    "approximately",
    "about",
    "since",
    "t",
];

/// An answer, with what was found in it.
pub(super) struct Answer<'a> {
    whole: &'a str,
    text: String,
    equations: Vec<Equation>,
    last: Option<f64>,
    is_marked: bool,
}

impl<'a> Answer<'a> {
    pub(super) fn read(answer: &'a str) -> Self {
        let end = (0..=MOST_BYTES.min(answer.len())).rev().find(|&end| answer.is_char_boundary(end));
        let whole = answer[..end.unwrap_or(0)].trim();
        let (text, _) = split_marks(whole);
        let (last, is_marked) = last_number(&text);
        Self { whole, equations: equations(whole), text, last, is_marked }
    }

    /// Whether there is anything to check.
    pub(super) fn has_numbers(&self) -> bool {
        self.last.is_some()
    }

    pub(super) fn add_to(&self, question: &Question<'_>, features: &mut Named) {
        self.add_form(question, features);
        self.add_equations(features);
        self.add_use_of(question, features);
        self.add_end(question, features);
        self.add_words(features);
    }

    fn add_form(&self, question: &Question<'_>, features: &mut Named) {
        let length = self.whole.chars().count();
        let lines: Vec<&str> = self.whole.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let different: BTreeSet<&&str> = lines.iter().collect();
        features.count("answer_length", length);
        features.add("answer_to_question", ((length + 20) as f64 / (question.length() + 20) as f64).ln());
        features.count("answer_lines", lines.len());
        features.count("lines_repeated", lines.len() - different.len());
        features.count("answer_numbers", numbers(&self.text).len());
        features.flag("ends_with_a_stop", self.whole.ends_with(['.', '!', '?']));
        features.flag("result_marked", self.is_marked);
        features.count("result_marks", self.whole.matches("####").count());
        let after = self.whole.split("####").nth(1).unwrap_or_default();
        let after = pieces(after.lines().next().unwrap_or_default());
        features.count("words_after_mark", after.iter().filter(|word| word.starts_with(char::is_alphabetic)).count());
    }

    fn add_equations(&self, features: &mut Named) {
        let of = |is_marked: bool| self.equations.iter().filter(move |equation| equation.is_marked == is_marked);
        let wrong = |is_marked: bool| of(is_marked).filter(|equation| equation.is_wrong()).count();
        let all_wrong = wrong(true) + wrong(false);
        let operations: usize = self.equations.iter().map(|equation| equation.operations).sum();
        let results = self.results();
        let fractions = results.iter().filter(|result| result.fract().abs() > 1e-9).count();
        let greatest = results.iter().map(|result| result.abs()).fold(0.0, f64::max);
        let repeated = (0..results.len()).filter(|&at| results[..at].contains(&results[at])).count();
        features.count("marked_equations", of(true).count());
        features.count("marked_wrong", wrong(true));
        let unread = of(true).filter(|equation| equation.stated.is_none() || equation.computed.is_none());
        features.count("marked_unread", unread.count());
        features.count("plain_equations", of(false).count());
        features.count("plain_wrong", wrong(false));
        features.flag("any_wrong", all_wrong > 0);
        features.add("wrong_share", share(all_wrong, self.equations.len()));
        features.flag("no_equation", self.equations.is_empty());
        features.count("operations", operations);
        features.count("fractional_results", fractions);
        features.add("fractional_share", share(fractions, results.len()));
        features.count("negative_results", results.iter().filter(|result| **result < 0.0).count());
        features.count("repeated_results", repeated);
        features.add("greatest_result", greatest.ln_1p());
        features.count("unused_results", self.unused_results());
    }

    fn add_use_of(&self, question: &Question<'_>, features: &mut Named) {
        let (digits, words) = question.given();
        let given = distinct(&digits);
        let operands: Vec<f64> = self.equations.iter().flat_map(|equation| equation.operands.clone()).collect();
        let mut mentioned = numbers(self.text.split("####").next().unwrap_or_default());
        mentioned.extend(&operands);
        let unused = given.iter().filter(|&&number| !is_among(number, &operands)).count();
        let operations: usize = self.equations.iter().map(|equation| equation.operations).sum();
        let sources: Vec<f64> = given.iter().chain(&words).chain(&ORDINARY).copied().chain(self.results()).collect();
        let from_nowhere = distinct(&operands).iter().filter(|&&number| !is_among(number, &sources)).count();
        features.count("given_unused", unused);
        features.add("given_unused_share", share(unused, given.len()));
        features.count("given_unmentioned", given.iter().filter(|&&number| !is_among(number, &mentioned)).count());
        features.count("from_nowhere", from_nowhere);
        features.add("operations_to_given", operations as f64 / (digits.len() + words.len() + 1) as f64);
        features.add("given_less_operations", (digits.len() + words.len()) as f64 - operations as f64);
    }

    fn add_end(&self, question: &Question<'_>, features: &mut Named) {
        let (given, _) = question.given();
        let results = self.results();
        let last = self.last.unwrap_or_default();
        let is = |numbers: &[f64]| self.last.is_some() && numbers.iter().any(|&number| close(last, number));
        let is_whole = last.fract().abs() < 1e-9;
        let greatest = given.iter().copied().fold(0.0, f64::max);
        let least = given.iter().copied().fold(f64::INFINITY, f64::min);
        let fractions = results.iter().any(|result| result.fract().abs() > 1e-9);
        features.flag("no_result", self.last.is_none());
        features.flag("result_fractional", !is_whole);
        features.flag("result_negative", last < 0.0);
        features.flag("result_zero", last == 0.0);
        features.add("result_size", last.abs().ln_1p());
        features.add("result_to_given", ((last.abs() + 1.0) / (greatest + 1.0)).ln());
        features.flag("result_was_given", is(&given));
        features.flag("result_is_the_last", is(&results[results.len().saturating_sub(1)..]));
        features.flag("result_is_one", is(&results));
        features.flag("result_below_all", last.abs() < least && least.is_finite());
        features.flag("count_is_fractional", question.asks_how_many() && !is_whole);
        features.flag("fractions_of_whole_things", fractions && !question.is_about_parts());
    }

    fn add_words(&self, features: &mut Named) {
        let words = pieces(&self.text);
        let mentions = |list: &[&str]| {
            words.iter().filter(|word| list.iter().any(|other| word.eq_ignore_ascii_case(other))).count()
        };
        let lone = words.iter().filter(|word| word.len() == 1 && word.starts_with(char::is_alphabetic)).count();
        features.count("hedges", mentions(HEDGES));
        features.count("rounding", words.iter().filter(|word| word.to_lowercase().starts_with("round")).count());
        features.count("algebra", mentions(&["let", "equation", "variable", "solve", "substitute", "solving"]));
        features.count("lone_letters", lone);
        features.count("backslashes", count_of(self.whole, "\\"));
        features.count("stars", count_of(self.whole, "*"));
        features.count("answer_currency", count_of(self.whole, "$"));
        features.count("conclusions", mentions(&["therefore", "so", "thus", "finally", "total"]));
        features.count("steps", mentions(&["first", "then", "next", "after", "second"]));
        features.count("long_decimals", long_decimals(self.whole));
    }

    fn results(&self) -> Vec<f64> {
        self.equations.iter().filter_map(|equation| equation.stated).collect()
    }

    /// How many results, but for the last, no later equation uses.
    fn unused_results(&self) -> usize {
        let is_unused = |at: &usize| {
            let later = self.equations[at + 1..].iter().flat_map(|equation| equation.operands.clone());
            self.equations[*at].stated.is_some_and(|result| !is_among(result, &later.collect::<Vec<_>>()))
        };
        (0..self.equations.len().saturating_sub(1)).filter(is_unused).count()
    }
}

/// Each of `numbers` once.
fn distinct(numbers: &[f64]) -> Vec<f64> {
    let is_new = |at: &usize| !numbers[..*at].contains(&numbers[*at]);
    (0..numbers.len()).filter(is_new).map(|at| numbers[at]).collect()
}

/// Whether a number is one of `others`, as it is or as a percentage.
fn is_among(number: f64, others: &[f64]) -> bool {
    others.iter().any(|&other| close(number, other) || close(number / 100.0, other))
}

/// The number after the mark `####`, and otherwise the last one; and whether there is a mark.
fn last_number(text: &str) -> (Option<f64>, bool) {
    let marked = text.split_once("####").map(|(_, after)| after.lines().next().unwrap_or_default());
    if let Some((line, number)) = marked.and_then(|line| Some((line, numbers(line).first().copied()?))) {
        let is_negative = line.trim_start_matches([' ', '$']).starts_with('-');
        return (Some(if is_negative { -number } else { number }), true);
    }
    (text.lines().rev().find_map(|line| numbers(line).last().copied()), false)
}

fn long_decimals(text: &str) -> usize {
    text.split('.').skip(1).filter(|part| part.bytes().take_while(u8::is_ascii_digit).count() > 2).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PENS: &str = "Tom buys 3 boxes of 12 pens and gives 5 away. How many pens are left?";
    const SUM: &str = "A cinema ticket is $7.50. What do 4 cost?";

    #[track_caller]
    fn check(question: &str, answer: &str, expected: &[(&str, f32)]) {
        let mut features = Named::default();
        Answer::read(answer).add_to(&Question::read(question), &mut features);
        assert_eq!(features.names().len(), ANSWER);
        for (name, value) in expected {
            assert!((features.get(name) - value).abs() < 1e-3, "{name}: {} for {answer:?}", features.get(name));
        }
    }

    /// The count 1, as features have counts.
    const ONE: f32 = std::f32::consts::LN_2;

    #[test]
    fn right_arithmetic_raises_no_alarm() {
        check(
            PENS,
            "He has 3 x 12 = <<3*12=36>>36 pens.\nThen 36 - 5 = <<36-5=31>>31 are left.\n#### 31",
            &[
                ("any_wrong", 0.0),
                ("marked_equations", 1.099),
                ("plain_equations", 1.099),
                ("given_unused", 0.0),
                ("from_nowhere", 0.0),
                ("result_is_the_last", 1.0),
                ("result_marked", 1.0),
                ("unused_results", ONE),
            ],
        );
        check(SUM, "4 * 7.5 = 30, so $30.", &[("any_wrong", 0.0), ("result_marked", 0.0), ("result_is_one", 1.0)]);
    }

    #[test]
    fn wrong_arithmetic_is_seen() {
        check(PENS, "3 * 12 = 35 and 35 - 5 = 30.", &[("any_wrong", 1.0), ("plain_wrong", ONE), ("wrong_share", 0.5)]);
        check(PENS, "<<3*12=38>>38", &[("marked_wrong", ONE), ("plain_wrong", 0.0)]);
        check(SUM, "4 * 7.5 = 30.\n#### 34", &[("any_wrong", 0.0), ("result_is_one", 0.0)]);
    }

    #[test]
    fn what_is_left_out_or_invented_is_seen() {
        check(PENS, "3 * 12 = 36.\n#### 36", &[("given_unused", ONE), ("given_unused_share", 1.0 / 3.0)]);
        check(PENS, "3 * 12 = 36, 36 - 8.5 = 27.5", &[("from_nowhere", ONE), ("given_unmentioned", ONE)]);
    }

    #[test]
    fn an_end_that_cannot_be_is_seen() {
        check(
            PENS,
            "36 / 5 = 7.2\n#### 7.2",
            &[("count_is_fractional", 1.0), ("result_fractional", 1.0), ("fractions_of_whole_things", 1.0)],
        );
        check(PENS, "5 - 36 = -31\n#### -31", &[("result_negative", 1.0), ("negative_results", ONE)]);
        check(PENS, "#### 12", &[("result_was_given", 1.0), ("no_equation", 1.0)]);
        check(PENS, "I cannot tell.", &[("no_result", 1.0), ("hedges", ONE)]);
        check(SUM, "The rest is 2.125, see page 3.", &[("long_decimals", ONE), ("result_size", 1.386)]);
    }
}
