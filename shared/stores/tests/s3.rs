//! The model store on S3: the real client against a bucket in this process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use farthing_domain::ports::ModelStore;
use farthing_stores::{DocumentArchive, S3ModelStore};
use farthing_testkit::stores_suite;

/// A bucket that keeps objects with the checksum that came with them.
#[derive(Clone, Debug, Default)]
struct Bucket(Arc<Mutex<HashMap<String, Object>>>);

/// Content and SHA-256.
type Object = (Vec<u8>, String);

impl Bucket {
    fn store(&self) -> S3ModelStore {
        S3ModelStore::new(self.client(), "bucket", "models/")
    }

    fn client(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url("https://bucket.invalid")
            .force_path_style(true)
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .http_client(self.clone())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// `sha256` is the checksum of a body that came whole, and not in pieces.
    fn answer(&self, method: &str, path: &str, body: &[u8], sha256: Option<String>) -> HttpResponse {
        let mut objects = self.0.lock().unwrap();
        match (method, objects.get(path)) {
            ("PUT", _) => {
                let object = sha256.map_or_else(|| unchunked(body), |sha256| (body.to_vec(), sha256));
                objects.insert(path.to_owned(), object);
                reply(200, Vec::new())
            }
            ("GET", Some((content, sha256))) => {
                let mut found = reply(200, content.clone());
                found.headers_mut().insert("content-length", content.len().to_string());
                found.headers_mut().insert("x-amz-checksum-sha256", sha256.clone());
                found
            }
            _ => reply(404, b"<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>".to_vec()),
        }
    }
}

/// The content and the SHA-256 of a body in `aws-chunked` form: pieces, each after its length in
/// hexadecimal, then a trailer.
fn unchunked(mut body: &[u8]) -> Object {
    let mut content = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        body = &body[end + 2..];
        if length == 0 {
            let trailer = std::str::from_utf8(body).unwrap().trim();
            return (content, trailer.strip_prefix("x-amz-checksum-sha256:").unwrap().to_owned());
        }
        content.extend_from_slice(&body[..length]);
        body = &body[length + 2..];
    }
}

fn reply(status: u16, body: Vec<u8>) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}

impl HttpClient for Bucket {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Bucket {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let bucket = self.clone();
        HttpConnectorFuture::new(async move {
            let path = request.uri().split(['?']).next().unwrap().to_owned();
            let method = request.method().to_owned();
            let sha256 = request.headers().get("x-amz-checksum-sha256").map(str::to_owned);
            let body = ByteStream::new(request.into_body()).collect().await;
            let body = body.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
            Ok(bucket.answer(&method, &path, &body, sha256))
        })
    }
}

#[tokio::test]
async fn a_bucket_is_a_model_store() {
    stores_suite::check_model_store(&Bucket::default().store()).await;
}

#[tokio::test]
async fn a_bucket_is_an_archive_of_weeks() {
    let bucket = Bucket::default();
    let archive = DocumentArchive::in_bucket(bucket.client(), "bucket", "learning/");
    stores_suite::check_week_archive(&archive).await;
    assert!(bucket.0.lock().unwrap().keys().all(|key| key.contains("/bucket/learning/")), "nothing is elsewhere");
}

#[tokio::test]
async fn what_was_damaged_or_cut_off_is_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    std::fs::write(&source, b"weights").unwrap();
    for damage in [b"Weights".as_slice(), b"weight"] {
        let bucket = Bucket::default();
        bucket.store().publish("a", source.clone()).await.unwrap();
        for (content, _) in bucket.0.lock().unwrap().values_mut() {
            *content = damage.to_vec();
        }
        assert!(bucket.store().fetch("a", target.clone()).await.is_err(), "{damage:?}");
        assert!(!target.exists());
    }
}
