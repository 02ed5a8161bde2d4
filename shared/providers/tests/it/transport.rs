//! The transport on real sockets: one send each, and what every kind of break proves.

use std::error::Error;
use std::net::TcpListener;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farthing_domain::ids::ProviderId;
use farthing_domain::ports::{Charge, Completion, Provider, ProviderFailure};
use farthing_providers::{BaseUrl, Credential, MAX_REPLY_BYTES, ProviderConfig, Secret, Transport, connect};

use crate::server::{Connection, Server};
use crate::{LONG, provider_at, request_for};

const ANSWER: &str = r#"{"choices": [{"message": {"content": "It is $19."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 42, "completion_tokens": 17}}"#;

async fn send_to(url: &str, limit: Duration) -> Result<Completion, ProviderFailure> {
    let provider = provider_at("openai", url, &Transport::new().unwrap());
    provider.send(provider.encode(&request_for("gpt-4o")), limit).await
}

/// Sends one call to a server, which sees it once, and checks how it ends.
#[track_caller]
fn check(serve: impl Fn(&mut Connection) + Send + Sync + 'static, expected: &str, charge: Charge) {
    check_within(LONG, serve, expected, charge);
}

#[track_caller]
fn check_within(
    limit: Duration,
    serve: impl Fn(&mut Connection) + Send + Sync + 'static,
    expected: &str,
    charge: Charge,
) {
    let server = Server::start(move |_, connection| {
        if connection.read_request() {
            serve(connection);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let failure = runtime.block_on(send_to(&server.url(), limit)).unwrap_err();
    assert_eq!(failure.to_string(), expected);
    assert_eq!(failure.charge(), charge);
    assert_eq!(server.requests().len(), 1, "sent once");
}

const UNKNOWN: Charge = Charge::Unknown;

#[test]
fn a_connection_closed_before_the_reply_may_be_charged() {
    check(|_| {}, "the provider failed: the connection broke before the reply", UNKNOWN);
}

#[test]
fn half_a_body_may_be_charged() {
    let half = |connection: &mut Connection| {
        connection.write(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", ANSWER.len(), &ANSWER[..50]));
    };
    check(half, "the provider failed: the reply was cut off (unexpected end of file)", UNKNOWN);
}

#[test]
fn a_chunked_body_without_its_end_may_be_charged() {
    // The JSON is whole; that the last chunk is missing shows that the reply is not.
    let cut = |connection: &mut Connection| {
        let chunk = format!("{:x}\r\n{ANSWER}\r\n", ANSWER.len());
        connection.write(&format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"));
    };
    check(cut, "the provider failed: the reply was cut off (unexpected end of file)", UNKNOWN);
}

#[test]
fn a_reply_that_is_no_http_may_be_charged() {
    let nonsense = |connection: &mut Connection| {
        connection.write("SSH-2.0-OpenSSH_9.2\r\n");
    };
    check(nonsense, "the provider failed: the connection broke before the reply", UNKNOWN);
}

#[test]
fn a_reply_without_end_is_not_read_to_its_end() {
    let long = |connection: &mut Connection| {
        connection.write("HTTP/1.1 200 OK\r\n\r\n");
        let mebibyte = " ".repeat(1024 * 1024);
        while connection.write(&mebibyte) {}
    };
    check(long, "the provider failed: the reply is too long", UNKNOWN);
}

#[test]
fn a_reply_of_the_longest_length_is_read() {
    let server = Server::start(|_, connection| {
        connection.read_request();
        let padding = "\n".repeat(MAX_REPLY_BYTES - ANSWER.len());
        connection.reply("200 OK", "", &format!("{padding}{ANSWER}"));
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(send_to(&server.url(), LONG)).unwrap().text, "It is $19.");
}

/// How long a slow server takes, and how long its clients wait. Without a limit, or with one that
/// starts anew at each byte, the reply would come.
const SLOW: Duration = Duration::from_secs(4);
const SHORT: Duration = Duration::from_millis(400);

#[test]
fn a_reply_that_drips_ends_at_the_limit() {
    let drip = |connection: &mut Connection| {
        connection.write(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 400 + ANSWER.len()));
        for _ in 0..400 {
            connection.write("\n");
            std::thread::sleep(SLOW / 400);
        }
        connection.write(ANSWER);
    };
    check_within(SHORT, drip, "the provider did not answer in time", UNKNOWN);
}

#[test]
fn silence_ends_at_the_limit() {
    let silence = |connection: &mut Connection| {
        std::thread::sleep(SLOW);
        connection.reply("200 OK", "", ANSWER);
    };
    check_within(SHORT, silence, "the provider did not answer in time", UNKNOWN);
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(|_, connection| while connection.read_request() {});
    let location = format!("location: {}/v1/chat/completions\r\n", elsewhere.url());
    let redirect = move |connection: &mut Connection| {
        connection.reply("307 Temporary Redirect", &location, "");
    };
    check(redirect, "the provider failed: status 307", UNKNOWN);
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn the_status_of_a_refusal_is_proof_without_its_body() {
    let refusal = |connection: &mut Connection| {
        connection.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\n{\"error\"");
    };
    check(refusal, "the provider refused the call with status 400", Charge::None);
}

#[tokio::test]
async fn a_refused_connection_is_free() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = send_to(&format!("http://{address}"), LONG).await.unwrap_err();
    assert!(matches!(failure, ProviderFailure::Unreachable(_)), "{failure:?}");
}

#[tokio::test]
async fn a_failed_tls_handshake_is_free_and_shows_no_prompt() {
    let hello = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&hello);
    let server = Server::start(move |_, connection| {
        connection.read_more(&mut heard.lock().unwrap());
        connection.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let failure = send_to(&format!("https://{}", server.address()), LONG).await.unwrap_err();
    assert!(matches!(failure, ProviderFailure::Unreachable(_)), "{failure:?}");
    let hello = hello.lock().unwrap();
    assert_eq!(hello[0], 0x16, "a TLS handshake record");
    assert!(!hello.windows(7).any(|bytes| bytes == b"pricing" || bytes == b"sk-test"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_never_comes_to_be_is_free() {
    // Linux drops the handshakes that a full backlog has no room for.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let connect = || tokio::time::timeout(Duration::from_millis(300), tokio::net::TcpStream::connect(address));
    while let Ok(stream) = connect().await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 64, "the backlog never fills");
    }
    // Shorter than the system's own patience: only the transport's ends the attempt before.
    let failure = send_to(&format!("http://{address}"), Duration::from_secs(10)).await.unwrap_err();
    assert!(matches!(failure, ProviderFailure::Unreachable(_)), "{failure:?}");
}

#[test]
fn the_wait_that_the_provider_asks_for_is_read() {
    for (headers, expected) in [
        ("retry-after: 20\r\n", Some(20)),
        ("date: Sun, 23 Nov 2025 12:00:00 GMT\r\nretry-after: Sun, 23 Nov 2025 12:00:30 GMT\r\n", Some(30)),
        ("retry-after: soon\r\n", None),
        ("", None),
    ] {
        let server = Server::start(move |_, connection| {
            connection.read_request();
            connection.reply("429 Too Many Requests", headers, "{}");
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        match runtime.block_on(send_to(&server.url(), LONG)).unwrap_err() {
            ProviderFailure::RateLimited { retry_after } => {
                assert_eq!(retry_after, expected.map(Duration::from_secs), "{headers}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_call_goes_out_with_its_headers() {
    let server = Server::start(|_, connection| {
        connection.read_request();
        connection.reply("200 OK", "", "\n\n{}");
    });
    for (name, headers) in [
        ("anthropic", ["post /v1/messages http/1.1", "x-api-key: sk-test", "anthropic-version: 2023-06-01"]),
        ("openai", ["post /v1/chat/completions http/1.1", "authorization: bearer sk-test", "accept: */*"]),
        ("deepseek", ["post /v1/chat/completions http/1.1", "authorization: bearer sk-test", "accept: */*"]),
    ] {
        let provider = provider_at(name, &server.url(), &Transport::new().unwrap());
        let call = provider.encode(&request_for("some-model"));
        let body = String::from_utf8(call.body.clone()).unwrap();
        provider.send(call, LONG).await.unwrap_err();
        let sent = server.requests().pop().unwrap();
        let head = sent.strip_suffix(&body).expect("the body goes out as it was encoded").to_lowercase();
        for header in headers.into_iter().chain(["content-type: application/json", "user-agent: farthing/"]) {
            assert!(head.contains(header), "{name}: {header} in {head}");
        }
        assert!(!head.contains("accept-encoding"), "{head}");
        assert!(!format!("{provider:?}").contains("sk-test"));
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let server =
        Server::start(|_, connection| while connection.read_request() && connection.reply("200 OK", "", ANSWER) {});
    let provider = provider_at("openai", &server.url(), &Transport::new().unwrap());
    for _ in 0..5 {
        provider.send(provider.encode(&request_for("gpt-4o")), LONG).await.unwrap();
        settle().await;
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 5));
}

/// As on Lambda: the process is frozen after a reply, the provider closes the connection, and the
/// process wakes up with a call to send.
#[tokio::test]
async fn a_connection_closed_while_frozen_costs_nothing() {
    let (close, closing) = mpsc::channel::<()>();
    let (closed, is_closed) = mpsc::channel::<()>();
    let channels = Mutex::new(Some((closing, closed)));
    let server = Server::start(move |number, connection| {
        if number > 0 {
            while connection.read_request() && connection.reply("200 OK", "", ANSWER) {}
            return;
        }
        let (closing, closed) = channels.lock().unwrap().take().unwrap();
        connection.read_request();
        connection.reply("200 OK", "", ANSWER);
        closing.recv().unwrap();
        connection.close();
        closed.send(()).unwrap();
    });
    let provider = provider_at("openai", &server.url(), &Transport::new().unwrap());
    provider.send(provider.encode(&request_for("first")), LONG).await.unwrap();
    settle().await;
    // No await from here to the send: this thread runs the client, so nothing learns of the end.
    close.send(()).unwrap();
    is_closed.recv().unwrap();
    provider.send(provider.encode(&request_for("second")), LONG).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| request.contains("first")).count(), 1);
    assert_eq!(requests.iter().filter(|request| request.contains("second")).count(), 1);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_call_that_broke_on_a_used_connection_is_not_sent_again() {
    let server = Server::start(|_, connection| {
        connection.read_request();
        connection.reply("200 OK", "", ANSWER);
        connection.read_request();
    });
    let provider = provider_at("openai", &server.url(), &Transport::new().unwrap());
    provider.send(provider.encode(&request_for("first")), LONG).await.unwrap();
    settle().await;
    let failure = provider.send(provider.encode(&request_for("second")), LONG).await.unwrap_err();
    assert_eq!(failure.charge(), UNKNOWN);
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
}

/// A server that closes each connection at some moment after its reply, so that many calls meet
/// a dying one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_is_seen_twice_and_a_free_one_never() {
    const CLIENTS: usize = 8;
    const CALLS: usize = 150;
    let server = Server::start(|number, connection| {
        for served in 0..=number % 3 {
            if !connection.read_request() || (served > 0 && number % 5 == 0) {
                return;
            }
            connection.reply("200 OK", "", ANSWER);
        }
        for _ in 0..(number % 7) * 20 {
            std::thread::yield_now();
        }
    });
    let provider = Arc::new(provider_at("openai", &server.url(), &Transport::new().unwrap()));
    let clients = (0..CLIENTS).map(|client| {
        let provider = Arc::clone(&provider);
        tokio::spawn(async move {
            let mut results = Vec::new();
            for call in 0..CALLS {
                let name = format!("model-{client}-{call}-");
                let result = provider.send(provider.encode(&request_for(&name)), LONG).await;
                results.push((name, result.map_err(|failure| failure.charge())));
            }
            results
        })
    });
    let results = futures::future::join_all(clients).await.into_iter().flat_map(Result::unwrap);
    let requests = server.requests();
    let mut answered = 0;
    for (name, result) in results {
        let seen = requests.iter().filter(|request| request.contains(&name)).count();
        match result {
            Ok(_) => {
                answered += 1;
                assert_eq!(seen, 1, "{name}");
            }
            Err(Charge::None) => assert_eq!(seen, 0, "{name}"),
            Err(_) => assert!(seen <= 1, "{name}"),
        }
    }
    assert!(answered > CLIENTS * CALLS / 4, "{answered} of {}", CLIENTS * CALLS);
    assert!(server.connections() > 50, "the server closed its connections");
}

/// Lets the client put its connection back into the pool.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// A key that is changed while it is in use, and counts how often it was refused.
struct ChangedKey {
    keys: Mutex<Vec<&'static str>>,
    refusals: Mutex<u32>,
}

#[async_trait]
impl Credential for ChangedKey {
    async fn key(&self) -> Result<Secret, Box<dyn Error + Send + Sync>> {
        let key = self.keys.lock().unwrap().pop().ok_or("there is no key")?;
        Ok(Secret::parse(key)?)
    }

    async fn refused(&self) {
        *self.refusals.lock().unwrap() += 1;
    }
}

#[tokio::test]
async fn each_call_has_the_key_of_its_time_and_a_refused_one_is_told() {
    let server = Server::start(|_, connection| {
        while connection.read_request() {
            connection.write("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}");
        }
    });
    let credential = Arc::new(ChangedKey { keys: Mutex::new(vec!["sk-new", "sk-old"]), refusals: Mutex::default() });
    let config = ProviderConfig { api_key: credential.clone(), base_url: Some(BaseUrl::parse(&server.url()).unwrap()) };
    let provider = connect(&ProviderId::parse("openai").unwrap(), config, &Transport::new().unwrap()).unwrap();
    let send = || provider.send(provider.encode(&request_for("gpt-4o")), LONG);
    for sent in 1..=2 {
        let failure = send().await.unwrap_err();
        assert!(matches!(failure, ProviderFailure::Unauthorized { status: 401 }), "{failure}");
        assert_eq!(*credential.refusals.lock().unwrap(), sent);
    }
    let keys = ["Bearer sk-old", "Bearer sk-new"];
    for (request, key) in server.requests().iter().zip(keys) {
        assert!(request.contains(key), "not sent with {key}");
    }
    let without = send().await.unwrap_err();
    assert_eq!((without.charge(), server.requests().len()), (Charge::None, 2), "nothing is sent without a key");
}
