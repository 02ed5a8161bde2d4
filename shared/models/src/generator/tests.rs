use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use tiny::{TinyModel, Written};

mod exported;
mod tiny;

/// How far logits may be from those that are computed plainly.
const TOLERANCE: f32 = 2e-3;

fn built(model: &TinyModel) -> (TempDir, [PathBuf; 3]) {
    let folder = TempDir::new().unwrap();
    let from = folder.path().join("model.gguf");
    std::fs::write(&from, model.bytes()).unwrap();
    build(&from, folder.path(), &mut |_, _| ()).unwrap();
    let files = FILES.map(|name| folder.path().join(name));
    (folder, files)
}

fn refusal(model: &TinyModel) -> String {
    let folder = TempDir::new().unwrap();
    let from = folder.path().join("model.gguf");
    std::fs::write(&from, model.bytes()).unwrap();
    causes(&build(&from, folder.path(), &mut |_, _| ()).unwrap_err())
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn generator(files: [PathBuf; 3]) -> LocalGenerator {
    LocalGenerator::new(files, CpuPool::for_this_machine(8))
}

fn request(user: &str) -> GenerationRequest {
    GenerationRequest {
        system: String::new(),
        user: user.to_owned(),
        most_tokens: 8,
        sampling: Sampling::Greedy,
        stops: Vec::new(),
        time_limit: Duration::from_mins(1),
    }
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < TOLERANCE, "{apart} apart");
}

#[test]
fn the_graph_gives_what_a_plain_computation_gives() {
    for seed in 0..3 {
        let tiny = TinyModel::new(seed);
        let (_folder, files) = built(&tiny);
        let model = LanguageModel::load(&files[0]).unwrap();
        let tokens: Vec<u32> = (0..17).map(|at| (at * 31 + 7) % tiny.vocabulary() as u32).collect();
        for length in [1, 2, 5, tokens.len()] {
            let mut memory = model.nothing();
            assert_near(&model.read(&mut memory, &tokens[..length]).unwrap(), &tiny.logits(&tokens[..length]));
            assert_eq!(memory.tokens(), length);
        }
    }
}

#[test]
fn tokens_may_come_in_any_pieces_and_memories_may_part() {
    let tiny = TinyModel::new(3);
    let (_folder, files) = built(&tiny);
    let model = LanguageModel::load(&files[0]).unwrap();
    let tokens: Vec<u32> = (0..12).map(|at| at * 19 % 250).collect();
    let mut memory = model.nothing();
    for (end, start) in [(1, 0), (6, 1), (7, 6), (12, 7)] {
        let other = memory.clone();
        assert_near(&model.read(&mut memory, &tokens[start..end]).unwrap(), &tiny.logits(&tokens[..end]));
        let mut other = other;
        let elsewhere: Vec<u32> = tokens[..start].iter().copied().chain([9]).collect();
        assert_near(&model.read(&mut other, &[9]).unwrap(), &tiny.logits(&elsewhere));
    }
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let [(_one, first), (_other, second)] = [built(&TinyModel::new(4)), built(&TinyModel::new(4))];
    for (one, other) in first.iter().zip(&second) {
        assert!(std::fs::read(one).unwrap() == std::fs::read(other).unwrap(), "{} differs", one.display());
    }
}

type Change = &'static dyn Fn(&mut TinyModel);

