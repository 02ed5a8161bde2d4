//! What expressions come to on an item.

pub(super) mod change;
pub(super) mod judge;
pub(super) mod scope;
