//! What paid models say, and which answers are right.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use farthing_domain::complexity::Tier;
use farthing_domain::guard;
use farthing_domain::ids::ModelId;
use farthing_gateway::Answer;

use super::bank::{Answers, Bank};
use super::chance::{below, chance};
use super::events::Conditions;

const OPENINGS: [&str; 5] = ["", "", "Thanks for asking. ", "Happy to help. ", "Here is how it works: "];
const CLOSINGS: [&str; 5] =
    ["", "", " Let us know if anything else comes up.", " That is all it takes.", " Is there more?"];
/// What is said to a question without saying anything.
const VAGUE: [&str; 3] = [
    "That depends on several things, and it can differ from one case to another. Have a look at the app or our website.",
    "Thank you for your message. We take this very seriously and are always working on our services.",
    "There may be different reasons for this. Usually such matters resolve by themselves after some time.",
];
/// The share of wrong answers that say nothing; the others answer another question.
const SAYING_NOTHING: f64 = 0.25;
/// How many of the topics nearest to a question a wrong answer is taken from.
const NEAR: usize = 3;
/// The least share of words, 0 to 1, that two texts have in common when one is the other, reworded.
const SAME: f64 = 0.6;

/// Knows what is right, and what each paid model says. The same model gives the same answer to the same question, unless the
/// week hurts it; so runs differ by what is asked of whom, and by nothing else.
pub struct Oracle {
    seed: u64,
    bank: Bank,
    subjects: HashMap<String, Subject>,
    /// The words of each topic's question and answer, in the order of [`Bank::all_topics`].
    words: Vec<BTreeSet<String>>,
    /// What was said, with what it is right to say about, if anything.
    said: Mutex<BTreeMap<String, Option<Subject>>>,
}

/// What a question is about: a place among all topics, or among the other questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Topic(usize),
    Other(usize),
}

/// What a paid model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    /// Whether it is right.
    pub(super) is_right: bool,
    /// What it would be right to say about, if anything.
    about: Option<Subject>,
}

impl Oracle {
    /// The one who knows `bank`.
    #[must_use]
    pub fn new(seed: u64, bank: &Bank) -> Self {
        let topics = bank.all_topics().enumerate();
        let asked = topics.flat_map(|(at, topic)| topic.asked.iter().map(move |query| (query, Subject::Topic(at))));
        let others = bank.others.iter().enumerate().map(|(at, other)| (&other.query, Subject::Other(at)));
        // A question that two topics share is about the first, commoner one.
        let all: Vec<_> = asked.chain(others).collect();
        Self {
            seed,
            subjects: all.into_iter().rev().map(|(query, subject)| (query.as_str().to_owned(), subject)).collect(),
            words: bank.all_topics().map(|topic| words(&format!("{} {}", topic.question, topic.answer))).collect(),
            said: Mutex::default(),
            bank: bank.clone(),
        }
    }

    /// What `model` says to `query`; nothing to a question that the bank does not know.
    pub(super) fn say(&self, model: &ModelId, query: &str, conditions: &Conditions) -> Option<Said> {
        let subject = *self.subjects.get(query)?;
        let said = self.words_of(subject, model, query, conditions)?;
        self.said().insert(said.text.clone(), said.about);
        Some(said)
    }

