//! What the command-line tool prints.

use std::io::Write as _;
use std::sync::Arc;

use farthing_bootstrap::wiring::{IndicatifProgress, Progress};

/// Prints a line to standard output. A reader that has gone away is no error.
pub(crate) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a line to standard error.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints an error with its causes.
pub(crate) fn failure(error: &anyhow::Error, json: bool) {
    if json {
        line(serde_json::json!({"error": {"message": format!("{error:#}")}}));
    } else {
        note(format!("error: {error:#}"));
    }
}

/// Shows how far downloads are, where standard error is a terminal.
pub(crate) fn progress() -> Arc<dyn Progress> {
    Arc::new(IndicatifProgress::new())
}
