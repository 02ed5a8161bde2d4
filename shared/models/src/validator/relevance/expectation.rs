//! What kind of thing a question asks for, and where a candidate has one.

use crate::validator::lexis::Token;

mod nouns;

use nouns::*;

/// The kind of thing that a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expectation {
    /// Somebody's name.
    Person,
    /// A date, a year or a time.
    Moment,
    /// A place by its name.
    Place,
    /// The name of a company, a team or the like.
    Organisation,
    /// Some name.
    Name,
    /// How many there are.
    Count,
    /// A sum of money.
    Money,
    /// A share in percent.
    Percentage,
    /// A number with a unit of this list.
    Measure(&'static [&'static str]),
    /// One of the words of this list.
    Member(&'static [&'static str]),
    /// None of these, or nothing that can be told.
    Unknown,
}

/// A place in a candidate where something of the kind stands, and how surely it is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Find {
    pub(super) at: usize,
    pub(super) strength: f32,
}

impl Expectation {
    /// What the question asks for.
    pub(super) fn of(question: &[Token]) -> Self {
        let words: Vec<&str> = question.iter().map(|token| token.word.as_str()).collect();
        for at in 0..words.len() {
            let (next, rest) = (words.get(at + 1).copied().unwrap_or_default(), &words[(at + 1).min(words.len())..]);
            let found = match words[at] {
                // "Who is Ada?" asks what she is, not for a name.
                "who" | "whom" | "whos" if is_definition(question, at) => Self::Unknown,
                "who" | "whom" | "whose" | "whos" => Self::Person,
                "when" => Self::Moment,
                "where" | "wheres" => Self::Place,
                "how" => match of_how(next, rest) {
                    Some(found) => found,
                    None => continue,
                },
                "what" | "which" | "whats" => of_noun(rest),
                _ => continue,
            };
            return found;
        }
        Self::Unknown
    }

    /// Where `candidate` has something of the kind that is not in the question.
    pub(super) fn finds(self, question: &[Token], candidate: &[Token]) -> Vec<Find> {
        let is_new = |token: &Token| question.iter().all(|asked| asked.stem != token.stem);
        let strength = |at: usize| {
            let token = &candidate[at];
            let before = |by: usize| at.checked_sub(by).map_or("", |before| candidate[before].word.as_str());
            let after = |by: usize| candidate.get(at + by).map_or("", |after| after.word.as_str());
            let is_name =
                |at: Option<usize>| at.and_then(|at| candidate.get(at)).is_some_and(|t| t.is_name && is_new(t));
            let is_among = |list: &[&str]| list.contains(&token.word.as_str());
            let is_date = is_among(MONTHS) || is_among(DAYS);
            let has_amount = token.is_number() || is_among(NUMBER_WORDS);
            match self {
                Self::Unknown => 0.0,
                Self::Person if !token.is_name || is_date => 0.0,
                Self::Person if LOCATING.contains(&before(1)) || is_among(ORGANISATION_WORDS) => 0.3,
                Self::Person if is_name(Some(at + 1)) || is_name(at.checked_sub(1)) || TITLES.contains(&before(1)) => {
                    1.0
                }
                Self::Person => 0.6,
                Self::Moment if is_year(&token.word) || is_among(MONTHS) => 1.0,
                Self::Moment if is_date || is_among(TIMES) => 0.7,
                Self::Moment if has_amount && (TIME_UNITS.contains(&after(1)) || CLOCK.contains(&after(1))) => 0.7,
                Self::Moment => 0.0,
                Self::Place if !token.is_name || is_date => 0.0,
                Self::Place if LOCATING.contains(&before(1)) || LOCATING.contains(&before(2)) => 1.0,
                Self::Place if is_among(PLACES) => 1.0,
                Self::Place => 0.5,
                Self::Organisation if !token.is_name || is_date => 0.0,
                Self::Organisation if ORGANISATION_WORDS.contains(&after(1)) || is_among(ORGANISATION_WORDS) => 1.0,
                Self::Organisation => 0.7,
                Self::Name if token.is_name && !is_date => 0.8,
                Self::Name => 0.0,
                Self::Count if has_amount && !is_year(&token.word) && !token.is_money && !token.is_percentage => 1.0,
                Self::Count if is_among(VAGUE_AMOUNTS) => 0.3,
                Self::Count => 0.0,
                Self::Money if token.is_money => 1.0,
                Self::Money if has_amount && (CURRENCIES.contains(&after(1)) || CURRENCIES.contains(&after(2))) => 1.0,
                Self::Money if is_among(&["free"]) => 0.7,
                Self::Money if has_amount && !is_year(&token.word) => 0.3,
                Self::Money => 0.0,
                Self::Percentage if token.is_percentage => 1.0,
                Self::Percentage if has_amount && ["percent", "per", "pct"].contains(&after(1)) => 1.0,
                Self::Percentage if is_among(FRACTIONS) => 0.6,
                Self::Percentage => 0.0,
                Self::Measure(units) if has_amount && (1..=2).any(|by| units.contains(&after(by))) => 1.0,
                Self::Measure(_) if has_amount && !is_year(&token.word) => 0.3,
                Self::Measure(_) => 0.0,
                Self::Member(list) if list.contains(&token.word.as_str()) || list.contains(&token.stem.as_str()) => 1.0,
                Self::Member(_) => 0.0,
            }
        };
        let new = (0..candidate.len()).filter(|&at| is_new(&candidate[at]));
        new.map(|at| Find { at, strength: strength(at) }).filter(|find| find.strength > 0.0).collect()
    }
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.parse().is_ok_and(|year: u16| (1000..2100).contains(&year))
}

