//! The figures of README: `cargo bench`.
//!
//! Latencies are medians of one run on this machine; what counts are the ratios, whose two sides
//! are taken in the same run. `cargo bench -- --python <interpreter>` names a Python with
//! onnxruntime and numpy to compare the encoder with, and xllamacpp (llama.cpp) for the language model. `--only encoder`,
//! `judging`, `generator`, `weekly` or `answers` measures that part alone.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first error")]

mod generating;
mod grounded;
mod judging;
mod policy;
mod rephrasing;
#[path = "../journeys/server.rs"]
#[expect(dead_code, reason = "the journeys use more of it")]
mod server;
mod weekly;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use farthing_bootstrap::files::OwnerFiles;
use farthing_domain::ids::ModelId;
use farthing_domain::registry::ModelSpec;
use farthing_models::encoder::{MiniLm, PairModel, PairReader};
use farthing_models::knowledge::KnowledgeIndex;
use farthing_models::knowledge::matrix::Matrix;
use farthing_models::knowledge::source::{SourceFile, parse};
use farthing_testkit::loopback::{Reply, Script};
use server::{GOOD_ANSWER, MEDIUM_QUERY, ROOT, Server, weights};

const DIMENSIONS: usize = 384;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after =
        |name: &str| arguments.iter().position(|argument| argument == name).map(|at| arguments[at + 1].as_str());
    let (python, only) = (after("--python"), after("--only"));
    let is_asked = |part: &str| only.is_none_or(|only| only == part);
    let server = Server::start().await;
    if is_asked("encoder") {
        encoder(python);
        reading();
    }
    if is_asked("judging") {
        judging::measure().await;
    }
    if is_asked("generator") {
        generating::measure(python).await;
        grounded::measure();
    }
    if is_asked("weekly") {
        weekly::measure().await;
    }
    if is_asked("answers") {
        retrieval();
        local_answers(&server).await;
        paid_overhead(&server).await;
    }
    println!("memory     {} MiB resident after all of the above, knowledge tier", server.resident_mib());
}

fn encoder(python: Option<&str>) {
    let [model, tokenizer] = encoder_files();
    let started = Instant::now();
    let encoder = MiniLm::load(&model, &tokenizer).unwrap();
    println!("encoder    loaded in {:.0} ms", millis(started.elapsed()));
    for tokens in [16, 128] {
        let ids: Vec<u32> = (0..tokens)
            .map(|n| {
                if n == 0 {
                    101
                } else if n == tokens - 1 {
                    102
                } else {
                    2_000 + n * 37 % 3_000
                }
            })
            .collect();
        let ours = median(40, || {
            encoder.embed_ids(&ids).unwrap();
        });
        let theirs = python.map(|python| onnxruntime(python, &model, tokens));
        let ratio = theirs.map_or_else(
            || "onnxruntime not measured (name it with --python)".to_owned(),
            |theirs| format!("onnxruntime {theirs:.1} ms, ratio {:.2}", ours / theirs),
        );
        println!("encoder    {tokens:3} tokens: tract {ours:.1} ms; {ratio}");
    }
}

fn encoder_files() -> [PathBuf; 2] {
    let files = OwnerFiles::load(&PathBuf::from(ROOT).join("infra")).unwrap();
    let spec: ModelSpec = files.registry.get(&ModelId::parse("all-minilm-l6-v2").unwrap()).unwrap().clone();
    let path = |at: usize| weights().join(&spec.artifacts[at].sha256).join(&spec.artifacts[at].file);
    [path(0), path(1)]
}

/// The median of onnxruntime on one thread, in milliseconds.
fn onnxruntime(python: &str, model: &std::path::Path, tokens: u32) -> f64 {
    const SCRIPT: &str = "
import sys, time, numpy as np, onnxruntime as ort
options = ort.SessionOptions(); options.intra_op_num_threads = 1; options.inter_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])
n = int(sys.argv[2]); ids = np.array([[101 if i == 0 else 102 if i == n - 1 else 2000 + i * 37 % 3000 for i in range(n)]])
feed = {i.name: ids if i.name == 'input_ids' else np.ones_like(ids) if i.name == 'attention_mask' else np.zeros_like(ids) for i in session.get_inputs()}
times = []
for _ in range(43):
    start = time.perf_counter(); session.run(None, feed); times.append(time.perf_counter() - start)
