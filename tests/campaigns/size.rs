//! How large a campaign is: chosen by variables of the environment.

/// The text in the variable, if it is set.
#[expect(clippy::disallowed_methods, reason = "the size of a campaign is chosen at the command line")]
pub(crate) fn text(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The number in the variable, else `usual`.
pub(crate) fn size(variable: &str, usual: usize) -> usize {
    text(variable).map_or(usual, |value| value.parse().unwrap_or_else(|error| panic!("{variable}={value:?}: {error}")))
}
