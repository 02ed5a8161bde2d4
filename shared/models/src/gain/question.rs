//! What the form of a question tells: how long, how many numbers, which kind of question, and how
//! the choices differ when it offers some.

use super::arithmetic::numbers;
use super::named::Named;

/// How many features a question has.
pub(super) const QUESTION: usize = 71;
/// How many features a question has as a word problem.
pub(super) const PROBLEM: usize = 37;

/// A question, its choices taken apart.
pub(super) struct Question<'a> {
    text: &'a str,
    stem: &'a str,
    choices: Vec<&'a str>,
    lower: String,
    words: Vec<&'a str>,
}

impl<'a> Question<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let whole = text.trim_end();
        let whole = whole.strip_suffix("Answer:").map_or(whole, str::trim_end);
        let (stem, choices) = split_choices(whole);
        Self { text, stem, choices, lower: stem.to_lowercase(), words: pieces(stem) }
    }

    /// Everything that its form tells.
    pub(super) fn add_to(&self, features: &mut Named) {
        self.add_problem_to(features);
        self.add_kind(features);
        self.add_choices(features);
    }

    /// What matters of a problem with numbers.
    pub(super) fn add_problem_to(&self, features: &mut Named) {
        self.add_form(features);
        self.add_word_problem(features);
    }

    fn add_form(&self, features: &mut Named) {
        let (stem, words) = (self.stem, &self.words);
        let letters: usize = words.iter().map(|word| word.chars().count()).sum();
        features.count("length", self.text.chars().count());
        features.count("stem_length", stem.chars().count());
        features.count("words", words.len());
        features.add("word_length", letters as f64 / words.len().max(1) as f64);
        features.add("long_words", share(words.iter().filter(|word| word.chars().count() > 9).count(), words.len()));
        features.count("sentences", sentences(stem));
        features.count("lines", stem.lines().count());
        features.count("numbers", numbers(stem).len());
        features.count("operators", count_of(stem, "+*/^=<>"));
        features.count("brackets", count_of(stem, "("));
        features.count("currency", count_of(stem, "$€£"));
        features.count("percent", count_of(stem, "%") + self.mentions(&["percent"]));
        features.count("commas", count_of(stem, ","));
        features.count("quotes", count_of(stem, "\"“”"));
        features.count("single_letters", words.iter().filter(|word| word.len() == 1 && is_alphabetic(word)).count());
        features.count("capitalised", capitalised(stem));
        features.count("foreign_signs", self.text.chars().filter(|c| !c.is_ascii()).count());
        features.flag("question_mark", stem.contains('?'));
        features.flag("gap", stem.contains("___"));
        features.flag("year", numbers_of_four_digits(words));
    }

    fn add_kind(&self, features: &mut Named) {
        let says = |phrase: &str| self.lower.contains(phrase);
        let has = |words: &[&str]| self.mentions(words) > 0;
        let shouts = |word: &&str| self.stem.split(|c: char| !c.is_alphanumeric()).any(|piece| piece == *word);
        features.flag("negated", has(&["not", "except", "least", "false", "incorrect", "never"]));
        features.flag("negated_loudly", ["EXCEPT", "NOT", "LEAST"].iter().any(shouts));
        features.flag("statements", says("statement 1") || says("statement i"));
        features.flag("which_of_these", says("which of the following") || says("which one of"));
        features.flag("best", has(&["best"]));
        features.flag("most", has(&["most", "likely"]));
        features.flag("supposed", has(&["if", "suppose", "assume"]));
        features.flag("how_many", says("how many"));
        features.flag("how_much", says("how much"));
        features.flag("what_is", says("what is") || says("what are"));
        features.flag("why", has(&["why", "because"]));
        features.flag("who", has(&["who", "whom", "whose"]));
        features.flag("according", says("according to"));
        features.flag("refers", says("this question refers"));
        features.flag(
            "calculate",
            has(&["find", "calculate", "compute", "evaluate", "solve", "determine", "simplify", "estimate"]),
        );
        features.flag("patient", says("year-old") || has(&["patient", "patients"]));
        features.flag("legal", has(&["plaintiff", "defendant", "court", "statute", "landowner", "contract"]));
        features.flag("moral", says("main character") || has(&["moral", "morally"]));
        features.flag("code", has(&["python", "function", "program", "algorithm", "return"]));
    }

    fn add_choices(&self, features: &mut Named) {
        let choices = &self.choices;
        let lengths: Vec<usize> = choices.iter().map(|choice| choice.chars().count()).collect();
        let (longest, shortest) = (lengths.iter().max().copied(), lengths.iter().min().copied());
        let lower: Vec<String> = choices.iter().map(|choice| choice.to_lowercase()).collect();
        let words: Vec<Vec<&str>> = lower.iter().map(|choice| pieces(choice)).collect();
        let of_stem = pieces(&self.lower);
        let shared: Vec<f64> = words.iter().map(|choice| overlap(choice, &of_stem)).collect();
        let most_shared = shared.iter().copied().fold(0.0, f64::max);
        let least_shared = shared.iter().copied().fold(most_shared, f64::min);
        let any = |phrases: &[&str]| lower.iter().any(|choice| phrases.iter().any(|phrase| choice.contains(phrase)));
        features.add("choices", choices.len() as f64);
        features.count("choice_longest", longest.unwrap_or(0));
        features.count("choice_shortest", shortest.unwrap_or(0));
        features.count("choice_mean", lengths.iter().sum::<usize>() / lengths.len().max(1));
        let spread = (longest.unwrap_or(0) + 1) as f64 / (shortest.unwrap_or(0) + 1) as f64;
        features.add("choice_spread", spread.ln());
        let with_numbers = choices.iter().filter(|choice| !numbers(choice).is_empty()).count();
        features.add("choices_with_numbers", share(with_numbers, choices.len()));
        features.flag("choices_are_numbers", !choices.is_empty() && choices.iter().all(|choice| is_number(choice)));
        features.flag("choice_of_all", any(&["all of", "none of", "both "]));
        features.flag("choice_of_truth", any(&["true"]) && any(&["false"]));
        features.flag("choice_of_items", choices.iter().any(|choice| pieces(choice).iter().any(|w| is_roman(w))));
        features.count("choice_commas", choices.iter().map(|choice| count_of(choice, ",")).sum());
        features.count("choice_operators", choices.iter().map(|choice| count_of(choice, "+*/^=()")).sum());
        features.add("choice_shares_most", most_shared);
        features.add("choice_shares_spread", most_shared - least_shared);
        features.add("choices_alike", alike(&words));
    }

    fn add_word_problem(&self, features: &mut Named) {
        let found = numbers(self.stem);
        let greatest = found.iter().copied().fold(0.0, f64::max);
        features.add("greatest_number", greatest.ln_1p());
        features.count("number_words", number_words(self.stem).len());
        features.count("decimals", found.iter().filter(|number| number.fract() != 0.0).count());
        features.count("fractions", self.mentions(&["half", "third", "quarter", "fourth", "fifth", "thirds"]));
        features.count("slashes", count_of(self.stem, "/"));
        features.count("multiples", self.mentions(&["times", "twice", "triple", "double"]));
        features.count("comparisons", self.mentions(&["more", "less", "fewer", "older", "younger", "than"]));
        features.count("rates", self.mentions(&["each", "every", "per"]));
        features.count("remainders", self.mentions(&["left", "remaining", "remain", "rest"]));
        features.count("conditions", self.mentions(&["if", "when", "until", "before", "after", "then"]));
        features.count("averages", self.mentions(&["average", "ratio", "equal", "equally", "same"]));
        features.count("spans", self.mentions(&["hour", "hours", "minutes", "day", "days", "week", "weeks"]));
        features.count("years", self.mentions(&["year", "years", "month", "months", "age", "old"]));
        features.count("turns", self.mentions(&["but", "however", "instead", "only", "already", "still", "first"]));
        features.count("pronouns", self.mentions(&["he", "she", "they", "his", "her", "their"]));
        features.count("asks", self.mentions(&["what", "which", "how"]));
        features.count("totals", self.mentions(&["total", "altogether", "together", "all", "combined"]));
    }

    /// How many words of the stem are among `words`.
    fn mentions(&self, words: &[&str]) -> usize {
        self.words.iter().filter(|word| words.iter().any(|other| word.eq_ignore_ascii_case(other))).count()
    }

    /// The numbers that it gives, in digits and in words.
    pub(super) fn given(&self) -> (Vec<f64>, Vec<f64>) {
        (numbers(self.stem), number_words(self.stem))
    }

    pub(super) fn asks_how_many(&self) -> bool {
        self.lower.contains("how many")
    }

    pub(super) fn length(&self) -> usize {
        self.text.chars().count()
    }

    /// Whether amounts, and not whole things, are to be expected.
    pub(super) fn is_about_parts(&self) -> bool {
        self.stem.contains(['$', '€', '£', '%']) || numbers(self.stem).iter().any(|number| number.fract() != 0.0)
    }
}