print(sorted(times[3:])[20] * 1000)
";
    let output = Command::new(python).args(["-c", SCRIPT]).arg(model).arg(tokens.to_string()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().parse().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// One pair, and the encoder's pass over as many tokens to compare it with.
fn reading() {
    let [model, tokenizer] = encoder_files();
    let encoder = MiniLm::load(&model, &tokenizer).unwrap();
    let started = Instant::now();
    let file = PathBuf::from(ROOT).join("infra/models/knowledge/pair.onnx");
    let reader = PairModel::load(&model, &file, encoder.tokens()).unwrap();
    println!("pair model loaded in {:.0} ms", millis(started.elapsed()));
    let query = "I lost the slip from the till, will you still take the boots back?";
    for sentences in [1, 3] {
        let entry =
            "Can I return something without a receipt? Without a receipt we give you a credit note. ".repeat(sentences);
        let whole = encoder.token_ids(&format!("{query} {entry}")).unwrap();
        let pair = median(40, || {
            reader.read(query, &entry).unwrap();
        });
        let alone = median(40, || {
            encoder.embed_ids(&whole).unwrap();
        });
        println!(
            "pair model {:3} tokens: {pair:.1} ms, the encoder {alone:.1} ms, ratio {:.2}",
            whole.len(),
            pair / alone
        );
    }
}

fn retrieval() {
    for passages in [1_000_usize, 100_000] {
        let mut lines = String::new();
        for n in 0..passages {
            let words: Vec<String> =
                (0..24).map(|at| WORDS[(n * 31 + at * at * 7 + n / (at + 1)) % WORDS.len()].to_owned()).collect();
            lines.push_str(&format!(
                "{{\"id\":\"e{n}\",\"question\":\"Question {n} on {}?\",\"answer\":\"{}.\"}}\n",
                words[..6].join(" "),
                words.join(" ")
            ));
        }
        // A file has at most 1 MiB, so that the entries are read from several.
        let entries = split_lines(&lines)
            .into_iter()
            .enumerate()
            .flat_map(|(at, part)| {
                parse(&[SourceFile { name: format!("f{at}.jsonl"), bytes: part.into_bytes() }]).unwrap()
            })
            .collect();
        let vectors = |seed: u64| Matrix::new(DIMENSIONS, unit_vectors(passages, seed)).unwrap();
        let index = KnowledgeIndex::from_vectors(entries, vectors(1), vectors(2)).unwrap();
        let query = unit_vectors(1, 3);
        let time = median(20, || {
            index.candidates("Question on pricing of the annual plan refund?", &query).unwrap();
        });
        println!(
            "retrieval  {passages:6} passages: {time:.2} ms for a query (vectors and BM25, before pairs are read)"
        );
    }
}

async fn local_answers(server: &Server) {
    let questions = ["What is your pricing?", "How do I login?", "What platforms do you support?"];
    for question in questions {
        server.ask(question).await;
    }
    let mut times = Vec::new();
    for n in 0..300 {
        let started = Instant::now();
        let reply = server.ask(questions[n % 3]).await;
        times.push(millis(started.elapsed()));
        assert_eq!(reply.json["route"]["provider"], "local");
    }
    times.sort_by(f64::total_cmp);
    println!(
        "local      whole answer over HTTP, warm: p50 {:.1} ms, p99 {:.1} ms (300 requests)",
        times[150], times[297]
    );
}

/// What the gateway adds to a paid call: the same call made directly, and through the gateway. The
/// overhead includes analysis, retrieval, reservation, settlement and validation.
async fn paid_overhead(server: &Server) {
    server.providers.script(Script::always(Reply::text(GOOD_ANSWER, 700, 60)));
    let body = serde_json::json!({"query": MEDIUM_QUERY, "cache": "bypass"}).to_string();
    server.post("/api/agents", body.clone()).await;
    let request = server.providers.requests()[0].body.to_string();
    let client = reqwest::Client::new();
    let url = format!("{}/chat/completions", server.providers.url());
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let started = Instant::now();
        let call = client.post(&url).bearer_auth("test-key").header("content-type", "application/json");
        call.body(request.clone()).send().await.unwrap().bytes().await.unwrap();
        direct.push(millis(started.elapsed()));
        let started = Instant::now();
        assert_eq!(server.post("/api/agents", body.clone()).await.status, 200);
        through.push(millis(started.elapsed()));
    }
    for times in [&mut direct, &mut through] {
        times.sort_by(f64::total_cmp);
    }
    let (direct, through) = (direct[30], through[30]);
    println!(
        "paid       direct {direct:.1} ms, through the gateway {through:.1} ms: {:.1} ms more, ratio {:.1}",
        through - direct,
        through / direct
    );
}

/// The median time of `runs` runs, in milliseconds, after three to warm up.
fn median(runs: usize, mut work: impl FnMut()) -> f64 {
    for _ in 0..3 {
        work();
    }
    let times = (0..runs).map(|_| {
        let started = Instant::now();
        work();
        millis(started.elapsed())
    });
    middle(times.collect())
}

/// The one in the middle of `times`, of which there is one at least.
fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// `text` in parts of whole lines, each below 512 KiB.
fn split_lines(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        if parts.last().is_some_and(|part| part.len() > 500_000) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

/// `count` vectors of length 1, the same ones for the same seed.
fn unit_vectors(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut values: Vec<f32> = (0..count * DIMENSIONS)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        })
        .collect();
    for vector in values.chunks_mut(DIMENSIONS) {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
    }
    values
}

const WORDS: [&str; 61] = [
    "account", "annual", "answer", "archive", "backup", "billing", "brand", "browser", "button", "calendar", "cancel",
    "card", "change", "choose", "client", "comment", "connect", "contract", "copy", "country", "customer", "data",
    "delete", "device", "discount", "draft", "edit", "email", "export", "feature", "file", "folder", "image", "import",
    "invoice", "language", "limit", "link", "login", "member", "message", "mobile", "month", "owner", "page",
    "password", "payment", "period", "plan", "post", "price", "privacy", "refund", "report", "role", "schedule",
    "seat", "secure", "team", "trial", "video",
];
