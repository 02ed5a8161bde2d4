//! Model artifacts in an S3 bucket.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use farthing_domain::ports::{Fetched, ModelStore, StoreError};
use tempfile::NamedTempFile;

use super::{BoxError, Hashing, below_prefix};

/// Model artifacts in an S3 bucket, below a prefix.
#[derive(Clone, Debug)]
pub struct S3ModelStore {
    client: Client,
    bucket: String,
    prefix: String,
}

impl S3ModelStore {
    /// The artifacts in `bucket` whose keys begin with `prefix`, such as `models/`; it may be empty.
    #[must_use]
    pub fn new(client: Client, bucket: &str, prefix: &str) -> Self {
        Self { client, bucket: bucket.to_owned(), prefix: prefix.to_owned() }
    }

    async fn download(&self, key: &str, to: &Path) -> Result<Option<Fetched>, BoxError> {
        let get = self.client.get_object().bucket(&self.bucket).key(below_prefix(&self.prefix, key)?);
        let mut object = match get.send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let folder = to.parent().ok_or(ErrorKind::InvalidInput).map_err(std::io::Error::from)?;
        tokio::fs::create_dir_all(folder).await?;
        let mut copy = Hashing::new(NamedTempFile::new_in(folder)?);
        while let Some(piece) = object.body.try_next().await? {
            copy.write_all(&piece)?;
        }
        let (file, fetched) = copy.finish();
        if object.content_length.is_some_and(|expected| u64::try_from(expected) != Ok(fetched.bytes)) {
            return Err("the object ended early".into());
        }
        // Not synced: whoever uses it later verifies it again.
        file.persist(to)?;
        Ok(Some(fetched))
    }

    async fn upload(&self, key: &str, from: PathBuf) -> Result<(), BoxError> {
        let body = ByteStream::from_path(from).await?;
        let put = self.client.put_object().bucket(&self.bucket).key(below_prefix(&self.prefix, key)?);
        put.checksum_algorithm(ChecksumAlgorithm::Sha256).body(body).send().await?;
        Ok(())
    }
}

#[async_trait]
impl ModelStore for S3ModelStore {
    async fn fetch(&self, key: &str, to: PathBuf) -> Result<Option<Fetched>, StoreError> {
        self.download(key, &to).await.map_err(store_error)
    }

    async fn publish(&self, key: &str, from: PathBuf) -> Result<(), StoreError> {
        self.upload(key, from).await.map_err(store_error)
    }
}

fn store_error(cause: BoxError) -> StoreError {
    StoreError { store: "model", cause }
}