/// The text before the choices, and the choices: lines that begin with A, B, C and so on.
fn split_choices(text: &str) -> (&str, Vec<&str>) {
    let mut marks: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let expected = b'A' + marks.len().min(9) as u8;
        let bytes = line.as_bytes();
        if bytes.first() == Some(&expected) && matches!(bytes.get(1), Some(b'.' | b')')) && bytes.get(2) == Some(&b' ')
        {
            marks.push((at, at + 3));
        }
        at += line.len();
    }
    let Some(&(stem, _)) = marks.first() else { return (text, Vec::new()) };
    let ends = marks.iter().skip(1).map(|(begin, _)| *begin).chain([text.len()]);
    let choices = marks.iter().zip(ends).map(|(&(_, begin), end)| text[begin..end].trim()).collect();
    (text[..stem].trim_end(), choices)
}

/// The numbers that `text` has in words.
fn number_words(text: &str) -> Vec<f64> {
    const WORDS: [(&str, f64); 24] = [
        ("one", 1.0),
        ("once", 1.0),
        ("two", 2.0),
        ("twice", 2.0),
        ("double", 2.0),
        ("three", 3.0),
        ("third", 3.0),
        ("triple", 3.0),
        ("four", 4.0),
        ("five", 5.0),
        ("six", 6.0),
        ("seven", 7.0),
        ("eight", 8.0),
        ("nine", 9.0),
        ("ten", 10.0),
        ("eleven", 11.0),
        ("twelve", 12.0),
        ("dozen", 12.0),
        ("fifteen", 15.0),
        ("twenty", 20.0),
        ("thirty", 30.0),
        ("hundred", 100.0),
        ("half", 0.5),
        ("quarter", 0.25),
    ];
    let value = |piece: &str| WORDS.iter().find(|(word, _)| piece.eq_ignore_ascii_case(word)).map(|(_, value)| *value);
    pieces(text).into_iter().filter_map(value).collect()
}