#[test]
fn what_is_no_llama_is_refused_with_what_was_found() {
    let changed = |change: Change| {
        let mut model = TinyModel::new(0);
        change(&mut model);
        refusal(&model)
    };
    let cases: [(&str, Change); 9] = [
        ("`general.architecture` is `gemma`", &|m| {
            drop(m.values.insert("general.architecture".into(), Written::text("gemma")))
        }),
        ("`llama.block_count` is missing", &|m| drop(m.values.remove("llama.block_count"))),
        ("`tokenizer.ggml.pre` is `qwen2`", &|m| {
            drop(m.values.insert("tokenizer.ggml.pre".into(), Written::text("qwen2")))
        }),
        ("no tensor `blk.1.attn_q.weight`", &|m| drop(m.tensors.remove("blk.1.attn_q.weight"))),
        ("`blk.0.ffn_up.weight` is ggml type 12", &|m| m.tensors.get_mut("blk.0.ffn_up.weight").unwrap().kind = 12),
        ("expected of shape 96 × 64", &|m| m.tensors.get_mut("blk.0.ffn_up.weight").unwrap().shape = vec![96, 64]),
        ("`llama.attention.head_count`", &|m| {
            drop(m.values.insert("llama.attention.head_count".into(), Written::U32(3)));
        }),
        // As wide as no memory is.
        ("`token_embd.weight` is Q8_0", &|m| {
            drop(m.values.insert("llama.embedding_length".into(), Written::U32(1 << 29)));
        }),
        ("tensor `output_norm.weight` lies outside", &|m| {
            let tensor = m.tensors.get_mut("output_norm.weight").unwrap();
            tensor.shape = vec![1 << 40];
        }),
    ];
    for (expected, change) in cases {
        let found = changed(change);
        assert!(found.contains(expected), "{found}, expected {expected}");
    }
}

#[test]
fn a_file_of_another_kind_is_refused() {
    assert!(matches!(Gguf::parse(b"PK\x03\x04 a zip"), Err(GgufError::NotGguf(_))));
    assert!(matches!(Gguf::parse(b""), Err(GgufError::NotGguf(_))));
    assert!(matches!(Gguf::parse(b"GGUF\x01\0\0\0"), Err(GgufError::Version(1))));
}

proptest! {
    #[test]
    fn a_damaged_file_is_an_error_and_no_panic(at in 0_usize..6_000, byte: u8, cut in 0_usize..3_000) {
        let mut bytes = TinyModel::new(0).bytes();
        bytes[at] = byte;
        let check = |bytes: &[u8]| {
            if let Ok(file) = Gguf::parse(bytes) && let Ok(shape) = LlamaShape::read(&file) {
                drop((llama::graph(&file, &shape, 8, &mut |_| ()), vocabulary::tokenizer_json(&file)));
            }
        };
        check(&bytes);
        prop_assert!(Gguf::parse(&bytes[..cut]).is_err());
    }
}

#[tokio::test]
async fn a_rule_is_read_once_and_the_text_is_the_same() {
    let (_folder, files) = built(&TinyModel::new(5));
    let generator = generator(files);
    let asked = GenerationRequest { system: "hey".into(), ..request("he?") };
    let [first, second] = [generator.generate(asked.clone(), None).await, generator.generate(asked, None).await];
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.remembered_tokens, 0);
    assert!(second.remembered_tokens > 0 && second.remembered_tokens < second.prompt_tokens);
    assert_eq!((first.text, first.tokens, first.finish), (second.text, second.tokens, second.finish));
}

#[tokio::test]
async fn pieces_are_the_text_and_a_stop_is_not_part_of_it() {
    let (_folder, files) = built(&TinyModel::new(6));
    let generator = generator(files);
    let sampling = Sampling::Random { temperature: 3.0, top_p: 1.0, seed: 11 };
    let asked = GenerationRequest { sampling, most_tokens: 20, ..request("a") };
    let (tell, told) = mpsc::channel();
    let heard: Heard = Box::new(move |piece: &str| tell.send(piece.to_owned()).unwrap());
    let whole = generator.generate(asked.clone(), Some(heard)).await.unwrap();
    assert_eq!(told.iter().collect::<String>(), whole.text);
    assert!(whole.text.chars().count() > 4, "{whole:?}");

    let stop: String = whole.text.chars().skip(2).take(2).collect();
    let stopped = generator.generate(GenerationRequest { stops: vec![stop.clone()], ..asked }, None).await.unwrap();
    assert_eq!(stopped.text, whole.text[..whole.text.find(&stop).unwrap()]);
    assert_eq!(stopped.finish, Finish::Stop);
}

