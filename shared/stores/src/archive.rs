//! What weeks came to, as JSON documents in a directory or a bucket.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use farthing_domain::ports::{StoreError, WeekArchive};
use farthing_domain::time::Week;
use farthing_domain::weekly::{Baseline, Checkpoint, Line, Pages, WeeklyReport};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

use crate::model_store::{below_prefix, below_root, blocking};
use crate::retry::BoxError;

/// What weeks are held against.
const BASELINE: &str = "baseline.json";
/// The sums of all weeks, oldest first.
const WEEKS: &str = "weeks.json";
/// Reports for people.
const MARKDOWN: &str = "report.md";
const HTML: &str = "report.html";

/// What weeks came to, as documents in JSON: `2026-W48/report.json` and the like.
#[derive(Clone, Debug)]
pub struct DocumentArchive {
    documents: Arc<dyn Documents>,
}

impl DocumentArchive {
    /// Documents below the folder `root`, which is made when one is kept.
    #[must_use]
    pub fn in_directory(root: impl Into<PathBuf>) -> Self {
        Self { documents: Arc::new(Directory { root: root.into() }) }
    }

    /// Documents in a bucket of the account and region in `sdk`, whose keys begin with `prefix`, such as `learning/`.
    #[must_use]
    pub fn in_aws(sdk: &SdkConfig, bucket: &str, prefix: &str) -> Self {
        Self::in_bucket(Client::new(sdk), bucket, prefix)
    }

    /// Documents in a bucket that `client` reaches, whose keys begin with `prefix`; it may be empty.
    #[must_use]
    pub fn in_bucket(client: Client, bucket: &str, prefix: &str) -> Self {
        Self { documents: Arc::new(Bucket { client, bucket: bucket.to_owned(), prefix: prefix.to_owned() }) }
    }

    async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let Some(document) = self.documents.get(key).await? else { return Ok(None) };
        let malformed = |error: serde_json::Error| store_error(format!("`{key}` is malformed: {error}").into());
        serde_json::from_slice(&document).map(Some).map_err(malformed)
    }

    async fn write(&self, key: &str, document: &(impl Serialize + Sync)) -> Result<(), StoreError> {
        let document = serde_json::to_vec(document).map_err(|error| store_error(error.into()))?;
        self.documents.put(key, document).await
    }
}

fn key_of(week: Week, name: &str) -> String {
    format!("{week}/{name}")
}

#[async_trait]
impl WeekArchive for DocumentArchive {
    async fn checkpoint(&self, week: Week) -> Result<Option<Checkpoint>, StoreError> {
        self.read(&key_of(week, "checkpoint.json")).await
    }

    async fn keep_checkpoint(&self, week: Week, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.write(&key_of(week, "checkpoint.json"), checkpoint).await
    }

    async fn baseline(&self) -> Result<Option<Baseline>, StoreError> {
        self.read(BASELINE).await
    }

    async fn keep_baseline(&self, baseline: &Baseline) -> Result<(), StoreError> {
        self.write(BASELINE, baseline).await
    }

    async fn weeks(&self) -> Result<Vec<Line>, StoreError> {
        Ok(self.read(WEEKS).await?.unwrap_or_default())
    }

    async fn keep_report(&self, week: Week, report: &WeeklyReport, pages: &Pages) -> Result<(), StoreError> {
        for (name, page) in [(MARKDOWN, &pages.markdown), (HTML, &pages.html)] {
            self.documents.put(&key_of(week, name), page.as_bytes().to_vec()).await?;
        }
        self.write(&key_of(week, "report.json"), report).await?;
        self.write(WEEKS, &report.weeks).await
    }

    async fn report(&self, week: Week) -> Result<Option<(WeeklyReport, Pages)>, StoreError> {
        let Some(report) = self.read(&key_of(week, "report.json")).await? else { return Ok(None) };
        let page = async |name: &str| {
            let page = self.documents.get(&key_of(week, name)).await?.unwrap_or_default();
            String::from_utf8(page).map_err(|error| store_error(error.into()))
        };
        Ok(Some((report, Pages { markdown: page(MARKDOWN).await?, html: page(HTML).await? })))
    }
}

/// Documents by key.
#[async_trait]
trait Documents: std::fmt::Debug + Send + Sync {
    /// The document `key`; `None` when there is none.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps `document` as `key`, in place of what was there: whole, or not at all.
    async fn put(&self, key: &str, document: Vec<u8>) -> Result<(), StoreError>;
}

/// Documents in a directory, the key being the path below it.
#[derive(Clone, Debug)]
struct Directory {
    root: PathBuf,
}

#[async_trait]
impl Documents for Directory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = below_root(key).map(|key| self.root.join(key)).map_err(|error| store_error(error.into()))?;
        blocking(move || match fs::read(path) {
            Ok(document) => Ok(Some(document)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        })
        .await
        .map_err(store_error)
    }

    async fn put(&self, key: &str, document: Vec<u8>) -> Result<(), StoreError> {
        let path = below_root(key).map(|key| self.root.join(key)).map_err(|error| store_error(error.into()))?;
        blocking(move || {
            let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
            fs::create_dir_all(folder)?;
            let mut file = NamedTempFile::new_in(folder)?;
            file.write_all(&document)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        })
        .await
        .map_err(store_error)
    }
}

/// Documents in an S3 bucket, below a prefix.
#[derive(Clone, Debug)]
struct Bucket {
    client: Client,
    bucket: String,
    prefix: String,
}

impl Bucket {
    async fn download(&self, key: &str) -> Result<Option<Vec<u8>>, BoxError> {
        match self.client.get_object().bucket(&self.bucket).key(below_prefix(&self.prefix, key)?).send().await {
            Ok(object) => Ok(Some(object.body.collect().await?.to_vec())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn upload(&self, key: &str, document: Vec<u8>) -> Result<(), BoxError> {
        let put = self.client.put_object().bucket(&self.bucket).key(below_prefix(&self.prefix, key)?);
        put.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from(document)).send().await?;
        Ok(())
    }
}

#[async_trait]
impl Documents for Bucket {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.download(key).await.map_err(store_error)
    }

    async fn put(&self, key: &str, document: Vec<u8>) -> Result<(), StoreError> {
        self.upload(key, document).await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "archive", cause }
}
