//! Files that are made of others.

use farthing_domain::registry::{Artifact, ArtifactSource, ModelKind, ModelSpec, Registry};
use farthing_models::artifacts::ArtifactError;

use crate::place::{Place, model, pip_artifact, sha256};

/// A model with one file, made of the wheel's.
fn spec(kind: ModelKind) -> ModelSpec {
    let source = ArtifactSource::Built { from: pip_artifact().file };
    let made = Artifact { file: "made.tar".into(), sha256: sha256(b"made"), bytes: 4, source };
    model(kind, vec![made], vec![pip_artifact()])
}

async fn error_of(spec: &ModelSpec, offline: bool) -> ArtifactError {
    let place = Place::new();
    place.pip_reports(&format!("file://{}", place.wheel_path().display()));
    place.store(offline).get_model(spec).await.unwrap_err()
}

#[tokio::test]
async fn what_cannot_be_made_is_told_with_its_material_and_the_reason() {
    let told = |error| match error {
        ArtifactError::Build { model, material, cause } => {
            let reasons = std::iter::successors(Some(&*cause as &dyn std::error::Error), |error| error.source());
            (model, material, reasons.map(ToString::to_string).collect::<Vec<_>>().join(": "))
        }
        other => panic!("{other:?}"),
    };
    let (model, material, reason) = told(error_of(&spec(ModelKind::Generator), false).await);
    assert_eq!((model.as_str(), material.as_str()), ("m", "model.onnx"));
    assert!(reason.contains("its graph cannot be used"), "{reason}");
    let (_, _, reason) = told(error_of(&spec(ModelKind::Vision), false).await);
    assert!(reason.contains("makes files of a model of kind \"vision\""), "{reason}");
}

#[tokio::test]
async fn without_its_material_the_file_itself_is_missing() {
    let error = error_of(&spec(ModelKind::Generator), true).await;
    assert!(matches!(error, ArtifactError::Missing(_)), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("made.tar (4 bytes"), "{message}");
    assert!(message.contains("it is made of `model.onnx`: run `farthing models build`"), "{message}");
}

#[test]
fn a_registry_names_the_material_of_every_file_that_is_made() {
    let mut nothing = spec(ModelKind::Generator);
    nothing.materials.clear();
    assert_eq!(Registry::parse(vec![nothing]).unwrap_err().key, "artifacts.source.built.from");
    let mut made = spec(ModelKind::Generator);
    made.materials[0].source = ArtifactSource::Built { from: "other".into() };
    assert_eq!(Registry::parse(vec![made]).unwrap_err().key, "materials.source");
    let mut unpinned = spec(ModelKind::Generator);
    unpinned.materials[0].sha256 = "unknown".into();
    assert_eq!(Registry::parse(vec![unpinned]).unwrap_err().key, "artifacts.sha256");
    assert!(Registry::parse(vec![spec(ModelKind::Generator)]).is_ok());
}
