//! The expression language: from text to trees. Nothing here knows an item.

pub(super) mod condition;
mod lexer;
mod parser;
mod reserved;
pub(super) mod tree;
pub(super) mod update;
