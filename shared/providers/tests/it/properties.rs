//! What holds of every codec, whatever it is given.

use farthing_domain::ports::{Charge, Completion, CompletionRequest};
use farthing_domain::prompt::{Message, Prompt, Role};
use farthing_providers::Reply;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::codecs;

/// A change to a good reply.
#[derive(Clone, Debug)]
enum Damage {
    Remove(&'static str, &'static str),
    Replace(&'static str, &'static str, Value),
    Cut(prop::sample::Index),
    Overwrite(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
}

fn good_reply(name: &str) -> Value {
    if name == "anthropic" {
        json!({
            "type": "message",
            "content": [{"type": "text", "text": "It is $19."}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 42, "cache_read_input_tokens": 8, "output_tokens": 17},
        })
    } else {
        json!({
            "choices": [{"message": {"content": "It is $19.", "refusal": null}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 50, "completion_tokens": 17, "total_tokens": 67},
        })
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = prop::sample::select(vec![
        ("", "usage"),
        ("", "content"),
        ("", "choices"),
        ("", "stop_reason"),
        ("/usage", "input_tokens"),
        ("/usage", "cache_read_input_tokens"),
        ("/usage", "output_tokens"),
        ("/usage", "prompt_tokens"),
        ("/usage", "completion_tokens"),
        ("/content/0", "type"),
        ("/content/0", "text"),
        ("/choices/0", "message"),
        ("/choices/0/message", "content"),
    ]);
    let value = prop::sample::select(vec![
        json!(null),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("42"),
        json!([]),
        json!({}),
        json!(true),
    ]);
    prop_oneof![
        place.clone().prop_map(|(at, key)| Damage::Remove(at, key)),
        (place, value).prop_map(|((at, key), value)| Damage::Replace(at, key, value)),
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
        (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
    ]
}

fn damaged(name: &str, damages: &[Damage]) -> Vec<u8> {
    let mut reply = good_reply(name);
    for damage in damages {
        match damage {
            Damage::Remove(at, key) => {
                if let Some(fields) = reply.pointer_mut(at).and_then(Value::as_object_mut) {
                    fields.remove(*key);
                }
            }
            Damage::Replace(at, key, value) => {
                if let Some(old) = reply.pointer_mut(&format!("{at}/{key}")) {
                    *old = value.clone();
                }
            }
            Damage::Cut(_) | Damage::Overwrite(..) | Damage::Insert(..) => {}
        }
    }
    let mut bytes = reply.to_string().into_bytes();
    for damage in damages {
        match damage {
            Damage::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Damage::Overwrite(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Damage::Insert(at, more) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Overwrite(..) | Damage::Remove(..) | Damage::Replace(..) => {}
        }
    }
    bytes
}

/// What the reply itself says was charged, read in another way than the codecs do.
fn usage_of(name: &str, body: &[u8]) -> Option<(u64, u64)> {
    let reply: Value = serde_json::from_slice(body).ok()?;
    let usage = reply.get("usage")?;
    if name == "anthropic" {
        let cached = |key| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
        let input = usage.get("input_tokens")?.as_u64()?.checked_add(cached("cache_read_input_tokens"))?;
        Some((input.checked_add(cached("cache_creation_input_tokens"))?, usage.get("output_tokens")?.as_u64()?))
    } else {
        Some((usage.get("prompt_tokens")?.as_u64()?, usage.get("completion_tokens")?.as_u64()?))
    }
}

fn check_decode(status: u16, name_and_body: impl Fn(&str) -> Vec<u8>) -> Result<(), TestCaseError> {
    for codec in codecs() {
        let body = name_and_body(codec.name());
        let result = codec.decode(Reply { status, retry_after: None, body: &body });
        let is_success = (200..300).contains(&status);
        let charged = match &result {
            Ok(Completion { input_tokens, output_tokens, .. }) => {
                Charge::Known { input_tokens: *input_tokens, output_tokens: *output_tokens }
            }
            Err(failure) => failure.charge(),
        };
        match charged {
            Charge::Known { input_tokens, output_tokens } => {
                prop_assert!(is_success);
                prop_assert_eq!(usage_of(codec.name(), &body), Some((input_tokens, output_tokens)));
            }
            Charge::None => {
                prop_assert!(matches!(status, 400..=404 | 413 | 422 | 429), "{status} is charged nothing");
            }
            Charge::Unknown => {}
        }
    }
    Ok(())
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![Just(Role::User), Just(Role::Assistant)];
    let text = prop_oneof!["\\PC{1,200}", "[\\x01-\\x7f]{1,200}", "[ -~🦀é\"\\\\\n]{1,200}"];
    (role, text).prop_filter_map("a prompt says something", |(role, text)| {
        Prompt::parse(&text).ok().map(|text| Message { role, text })
    })
}

fn request() -> impl Strategy<Value = CompletionRequest> {
    ("[a-z0-9.-]{1,40}", "\\PC{0,400}", prop::collection::vec(message(), 1..12), 1..100_000_u32).prop_map(
        |(provider_model, system, messages, max_output_tokens)| CompletionRequest {
            provider_model,
            system,
            messages,
            max_output_tokens,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(status in 100..600_u16, body in prop::collection::vec(any::<u8>(), 0..300)) {
        check_decode(status, |_| body.clone())?;
    }

    #[test]
    fn nothing_is_charged_that_the_reply_does_not_say(
        status in prop_oneof![4 => Just(200_u16), 1 => 100..600_u16],
        damages in prop::collection::vec(damage(), 0..4),
    ) {
        check_decode(status, |name| damaged(name, &damages))?;
    }

    #[test]
    fn the_input_bound_covers_every_byte_of_text(request in request()) {
        for codec in codecs() {
            let call = codec.encode(&request);
            prop_assert!(call.input_token_bound() >= call.body.len() as u64);
            let system = if request.system.trim().is_empty() { 0 } else { request.system.len() };
            let texts: usize = request.messages.iter().map(|message| message.text.as_str().len()).sum();
            prop_assert!(call.body.len() >= system + texts, "{}: escapes only make it longer", codec.name());
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            let sent = body["messages"].as_array().unwrap();
            prop_assert!(usize::try_from(call.messages).unwrap() >= sent.len());
            let last = sent.last().unwrap()["content"].as_str().unwrap();
            prop_assert!(last.ends_with(request.messages.last().unwrap().text.as_str()));
        }
    }

    #[test]
    fn a_lower_output_limit_never_makes_the_body_longer(request in request(), lower in 1..100_000_u32) {
        for codec in codecs() {
            let lowered =
                CompletionRequest { max_output_tokens: lower.min(request.max_output_tokens), ..request.clone() };
            let (before, after) = (codec.encode(&request), codec.encode(&lowered));
            prop_assert!(after.input_token_bound() <= before.input_token_bound());
        }
    }

    #[test]
    fn anthropic_turns_alternate_and_lose_nothing(request in request()) {
        let call = codecs()[0].encode(&request);
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        let sent = body["messages"].as_array().unwrap();
        prop_assert_eq!(&sent[0]["role"], "user");
        prop_assert!(sent.windows(2).all(|pair| pair[0]["role"] != pair[1]["role"]));
        let all: String = sent.iter().filter_map(|message| message["content"].as_str()).collect();
        for message in &request.messages {
            prop_assert!(all.contains(message.text.as_str()));
        }
    }
}
