//! Writes the length and SHA-256 of the repository's own artifacts into the registry.

use std::path::Path;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use farthing_domain::hex::hex;

/// Pins every artifact that the registry file `registry` takes from its own folder, and says how
/// many. Everything else in the file stays as its owner wrote it.
///
/// # Errors
/// When a file is missing, or an entry is not on one line with its `sha256` and `bytes`.
pub fn pin(registry: &Path) -> anyhow::Result<usize> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()));
    let folder = registry.parent().unwrap_or(Path::new("."));
    let text = String::from_utf8(read(registry)?).context("the registry is not UTF-8")?;
    let (mut lines, mut pinned) = (Vec::new(), 0);
    for line in text.lines() {
        let Some((_, source)) = line.split_once("repository = { path = \"") else {
            lines.push(line.to_owned());
            continue;
        };
        let path = source.split('"').next().unwrap_or_default();
        let bytes = read(&folder.join(path))?;
        let line = with_value(line, "sha256 = ", &format!("\"{}\"", hex(&Sha256::digest(&bytes))));
        let line = line.and_then(|line| with_value(&line, "bytes = ", &bytes.len().to_string()));
        ensure!(line.is_some(), "`{path}`: expected `sha256` and `bytes` on the line of its `repository` source");
        lines.extend(line);
        pinned += 1;
    }
    let pinned_text = lines.join("\n") + if text.ends_with('\n') { "\n" } else { "" };
    std::fs::write(registry, pinned_text).with_context(|| format!("`{}` cannot be written", registry.display()))?;
    Ok(pinned)
}

/// The line with another value after `key`; a value ends at a comma or a brace.
fn with_value(line: &str, key: &str, value: &str) -> Option<String> {
    let (before, after) = line.split_once(key)?;
    let end = after.find([',', '}'])?;
    Some(format!("{before}{key}{value}{}", &after[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "# a note\n[[models]]\nartifacts = [\n  { file = \"a.json\", sha256 = \"00\", bytes = 0, source = { \
                            repository = { path = \"a.json\" } } },\n  { file = \"b\", sha256 = \"11\", bytes = 7 },\n]\n";

    #[test]
    fn only_the_repositorys_own_artifacts_are_pinned() {
        let text = check(REGISTRY).unwrap();
        assert!(text.contains("bytes = 2, source"), "{text}");
        assert!(text.contains(&format!("sha256 = \"{}\"", hex(&Sha256::digest(b"{}")))), "{text}");
        assert!(text.contains("sha256 = \"11\", bytes = 7"), "{text}");
        assert_eq!(check(&text).unwrap(), text, "a second time changes nothing");
    }

    #[test]
    fn an_entry_that_cannot_be_pinned_is_an_error() {
        let error = check(&REGISTRY.replace("bytes = 0, ", "")).unwrap_err();
        assert!(error.to_string().starts_with("`a.json`: expected `sha256` and `bytes`"), "{error}");
        assert!(check(&REGISTRY.replace("path = \"a.json\"", "path = \"gone.json\"")).is_err());
    }

    fn check(registry: &str) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("models.toml");
        std::fs::write(&file, registry)?;
        std::fs::write(folder.path().join("a.json"), "{}")?;
        pin(&file)?;
        Ok(std::fs::read_to_string(file)?)
    }
}
