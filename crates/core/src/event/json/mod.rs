//! JSON as received: the strict parser, the tape, and references to values of either.

pub mod content_hash;
pub mod lookup;
#[cfg(test)]
pub(crate) mod mutate;
pub mod parse;
pub(crate) mod repair;
pub mod size;
pub mod split;
pub mod tape;
pub mod utf16;
pub mod value_ref;
