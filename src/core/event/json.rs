//! The door for bytes: JSON in, a value out, the same answer whatever rules are loaded.
//! Damaged text is repaired and noted; damaged structure (not JSON, over 128 deep, numbers beyond
//! f64, duplicate keys) is refused with its place.

use serde_json::Value;

/// A value that passed the door.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    pub value: Value,
    /// What was repaired on the way in, in words; empty for sound input.
    pub repairs: Vec<String>,
}

/// Why bytes were refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct Refused {
    pub reason: String,
    pub line: usize,
    pub column: usize,
}