fn is_definition(question: &[Token], at: usize) -> bool {
    let rest = &question[at + 1..];
    let is_verb = rest.first().is_some_and(|token| ["is", "was", "are", "were"].contains(&token.word.as_str()));
    is_verb && rest.len() > 1 && rest[1..].iter().all(|token| token.is_name)
}

fn of_how(next: &str, rest: &[&str]) -> Option<Expectation> {
    Some(match next {
        "many" => Expectation::Count,
        "much" if rest.iter().any(|word| MASS_VERBS.contains(word)) => Expectation::Measure(MASSES),
        "much" => Expectation::Money,
        "long" | "soon" | "often" | "frequently" | "quickly" => Expectation::Measure(LENGTHS_AND_TIMES),
        "old" | "young" => Expectation::Measure(AGES),
        "far" | "tall" | "high" | "deep" | "wide" | "big" | "large" | "thick" => Expectation::Measure(LENGTHS),
        "fast" => Expectation::Measure(SPEEDS),
        "hot" | "cold" | "warm" => Expectation::Measure(DEGREES),
        "heavy" => Expectation::Measure(MASSES),
        _ => return None,
    })
}

/// What a noun soon after "what" or "which" asks for.
fn of_noun(rest: &[&str]) -> Expectation {
    // "What is the name of the river" and "what river" ask for the same.
    let reach = if rest.first().is_some_and(|word| ["is", "was", "are", "were"].contains(word)) { 6 } else { 3 };
    for (at, word) in rest.iter().take(reach).enumerate() {
        let singular = word.strip_suffix('s').unwrap_or(word);
        let is = |list: &[&str]| list.contains(word) || list.contains(&singular);
        let found = match () {
            () if is(PERSON_NOUNS) => Expectation::Person,
            () if is(MOMENT_NOUNS) => Expectation::Moment,
            () if is(PLACE_NOUNS) => Expectation::Place,
            () if is(ORGANISATION_NOUNS) => Expectation::Organisation,
            () if is(&["percentage", "percent", "proportion", "share"]) => Expectation::Percentage,
            () if is(&["population", "number", "toll"]) => Expectation::Count,
            () if is(&["cost", "price", "salary", "fee", "budget", "revenue", "income"]) => Expectation::Money,
            () if is(&["height", "length", "distance", "depth", "width", "size", "altitude", "diameter"]) => {
                Expectation::Measure(LENGTHS)
            }
            () if is(&["speed", "velocity"]) => Expectation::Measure(SPEEDS),
            () if is(&["temperature"]) || (is(&["point"]) && at > 0) => Expectation::Measure(DEGREES),
            () if is(&["weight", "mass"]) => Expectation::Measure(MASSES),
            () if is(&["age"]) => Expectation::Measure(AGES),
            () if is(&["duration"]) => Expectation::Measure(LENGTHS_AND_TIMES),
            () if is(&["colour", "color"]) => Expectation::Member(COLOURS),
            () if is(&["language"]) => Expectation::Member(LANGUAGES),
            () if is(&["disease", "illness", "sickness"]) => Expectation::Member(DISEASES),
            () if is(&["instrument"]) => Expectation::Member(INSTRUMENTS),
            () if is(&["animal", "species", "bird"]) => Expectation::Member(ANIMALS),
            () if is(&["profession", "occupation", "job", "career"]) => Expectation::Member(PROFESSIONS),
            () if is(&["metal", "element", "substance", "gas"]) => Expectation::Member(SUBSTANCES),
            () if is(&["sport", "game"]) => Expectation::Member(SPORTS),
            () if is(&["religion", "faith"]) => Expectation::Member(RELIGIONS),
            () if is(&["name", "title", "called", "nickname", "newspaper", "book", "film", "movie", "ship"]) => {
                Expectation::Name
            }
            () => continue,
        };
        // "The name of the company" asks for a company.
        if found == Expectation::Name
            && let Some((_, more)) = rest.split_at_checked(at + 1)
            && more.len() < rest.len()
        {
            let closer = if *word == "name" { of_noun(more) } else { Expectation::Unknown };
            return if closer == Expectation::Unknown { found } else { closer };
        }
        return found;
    }
    Expectation::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validator::lexis::read;

    #[test]
    fn a_question_asks_for_a_kind_of_thing() {
        for (question, expected) in [
            ("Who wrote it?", Expectation::Person),
            ("Who is Ada Byron?", Expectation::Unknown),
            ("When did it open?", Expectation::Moment),
            ("In what year was it built?", Expectation::Moment),
            ("Where is the office?", Expectation::Place),
            ("What is the capital of Orm?", Expectation::Place),
            ("Which company makes it?", Expectation::Organisation),
            ("What is the name of the company?", Expectation::Organisation),
            ("What was the ship called?", Expectation::Name),
            ("How many are there?", Expectation::Count),
            ("How much does it cost?", Expectation::Money),
            ("How much does it weigh?", Expectation::Measure(MASSES)),
            ("How tall is it?", Expectation::Measure(LENGTHS)),
            ("How do I pay?", Expectation::Unknown),
            ("What color is it?", Expectation::Member(COLOURS)),
            ("Can I pay by card?", Expectation::Unknown),
        ] {
            assert_eq!(Expectation::of(&read(question)), expected, "{question:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_found_outside_of_the_questions_words() {
        check("Who built Orm Hall?", "Orm Hall was built by Jane Dew.", 1.0);
        check("Who built Orm Hall?", "Orm Hall was built in a year.", 0.0);
        check("When was it built in 1900?", "It was built in 1900.", 0.0);
        check("When was it built?", "It was built in May.", 1.0);
        check("Where is it?", "It stands in Paris.", 1.0);
        check("How much is it?", "It is £5.", 1.0);
        check("How long does it take?", "About three weeks.", 1.0);
        check("How long does it take?", "It takes long.", 0.0);
    }

    #[track_caller]
    fn check(question: &str, candidate: &str, expected: f32) {
        let (asked, given) = (read(question), read(candidate));
        let finds = Expectation::of(&asked).finds(&asked, &given);
        let strongest = finds.iter().map(|find| find.strength).fold(0.0, f32::max);
        assert!((strongest - expected).abs() < 1e-6, "{question:?} {candidate:?} {finds:?}");
    }
}
