//! What a rule has against a template.

use std::fmt;

/// What a rule has against a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The resource, or the part of the template, that is at fault.
    pub place: String,
    /// What was expected there.
    pub expected: String,
}

impl Fault {
    /// A fault of `place`.
    #[must_use]
    pub fn new(place: &str, expected: impl Into<String>) -> Self {
        Self { place: place.to_owned(), expected: expected.into() }
    }

    /// A fault of `place`, unless what was expected holds.
    #[must_use]
    pub fn unless(holds: bool, place: &str, expected: impl Into<String>) -> Option<Self> {
        (!holds).then(|| Self::new(place, expected))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.place, self.expected)
    }
}
