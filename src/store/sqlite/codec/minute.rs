//! Converts between the numbers of a minute and the JSON of their column, which has a version.

use serde::{Deserialize, Serialize};

use super::deep;
use crate::store::{Minute, RowError};

/// Increases when an older program could not read what this one writes.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct WrittenMinute<'m> {
    v: u32,
    minute: &'m Minute,
}

#[derive(Deserialize)]
struct StoredMinute {
    v: u32,
    minute: Minute,
}

pub fn encode_minute(minute: &Minute) -> String {
    let written = WrittenMinute { v: FORMAT, minute };
    serde_json::to_string(&written).expect("a minute has only names and numbers")
}

pub fn decode_minute(text: &str) -> Result<Minute, RowError> {
    let stored: Option<StoredMinute> = deep(text);
    stored
        .filter(|stored| stored.v == FORMAT)
        .map(|stored| stored.minute)
        .ok_or(RowError("numbers of a minute"))
}