#[tokio::test]
async fn a_text_ends_where_the_model_can_read_no_more() {
    let (_folder, files) = built(&TinyModel::new(7));
    let generator = generator(files);
    let full = generator.generate(GenerationRequest { most_tokens: 500, ..request("a") }, None).await.unwrap();
    assert!(matches!(full.finish, Finish::ContextFull | Finish::End), "{full:?}");
    assert!(full.prompt_tokens + full.tokens <= tiny::CONTEXT + 1, "{full:?}");
    let long = generator.generate(request(&"a".repeat(60)), None).await;
    assert!(matches!(long, Err(GenerationError::TooLong { limit: 39, .. })), "{long:?}");
}

#[tokio::test]
async fn wrong_requests_name_the_field() {
    let generator = generator(FILES.map(PathBuf::from));
    let random = |temperature, top_p| Sampling::Random { temperature, top_p, seed: 0 };
    let cases = [
        ("user", request(" ")),
        ("most_tokens", GenerationRequest { most_tokens: 0, ..request("a") }),
        ("stops", GenerationRequest { stops: vec![String::new()], ..request("a") }),
        ("temperature", GenerationRequest { sampling: random(0.0, 1.0), ..request("a") }),
        ("temperature", GenerationRequest { sampling: random(f32::NAN, 1.0), ..request("a") }),
        ("top_p", GenerationRequest { sampling: random(1.0, 1.1), ..request("a") }),
    ];
    for (expected, request) in cases {
        let found = generator.generate(request, None).await;
        assert!(matches!(found, Err(GenerationError::Invalid { field, .. }) if field == expected), "{found:?}");
    }
}

#[tokio::test]
async fn time_that_is_up_ends_the_work() {
    let (_folder, files) = built(&TinyModel::new(8));
    let generator = generator(files);
    let none = generator.generate(GenerationRequest { time_limit: Duration::ZERO, ..request("a") }, None).await;
    assert!(matches!(none, Err(GenerationError::Overloaded)), "{none:?}");
    let heard: Heard = Box::new(|_| std::thread::sleep(Duration::from_millis(150)));
    let asked = GenerationRequest { time_limit: Duration::from_millis(300), most_tokens: 20, ..request("a") };
    let some = generator.generate(asked, Some(heard)).await.unwrap();
    assert!(some.finish == Finish::TimeUp && some.tokens < 20, "{some:?}");
}

#[tokio::test]
async fn texts_are_written_one_at_a_time() {
    let (_folder, files) = built(&TinyModel::new(10));
    let generator = generator(files);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (allow, allowed) = mpsc::channel::<()>();
    let heard: Heard = Box::new(move |_| {
        tell.send(()).unwrap();
        allowed.recv().ok();
    });
    let first = generator.generate(request("a"), Some(heard));
    let others = async {
        told.recv().await.unwrap();
        let short = GenerationRequest { time_limit: Duration::from_millis(20), ..request("a") };
        let refused = generator.generate(short, None).await;
        assert!(matches!(refused, Err(GenerationError::Overloaded)), "{refused:?}");
        drop(allow);
        generator.generate(request("a"), None).await
    };
    let (first, second) = tokio::join!(first, others);
    assert_eq!(first.unwrap().text, second.unwrap().text);
}

#[tokio::test]
async fn work_that_nobody_waits_for_ends_before_the_next_token() {
    let (_folder, files) = built(&TinyModel::new(9));
    let generator = generator(files);
    generator.generate(request("a"), None).await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (allow, allowed) = mpsc::channel::<()>();
    let heard: Heard = Box::new(move |_| {
        tell.send(()).unwrap();
        allowed.recv().unwrap();
    });
    let asked = GenerationRequest { most_tokens: 20, ..request("a") };
    tokio::select! {
        done = generator.generate(asked, Some(heard)) => panic!("nobody allowed it: {done:?}"),
        first = told.recv() => assert!(first.is_some()),
    }
    allow.send(()).unwrap();
    // The work holds the other end until it ends.
    assert_eq!(told.recv().await, None, "another piece came");
}

#[test]
fn damaged_archives_are_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("model.nnef.tar");
    std::fs::write(&file, b"no archive").unwrap();
    assert!(matches!(LanguageModel::load(&file), Err(LoadError::Model(_))));
    assert!(LanguageModel::load(Path::new("/nonexistent")).is_err());
}
