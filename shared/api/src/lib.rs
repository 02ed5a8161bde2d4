//! What goes over HTTP: JSON shapes, parsed strictly, and the only mapping from errors to statuses.

pub mod call;
pub mod error;
pub mod parse;
pub mod reply;
pub mod status;

pub use call::Call;
pub use error::{ApiError, status_of};
pub use reply::Reply;
