//! Secrets: the real client against a Secrets Manager in this process, and files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use farthing_domain::ports::{SecretSource, SecretUnavailable};
use farthing_stores::{FileSecret, SecretsManagerSecret};
use serde_json::{Value, json};

const NAME: &str = "farthing/pepper";

/// A Secrets Manager that answers with these, the last one first, and then not at all; it keeps what
/// it was asked.
#[derive(Clone, Debug, Default)]
struct Manager {
    replies: Arc<Mutex<Vec<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Manager {
    fn new(replies: &[(u16, Value)]) -> Self {
        let replies = replies.iter().rev().cloned().collect();
        Self { replies: Arc::new(Mutex::new(replies)), asked: Arc::default() }
    }

    async fn read(&self) -> Result<String, SecretUnavailable> {
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
            .http_client(self.clone())
            .build();
        let text = SecretsManagerSecret::in_aws(&sdk, NAME).current().await?;
        assert_eq!(format!("{text:?}"), "SecretText");
        Ok(text.expose().to_owned())
    }
}

impl HttpClient for Manager {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Manager {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
        self.asked.lock().unwrap().push((operation, body));
        let reply = self.replies.lock().unwrap().pop();
        let Some((status, body)) = reply else { return HttpConnectorFuture::new(std::future::pending()) };
        let mut response = HttpResponse::new(status.try_into().unwrap(), body.to_string().into());
        response.headers_mut().insert("content-type", "application/x-amz-json-1.1");
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn text() -> (u16, Value) {
    (200, json!({ "ARN": "arn:x", "Name": NAME, "SecretString": "a secret text\n" }))
}

fn refused(status: u16, kind: &str) -> (u16, Value) {
    (status, json!({ "__type": kind, "message": "as the test says" }))
}

#[tokio::test]
async fn the_current_text_is_asked_for_by_name() {
    let manager = Manager::new(&[text()]);
    assert_eq!(manager.read().await.unwrap(), "a secret text");
    let asked = manager.asked.lock().unwrap().clone();
    assert_eq!(asked, [("secretsmanager.GetSecretValue".to_owned(), json!({ "SecretId": NAME }))]);
}

/// Time is skipped whenever all wait for it.
#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_is_tried_once_more() {
    for (replies, is_read, tries) in [
        (vec![refused(500, "InternalServiceError"), text()], true, 2),
        (vec![refused(400, "ThrottlingException"), text()], true, 2),
        (vec![refused(500, "InternalServiceError"); 3], false, 2),
        (vec![refused(400, "ResourceNotFoundException")], false, 1),
        (vec![refused(400, "AccessDeniedException")], false, 1),
    ] {
        let manager = Manager::new(&replies);
        let read = manager.read().await;
        assert_eq!(read.is_ok(), is_read, "{replies:?}: {read:?}");
        assert_eq!(manager.asked.lock().unwrap().len(), tries, "{replies:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_is_not_waited_for() {
    let begun = tokio::time::Instant::now();
    let manager = Manager::new(&[]);
    assert!(manager.read().await.is_err());
    // Time that is skipped may end a try before the service has heard of it.
    assert!(manager.asked.lock().unwrap().len() <= 2);
    // Of the paused clock: what waits for a secret gives up after two seconds.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_error_names_the_secret_and_shows_none() {
    let bytes = (200, json!({ "Name": NAME, "SecretBinary": "YSBzZWNyZXQgdGV4dA==" }));
    for reply in [bytes, refused(400, "AccessDeniedException"), (200, json!("a secret text"))] {
        let error = Manager::new(std::slice::from_ref(&reply)).read().await.unwrap_err();
        assert_eq!(error.to_string(), format!("the secret `{NAME}` cannot be read"));
        assert!(error.source().is_some());
    }
}

async fn text_of(secret: &FileSecret) -> Option<String> {
    secret.current().await.ok().map(|text| text.expose().to_owned())
}

#[tokio::test]
async fn a_file_is_made_once_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not yet").join("pepper");
    assert_eq!(text_of(&FileSecret::new(&path)).await, None, "reading makes none");
    let made = text_of(&FileSecret::create_if_missing(&path).unwrap()).await.unwrap();
    assert_eq!(made.len(), 52);
    assert!(made.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{made}");
    assert_is_private(&path);
    assert_eq!(text_of(&FileSecret::create_if_missing(&path).unwrap()).await.unwrap(), made);
    let other = FileSecret::create_if_missing(folder.path().join("other")).unwrap();
    assert_ne!(text_of(&other).await.unwrap(), made);
    // The owner's own text is left as it is, and found without another start.
    std::fs::write(&path, " a secret text\r\n").unwrap();
    let kept = FileSecret::create_if_missing(&path).unwrap();
    assert_eq!(text_of(&kept).await.unwrap(), "a secret text");
    std::fs::write(&path, "another").unwrap();
    assert_eq!(text_of(&kept).await.unwrap(), "another");
    // What is no file is an error that names it.
    let error = FileSecret::create_if_missing(path.join("below")).unwrap_err();
    assert!(error.to_string().contains("below"), "{error}");
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
}

#[tokio::test]
async fn of_many_that_make_the_file_all_find_one_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pepper");
    let texts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    FileSecret::create_if_missing(&path).unwrap();
                    std::fs::read_to_string(&path).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(texts.iter().all(|text| *text == texts[0] && text.len() == 53));
}

#[cfg(unix)]
fn assert_is_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(not(unix))]
fn assert_is_private(_: &Path) {}
