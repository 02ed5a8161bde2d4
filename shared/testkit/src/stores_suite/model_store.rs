//! Model artifacts by key.

use std::fs;
use std::path::Path;

use farthing_domain::hex::hex;
use farthing_domain::ports::ModelStore;
use sha2::{Digest, Sha256};

/// Checks an empty model store.
///
/// # Panics
/// When it does not keep the port's guarantees.
pub async fn check_model_store(store: &dyn ModelStore) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let source = folder.path().join("source");
    let target = folder.path().join("new/folder/target");

    assert!(!fetch(store, "encoder/model.onnx", &target).await, "it is empty");
    assert!(!target.exists() && left_in(folder.path()).is_empty(), "nothing is written for what is not there");

    // Larger than one piece of any transfer.
    let large: Vec<u8> = (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for content in [large.as_slice(), b"newer", b""] {
        fs::write(&source, content).unwrap_or_else(|error| panic!("{error}"));
        publish(store, "encoder/model.onnx", &source).await;
        let seen = store.fetch("encoder/model.onnx", target.clone()).await.ok().flatten();
        let seen = seen.unwrap_or_else(|| panic!("it is there"));
        assert_eq!(
            (seen.bytes, seen.sha256),
            (content.len() as u64, hex(&Sha256::digest(content))),
            "hashed on its way"
        );
        let fetched = fs::read(&target).unwrap_or_else(|error| panic!("{error}"));
        assert!(fetched == content, "{} bytes came back as {}", content.len(), fetched.len());
        assert_eq!(left_in(&folder.path().join("new/folder")), ["target"], "only whole files are left");
    }

    fs::write(&source, b"tokens").unwrap_or_else(|error| panic!("{error}"));
    publish(store, "encoder/tokenizer.json", &source).await;
    assert!(fetch(store, "encoder/tokenizer.json", &target).await);
    assert_eq!(fs::read(&target).ok().as_deref(), Some(b"tokens".as_slice()));
    assert!(!fetch(store, "encoder", &target).await, "a folder is no object");
    assert!(!fetch(store, "encoder/model.onnx/more", &target).await);
    assert_eq!(fs::read(&target).ok().as_deref(), Some(b"tokens".as_slice()), "a miss leaves the file as it was");

    for bad in ["", "/", "/etc/passwd", "../secret", "a/../../secret", "a//b", "a/./b", "a/", "a\\b", "a\0b"] {
        assert!(store.fetch(bad, target.clone()).await.is_err(), "{bad:?} was fetched");
        assert!(store.publish(bad, source.clone()).await.is_err(), "{bad:?} was published");
    }
    assert!(store.publish("x", folder.path().join("missing")).await.is_err(), "what is not there is not published");
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| name != "source").collect()
}

async fn fetch(store: &dyn ModelStore, key: &str, to: &Path) -> bool {
    let fetched = store.fetch(key, to.to_owned()).await;
    fetched.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause)).is_some()
}

async fn publish(store: &dyn ModelStore, key: &str, from: &Path) {
    store.publish(key, from.to_owned()).await.unwrap_or_else(|error| panic!("{error}: {:?}", error.cause));
}
