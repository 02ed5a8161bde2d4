//! `faq`: columns `question`, `gold_index`, `also_ok`, with a knowledge file; what a customer would be
//! answered from that knowledge by the whole walk of a request, screen and validator included, when
//! every unsure answer goes to somebody else.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use farthing_domain::prompt::Prompt;
use farthing_domain::request::CacheUse;
use farthing_gateway::Answer;
use farthing_models::knowledge::answerer::MODEL as STORED;
use farthing_models::knowledge::source::{self, Entry, Fault, SourceFile};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::SEED;
use crate::asking::{Question, ask};
use crate::baselines::shared_words;
use crate::door::{Door, EvaluationError, request_id};
use crate::measures::{Random, interval, share};
use crate::report::Report;
use crate::table::{Column, Table, TableError};

/// The most tokens of an answer; a local one has as many as its passage.
const OUTPUT_TOKENS: u32 = 512;

/// Reads a knowledge file of one JSON object a line with `question`, `answer` and, if it likes, `also`,
/// a list of other phrasings. Other fields are passed over, and so are blank lines. The entries have
/// the order of the lines.
///
/// # Errors
/// [`EvaluationError`] with the line and the field at fault.
pub fn read_knowledge(path: &Path) -> Result<Vec<Entry>, EvaluationError> {
    let bytes = std::fs::read(path).map_err(|cause| TableError::Unreadable { path: path.to_owned(), cause })?;
    let text = String::from_utf8(bytes).map_err(|_| TableError::Malformed {
        path: path.to_owned(),
        line: 1,
        what: "expected text in UTF-8".to_owned(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let entries = lines
        .enumerate()
        .map(|(index, (line, text))| entry(path, index, line + 1, text))
        .collect::<Result<Vec<Entry>, EvaluationError>>()?;
    if entries.is_empty() {
        return Err(TableError::Empty { path: path.to_owned() }.into());
    }
    Ok(entries)
}

/// The entry of one line, read as a line of an agent's knowledge is.
fn entry(path: &Path, index: usize, line: usize, text: &str) -> Result<Entry, EvaluationError> {
    let fault = |fault: Fault| Fault { file: path.display().to_string(), line, ..fault };
    let whole = |expected: &str| {
        let (file, key, expected) = (String::new(), "line".to_owned(), expected.to_owned());
        fault(Fault { file, line, key, expected })
    };
    let object: Map<String, Value> = serde_json::from_str(text).map_err(|_| whole("one JSON object on one line"))?;
    let mut known = json!({"id": format!("e{index}")});
    for key in ["question", "answer", "also"] {
        if let Some(value) = object.get(key).filter(|value| !value.is_null()) {
            known[key] = value.clone();
        }
    }
    let file = SourceFile { name: "knowledge.jsonl".to_owned(), bytes: known.to_string().into_bytes() };
    let mut entries = source::parse_file(&file).map_err(fault)?;
    let entry = entries.pop().ok_or_else(|| whole("an entry"))?;
    Ok(Entry { line, ..entry })
}

/// A question, with what is right.
struct Asked {
    question: Prompt,
    /// The entries that answer it; none when nothing does.
    right: BTreeSet<usize>,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcome {
    is_answerable: bool,
    is_answered: bool,
    is_right: bool,
}

/// The answer to one question.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// What was asked.
    pub question: String,
    /// Whether the answer is delivered: it is local and passed. What is not is the best that there was.
    pub delivered: bool,
    /// Whether the entry that it was taken from answers the question.
    pub right: bool,
    /// Which local model gave it; nothing when there is no answer.
    pub model: Option<String>,
    /// The title of what it was taken from.
    pub source: Option<String>,
    /// Its score.
    pub score: Option<f32>,
    /// Its text.
    pub answer: Option<String>,
}

/// How the questions of `table` are answered from `entries`, which are the knowledge of the door's agent, and the answers in
/// the order of the questions.
///
/// # Errors
/// [`EvaluationError`].
pub async fn run(door: &Door, table: &Table, entries: &[Entry]) -> Result<(Report, Vec<Answered>), EvaluationError> {
    let asked = questions(table, entries.len())?;
    let answering = door.answering_locally();
    let places: HashMap<String, usize> = entries
        .iter()
        .enumerate()
        .flat_map(|(place, entry)| (0..entry.passages.len()).map(move |part| (entry.passage_id(part), place)))
        .collect();
    let told = door
        .for_all(asked.iter().collect(), |row, Asked { question, .. }| {
            let answering = &answering;
            async move {
                let question = Question {
                    id: request_id(row)?,
                    agent: door.brand.id.clone(),
                    query: question.clone(),
                    max_output_tokens: OUTPUT_TOKENS,
                    cache: CacheUse::Bypass,
                };
                let told = ask(answering, door.clock.as_ref(), question).await?;
                if let Some(code @ ("overloaded" | "unavailable" | "deadline_exceeded" | "unknown_agent")) = told.error
                {
                    return Err(EvaluationError::Request(code.to_owned()));
                }
                Ok(told.answer)
            }
        })
        .await?;
    let place = |answer: &Option<Answer>| answer.as_ref().and_then(|answer| from_knowledge(answer, &places));
    let answered: Vec<Option<usize>> = told.iter().map(place).collect();
    let outcomes = judged(&asked, &answered);
    let mut report = Report { n: table.len(), ..Report::default() };
    for (at, (name, value)) in figures(&outcomes).into_iter().enumerate() {
        let of = |drawn: &[usize]| figures(&drawn.iter().map(|&row| outcomes[row]).collect::<Vec<_>>())[at].1;
        report.add(name, value, interval(outcomes.len(), SEED, of));
    }
    report.counts.push(("answerable", outcomes.iter().filter(|outcome| outcome.is_answerable).count()));
    report.counts.push(("entries", entries.len()));
    let is_written =
        |answer: &&Answer| !answer.sources.is_empty() && is_delivered(answer) && answer.route.model != STORED;
    report.counts.push(("written_by_the_language_model", told.iter().flatten().filter(is_written).count()));
    let mut random = Random::new(SEED);
    let at_random: Vec<Option<usize>> = asked.iter().map(|_| Some(random.below(entries.len()))).collect();
    let by_words: Vec<Option<usize>> = asked.iter().map(|asked| most_shared(&asked.question, entries)).collect();
    report.compare("random entry", figures(&judged(&asked, &at_random)).to_vec());
    report.compare("most shared words", figures(&judged(&asked, &by_words)).to_vec());
    report.notes.push(
        "answered, wrong_delivered: of all questions; right: of the answerable; refused_unanswerable: of the others"
            .to_owned(),
    );
    let rows = asked.iter().zip(told).zip(&outcomes);
    Ok((report, rows.map(|((asked, answer), outcome)| Answered::of(asked, answer, *outcome)).collect()))
}

impl Answered {
    fn of(asked: &Asked, answer: Option<Answer>, outcome: Outcome) -> Self {
        let question = asked.question.as_str().to_owned();
        let (delivered, right) = (outcome.is_answered, outcome.is_right);
        let Some(answer) = answer else {
            return Self { question, delivered, right, model: None, source: None, score: None, answer: None };
        };
        Self {
            question,
            delivered,
            right,
            model: Some(answer.route.model),
            source: answer.sources.into_iter().next().map(|source| source.title),
            score: answer.quality.map(|quality| quality.score),
            answer: Some(answer.text),
        }
    }
}

/// The entry that a delivered local answer was taken from. The best of a chain in which nothing passed
/// is none: with paid models behind it, it is not what the caller gets.
fn from_knowledge(answer: &Answer, places: &HashMap<String, usize>) -> Option<usize> {
    answer.sources.first().filter(|_| is_delivered(answer)).and_then(|source| places.get(&source.id).copied())
}

fn is_delivered(answer: &Answer) -> bool {
    answer.route.provider == "local" && !answer.route.best_effort
}

fn judged(asked: &[Asked], answered: &[Option<usize>]) -> Vec<Outcome> {
    let judge = |(asked, answered): (&Asked, &Option<usize>)| Outcome {
        is_answerable: !asked.right.is_empty(),
        is_answered: answered.is_some(),
        is_right: answered.is_some_and(|entry| asked.right.contains(&entry)),
    };
    asked.iter().zip(answered).map(judge).collect()
}

fn figures(outcomes: &[Outcome]) -> [(&'static str, f32); 4] {
    let count = |holds: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| holds(outcome)).count();
    let answerable = count(|outcome| outcome.is_answerable);
    [
        ("answered", share(count(|outcome| outcome.is_answered), outcomes.len())),
        ("right", share(count(|outcome| outcome.is_right), answerable)),
        ("wrong_delivered", share(count(|outcome| outcome.is_answered && !outcome.is_right), outcomes.len())),
        (
            "refused_unanswerable",
            share(count(|outcome| !outcome.is_answerable && !outcome.is_answered), outcomes.len() - answerable),
        ),
    ]
}

fn most_shared(question: &Prompt, entries: &[Entry]) -> Option<usize> {
    let shared =
        |entry: &Entry| shared_words(question.as_str(), &format!("{} {}", entry.title, entry.passages.join(" ")));
    (0..entries.len()).max_by(|&a, &b| shared(&entries[a]).total_cmp(&shared(&entries[b])).then(b.cmp(&a)))
}

fn questions(table: &Table, entries: usize) -> Result<Vec<Asked>, EvaluationError> {
    let column = table.column("question")?;
    let questions = column.map("a question that is not blank", |text| Prompt::parse(text).ok())?;
    let gold = indexes(&table.column("gold_index")?, entries, false)?;
    let also = table
        .optional_column("also_ok")
        .map_or_else(|| Ok(vec![BTreeSet::new(); table.len()]), |column| indexes(&column, entries, true))?;
    let rows = questions.into_iter().zip(gold).zip(also);
    Ok(rows.map(|((question, gold), also)| Asked { question, right: gold.into_iter().chain(also).collect() }).collect())
}

/// The entries that each row names.
fn indexes(column: &Column<'_>, entries: usize, are_several: bool) -> Result<Vec<BTreeSet<usize>>, TableError> {
    let last = entries.saturating_sub(1);
    let expected = if are_several {
        format!("indexes from 0 to {last}, as the knowledge has {entries} entries, separated by `;`, or nothing")
    } else {
        format!("an index from 0 to {last}, as the knowledge has {entries} entries, or -1 or nothing when none answers")
    };
    column.map(&expected, |text| {
        let found = index_list(text)?;
        let fits = found.iter().all(|index| *index < entries) && (are_several || found.len() <= 1);
        fits.then_some(found)
    })
}

/// The indexes in `text`: numbers with `;`, `,` or spaces between them, or a JSON list. −1 is none, as
/// is `nan`, which some programs write for an empty value.
fn index_list(text: &str) -> Option<BTreeSet<usize>> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let items = inner.split([';', ',', ' ']).map(str::trim).filter(|item| !item.is_empty());
    let items = items.filter(|item| !["-1", "-1.0", "nan", "none", "null"].contains(&item.to_lowercase().as_str()));
    items.map(|item| item.strip_suffix(".0").unwrap_or(item).parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_read_in_every_usual_form() {
        let of = |text: &str| index_list(text).map(|found| found.into_iter().collect::<Vec<_>>());
        assert_eq!(of("3"), Some(vec![3]));
        assert_eq!(of("3.0"), Some(vec![3]));
        for none in ["", "-1", "-1.0", "nan", "[]"] {
            assert_eq!(of(none), Some(vec![]), "{none:?}");
        }
        for both in ["1;2", "1, 2", "1 2", "[1, 2]", "2;1;"] {
            assert_eq!(of(both), Some(vec![1, 2]), "{both:?}");
        }
        for bad in ["x", "1.5", "-2", "1:2"] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn figures_have_the_denominators_that_they_say() {
        let outcome = |is_answerable, is_answered, is_right| Outcome { is_answerable, is_answered, is_right };
        let found = figures(&[
            outcome(true, true, true),
            outcome(true, true, false),
            outcome(true, false, false),
            outcome(true, true, true),
            outcome(false, true, false),
            outcome(false, false, false),
            outcome(false, false, false),
            outcome(false, false, false),
        ]);
        assert_eq!(found.map(|(_, value)| value), [0.5, 0.5, 0.25, 0.75]);
        assert!(figures(&[outcome(true, true, true)])[3].1.is_nan(), "nothing was unanswerable");
    }

    #[test]
    fn knowledge_lines_are_entries_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k.jsonl");
        let lines = [
            r#"{"question": "What is it?", "answer": "A thing.", "category": "x"}"#,
            "",
            r#"{"id": "own", "question": "What is it?", "answer": "Another.", "also": ["what's that"]}"#,
        ];
        std::fs::write(&file, lines.join("\n")).unwrap();
        let entries = read_knowledge(&file).unwrap();
        assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(entries[1].also, ["what's that"]);
        assert_ne!(entries[0].id, entries[1].id, "the same question twice is allowed");
    }

    #[test]
    fn a_wrong_knowledge_line_is_named() {
        check("", "is empty");
        check("{\"question\": \"a b\"}", "line 1: `answer`");
        check("{\"question\": \"a b\", \"answer\": \"c\"}\n[1]", "line 2: `line`: expected one JSON object");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k.jsonl");
        std::fs::write(&file, text).unwrap();
        let error = read_knowledge(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} has no {expected:?}");
    }
}