/// The runs of letters and digits of `text`.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty()).collect()
}

/// How many of the signs `wanted` there are in `text`.
pub(super) fn count_of(text: &str, wanted: &str) -> usize {
    text.chars().filter(|&c| wanted.contains(c)).count()
}

/// What part `some` are of `all`; 0 when there are none.
pub(super) fn share(some: usize, all: usize) -> f64 {
    some as f64 / all.max(1) as f64
}

fn sentences(text: &str) -> usize {
    let followed = text.chars().skip(1).map(Some).chain([None]);
    let ends = text.chars().zip(followed);
    ends.filter(|(c, next)| matches!(c, '.' | '!' | '?') && next.is_none_or(char::is_whitespace)).count()
}

fn is_alphabetic(word: &str) -> bool {
    word.chars().all(char::is_alphabetic)
}

/// How many words are capitalised where no sentence begins.
fn capitalised(text: &str) -> usize {
    let words: Vec<&str> = text.split_whitespace().collect();
    let inside = words.windows(2).filter(|pair| !pair[0].ends_with(['.', '!', '?', ':']));
    inside.filter(|pair| pair[1].starts_with(char::is_uppercase)).count()
}

fn numbers_of_four_digits(words: &[&str]) -> bool {
    words.iter().any(|word| word.parse().is_ok_and(|year: u32| (1_500..2_030).contains(&year)))
}

/// Whether a choice is a number, perhaps with a unit.
fn is_number(choice: &str) -> bool {
    let rest = choice.trim_start_matches(|c: char| c.is_ascii_digit() || "-−$,./% ".contains(c));
    rest.len() < choice.len() && rest.chars().count() < 6
}

fn is_roman(word: &str) -> bool {
    matches!(word, "I" | "II" | "III" | "IV")
}

/// Which part of the words `of` are among `others`.
fn overlap(of: &[&str], others: &[&str]) -> f64 {
    share(of.iter().filter(|word| others.contains(word)).count(), of.len())
}

/// How many words two choices share on average.
fn alike(choices: &[Vec<&str>]) -> f64 {
    let pairs =
        choices.iter().enumerate().flat_map(|(at, one)| choices[at + 1..].iter().map(move |other| (one, other)));
    let (sum, count) = pairs.fold((0.0, 0_usize), |(sum, count), (one, other)| {
        (sum + f64::midpoint(overlap(one, other), overlap(other, one)), count + 1)
    });
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(question: &str, expected: &[(&str, f32)]) {
        let mut features = Named::default();
        Question::read(question).add_to(&mut features);
        assert_eq!(features.names().len(), QUESTION);
        for (name, value) in expected {
            assert!((features.get(name) - value).abs() < 1e-3, "{name}: {} for {question:?}", features.get(name));
        }
    }

    #[test]
    fn choices_are_told_from_the_stem() {
        check(
            "Which is NOT red?\nA. 1\nB. 22 m\nC. 3\nD. 4\nAnswer:",
            &[
                ("choices", 4.0),
                ("choices_are_numbers", 1.0),
                ("negated_loudly", 1.0),
                ("negated", 1.0),
                ("question_mark", 1.0),
                ("choice_spread", 0.916),
            ],
        );
        check("A. Smith asks: why?", &[("choices", 1.0)]);
        check("What is 2?\nB. no\nA) yes\nB) True, False", &[("choices", 2.0), ("choice_of_truth", 1.0)]);
        check("", &[("choices", 0.0), ("word_length", 0.0), ("choices_alike", 0.0)]);
    }

    #[test]
    fn a_word_problem_is_told_by_its_words() {
        check(
            "Tom has $2.50 and twice as many pens. How many in total, in 1999?",
            &[
                ("numbers", 1.099),
                ("number_words", 0.693),
                ("decimals", 0.693),
                ("multiples", 0.693),
                ("how_many", 1.0),
                ("currency", 0.693),
                ("year", 1.0),
                ("totals", 0.693),
            ],
        );
    }
}
