//! The real codecs and transport against the loopback providers.

use farthing_domain::ports::{Charge, Provider};
use farthing_domain::prompt::Role;
use farthing_providers::{Transport, known_providers};
use farthing_testkit::loopback::{Billed, LoopbackProvider, Reply, Script};

use crate::{LONG, message, provider_at, request_for};

/// Sends one call to every provider, which answers with `reply`, and checks how it ends. What was
/// billed is never more than what the call says that it can cost at most, and nothing when the
/// failure says so.
async fn check(reply: Reply, expected: &str) {
    for name in known_providers() {
        let loopback = LoopbackProvider::start().await.unwrap();
        loopback.script(Script::always(reply.clone()));
        let provider = provider_at(name, &loopback.url(), &Transport::new().unwrap());
        let request = request_for("some-model");
        let call = provider.encode(&request);
        let (most_input, most_output) = (call.input_token_bound(), u64::from(request.max_output_tokens));
        let result = provider.send(call, LONG).await;
        let (seen, charge) = match &result {
            Ok(completion) => {
                let Billed { input_tokens, output_tokens, .. } = loopback.meter().of("some-model");
                assert_eq!((input_tokens, output_tokens), (completion.input_tokens, completion.output_tokens));
                (format!("{}{}", completion.text, if completion.truncated { " [truncated]" } else { "" }), None)
            }
            Err(failure) => (failure.to_string(), Some(failure.charge())),
        };
        assert_eq!(seen, expected, "{name}");
        let billed = loopback.meter().of("some-model");
        match charge {
            None => {}
            Some(Charge::None) => assert_eq!(billed, Billed::default(), "{name}"),
            Some(Charge::Known { input_tokens, output_tokens }) => {
                assert_eq!(billed, Billed { calls: 1, input_tokens, output_tokens }, "{name}");
            }
            Some(Charge::Unknown) => {
                assert_eq!(billed.calls, 1, "{name}");
                assert!(billed.input_tokens <= most_input && billed.output_tokens <= most_output, "{name}");
            }
        }
        assert_eq!(loopback.requests().len(), 1, "{name}: {:?}", loopback.refused());
    }
}

#[tokio::test]
async fn every_reply_ends_as_it_should() {
    check(Reply::text("It is $19.", 42, 17), "It is $19.").await;
    check(Reply::text("It is", 42, 256), "It is [truncated]").await;
    check(Reply::counted("It is $19."), "It is $19.").await;
    check(Reply::text("It is $19.", 42, 17).after(20), "It is $19.").await;
    check(Reply::Refusal { input_tokens: 42, output_tokens: 3 }, "the provider gave no usable answer: refusal").await;
    check(Reply::status(400), "the provider refused the call with status 400").await;
    check(Reply::status(401), "the provider refused the key with status 401").await;
    check(Reply::status(429), "the provider is rate limited").await;
    check(Reply::status(500), "the provider failed: status 500").await;
    check(Reply::status(529).after(20), "the provider failed: status 529").await;
    check(Reply::NoUsage, "the provider failed: the reply has no usage").await;
    check(Reply::Malformed, "the provider failed: the reply is not JSON").await;
    check(Reply::CutOff, "the provider failed: the reply was cut off (unexpected end of file)").await;
    check(Reply::Reset, "the provider failed: the connection broke before the reply (connection reset)").await;
}

#[tokio::test]
async fn what_a_provider_is_asked_passes_its_checks() {
    for name in known_providers() {
        let loopback = LoopbackProvider::start().await.unwrap();
        let provider = provider_at(name, &loopback.url(), &Transport::new().unwrap());
        let mut request = request_for("some-model");
        for roles in ["u", "uu", "uau", "au", "aauuau"] {
            request.messages = roles
                .chars()
                .enumerate()
                .map(|(index, role)| {
                    message(if role == 'u' { Role::User } else { Role::Assistant }, &format!("message {index} \"é\""))
                })
                .collect();
            provider.send(provider.encode(&request), LONG).await.unwrap();
            let received = loopback.requests().pop().unwrap();
            assert_eq!(received.system(), "You answer for RPRD.", "{name}");
            assert_eq!(received.max_tokens, 256, "{name}");
            let last = format!("message {} \"é\"", roles.len() - 1);
            assert!(received.last_user_message().ends_with(&last), "{name}: {roles}");
        }
        assert_eq!(loopback.refused(), [], "{name}");
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_billed() {
    let loopback = LoopbackProvider::start().await.unwrap();
    loopback.script(Script::always(Reply::text("too late", 42, 17).after(60_000)));
    let provider = provider_at("deepseek", &loopback.url(), &Transport::new().unwrap());
    let call = provider.encode(&request_for("some-model"));
    let failure = provider.send(call, std::time::Duration::from_millis(500)).await.unwrap_err();
    assert_eq!(failure.charge(), Charge::Unknown);
    assert_eq!(loopback.meter().of("some-model"), Billed { calls: 1, input_tokens: 42, output_tokens: 17 });
}
