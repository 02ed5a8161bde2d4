//! The owner's hand on the versions of the policy: see them, compare them, go back, and have them left alone.

use std::sync::Arc;

use farthing_domain::policy::{Policy, Tuning};
use farthing_domain::ports::{ActivationRefused, Clock, PolicyVersions, StoreError};
use farthing_domain::versions::{Author, PolicyVersion, Standing};

/// The owner's hand on the versions of the policy.
pub struct VersionAdmin {
    /// The versions.
    pub versions: Arc<dyn PolicyVersions>,
    /// The owner's file.
    pub policy: Policy,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why a command changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum VersionRefused {
    /// There is no such version.
    #[error("there is no version {wanted} of the policy: there are {known}")]
    Unknown {
        /// The version that was asked for.
        wanted: u32,
        /// Those that there are.
        known: String,
    },
    /// There is nothing to go back to.
    #[error("the owner's file holds: there is no version to go back from")]
    NothingBefore,
    /// A week or another command changed it at the same time.
    #[error("the policy was changed meanwhile: look at it, and try again")]
    Conflict,
    /// The store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ActivationRefused> for VersionRefused {
    fn from(refused: ActivationRefused) -> Self {
        match refused {
            ActivationRefused::Conflict => Self::Conflict,
            ActivationRefused::Store(error) => Self::Store(error),
        }
    }
}

/// A difference between two versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub name: String,
    /// What the one says.
    pub one: String,
    /// What the other says.
    pub other: String,
}

impl VersionAdmin {
    /// Which version holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let standing = self.versions.standing().await?;
        Ok(standing.unwrap_or_else(|| Standing::untouched(self.policy.version)))
    }

    /// All versions, oldest first; the owner's file is none of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(&self) -> Result<Vec<PolicyVersion>, StoreError> {
        self.versions.history().await
    }

    /// In what version `other`, or the one that holds, differs from version `one`. The number of the owner's file stands for the
    /// file.
    ///
    /// # Errors
    /// [`VersionRefused::Unknown`] and [`VersionRefused::Store`].
    pub async fn diff(&self, one: u32, other: Option<u32>) -> Result<Vec<Difference>, VersionRefused> {
        let history = self.versions.history().await?;
        let other = match other {
            Some(other) => self.tuning(&history, other)?,
            None => self.standing().await?.in_force(&self.policy).0.tuning,
        };
        Ok(differences(&self.tuning(&history, one)?, &other))
    }

    /// Has what version `to` says hold again, or the version before the one that holds, as a version of its own; what is tried
    /// out is given up.
    ///
    /// # Errors
    /// [`VersionRefused`].
    pub async fn roll_back(&self, to: Option<u32>) -> Result<PolicyVersion, VersionRefused> {
        let standing = self.standing().await?;
        let history = self.versions.history().await?;
        let base = Tuning::of(&self.policy);
        let to = match (to, standing.active_over(&base)) {
            (Some(to), _) => to,
            (None, Some(active)) => active.parent,
            (None, None) => return Err(VersionRefused::NothingBefore),
        };
        let tuning = self.tuning(&history, to)?;
        let why = format!("Back to version {to}.");
        let version = standing.next_version(&self.policy, tuning, self.clock.now(), Author::Owner, why);
        self.versions.stand(&standing.activating(version.clone())).await?;
        Ok(version)
    }

    /// Has weeks leave the policy alone, or lets them go on.
    ///
    /// # Errors
    /// [`VersionRefused`].
    pub async fn freeze(&self, frozen: bool) -> Result<(), VersionRefused> {
        let standing = self.standing().await?;
        if standing.frozen != frozen {
            self.versions.stand(&standing.with_frozen(frozen)).await?;
        }
        Ok(())
    }

    fn tuning(&self, history: &[PolicyVersion], number: u32) -> Result<Tuning, VersionRefused> {
        if number == self.policy.version {
            return Ok(Tuning::of(&self.policy));
        }
        let found = history.iter().find(|version| version.number == number);
        found.map(|version| version.tuning.clone()).ok_or_else(|| {
            let numbers = std::iter::once(self.policy.version).chain(history.iter().map(|version| version.number));
            let known: Vec<String> = numbers.map(|number| number.to_string()).collect();
            VersionRefused::Unknown { wanted: number, known: known.join(", ") }
        })
    }
}

/// In what two tunings differ.
#[must_use]
pub fn differences(one: &Tuning, other: &Tuning) -> Vec<Difference> {
    let lines = |tuning: &Tuning| -> Vec<(String, String)> {
        let thresholds = &tuning.thresholds;
        let mut lines = vec![
            ("rollout.stage".to_owned(), tuning.stage.as_str().to_owned()),
            ("limits.min_answerability".to_owned(), thresholds.min_answerability.to_string()),
            ("limits.confident_retrieval".to_owned(), thresholds.confident_retrieval.to_string()),
            ("gain.cheap_below".to_owned(), thresholds.cheap_below.to_string()),
            ("gain.strong_from".to_owned(), thresholds.strong_from.to_string()),
        ];
        let told = |(model, calibration): (&String, &farthing_domain::policy::Calibration)| {
            (format!("scores of {model}"), format!("slope {}, offset {}", calibration.slope, calibration.offset))
        };
        lines.extend(tuning.calibrations.iter().map(told));
        lines
    };
    let (one, other) = (lines(one), lines(other));
    let of = |lines: &[(String, String)], name: &str| {
        lines
            .iter()
            .find(|(known, _)| known == name)
            .map_or_else(|| "as they are".to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&String> = one.iter().chain(&other).map(|(name, _)| name).collect();
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let differing =
        names.into_iter().map(|name| Difference { name: name.clone(), one: of(&one, name), other: of(&other, name) });
    differing.filter(|difference| difference.one != difference.other).collect()
}
