//! Models as Hugging Face's exporter writes them: the tiny model's graph with that exporter's inputs and outputs.

use std::path::{Path, PathBuf};

use prost::Message as _;
use serde_json::json;
use tempfile::TempDir;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::super::gguf::Gguf;
use super::super::model::LanguageModel;
use super::super::onnx_graph::{Length, OnnxGraph, integer};
use super::super::{FILES, LlamaShape, build, llama, vocabulary};
use super::tiny::{CONTEXT, LAYERS, TinyModel};
use super::{assert_near, causes};

/// The tiny model with `attention_mask`, `position_ids` and logits of all positions.
fn exported(tiny: &TinyModel) -> ModelProto {
    let bytes = tiny.bytes();
    let file = Gguf::parse(&bytes).unwrap();
    let shape = LlamaShape::read(&file).unwrap();
    let mut model = llama::graph(&file, &shape, CONTEXT, &mut |_| ()).unwrap();
    let mut graph = model.graph.take().unwrap();
    let renamed = |name: &str| {
        let layer = |name: &str| name.rsplit('_').next().unwrap().to_owned();
        match name {
            name if name.starts_with("past_k_") => format!("past_key_values.{}.key", layer(name)),
            name if name.starts_with("past_v_") => format!("past_key_values.{}.value", layer(name)),
            name if name.starts_with("present_k_") => format!("present.{}.key", layer(name)),
            name if name.starts_with("present_v_") => format!("present.{}.value", layer(name)),
            // All positions have logits.
            "last" => format!("l{}.x2", LAYERS - 1),
            name => name.to_owned(),
        }
    };
    graph.node.retain(|node| node.output != ["last"]);
    for node in &mut graph.node {
        let names = node.input.iter_mut().chain(&mut node.output);
        names.for_each(|name| *name = renamed(name));
        // Angles and positions are looked up where the tokens are said to stand.
        if let ["cos" | "sin" | "of_reading"] = node.output.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            let table = node.input[0].clone();
            let output = std::mem::take(&mut node.output);
            let input = vec![table, "standing".to_owned()];
            *node = NodeProto { op_type: "Gather".into(), input, output, ..NodeProto::default() };
        }
        if node.output == ["may_see"] {
            (node.name, node.output) = ("comes_before".to_owned(), vec!["comes_before".to_owned()]);
        }
    }
    graph.input.iter_mut().chain(&mut graph.output).for_each(|value| value.name = renamed(&value.name));
    let mut graph = OnnxGraph::over(graph);
    for name in ["attention_mask", "position_ids"] {
        graph.input(name, false, &[Length::Fixed(1), Length::Named(name)]);
    }
    graph.op("Reshape", &["position_ids", "-1"], "standing");
    graph.op_with("Cast", &["attention_mask"], "is_there", vec![integer("to", 9)]);
    graph.op("And", &["comes_before", "is_there"], "may_see");
    ModelProto { graph: Some(graph.into_graph()), ..model }
}

/// A folder as it is published, and the path of its model.
fn published(tiny: &TinyModel, change: impl Fn(&mut GraphProto)) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let mut model = exported(tiny);
    change(model.graph.as_mut().unwrap());
    let path = folder.path().join("onnx/model.onnx");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    let bytes = tiny.bytes();
    let tokenizer = vocabulary::tokenizer_json(&Gguf::parse(&bytes).unwrap()).unwrap();
    let settings = json!({
        "chat_template": "{% for m in messages %}{{ m['content'] }}<|im_end|>{% endfor %}",
        "bos_token": "<|im_start|>",
        "eos_token": {"content": "<|im_end|>", "special": true},
    });
    let files = [
        ("tokenizer.json", tokenizer),
        ("tokenizer_config.json", settings),
        ("config.json", json!({"max_position_embeddings": CONTEXT})),
    ];
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content.to_string()).unwrap();
    }
    (folder, path)
}

fn refusal(path: &Path) -> String {
    let folder = TempDir::new().unwrap();
    causes(&build(path, folder.path(), &mut |_, _| ()).unwrap_err())
}

#[test]
fn an_export_gives_what_a_plain_computation_gives() {
    let tiny = TinyModel::new(20);
    let (folder, path) = published(&tiny, |_| ());
    let to = folder.path().join("built");
    build(&path, &to, &mut |_, _| ()).unwrap();
    let model = LanguageModel::load(&to.join(FILES[0])).unwrap();
    let tokens: Vec<u32> = (0..12).map(|at| at * 19 % 250).collect();
    let mut memory = model.nothing();
    for (start, end) in [(0, 5), (5, 6), (6, 12)] {
        assert_near(&model.read(&mut memory, &tokens[start..end]).unwrap(), &tiny.logits(&tokens[..end]));
    }
    let chat: serde_json::Value = serde_json::from_slice(&std::fs::read(to.join(FILES[2])).unwrap()).unwrap();
    assert_eq!((&chat["end"], &chat["context"]), (&json!("<|im_end|>"), &json!(CONTEXT)));
}

#[test]
fn other_graphs_are_refused_with_what_was_found() {
    let tiny = TinyModel::new(21);
    let check = |expected: &str, change: &dyn Fn(&mut GraphProto)| {
        let (_folder, path) = published(&tiny, change);
        let found = refusal(&path);
        assert!(found.contains(expected), "{found}, expected {expected}");
    };
    check("found `input_ids`, `attention_mask`, `position_ids`", &|graph| {
        graph.input.retain(|input| !input.name.starts_with("past_key_values"));
    });
    check("no input `past_key_values.1.value`", &|graph| {
        graph.input.retain(|input| input.name != "past_key_values.1.value");
    });
    check("no output `present.0.key`, but `logits`", &|graph| {
        graph.output.retain(|output| output.name != "present.0.key");
    });
    check("its input `use_cache_branch` is not known", &|graph| {
        let mut other = graph.input[0].clone();
        other.name = "use_cache_branch".to_owned();
        graph.input.push(other);
    });
    check("`past_key_values.0.key` has not the shape", &|graph| {
        graph.input.iter_mut().find(|input| input.name == "past_key_values.0.key").unwrap().r#type = None;
    });
    check("its weights are in another file", &|graph| graph.initializer[0].data_location = Some(1));
}

#[test]
fn what_lies_beside_an_export_is_needed() {
    let (folder, path) = published(&TinyModel::new(22), |_| ());
    for name in ["tokenizer.json", "tokenizer_config.json", "config.json"] {
        let whole = std::fs::read(folder.path().join(name)).unwrap();
        std::fs::remove_file(folder.path().join(name)).unwrap();
        assert!(refusal(&path).contains(name), "{name}");
        std::fs::write(folder.path().join(name), b"{").unwrap();
        assert!(refusal(&path).contains(name), "{name}");
        std::fs::write(folder.path().join(name), whole).unwrap();
    }
    std::fs::write(folder.path().join("config.json"), b"{}").unwrap();
    assert!(refusal(&path).contains("max_position_embeddings"));
    std::fs::write(&path, b"no model").unwrap();
    assert!(refusal(&path).contains("graph"), "{}", refusal(&path));
}
