//! Requests of senders: as a line of a table, as a sentence and as JSON.

pub mod json;
pub mod row;
