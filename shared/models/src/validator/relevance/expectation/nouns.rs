//! Words by which a question tells what it asks for, and an answer that it has it.

mod amounts;
mod beings;
mod kinds;

pub(super) use amounts::*;
pub(super) use beings::*;
pub(super) use kinds::*;
