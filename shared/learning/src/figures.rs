//! The figures of all heads as files: for the reader, for a test that they hold, and README's table.

use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value};

use crate::report::{Measured, table};

/// All figures as JSON, by head; below the repository's folder.
pub const FIGURES: &str = "shared/learning/figures.json";
/// All figures as Markdown.
const REPORT: &str = "shared/learning/FIGURES.md";
/// The file with the short table, between the two marks.
const README: &str = "README.md";
const MARKS: [&str; 2] = ["<!-- figures -->\n", "<!-- end of figures -->\n"];

/// One line of README's table.
struct Line {
    name: &'static str,
    what: &'static str,
    /// Where its value stands in [`FIGURES`].
    value: &'static str,
    /// Where the ends of its interval stand.
    interval: [&'static str; 2],
    baselines: &'static [(&'static str, &'static str)],
    elsewhere: &'static [(&'static str, &'static str)],
}

const LINES: &[Line] = &[
    Line {
        name: "Complexity, four tiers",
        what: "macro F1",
        value: "/complexity/this head/macro_f1",
        interval: ["/complexity/this head/macro_f1_95_percent/0", "/complexity/this head/macro_f1_95_percent/1"],
        baselines: &[
            ("commonest tier", "/complexity/always the commonest tier/macro_f1"),
            ("prompt length", "/complexity/length of the prompt alone/macro_f1"),
            ("keywords", "/complexity/keyword rules/macro_f1"),
        ],
        elsewhere: &[
            ("one sitting to another", "/complexity/across/first sitting to second/macro_f1"),
            ("back", "/complexity/across/second sitting to first/macro_f1"),
        ],
    },
    Line {
        name: "Gain of a stronger model, MMLU",
        what: "gap recovered (APGR)",
        value: "/gain/mmlu/this head, question alone/apgr",
        interval: [
            "/gain/mmlu/this head, question alone/interval_95/0",
            "/gain/mmlu/this head, question alone/interval_95/1",
        ],
        baselines: &[
            ("random", "/gain/mmlu/random"),
            ("prompt length", "/gain/mmlu/length of the prompt/apgr"),
            ("keywords", "/gain/mmlu/keyword list/apgr"),
        ],
        elsewhere: &[("GSM8K to MMLU", "/gain/cross_validation/gsm8k_to_mmlu")],
    },
    Line {
        name: "The same, GSM8K, the cheap answer read",
        what: "gap recovered (APGR)",
        value: "/gain/gsm8k/this head, the cheap answer read/apgr",
        interval: [
            "/gain/gsm8k/this head, the cheap answer read/interval_95/0",
            "/gain/gsm8k/this head, the cheap answer read/interval_95/1",
        ],
        baselines: &[
            ("random", "/gain/gsm8k/random"),
            ("prompt length", "/gain/gsm8k/length of the prompt/apgr"),
            ("length of the answer", "/gain/gsm8k/length of the cheap answer/apgr"),
        ],
        elsewhere: &[("question alone, MMLU to GSM8K", "/gain/cross_validation/mmlu_to_gsm8k")],
    },
    Line {
        name: "Prompt injection",
        what: "AUC",
        value: "/injection/auc",
        interval: ["/injection/auc_95_percent/0", "/injection/auc_95_percent/1"],
        baselines: &[
            ("chance", "/injection/baselines_auc/chance"),
            ("text length", "/injection/baselines_auc/length"),
            ("keywords", "/injection/baselines_auc/keywords"),
        ],
        elsewhere: &[
            ("without s-labs, on it", "/injection/trained_without_the_source_auc/s-labs"),
            ("without own rows, on them", "/injection/trained_without_the_source_auc/farthing"),
        ],
    },
    Line {
        name: "Toxicity",
        what: "AUC",
        value: "/toxicity/auc",
        interval: ["/toxicity/auc_95_percent/0", "/toxicity/auc_95_percent/1"],
        baselines: &[
            ("the network that it reads, alone", "/toxicity/baselines_auc/network"),
            ("text length", "/toxicity/baselines_auc/length"),
            ("keywords", "/toxicity/baselines_auc/keywords"),
        ],
        elsewhere: &[
            ("without Surge, on it", "/toxicity/trained_without_the_source_auc/surge"),
            ("without Davidson, on it", "/toxicity/trained_without_the_source_auc/davidson"),
        ],
    },
    Line {
        name: "Answer quality",
        what: "AUC",
        value: "/quality/all/auc",
        interval: ["/quality/all/auc_95_percent/0", "/quality/all/auc_95_percent/1"],
        baselines: &[
            ("chance", "/quality/baselines_auc/chance"),
            ("length", "/quality/baselines_auc/length"),
            ("cosine", "/quality/baselines_auc/cosine"),
        ],
        elsewhere: &[("an author unknown", "/quality/unknown_author/all/auc")],
    },
    Line {
        name: "Relevance, held-out knowledge",
        what: "MAP",
        value: "/quality/relevance/stored answers/this head/map",
        interval: [
            "/quality/relevance/stored answers/this head/map_95_percent/0",
            "/quality/relevance/stored answers/this head/map_95_percent/1",
        ],
        baselines: &[
            ("random", "/quality/relevance/stored answers/random/map"),
            ("cosine", "/quality/relevance/stored answers/cosine/map"),
            ("shared words", "/quality/relevance/stored answers/shared words/map"),
        ],
        elsewhere: &[("questions for facts", "/quality/relevance/factoids/this head/map")],
    },
    Line {
        name: "Answerability, held-out knowledge",
        what: "AUC",
        value: "/answerability/own_world/this head/auc",
        interval: [
            "/answerability/own_world/this head/auc_95_percent/0",
            "/answerability/own_world/this head/auc_95_percent/1",
        ],
        baselines: &[
            ("question cosine", "/answerability/own_world/question cosine alone/auc"),
            ("BM25", "/answerability/own_world/BM25 alone/auc"),
            ("shared words", "/answerability/own_world/shared words alone/auc"),
        ],
        elsewhere: &[("public intents", "/answerability/public_intents/this head/auc")],
    },
    Line {
        name: "The same at the shipped threshold",
        what: "answered right, of the answerable",
        value: "/answerability/held_out/worlds/at/0.6/right/0",
        interval: ["/answerability/held_out/worlds/at/0.6/right/1", "/answerability/held_out/worlds/at/0.6/right/2"],
        baselines: &[
            ("wrong, of all", "/answerability/held_out/worlds/at/0.6/wrong/0"),
            ("near misses refused", "/answerability/held_out/worlds/at/0.6/near_misses_refused/0"),
        ],
        elsewhere: &[
            ("one base of all entries: right", "/answerability/held_out/one_base/at/0.6/right/0"),
            ("wrong", "/answerability/held_out/one_base/at/0.6/wrong/0"),
        ],
    },
];

/// Writes what was `measured`, by head, into all three files.
///
/// # Errors
/// When a file cannot be read or written, or README lacks its marks.
pub fn write(repository: &Path, measured: &[(&str, Measured)]) -> anyhow::Result<()> {
    let all: Map<String, Value> =
        measured.iter().map(|(name, found)| ((*name).to_owned(), found.figures.clone())).collect();
    let figures = Value::Object(all);
    let sections: Vec<&str> = measured.iter().map(|(_, found)| found.section.as_str()).collect();
    let report = format!(
        "# Figures of the learned heads\n\nWritten by `cargo run --release -p farthing-learning -- eval`; every figure \
         is one on rows that were held out from fitting and calibrating. Where such rows were seen while the head was \
         designed, its section says so.\n\n{}",
        sections.join("\n")
    );
    let put = |file: &str, text: String| {
        std::fs::write(repository.join(file), text).with_context(|| format!("`{file}` cannot be written"))
    };
    put(REPORT, report)?;
    put(FIGURES, format!("{figures:#}\n"))?;
    let (before, _, after) = readme(repository)?;
    let [begin, end] = MARKS;
    put(README, format!("{before}{begin}{}{end}{after}", table_of(&figures)))
}

/// Why README's table is not the one of [`FIGURES`], if it is not.
///
/// # Errors
/// When a file cannot be read, or README lacks its marks.
pub fn drift(repository: &Path) -> anyhow::Result<Option<String>> {
    let (_, found, _) = readme(repository)?;
    let expected = table_of(&read(repository)?);
    Ok((found != expected).then(|| format!("README has\n{found}\nand the figures say\n{expected}")))
}

/// The figures as they were written.
///
/// # Errors
/// When they cannot be read.
pub fn read(repository: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read(repository.join(FIGURES)).with_context(|| format!("`{FIGURES}` cannot be read"))?;
    Ok(serde_json::from_slice(&text)?)
}

/// README before, between and after its marks.
fn readme(repository: &Path) -> anyhow::Result<(String, String, String)> {
    let text =
        std::fs::read_to_string(repository.join(README)).with_context(|| format!("`{README}` cannot be read"))?;
    let parts = text.split_once(MARKS[0]).and_then(|(before, rest)| {
        let (between, after) = rest.split_once(MARKS[1])?;
        Some((before.to_owned(), between.to_owned(), after.to_owned()))
    });
    parts.with_context(|| format!("`{README}`: expected `{}` and `{}`", MARKS[0].trim(), MARKS[1].trim()))
}

fn table_of(figures: &Value) -> String {
    let number = |place: &str| {
        let value = figures.pointer(place).and_then(Value::as_f64);
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
    };
    let list = |places: &[(&str, &str)]| {
        places.iter().map(|(name, place)| format!("{name} {}", number(place))).collect::<Vec<_>>().join(", ")
    };
    let row = |line: &Line| {
        let [low, high] = line.interval.map(number);
        vec![
            line.name.to_owned(),
            format!("{} {} ({low}–{high})", line.what, number(line.value)),
            list(line.baselines),
            list(line.elsewhere),
        ]
    };
    let rows: Vec<Vec<String>> = LINES.iter().map(row).collect();
    table(&["Head", "Held-out rows (95 % interval)", "Baselines", "From another domain"], &rows)
}
