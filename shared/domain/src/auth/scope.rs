//! What a key opens.

use std::fmt;

/// A part of the API that a key may open. None of them includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Asking questions.
    Infer,
    /// Reading how models and budget stand.
    Status,
    /// Preparing the models.
    Admin,
}

/// Why a text is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is `infer`, `status` or `admin`")]
pub struct InvalidScope;

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Infer, Self::Status, Self::Admin];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Infer => "infer",
            Self::Status => "status",
            Self::Admin => "admin",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidScope`].
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(InvalidScope)
    }

    /// The scope that a key needs for `method` on `path`; none when there is no such route, which
    /// then no key opens.
    #[must_use]
    pub fn of_route(method: &str, path: &str) -> Option<Self> {
        match (method, path) {
            ("POST", "/api/agents" | "/api/agents/batch" | "/api/agents/feedback") => Some(Self::Infer),
            ("GET", "/api/models/status" | "/api/budget/status") => Some(Self::Status),
            ("POST", "/api/models/init") => Some(Self::Admin),
            _ => None,
        }
    }

    /// The same, for the key of a route of an HTTP API, such as `POST /api/agents`.
    #[must_use]
    pub fn of_route_key(route_key: &str) -> Option<Self> {
        route_key.split_once(' ').and_then(|(method, path)| Self::of_route(method, path))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