    fn words_of(&self, subject: Subject, model: &ModelId, query: &str, conditions: &Conditions) -> Option<Said> {
        let about = |what| [what, model.as_str(), query];
        let part = match subject {
            Subject::Topic(_) => Tier::Simple,
            Subject::Other(at) => self.bank.others[at].part,
        };
        let luck = chance(self.seed, &about("right"));
        let right = match subject {
            Subject::Topic(at) => &self.bank.all_topics().nth(at)?.answer,
            Subject::Other(at) => match &self.bank.others[at].answers {
                Answers::Right(answer) => answer,
                Answers::Recorded(recorded) => {
                    let (text, is_right) = recorded.get(model.as_str())?;
                    let is_spared = conditions.hurt_of(model).is_none_or(|hurt| luck < hurt.right);
                    return Some(if is_spared {
                        Said { text: text.clone(), is_right: *is_right, about: is_right.then_some(subject) }
                    } else {
                        self.wrong(subject, about("wrong"))
                    });
                }
            },
        };
        if luck >= conditions.right(model, part) {
            return Some(self.wrong(subject, about("wrong")));
        }
        let of = |what, choices: [&'static str; 5]| choices[below(self.seed, &about(what), choices.len())];
        let text = format!("{}{right}{}", of("opening", OPENINGS), of("closing", CLOSINGS));
        Some(Said { text, is_right: true, about: Some(subject) })
    }

    /// A wrong answer: one that says nothing, or the right one to another question near by.
    fn wrong(&self, subject: Subject, about: [&str; 3]) -> Said {
        let [what, model, query] = about;
        if chance(self.seed, &["vague", model, query]) < SAYING_NOTHING {
            let text = VAGUE[below(self.seed, &about, VAGUE.len())].to_owned();
            return Said { text, is_right: false, about: None };
        }
        let asked = words(query);
        let others = self.words.iter().enumerate().filter(|(at, _)| !self.serves(*at, subject));
        let mut near: Vec<(usize, usize)> = others.map(|(at, own)| (own.intersection(&asked).count(), at)).collect();
        near.sort_by_key(|(shared, at)| (std::cmp::Reverse(*shared), *at));
        near.truncate(NEAR);
        let (_, at) = near[below(self.seed, &[what, "near", model, query], near.len())];
        let text = self.bank.all_topics().nth(at).map_or_else(String::new, |topic| topic.answer.clone());
        Said { text, is_right: false, about: Some(Subject::Topic(at)) }
    }

    /// Whether `answer` is right to say to `query`. A polite refusal is not.
    #[must_use]
    pub fn is_right(&self, query: &str, answer: &Answer, conditions: &Conditions) -> bool {
        let Some(subject) = self.subjects.get(query) else { return false };
        if answer.quality.is_none() {
            return false;
        }
        if let Some(source) = answer.sources.first().filter(|_| answer.route.provider == "local") {
            return self.is_entry_right(&source.id, &answer.text, *subject);
        }
        let model = ModelId::parse(&answer.route.model).ok();
        let said = model.and_then(|model| self.words_of(*subject, &model, query, conditions));
        said.is_some_and(|said| said.is_right)
    }

    /// Whether the entry of this name, in these words, answers a question about `subject`. An entry that the bank's owner did
    /// not write was learned of something that was said.
    fn is_entry_right(&self, id: &str, text: &str, subject: Subject) -> bool {
        let own = self.bank.all_topics().position(|topic| id == format!("answers#{}", topic.intent));
        if let Some(at) = own {
            return self.serves(at, subject);
        }
        let said = self.said();
        let known = said.get(text).copied().or_else(|| {
            let own = words(text);
            let alike = said.iter().map(|(other, known)| (shared(&own, &words(other)), known));
            alike.filter(|(share, _)| *share >= SAME).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| *known)
        });
        known.flatten().is_some_and(|about| match about {
            Subject::Topic(at) => self.serves(at, subject),
            Subject::Other(_) => about == subject,
        })
    }

    /// Whether the answer of the topic at `at` is right to say about `subject`.
    fn serves(&self, at: usize, subject: Subject) -> bool {
        let topic = |at| self.bank.all_topics().nth(at);
        match (topic(at), subject) {
            (Some(own), Subject::Topic(asked)) => {
                at == asked || topic(asked).is_some_and(|asked| own.serves.contains(&asked.intent))
            }
            _ => false,
        }
    }

    fn said(&self) -> MutexGuard<'_, BTreeMap<String, Option<Subject>>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn words(text: &str) -> BTreeSet<String> {
    guard::words(text).into_iter().collect()
}

