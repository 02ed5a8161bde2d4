//! Downloads that go on where they were cut off.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::{Progress, Unit};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How often a download is tried in a row without receiving a single byte.
const FRUITLESS_TRIES: u32 = 3;

/// Why a download did not complete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    /// The server wants somebody else to ask.
    #[error("the server answered with status {0}")]
    Refused(StatusCode),
    /// The connection failed, again and again.
    #[error("the connection failed")]
    Broken(#[source] BoxError),
    /// The file cannot be written.
    #[error("the file cannot be written")]
    Disk(#[from] std::io::Error),
}

/// A client for downloads.
pub(crate) fn client() -> Result<Client, reqwest::Error> {
    Client::builder().connect_timeout(Duration::from_secs(20)).read_timeout(Duration::from_secs(60)).build()
}

/// Downloads `url` into the file `part`, after the bytes that are there already. The content is
/// not verified.
pub(crate) async fn download(
    client: &Client,
    url: &Url,
    part: &Path,
    name: &str,
    progress: &dyn Progress,
) -> Result<(), DownloadError> {
    let mut fruitless = 0;
    loop {
        let before = length(part).await?;
        let error = match attempt(client, url, part, before, name, progress).await {
            Ok(()) => return Ok(()),
            Err(DownloadError::Broken(error)) => error,
            Err(error) => return Err(error),
        };
        fruitless = if length(part).await? > before { 0 } else { fruitless + 1 };
        if fruitless == FRUITLESS_TRIES {
            return Err(DownloadError::Broken(error));
        }
        tokio::time::sleep(Duration::from_millis(250) * 2_u32.pow(fruitless)).await;
    }
}

async fn attempt(
    client: &Client,
    url: &Url,
    part: &Path,
    present: u64,
    name: &str,
    progress: &dyn Progress,
) -> Result<(), DownloadError> {
    let broken = |error: reqwest::Error| DownloadError::Broken(error.without_url().into());
    let mut request = client.get(url.clone());
    if present > 0 {
        request = request.header(RANGE, format!("bytes={present}-"));
    }
    let mut response = request.send().await.map_err(broken)?;
    let start = match response.status() {
        StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(present) => present,
        StatusCode::OK => 0,
        // Another range than the one asked for, or nothing after what is there: begin anew.
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if present > 0 => {
            tokio::fs::remove_file(part).await?;
            return Err(DownloadError::Broken("the part does not fit what the server has".into()));
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Err(DownloadError::Broken(format!("the server answered with status {status}").into()));
        }
        status => return Err(DownloadError::Refused(status)),
    };
    let mut file = open(part, start).await?;
    let mut done = start;
    let mut transfer = progress.begin(name, Unit::Bytes, done, response.content_length().map(|rest| rest + start));
    let result = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                file.write_all(&chunk).await?;
                done += chunk.len() as u64;
                transfer.reach(done);
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(broken(error)),
        }
    };
    // What came before the break is kept for the next try.
    file.flush().await?;
    result
}

/// The first byte's position in a partial answer.
fn range_start(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

async fn open(part: &Path, start: u64) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    if start > 0 {
        options.append(true)
    } else {
        options.write(true).create(true).truncate(true)
    };
    options.open(part).await
}

async fn length(part: &Path) -> std::io::Result<u64> {
    match tokio::fs::metadata(part).await {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}
