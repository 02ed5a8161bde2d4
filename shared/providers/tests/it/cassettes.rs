//! Every codec on replies and requests that are kept as files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farthing_domain::ports::{Charge, Completion, CompletionRequest, ProviderFailure};
use farthing_domain::prompt::Role;
use farthing_providers::{Codec, Reply, Secret, known_providers};
use serde_json::{Value, json};

use crate::{codecs, message};

#[test]
fn every_reply_is_read_as_its_cassette_says() {
    for codec in codecs() {
        let folder = cassettes(codec.name());
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let replies: Vec<PathBuf> = files.filter(|path| !path.ends_with("request.json")).collect();
        assert!(replies.len() >= 40, "{} has {} replies", folder.display(), replies.len());
        for path in replies {
            check(codec.as_ref(), &path);
        }
    }
}

#[track_caller]
fn check(codec: &dyn Codec, path: &Path) {
    let cassette = read(path);
    let body = match &cassette["body"] {
        Value::String(text) => text.clone(),
        body => body.to_string(),
    };
    let result = codec.decode(Reply {
        status: u16::try_from(cassette["status"].as_u64().unwrap()).unwrap(),
        retry_after: cassette["retry_after"].as_u64().map(Duration::from_secs),
        body: body.as_bytes(),
    });
    assert_eq!(describe(&result), cassette["expect"], "{}", path.display());
}

fn describe(result: &Result<Completion, ProviderFailure>) -> Value {
    match result {
        Ok(completion) => json!({"completion": {
            "text": completion.text,
            "truncated": completion.truncated,
            "input_tokens": completion.input_tokens,
            "output_tokens": completion.output_tokens,
        }}),
        Err(failure) => {
            let charge = match failure.charge() {
                Charge::None => json!("none"),
                Charge::Unknown => json!("unknown"),
                Charge::Known { input_tokens, output_tokens } => {
                    json!({"input_tokens": input_tokens, "output_tokens": output_tokens})
                }
            };
            let mut failed = json!({"code": failure.code(), "charge": charge, "shown": failure.to_string()});
            if let ProviderFailure::RateLimited { retry_after: Some(wait) } = failure {
                failed["retry_after_s"] = json!(wait.as_secs());
            }
            json!({"failure": failed})
        }
    }
}

#[test]
fn a_request_is_encoded_as_the_api_wants_it() {
    for codec in codecs() {
        let golden = read(&cassettes(codec.name()).join("request.json"));
        let call = codec.encode(&request_of(&golden["request"]));
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body, golden["body"], "{}", codec.name());
        assert_eq!(call.path, golden["path"], "{}", codec.name());
        assert_eq!(json!(call.messages), golden["messages"], "{}", codec.name());
        let headers = codec.headers(&Secret::parse("sk-test").unwrap());
        let headers: BTreeMap<_, _> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(json!(headers), golden["headers"], "{}", codec.name());
    }
}

#[test]
fn a_blank_system_prompt_is_left_out() {
    for codec in codecs() {
        let mut request = crate::request_for("some-model");
        request.system = " \n".to_owned();
        let call = codec.encode(&request);
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body["messages"], json!([{"role": "user", "content": "What is your pricing?"}]));
        assert!(body.get("system").is_none(), "{}", codec.name());
        assert_eq!(call.messages, 1);
    }
}

#[test]
fn anthropic_hears_the_user_first() {
    let mut request = crate::request_for("some-model");
    request.messages = vec![
        message(Role::Assistant, "Hi! How can I help?"),
        message(Role::Assistant, "Ask me anything."),
        message(Role::User, "What is your pricing?"),
    ];
    let call = codecs()[0].encode(&request);
    let body: Value = serde_json::from_slice(&call.body).unwrap();
    let roles: Vec<_> = body["messages"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert_eq!(body["messages"][1]["content"], "Hi! How can I help?\n\nAsk me anything.");
    assert_eq!(call.messages, 4, "the system prompt and the added turn are counted");
}

#[test]
fn every_provider_has_cassettes_and_a_codec_of_its_name() {
    assert_eq!(known_providers(), codecs().map(|codec| codec.name()));
    for name in known_providers() {
        assert!(cassettes(name).join("request.json").is_file(), "{name}");
    }
}

fn request_of(golden: &Value) -> CompletionRequest {
    let messages = golden["messages"].as_array().unwrap().iter().map(|golden| {
        let role = if golden["role"] == "user" { Role::User } else { Role::Assistant };
        message(role, golden["content"].as_str().unwrap())
    });
    CompletionRequest {
        provider_model: golden["provider_model"].as_str().unwrap().to_owned(),
        system: golden["system"].as_str().unwrap().to_owned(),
        messages: messages.collect(),
        max_output_tokens: u32::try_from(golden["max_output_tokens"].as_u64().unwrap()).unwrap(),
    }
}

fn cassettes(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassettes").join(name)
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
