//! The registry that is shipped.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use farthing_domain::ids::ModelId;

#[path = "common/registry.rs"]
mod registry;

#[test]
fn the_registry_has_its_fourteen_models() {
    let registry = registry::read();
    let ids: Vec<&str> = registry.models().iter().map(|model| model.id.as_str()).collect();
    let expected = [
        "all-minilm-l6-v2",
        "bge-small-en-v1.5",
        "ms-marco-minilm-l6-v2",
        "distilbert-sst2",
        "toxicity-head",
        "complexity-head",
        "smollm2-135m-instruct",
        "llama-3.2-1b-instruct",
        "openclip-vit-b-32",
        "whisper-base",
        "deepseek-chat",
        "claude-haiku",
        "claude-sonnet",
        "gpt-4o",
    ];
    assert_eq!(ids, expected);
}

#[test]
fn every_disabled_model_says_why() {
    for model in registry::read().models().iter().filter(|model| !model.enabled) {
        assert!(model.note.as_ref().is_some_and(|note| !note.is_empty()), "{}", model.id);
    }
}

#[test]
fn prices_are_dollars_per_million_tokens() {
    for (id, million_in, million_out) in [
        ("deepseek-chat", "0.140000", "0.280000"),
        ("claude-haiku", "1.000000", "5.000000"),
        ("claude-sonnet", "3.000000", "15.000000"),
        ("gpt-4o", "2.500000", "10.000000"),
    ] {
        let registry = registry::read();
        let price = &registry.api(&ModelId::parse(id).unwrap()).unwrap().price;
        let costs = (price.cost(1_000_000, 0).to_string(), price.cost(0, 1_000_000).to_string());
        assert_eq!(costs, (million_in.to_owned(), million_out.to_owned()), "{id}");
    }
}