/// The share of the words of both that both have, 0 to 1.
fn shared(one: &BTreeSet<String>, other: &BTreeSet<String>) -> f64 {
    let (both, either) = (one.intersection(other).count(), one.union(other).count());
    both as f64 / either.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::bank::tests::{models, shipped};
    use super::super::events::Events;
    use super::*;

    fn model(id: &str) -> ModelId {
        ModelId::parse(id).unwrap()
    }

    /// The share of questions of this part that `id` answers right in the week with this number.
    fn right(id: &str, part: Tier, week: usize) -> f64 {
        let bank = shipped();
        let (oracle, conditions) = (Oracle::new(3, &bank), Events::default().at(week));
        let queries: Vec<&str> = match part {
            Tier::Simple => bank.all_topics().flat_map(|topic| &topic.asked).map(|query| query.as_str()).collect(),
            _ => {
                let of = bank.others.iter().filter(|other| other.part == part);
                of.map(|other| other.query.as_str()).collect()
            }
        };
        let said = queries.iter().map(|query| oracle.say(&model(id), query, &conditions).unwrap());
        said.filter(|said| said.is_right).count() as f64 / queries.len() as f64
    }

    #[test]
    fn each_model_is_right_as_often_as_it_is_said_to_be() {
        for (id, expected) in [("deepseek-chat", 0.93), ("claude-sonnet", 0.97), ("gpt-4o", 0.96)] {
            let found = right(id, Tier::Simple, 1);
            assert!((found - expected).abs() < 0.03, "{id}: {found} is not about {expected}");
        }
        // What was recorded was marked: 39 and 48 of 60 are right.
        assert!((right("deepseek-chat", Tier::High, 1) - 0.65).abs() < 1e-9);
        assert!((right("claude-sonnet", Tier::High, 1) - 0.8).abs() < 1e-9);
    }

    #[test]
    fn a_bad_week_makes_right_answers_wrong_and_no_wrong_one_right() {
        assert!((right("deepseek-chat", Tier::Simple, 10) - 0.45).abs() < 0.05);
        assert!(right("deepseek-chat", Tier::High, 10) < 0.5);
        assert!((right("claude-sonnet", Tier::Simple, 10) - right("claude-sonnet", Tier::Simple, 9)).abs() < 1e-9);
        let bank = shipped();
        let (oracle, events) = (Oracle::new(3, &bank), Events::default());
        for query in bank.queries() {
            let say = |week| oracle.say(&model("deepseek-chat"), query.as_str(), &events.at(week)).unwrap();
            assert!(say(9).is_right || !say(10).is_right, "{}", query.as_str());
            assert_eq!(say(9), say(9));
        }
    }

    #[test]
    fn an_entry_is_right_for_the_questions_of_its_own_topic() {
        let bank = shipped();
        let (oracle, calm) = (Oracle::new(3, &bank), Conditions::default());
        let subject = |at: usize| Subject::Topic(at);
        for (at, topic) in bank.topics.iter().enumerate() {
            let id = format!("answers#{}", topic.intent);
            assert!(oracle.is_entry_right(&id, &topic.answer, subject(at)));
            for other in (0..77).filter(|other| *other != at) {
                let serves = topic.serves.contains(&bank.topics[other].intent);
                assert_eq!(oracle.is_entry_right(&id, &topic.answer, subject(other)), serves, "{id}");
            }
            assert!(!oracle.is_entry_right(&id, &topic.answer, Subject::Other(0)), "{id}");
        }
        // What was learned of a paid answer is as right as that was, also in slightly other words.
        for (at, topic) in bank.topics.iter().enumerate() {
            for id in models() {
                let said = oracle.say(&id, topic.asked[0].as_str(), &calm).unwrap();
                let found = oracle.is_entry_right("learned#1", &said.text, subject(at));
                assert_eq!(found, said.is_right, "{}", said.text);
                let reworded = format!("{} Thanks.", said.text);
                assert_eq!(oracle.is_entry_right("learned#1", &reworded, subject(at)), found, "{reworded}");
            }
        }
        assert!(!oracle.is_entry_right("learned#1", "nobody ever said this", subject(0)));
    }
}
